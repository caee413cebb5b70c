"""``gluonkit run``: an unmodified MXNet program, on today's Python. Needs no MXNet itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from gluonkit.cli import parsers_alone
from gluonkit.system import script


def main(args: Sequence[str]) -> int:
    """Run ``gluonkit run ARGS``; the program's exit passes through as SystemExit."""
    parser = parsers_alone.run()
    if args and args[0] in ("-h", "--help"):
        parser.print_help()
        return 0
    # What follows is the program's: its options are not gluonkit's.
    if not args:
        parser.error("name the program to run")
    if args[0] == "--audit":
        return _audited(args[1:])
    if args[0] == "-m":
        if len(args) < 2:
            parser.error("-m needs a module's name")
        script.run_module(args[1], args[2:])
    elif args[0].startswith("-"):
        parser.error(f"unknown option {args[0]}")
    else:
        script.run_script(args[0], args[1:])
    return 0


def _audited(args: Sequence[str]) -> int:
    """Run the program, and print where it waited for MXNet's engine, however it ends."""
    if not args or args[0] in ("-h", "--help"):
        return main(args)
    heard: list[Any] = []

    def begin() -> None:
        # Now: before the program's own import of MXNet none of gluonkit that needs it can be.
        listener = importlib.import_module("gluonkit.profiling.listening").Listener()
        listener.begin()
        heard.append(listener)

    script.when_imported.append(begin)
    try:
        return main(args)
    finally:
        _report(heard)


def _report(heard: Sequence[Any]) -> None:
    if not heard:
        print("gluonkit run: nothing to audit, as MXNet was not imported", file=sys.stderr)
        return
    listener = heard[0]
    listener.end()
    auditing = importlib.import_module("gluonkit.profiling.auditing")
    print(f"\n{auditing.audit_of(listener)}", file=sys.stderr)
