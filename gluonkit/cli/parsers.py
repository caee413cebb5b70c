"""The parsers of all commands. Nothing here imports MXNet, nor what the commands do.

What an option's value has to be is noted on it, as its `kind`, which `checking` reads: a model, a
network (a model or a file), a file to write, a picture, or a list of names in known.json.
"""

from __future__ import annotations

import argparse
from typing import Any

from gluonkit._base.version import __version__
from gluonkit.cli import parsers_alone
from gluonkit.cli.adding import (
    MODEL,
    MODEL_OR_FILE,
    add_arrays,
    add_choice_of_models,
    add_dtype,
    add_file,
    add_imports,
    add_inputs,
    add_name,
    add_names,
    add_net,
    add_network,
    add_picture,
)
from gluonkit.cli.known import names
from gluonkit.cli.parsers_alone import note_kind
from gluonkit.cli.values import (
    Parser,
    add_json,
    device,
    learning_rate,
    not_negative,
    numbers,
    place,
    positive,
    seconds,
    side,
    threads,
    whole,
)

_STATUS = "Exit status: 0 {fine}, 1 {problem}, 2 wrong call, 130 interrupted."


def parser() -> Parser:
    """Return the parser of the whole command."""
    made = Parser(
        prog="gluonkit",
        description="Networks of Apache MXNet's Gluon, on today's Python: list, summarize, check, "
        "time, train, use and export them.",
        epilog="For example:\n\n  gluonkit summary lenet\n  gluonkit train lenet --data digits\n\n"
        "`gluonkit NAME --help` tells more of a command, with an example. "
        "`gluonkit completion --help` says how the shell completes names.",
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


def _models(commands: Any) -> None:
    made = _command(
        commands,
        *("models", "models.run_models", "list the models known by name"),
        description="List the models known by name, a line each. A pattern without * or ? matches "
        "parts of names.",
        example="gluonkit models resnet50\n  gluonkit models 'mxnet/*' --json models.json",
        problem="nothing matches",
    )
    about = "such as resnet50, or '*resnet*_v2' (default: all)"
    made.add_argument("pattern", nargs="?", default="*", help=about)
    add_choice_of_models(made)
    made.add_argument(
        "--weights", action="store_true", help="list published weights instead, and where they are"
    )
    about = "with --weights: ask the stores whether they have them"
    made.add_argument("--online", action="store_true", help=about)
    add_json(made)
    add_imports(made)


def _info(commands: Any) -> None:
    made = _command(
        commands,
        *("info", "models.run_info", "show what is known of one model"),
        description="Show what is known of one model: its options, inputs, weights, and where it "
        "comes from.",
        example="gluonkit info mxnet/resnet50_v2",
    )
    note_kind(made.add_argument("model", help="a name that `gluonkit models` lists"), "model")
    add_json(made)
    add_imports(made)


def _summary(commands: Any) -> None:
    made = _command(
        commands,
        *("summary", "summary.run"),
        "show a network layer by layer: shapes, parameters, multiply-adds, memory",
        description="Summarize a network: layers, shapes, parameters, multiply-adds and memory. "
        "Nothing is computed where the shapes can be inferred.",
        example="gluonkit summary lenet --columns layer,output,params --graph lenet.svg",
    )
    add_network(made)
    add_names(made, "--columns", "columns")
    about = "leave out layers deeper than this"
    made.add_argument("--depth", type=not_negative, metavar="N", help=about)
    made.add_argument("--pattern", help="only layers whose path matches: 'features.*'")
    about = "count the memory of this optimizer's state"
    add_name(made, "--optimizer", "optimizer", "adam", about)
    made.add_argument("--markdown", action="store_true", help="print Markdown instead")
    add_json(made)
    add_file(made, "--csv", "write the layers as CSV")
    add_picture(made, "--graph", "draw the network")


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
    add_network(made)
    add_json(made)


def _profile(commands: Any) -> None:
    made = _command(
        commands,
        *("profile", "profile.run", "show which layers take the time, and what bounds them"),
        description="Profile a network layer by layer: time, memory, the share of this processor's "
        "measured peak, and what to do about it.",
        example="gluonkit profile lenet --inputs 64x1x28x28 --train --flame flame.svg",
    )
    add_network(made)
    how = made.add_mutually_exclusive_group()
    how.add_argument("--hybridize", action="store_true", help="hybridize it, with static memory")
    how.add_argument("--compile", action="store_true", help="compile it, with the fastest plan")
    made.add_argument("--train", action="store_true", help="with the backward pass")
    about = "how long to measure (default: 1)"
    made.add_argument("--seconds", type=seconds, default=1.0, metavar="S", help=about)
    add_json(made)
    add_file(made, "--trace", "write a trace, which ui.perfetto.dev shows", "trace", "F.json")
    add_picture(made, "--plot", "draw the layers as bars")
    add_picture(made, "--flame", "draw a flame graph")


def _bench(commands: Any) -> None:
    made = _command(
        commands,
        *("bench", "bench.run", "time networks before and after hybridizing and compiling"),
        description="Time networks eager, hybridized, hybridized with static memory, and (forward) "
        "compiled. Outputs (and, when training, gradients) are compared first; the variants are "
        "then timed in turn. In the table, spread is how far apart the middle half of the times "
        "lies, as a share of their median; [95 %] is the interval of the ratio; and pays after has "
        "the calls after which building has paid for itself. After Ctrl-C, what was measured is "
        "shown and written all the same.",
        example="gluonkit bench lenet --batches 1,64 --modes forward --json lenet.json",
        problem="a variant failed or gave other numbers",
    )
    add_network(made, f"{MODEL_OR_FILE}; by default the tutorials' networks")
    add = made.add_argument
    about = "batch sizes (default: that of the inputs)"
    add("--batches", type=numbers, metavar="N,...", help=about)
    about = f"which passes to time, of {', '.join(names('modes'))} (default: both)"
    add_names(made, "--modes", "modes", about)
    about = f"some of {', '.join(names('variants'))}; eager always runs (default: all)"
    add_names(made, "--variants", "variants", about)
    about = f"whose plans `compiled` tries, of {', '.join(names('engines'))} (default: mxnet)"
    add_names(made, "--engines", "engines", about)
    others = ", ".join(names("against"))
    about = f"time other engines beside it, called as their documentation does: of {others}"
    add_names(made, "--against", "against", about)
    about = "how long to time each variant of each case (default: 1)"
    add("--seconds", type=seconds, default=1.0, metavar="S", help=about)
    about = "where to run: cpu, gpu, or gpu(1) (default: cpu)"
    add("--ctx", type=device, default="cpu", metavar="DEVICE", help=about)
    engines = ", ".join(names("engine"))
    about = f"MXNet's engines to compare, each in a process of its own: {engines}"
    add_names(made, "--engine", "engine", about)
    about = "numbers of OpenMP threads to compare, each in a process of its own"
    add("--threads", type=threads, metavar="N,...", help=about)
    # One run of several, whose files are put together by the process of this number.
    add("--of-several", type=int, help=argparse.SUPPRESS)
    add_json(made)
    add_file(made, "--csv", "write the table as CSV")
    add_picture(made, "--plot", "draw the times")


def _add_data(parser: argparse.ArgumentParser) -> None:
    add_name(parser, "--data", "data", "digits", f"one of {', '.join(names('data'))}")
    about = "where the data's files are"
    note_kind(parser.add_argument("--root", type=place, metavar="DIR", help=about), "source")
    parser.add_argument(
        "--size", type=side, metavar="N", help="height and width of the digits (default: 28)"
    )
    add_arrays(parser)
    add_imports(parser)


def _train(commands: Any) -> None:
    made = _command(
        commands,
        *("train", "train.run", "train a network on a data set"),
        description="Train a network, and show how: progress, and the figures of each epoch. "
        "Files are written only where an option names them. Ctrl-C ends training early: what was "
        "trained by then is shown and written all the same.",
        example="gluonkit train lenet --data digits --save lenet.safetensors --plot lenet.png",
    )
    add = made.add_argument
    note_kind(add("model", metavar="NAME", help=MODEL), "model")
    _add_data(made)
    about = "times through the data (default: 20)"
    add("--epochs", type=positive, default=20, metavar="N", help=about)
    about = "samples in a batch, of each worker (default: 64)"
    add("--batch-size", type=positive, default=64, metavar="N", help=about)
    add_name(made, "--optimizer", "optimizer", "adam", "one of MXNet's")
    about = "the learning rate (default: the optimizer's own)"
    add("--learning-rate", "--lr", type=learning_rate, metavar="RATE", help=about)
    add_name(made, "--init", "init", "xavier", "initializer of the weights")
    about = "seed of all random numbers (default: 0)"
    add("--seed", type=not_negative, default=0, metavar="N", help=about)
    about = "stop when the test loss has not improved for N epochs, and keep the best weights"
    add("--patience", type=positive, metavar="N", help=about)
    about = "keep checkpoints in this folder, and go on from the last one there"
    note_kind(add("--resume", type=place, metavar="DIR", help=about), "folder")
    add_file(made, "--save", "write the weights at the end", "weights", "F.safetensors")
    add_picture(made, "--plot", "draw the epochs")
    add_file(made, "--csv", "write the epochs as CSV")
    add_json(made)
    about = "write TensorBoard's event files into this folder"
    note_kind(add("--tensorboard", type=place, metavar="DIR", help=about), "folder")
    about = "how several workers train together: dist_sync (the default under `gluonkit launch`) "
    about += "or dist_async"
    note_kind(add("--kvstore", metavar="KIND", help=about), "kvstore")


def _evaluate(commands: Any) -> None:
    made = _command(
        commands,
        *("evaluate", "train.run_evaluate", "evaluate a trained network on a data set"),
        description="Evaluate a checkpoint of `gluonkit train` or of `fit`: its loss and accuracy "
        "on a data set.",
        example="gluonkit evaluate lenet.safetensors --data digits",
    )
    about = "a file of `train --save`, or the folder of `train --resume`"
    made.add_argument("checkpoint", type=place, help=about)
    _add_data(made)
    about = "which part of the data (default: test)"
    made.add_argument("--split", choices=names("split"), default="test", help=about)
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
    about = "a file that has a network, or a folder of checkpoints"
    add("network", type=place, metavar="FILE", help=about)
    about = "an array for each input of the network; its first axis is the samples"
    note_kind(add("data", type=place, nargs="+", metavar="X.npy", help=about), "input")
    about = "the file to write"
    action = add("-o", "--output", type=place, required=True, metavar="Y.npy", help=about)
    note_kind(action, "array")
    add("--batch-size", type=positive, metavar="N", help="samples in a batch (default: 64)")
    add_net(made)
    add_arrays(made)
    add_dtype(made)
    add_imports(made)


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
    about = "a file, a folder of checkpoints, the prefix of exported files, or an archive"
    add("file", metavar="FILE", help=about)
    add("--arrays", action="store_true", help="show all arrays, not the first few")
    about = "read all of it, and compare it with its checksums"
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
    add_net(made, "the network whose weights these are, to map names by")
    about = "how to name parameters in the new file (default: structure, with --net)"
    add("--names", choices=names("names"), help=about)
    about = "how to match the names in SRC to the network's (default: auto, which tries structure, "
    about += "then prefix)"
    add("--match", choices=names("match"), default="auto", help=about)
    add("--dry-run", action="store_true", help="show the names, and write nothing")
    add_imports(made)


def _export(commands: Any) -> None:
    made = _command(
        commands,
        *("export", "export.run"),
        "write a network for other tools: ONNX, PyTorch, or MXNet's symbol files",
        description="Write a network as an ONNX file, as PyTorch source with its weights, or as "
        "MXNet's -symbol.json and -0000.params, and check that it computes there what it computes "
        "here.",
        example="gluonkit export lenet.safetensors --format onnx -o lenet.onnx",
        problem="the network cannot be exported",
    )
    add = made.add_argument
    about = "a model's name, a file that has a network, or a folder of checkpoints"
    note_kind(add("network", metavar="NAME_OR_FILE", help=about), "network")
    add("--format", choices=("onnx", "symbol", "torch"), required=True, help="what to write")
    about = "ONNX: the file; symbol: the prefix of both files; PyTorch: the folder (default: made "
    about += "from the network's name)"
    add("-o", "--output", type=place, metavar="F", help=about)
    add_net(made)
    add_inputs(made)
    add(
        "--dynamic-batch",
        action=argparse.BooleanOptionalAction,
        help="ONNX: take batches of any size, or of this one only (default: any)",
    )
    about = "ONNX: version of the set of operators (default: 13)"
    add("--opset", type=whole, metavar="N", help=about)
    add("--dtype", choices=("float32", "float16"), help="ONNX: data type of weights and operators")
    add_arrays(made)
    add_dtype(made)
    add_imports(made)


def _mirror(commands: Any) -> None:
    made = _command(
        commands,
        *("mirror", "weights.run_mirror"),
        "collect published weights in a folder that serves as a store",
        description="Collect the published weights and vocabularies of models in a folder: from "
        "this machine's folder of downloads, then from the stores of MXNET_GLUON_REPO, or MXNet's. "
        "Each is checked by its SHA-1. Run it again to go on where it was interrupted, and to try "
        "again what has failed. With MXNET_GLUON_REPO=file:///DIR set, networks get their weights "
        "from this folder.",
        example="gluonkit mirror 'mxnet/resnet50*' weights",
        fine="all files are there",
        problem="some could not be fetched",
    )
    made.add_argument("pattern", metavar="PATTERN", help="models: 'mxnet/*' or '*resnet50*'")
    about = "the folder; made if needed"
    note_kind(made.add_argument("folder", type=place, metavar="DIR", help=about), "folder")
    add_choice_of_models(made)
    add_json(made)


def _notebooks(commands: Any) -> None:
    made = _command(
        commands,
        *("notebooks", "notebooks.run", "copy the notebooks that teach gluonkit to a folder"),
        description="Copy the notebooks that teach gluonkit to a folder, to run and change them.",
        example="gluonkit notebooks learn && jupyter lab learn",
    )
    about = "the folder; made if needed"
    note_kind(made.add_argument("folder", type=place, metavar="DIR", help=about), "folder")
    made.add_argument("--force", action="store_true", help="overwrite files of the same names")


def _completion(commands: Any) -> None:
    made = _command(
        commands,
        *("completion", "helping.run_completion"),
        "print what makes the shell complete commands, options and names of models",
        description="Print the code by which a shell completes gluonkit's commands, options and "
        "names of models. Bash and zsh evaluate it, in ~/.bashrc or ~/.zshrc; fish keeps it in a "
        "file.",
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
