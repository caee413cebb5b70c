"""The `gluonkit` command's parser, and the commands that list models."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from gluonkit._base import tables
from gluonkit._base.tables import Column
from gluonkit._version import __version__
from gluonkit.cli import (
    bench,
    check,
    doctor,
    export,
    files,
    launch,
    notebooks,
    predict,
    profile,
    records,
    run,
    summary,
    train,
    weights,
)
from gluonkit.errors import ArgumentError, GluonkitError
from gluonkit.models import ModelInfo, ModelInput, list_models, model_info

# Commands that start without MXNet too, and parse their arguments themselves.
_OWN_PARSERS = {
    "doctor": doctor.main,
    "launch": launch.main,
    "records": records.main,
    "run": run.main,
}


def main(args: Sequence[str]) -> int:
    """Run the command in `args` and return its exit status.

    0: fine. 1: the command ran and found something wrong. 2: it was called wrongly.
    130: interrupted by Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that has no × or – gets a ? instead
            stream.reconfigure(errors="replace")
    # Before the parser, which would take their programs' own options for gluonkit's.
    if args and args[0] in _OWN_PARSERS:
        return _OWN_PARSERS[args[0]](args[1:])
    options = parser().parse_args(args)
    sys.path.insert(0, os.getcwd())  # so that --import finds what lies beside the user
    try:
        for module in getattr(options, "imports", ()):
            _import_users(module)
        status: int = options.command(options)
        return status
    except GluonkitError as error:
        print(f"gluonkit {options.name}: error: {error}", file=sys.stderr)
        # Scripts can tell a wrong call from something that went wrong.
        return 2 if isinstance(error, ArgumentError) else 1
    except KeyboardInterrupt:
        print(f"gluonkit {options.name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `gluonkit models | head`
        # Python flushes standard output at its end, and would complain of the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    made = argparse.ArgumentParser(
        prog="gluonkit",
        description="Gluon networks: list, summarize, check, benchmark, train, on today's Python.",
    )
    made.add_argument("--version", action="version", version=f"gluonkit {__version__}")
    commands = made.add_subparsers(title="commands", dest="name", required=True, metavar="NAME")
    users = argparse.ArgumentParser(add_help=False)
    users.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module of yours first, whose models are then known by name",
    )
    bench.add_parser(commands, [users])
    summary.add_parser(commands, [users])
    check.add_parser(commands, [users])
    profile.add_parser(commands, [users])
    train.add_parser(commands, [users])
    train.add_evaluate_parser(commands, [users])
    files.add_inspect_parser(commands)
    files.add_convert_parser(commands, [users])
    export.add_parser(commands, [users])
    predict.add_parser(commands, [users])
    weights.add_mirror_parser(commands)
    notebooks.add_parser(commands)
    models = commands.add_parser("models", parents=[users], help="list the models known by name")
    models.add_argument("pattern", nargs="?", default="*", help="such as '*resnet*50*'")
    models.add_argument("--source", help="only this source: gluonkit, user, or a zoo")
    models.add_argument("--task", help="only models for this, such as classification")
    models.add_argument("--json", action="store_true", help="print the records as JSON")
    models.add_argument(
        "--weights", action="store_true", help="show published weights, and where they are"
    )
    models.add_argument("--online", action="store_true", help="ask the stores, with --weights")
    models.set_defaults(command=_models)
    info = commands.add_parser("info", parents=[users], help="show what is known of one model")
    info.add_argument("model", help="a name that `gluonkit models` lists")
    info.add_argument("--json", action="store_true", help="print the record as JSON")
    info.set_defaults(command=_info)
    # These parse their own arguments; here they are for the list in --help only.
    commands.add_parser("doctor", help="examine MXNet and everything around it")
    commands.add_parser("run", help="run an unmodified MXNet program on today's Python")
    commands.add_parser("records", help="check, index, list, pack and unpack record files (.rec)")
    commands.add_parser("launch", help="start a distributed job, here or on other machines")
    return made


def _import_users(module: str) -> None:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        # The user's module is there, and imports one that is not: that is its own error.
        if error.name != module.partition(".")[0] and error.name != module:
            raise
        raise ArgumentError(
            f"`--import` is {module!r}, and there is no such module in {os.getcwd()} or on "
            "Python's path"
        ) from None


_MODEL_COLUMNS = (
    Column("name", lambda info: info.name),
    Column("task", lambda info: info.task),
    Column("input", lambda info: ", ".join(tables.shape(example.shape) for example in info.inputs)),
    Column("summary", lambda info: info.summary),
)


def _models(options: argparse.Namespace) -> int:
    if options.weights:
        return weights.show(options)
    if options.online:
        raise ArgumentError("`--online` asks for weights; give it with --weights")
    names = list_models(options.pattern, source=options.source, task=options.task)
    infos = [model_info(name) for name in names]
    if options.json:
        print(json.dumps([info.to_dict() for info in infos], indent=2))
        return 0
    if not infos:
        print(f"gluonkit models: nothing matches {options.pattern!r}", file=sys.stderr)
        return 1
    print(tables.text_table(infos, _MODEL_COLUMNS))
    print(f"\n{len(infos)} models. `gluonkit info NAME` tells more of one.")
    for problem in dict.fromkeys(info.problem for info in infos if info.problem):
        those = " ".join(info.name for info in infos if info.problem == problem)
        print(tables.paragraph(f"Not as they are ({problem}): {those}", indent=""))
    return 0


def _info(options: argparse.Namespace) -> int:
    info = model_info(options.model)
    print(json.dumps(info.to_dict(), indent=2) if options.json else _described(info))
    return 0


_WIDTH = 80  # columns of what is known of one model


def _described(info: ModelInfo) -> str:
    """Return everything known of a model, a line each."""
    choices = ", ".join(f"{name}={default!r}" for name, default in info.options.items())
    lines = {
        "name": info.name,
        "aliases": ", ".join(info.aliases),
        "source": info.source,
        "summary": info.summary,
        "task": info.task,
        "input": ", ".join(map(_described_input, info.inputs)),
        "classes": "" if info.classes is None else str(info.classes),
        "hybridizes": "as a whole" if info.hybridizable else "in part or not at all",
        "options": choices,
        "pretrained": _described_weights(info),
        "preprocess": _described_preprocess(info),
        "problem": info.problem,
        "reference": info.reference,
    }
    width = max(map(len, lines))
    return "\n".join(
        tables.hanging(f"{name:{width}}  ", text, width=_WIDTH)
        for name, text in lines.items()
        if text
    )


def _described_input(example: ModelInput) -> str:
    name = "" if example.name == "data" else f"{example.name} "
    return f"{name}{tables.shape(example.shape)} {example.dtype}"


def _described_weights(info: ModelInfo) -> str:
    weights = ", ".join(f"{name} (SHA-1 {sha1})" for name, sha1 in info.published.items())
    if "pretrained" not in info.options:
        return ""
    return weights or "the zoo publishes no weights"


def _described_preprocess(info: ModelInfo) -> str:
    """Return the preprocessing in words; nothing for models that take no images."""
    steps = info.preprocess
    if steps is not None:
        return "; ".join(filter(None, (str(steps), steps.note, f"from {steps.source}")))
    of_pictures = len(info.input_shape) >= 4
    return "not known: the zoo does not say" if info.published and of_pictures else ""
