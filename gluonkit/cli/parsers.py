"""The parsers of all commands. Nothing here imports MXNet, nor what the commands do.

What an option's value has to be is noted on it, as its `kind`, which `checking` reads: a model, a
network (a model or a file), a file to write, a picture, or a list of names in known.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gluonkit._base.version import __version__
from gluonkit.cli import checking, parsers_alone
from gluonkit.cli.known import completions, names
from gluonkit.cli.values import (
    Parser,
    add_json,
    device,
    input_shapes,
    learning_rate,
    not_negative,
    numbers,
    positive,
    seconds,
    side,
    threads,
    whole,
    words,
)

_STATUS = "Exit status: 0 {fine}, 1 {problem}, 2 wrong call, 130 interrupted."
_MODEL = "a model, with options if need be: 'mlp(units=(256, 128))'"
_MODEL_OR_FILE = f"{_MODEL}; or a file that has a network"


def parser() -> Parser:
    """Return the parser of the whole command."""
    made = Parser(
        prog="gluonkit",
        description="Gluon networks: list, summarize, check, benchmark, train, on today's Python.",
        epilog="For example:\n\n  gluonkit summary lenet\n  gluonkit train lenet --data digits\n\n"
        "`gluonkit NAME --help` tells more of a command, with an example. "
        "`gluonkit completion --help` says how to have the shell complete names.",
    )
    made.add_argument("--version", action="version", version=f"gluonkit {__version__}")
    commands = made.add_subparsers(title="commands", dest="name", required=True, metavar="NAME")
    for add in (
        _models,
        _info,
        _summary,
        _check,
        _profile,
        _bench,
        _train,
        _evaluate,
        _predict,
        _inspect,
        _convert,
        _export,
        _mirror,
        _notebooks,
        _completion,
        _help,
        *parsers_alone.ALL,
    ):
        add(commands)
    return made


def _command(commands: Any, name: str, runs: str, about: str, **texts: str) -> Parser:
    """Add a command; `runs` is the module here and the function that run it."""
    status = _STATUS.format(
        fine=texts.get("fine", "fine"), problem=texts.get("problem", "something is wrong")
    )
    made: Parser = commands.add_parser(
        name,
        help=about,
        description=texts.get("description", f"{about[0].upper()}{about[1:]}."),
        epilog=f"For example:\n\n  {texts['example']}\n\n{status}",
    )
    made.set_defaults(runs=runs, imports=[])
    return made


def _kind(action: Any, kind: str) -> None:
    """Note what an option's value has to be, and what a shell may complete it to."""
    action.kind = kind
    if kind not in checking.PLACES:
        action.completer = lambda **_: completions(kind)


def _add_imports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module of yours first, whose models are then known by name",
    )


def _add_arrays(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--arrays",
        choices=("np", "nd"),
        help="NumPy or legacy mode (np; nd for the zoos' models, whose own it is)",
    )


def _add_dtype(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--load-dtype",
        choices=names("floats"),
        help="convert a file's numbers to this data type first",
    )


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--inputs",
        type=input_shapes,
        action="extend",
        default=[],
        metavar="SHAPE,...",
        help="such as 1x3x224x224, or 2x12:int32, for each input (default: the example's)",
    )


def _add_net(parser: argparse.ArgumentParser, about: str = "") -> None:
    about = about or "the network, by name, for a file that does not say which it is"
    _kind(parser.add_argument("--net", metavar="NAME", help=about), "model")


def _add_network(parser: argparse.ArgumentParser, several: str | None = None) -> None:
    """Add what names a network, its inputs and its array mode."""
    add = parser.add_argument
    if several is None:
        action = add("network", metavar="NAME_OR_FILE", help=_MODEL_OR_FILE)
    else:
        action = add("networks", nargs="*", metavar="NAME_OR_FILE", help=several)
    _kind(action, "network")
    _add_inputs(parser)
    _add_net(parser)
    _add_arrays(parser)
    _add_imports(parser)


