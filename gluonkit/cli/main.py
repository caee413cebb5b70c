"""The `gluonkit` command: parses, refuses mistakes, and only then imports what a command needs."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from gluonkit._base.optional import require
from gluonkit.cli import parsers
from gluonkit.cli.checking import check, check_command
from gluonkit.cli.ending import ended
from gluonkit.cli.output import warnings_once, write_any_sign
from gluonkit.cli.values import commands_of, parse
from gluonkit.errors import ArgumentError

# Commands that start where gluonkit cannot be imported too, and parse their arguments themselves.
_ALONE = ("doctor", "launch", "records", "run")
# Commands that need MXNet only for models of the user's own, and for published weights.
_LIGHT = ("completion", "help", "info", "models", "notebooks")


def main(
    args: Sequence[str],
    *,
    start: Callable[[], object] = lambda: None,
    working: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> int:
    """Run the command in `args` and return its exit status; see `ending.ended`.

    `start` is called before anything is imported that needs MXNet. Within the context that
    `working` returns, Ctrl-C raises KeyboardInterrupt.
    """
    write_any_sign()
    # Before the parser, which would take their programs' own options for gluonkit's.
    if args and args[0] in _ALONE:
        status: int = importlib.import_module(f"gluonkit.cli.{args[0]}").main(args[1:])
        return status
    made = parsers.parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what it may complete
        require("argcomplete").autocomplete(made)
    if not args:
        args = ("help",)
    if not args[0].startswith("-"):
        wrong = ended("gluonkit", partial(_check_command, made, args[0]))
        if wrong:
            return wrong
    elif not any(option.startswith(args[0]) for option in made._option_string_actions):
        made.error(f"there is no option {args[0]} here; a command's own stand behind its name")
    options = parse(made, args)
    chosen = commands_of(made)[options.name]
    return ended(f"gluonkit {options.name}", partial(_run, options, chosen, start, working), chosen)


def _check_command(made: argparse.ArgumentParser, word: str) -> int:
    check_command(word, list(commands_of(made)))
    return 0


def _run(
    options: argparse.Namespace,
    chosen: argparse.ArgumentParser,
    start: Callable[[], object],
    working: Callable[[], AbstractContextManager[object]],
) -> int:
    check(options, chosen)
    options.chosen = chosen
    if options.name not in _LIGHT or options.imports or getattr(options, "weights", False):
        start()
    file, _, function = options.runs.rpartition(".")
    module = importlib.import_module(f"gluonkit.cli.{file}")
    sys.path.insert(0, os.getcwd())  # so that --import finds what lies beside the user
    with working(), warnings_once(f"gluonkit {options.name}"):
        for users in options.imports:
            _import_users(users)
        status: int = getattr(module, function)(options)
        return status


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    return parsers.parser()


def _import_users(module: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        # The user's module is there, and imports one that is not: that is its own error.
        if error.name not in (module, module.partition(".")[0]):
            raise ArgumentError(_failed(module, error)) from error
        raise ArgumentError(
            f"`--import` is {module!r}, and there is no such module in {os.getcwd()} or on "
            "Python's path"
        ) from None
    except Exception as error:
        raise ArgumentError(_failed(module, error)) from error


def _failed(module: str, error: Exception) -> str:
    """Return what the import of a user's module failed with, and in which of its lines."""
    frame: Any = error.__traceback__
    place = ""
    while frame is not None:
        name = frame.tb_frame.f_code.co_filename
        if os.path.basename(name).startswith(module.rpartition(".")[2]):
            place = f" ({name}, line {frame.tb_lineno})"
        frame = frame.tb_next
    return f"`--import` is {module!r}, whose import failed: {type(error).__name__}: {error}{place}"