def _add_file(parser: argparse.ArgumentParser, option: str, about: str, metavar: str = "F") -> None:
    action = parser.add_argument(option, type=Path, metavar=metavar, help=about)
    _kind(action, "weights" if metavar.endswith(".safetensors") else "file")


def _add_picture(parser: argparse.ArgumentParser, option: str, about: str) -> None:
    about = f"{about} (PNG, SVG or PDF)"
    _kind(parser.add_argument(option, type=Path, metavar="F.png", help=about), "picture")


def _add_names(parser: argparse.ArgumentParser, option: str, kind: str, about: str = "") -> None:
    """Add an option that takes names of a list, separated by commas."""
    about = about or f"of {', '.join(names(kind))}"
    _kind(parser.add_argument(option, type=words, metavar="NAME,...", help=about), kind)


def _add_name(
    parser: argparse.ArgumentParser, option: str, kind: str, default: str | None, about: str
) -> None:
    """Add an option that takes a name of a list."""
    about = f"{about} ({default})" if default else about
    _kind(parser.add_argument(option, default=default, metavar="NAME", help=about), kind)


def _add_choice_of_models(parser: argparse.ArgumentParser) -> None:
    sources = ", ".join(names("source"))
    parser.add_argument("--source", metavar="NAME", help=f"only this source: {sources}")
    parser.add_argument("--task", metavar="NAME", help="only models for this: classification, ...")


def _models(commands: Any) -> None:
    made = _command(
        commands,
        *("models", "models.run_models", "list the models known by name"),
        description="List the models known by name, a line each. A pattern without * or ? matches "
        "parts of names.",
        example="gluonkit models resnet50\n  gluonkit models 'mxnet/*' --json models.json",
        problem="nothing matches",
    )
    made.add_argument("pattern", nargs="?", default="*", help="such as resnet50, or '*resnet*_v2'")
    _add_choice_of_models(made)
    made.add_argument(
        "--weights", action="store_true", help="show published weights, and where they are"
    )
    made.add_argument("--online", action="store_true", help="ask the stores, with --weights")
    add_json(made)
    _add_imports(made)


def _info(commands: Any) -> None:
    made = _command(
        commands,
        *("info", "models.run_info", "show what is known of one model"),
        description="Show what is known of one model: its options, inputs, weights, and where it "
        "comes from.",
        example="gluonkit info mxnet/resnet50_v2",
    )
    _kind(made.add_argument("model", help="a name that `gluonkit models` lists"), "model")
    add_json(made)
    _add_imports(made)


def _summary(commands: Any) -> None:
    made = _command(
        commands,
        *("summary", "summary.run"),
        "show a network layer by layer: shapes, parameters, multiply-adds, memory",
        description="Summarize a network: layers, shapes, parameters, multiply-adds and memory. "
        "Nothing is computed where the shapes can be inferred.",
        example="gluonkit summary lenet --columns layer,output,params --graph lenet.svg",
    )
    _add_network(made)
    _add_names(made, "--columns", "columns")
    made.add_argument("--depth", type=not_negative, metavar="N", help="no layer deeper than this")
    made.add_argument("--pattern", help="only layers whose path matches: 'features.*'")
    _add_name(made, "--optimizer", "optimizer", "adam", "whose state to count")
    made.add_argument("--markdown", action="store_true", help="print Markdown instead")
    add_json(made)
    _add_file(made, "--csv", "write one line per layer")
    _add_picture(made, "--graph", "draw the network")


def _check(commands: Any) -> None:
    made = _command(
        commands,
        *("check", "check.run"),
        "check whether a network hybridizes, and still gives the right numbers",
        description="Check what hybridizing does to a network: how much of it is compiled, "
        "whether outputs and gradients stay those of eager, and the usual mistakes in its source.",
        example="gluonkit check my_net --import my_models",
        fine="no problem found",
        problem="problems",
    )
    _add_network(made)
    add_json(made)


def _profile(commands: Any) -> None:
    made = _command(
        commands,
        *("profile", "profile.run", "show which layers take the time, and what bounds them"),
        description="Profile a network layer by layer: time, memory, the share of this processor's "
        "measured peak, and what to do about it.",
        example="gluonkit profile lenet --inputs 64x1x28x28 --train --flame flame.svg",
    )
    _add_network(made)
    how = made.add_mutually_exclusive_group()
    how.add_argument("--hybridize", action="store_true", help="hybridize it, with static memory")
    how.add_argument("--compile", action="store_true", help="compile it, with the fastest plan")
    made.add_argument("--train", action="store_true", help="the backward pass, too")
    about = "how long to measure (1)"
    made.add_argument("--seconds", type=seconds, default=1.0, metavar="S", help=about)
    add_json(made)
    _add_file(made, "--trace", "write a trace for Perfetto", "F.json")
    _add_picture(made, "--plot", "draw the layers as bars")
    _add_picture(made, "--flame", "draw a flame graph")


def _bench(commands: Any) -> None:
    made = _command(
        commands,
        *("bench", "bench.run", "time networks before and after hybridizing and compiling"),
        description="Time networks eager, hybridized, hybridized with static memory, and (forward) "
        "compiled. Outputs (and, when training, gradients) are compared first; the variants are "
        "then timed in turn. After Ctrl-C, what was measured is shown and written all the same.",
        example="gluonkit bench lenet --batches 1,64 --modes forward --json lenet.json",
        problem="a variant failed or gave other numbers",
    )
    _add_network(made, f"{_MODEL_OR_FILE}; by default the tutorials' networks")
    add = made.add_argument
    add("--batches", type=numbers, metavar="N,...", help="batch sizes (default: the example's)")
    _add_names(made, "--modes", "modes")
    about = f"of {', '.join(names('variants'))}; eager always runs"
    _add_names(made, "--variants", "variants", about)
    about = f"whose plans the compiled variant tries: of {', '.join(names('engines'))} (mxnet)"
    _add_names(made, "--engines", "engines", about)
    others = ", ".join(names("against"))
    about = f"time other engines too, as their own documentation calls them: of {others}"
    _add_names(made, "--against", "against", about)
    add("--seconds", type=seconds, default=1.0, help="time for each variant of each case (1)")
    add("--ctx", type=device, default="cpu", metavar="DEVICE", help="cpu, gpu, or gpu(1) (cpu)")
    about = f"of {', '.join(names('engine'))}; each in a process of its own. naive has the "
    _add_names(made, "--engine", "engine", f"{about}quickest single calls, and slow training")
    add("--threads", type=threads, metavar="N,...", help="OpenMP threads; likewise")
    # One run of several, whose files are put together.
    add("--of-several", action="store_true", help=argparse.SUPPRESS)
    add_json(made)
    _add_file(made, "--csv", "write one line per row")
    _add_picture(made, "--plot", "draw the times")


def _add_data(parser: argparse.ArgumentParser) -> None:
    _add_name(parser, "--data", "data", "digits", f"one of {', '.join(names('data'))}")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where the data's files are")
    parser.add_argument(
        "--size", type=side, metavar="N", help="of the digits: height and width (28)"
    )
    _add_arrays(parser)
    _add_imports(parser)


def _train(commands: Any) -> None:
    made = _command(
        commands,
        *("train", "train.run", "train a network on a data set"),
        description="Train a network, and show how: progress, and the figures of each epoch. "
        "Files are written only where an option names them.",
        example="gluonkit train lenet --data digits --save lenet.safetensors --plot lenet.png",
    )
    add = made.add_argument
    _kind(add("model", metavar="NAME", help=_MODEL), "model")
    _add_data(made)
    add("--epochs", type=positive, default=20, metavar="N", help="times through the data (20)")
    about = "samples in a worker's batch (64)"
    add("--batch-size", type=positive, default=64, metavar="N", help=about)
    _add_name(made, "--optimizer", "optimizer", "adam", "one of MXNet's")
    about = "the learning rate (the optimizer's own default)"
    add("--learning-rate", "--lr", type=learning_rate, metavar="RATE", help=about)
    _add_name(made, "--init", "init", "xavier", "initializer of the weights")
    about = "seed of everything that draws (0)"
    add("--seed", type=not_negative, default=0, metavar="N", help=about)
    about = "stop N epochs after the test loss was best"
    add("--patience", type=positive, metavar="N", help=about)
    about = "keep checkpoints there, and go on from them"
    _kind(add("--resume", type=Path, metavar="DIR", help=about), "folder")
    _add_file(made, "--save", "write the weights at the end", "F.safetensors")
    _add_picture(made, "--plot", "draw the epochs")
    _add_file(made, "--csv", "write the epochs as CSV")
    add_json(made)
    about = "write TensorBoard's event files"
    _kind(add("--tensorboard", type=Path, metavar="DIR", help=about), "folder")
    about = "how several workers train together: dist_sync (under `gluonkit launch`), dist_async"
    _kind(add("--kvstore", metavar="KIND", help=about), "kvstore")


def _evaluate(commands: Any) -> None:
    made = _command(
        commands,
        *("evaluate", "train.run_evaluate", "evaluate a trained network on a data set"),
        description="Evaluate a checkpoint of `gluonkit train` or `fit(resume=...)`.",
        example="gluonkit evaluate lenet.safetensors --data digits",
    )
    made.add_argument("checkpoint", type=Path, help="a file, or the folder of --resume")
    _add_data(made)
    made.add_argument("--split", choices=names("split"), default="test", help="of the data (test)")
    add_json(made)


def _predict(commands: Any) -> None:
    made = _command(
        commands,
        *("predict", "predict.run", "write what a network gives for the arrays in NumPy's files"),
        description="Load a network from a file, pass arrays through it, and write its outputs.",
        example="gluonkit predict lenet.safetensors images.npy -o scores.npy",
        problem="a file cannot be used",
    )
    add = made.add_argument
    about = "a file that has a network, or a folder of fit's"
    add("network", type=Path, metavar="FILE", help=about)
    about = "an array for each input, samples first"
    add("data", type=Path, nargs="+", metavar="X.npy", help=about)
    about = "the file to write"
    action = add("-o", "--output", type=Path, required=True, metavar="Y.npy", help=about)
    _kind(action, "array")
    add("--batch-size", type=positive, metavar="N", help="samples in a batch (64)")
    _add_net(made)
    _add_arrays(made)
    _add_dtype(made)
    _add_imports(made)


def _inspect(commands: Any) -> None:
    made = _command(
        commands,
        *("inspect", "files.run_inspect", "show what a file is, and what can be done with it"),
        description="Show what a file, a folder, a prefix or a model.tar.gz is: which MXNet wrote "
        "it, what the network takes and gives, and the Python and the commands that predict with "
        "it, train it and export it. Nothing of it is run, and no array is read.",
        example="gluonkit inspect old-0007.params",
        problem="missing, damaged, or of no use to gluonkit",
    )
    add = made.add_argument
    add("file", metavar="FILE", help="a file, a folder, a prefix, an archive")
    add("--arrays", action="store_true", help="show all arrays, not the first few")
    about = "read all of it, and check it against its checksums"
    add("--verify", action="store_true", help=about)
    add_json(made)


def _convert(commands: Any) -> None:
    made = _command(
        commands,
        *("convert", "files.run_convert", "convert files of weights, and the names in them"),
        description="Write a file of weights anew: .safetensors with checksums, or .params for "
        "plain MXNet. Names are kept, or mapped by a network's structure.",
        example="gluonkit convert old-0005.params new.safetensors --net lenet",
        problem="the file is damaged or does not fit",
    )
    add = made.add_argument
    add("src", metavar="SRC", help="any file of weights, or an exported -symbol.json")
    add("dst", metavar="DST", help="the new file: .safetensors or .params")
    _add_net(made, "the network whose weights these are, to map names by")
    about = "how to name parameters in the new file (structure)"
    add("--names", choices=names("names"), help=about)
    about = "how SRC's names find the network's (auto: structure, then prefix)"
    add("--match", choices=names("match"), default="auto", help=about)
    add("--dry-run", action="store_true", help="show the names, and write nothing")
    _add_imports(made)


def _export(commands: Any) -> None:
    made = _command(
        commands,
        *("export", "export.run"),
        "write a network for other tools: ONNX, PyTorch, or MXNet's symbol files",
        description="Write a network as an ONNX file, as PyTorch source with its weights, or as "
        "MXNet's -symbol.json and -0000.params, and check that it computes there what it computes "
        "here.",
        example="gluonkit export lenet.safetensors --format onnx -o lenet.onnx",
        problem="the network or the file will not do",
    )
    add = made.add_argument
    about = "a model's name, a file, or a folder of fit's"
    _kind(add("network", metavar="NAME_OR_FILE", help=about), "network")
    add("--format", choices=("onnx", "symbol", "torch"), required=True, help="what to write")
    about = "the .onnx file, the files' prefix, or PyTorch's folder (from the network's name)"
    add("-o", "--output", type=Path, metavar="F", help=about)
    _add_net(made)
    _add_inputs(made)
    add(
        "--dynamic-batch",
        action=argparse.BooleanOptionalAction,
        help="ONNX: take batches of any size (that is the default), or of this one only",
    )
    add("--opset", type=whole, metavar="N", help="ONNX: the set of operators (default 13)")
    add("--dtype", choices=("float32", "float16"), help="ONNX: of weights and operators")
    _add_arrays(made)
    _add_dtype(made)
    _add_imports(made)


def _mirror(commands: Any) -> None:
    made = _command(
        commands,
        *("mirror", "weights.run_mirror"),
        "collect published weights in a folder that serves as a store",
        description="Collect the published weights and vocabularies of models in a folder: from "
        "this machine's folder of downloads, then from the stores of MXNET_GLUON_REPO, or MXNet's. "
        "Each is checked by its SHA-1. Run it again to go on where it was interrupted, and to try "
        "what has failed again. MXNET_GLUON_REPO=file:///DIR has networks made with its weights.",
        example="gluonkit mirror 'mxnet/resnet50*' weights",
        fine="all files are there",
        problem="some are not to be had",
    )
    made.add_argument("pattern", metavar="PATTERN", help="models: 'mxnet/*' or '*resnet50*'")
    made.add_argument("folder", type=Path, metavar="DIR", help="the folder; made if needed")
    _add_choice_of_models(made)
    add_json(made)


def _notebooks(commands: Any) -> None:
    made = _command(
        commands,
        *("notebooks", "notebooks.run", "copy the notebooks that teach gluonkit to a folder"),
        description="Copy the notebooks that teach gluonkit to a folder, to run and change them.",
        example="gluonkit notebooks learn && jupyter lab learn",
    )
    made.add_argument("folder", type=Path, metavar="DIR", help="where to; made if need be")
    made.add_argument("--force", action="store_true", help="overwrite files of the same names")


def _completion(commands: Any) -> None:
    made = _command(
        commands,
        *("completion", "helping.run_completion"),
        "have the shell complete commands, options and names of models",
        description="Print what has the shell complete gluonkit's commands, options and names of "
        "models. Bash and zsh evaluate it, in ~/.bashrc or ~/.zshrc; fish keeps it in a file.",
        example='eval "$(gluonkit completion bash)"\n  eval "$(gluonkit completion zsh)"\n'
        "  gluonkit completion fish > ~/.config/fish/completions/gluonkit.fish",
    )
    made.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell it is for")


def _help(commands: Any) -> None:
    made = _command(
        commands,
        *("help", "helping.run", "show the help of gluonkit, or of one of its commands"),
        example="gluonkit help bench",
    )
    made.add_argument("topic", nargs="?", metavar="NAME", help="a command")
