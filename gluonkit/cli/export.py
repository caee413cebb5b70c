"""``gluonkit export``: networks for other tools."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from mxnet import gluon

from gluonkit.checkpoint.exported import is_exported
from gluonkit.cli.common import add_arrays, add_dtype, add_input, checkpoint_file, set_array_mode
from gluonkit.cli.networks import example, is_file, loaded
from gluonkit.errors import ArgumentError
from gluonkit.exporting import export, export_onnx, export_torch
from gluonkit.models import create_model, parse_model
from gluonkit.system.seeding import seed_everything

_ENDING = re.compile(r"(-symbol\.json|-\d{4,}\.params|\.params|\.safetensors)$")


def add_parser(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add ``export`` to the command's parser."""
    parser = commands.add_parser(
        "export",
        parents=parents,
        help="write a network for other tools: ONNX, PyTorch, or MXNet's symbol files",
        description="Write a network as an ONNX file, as PyTorch source with its weights, or as "
        "MXNet's -symbol.json and -0000.params, and check that it computes there what it computes "
        "here.",
        epilog="Exit status: 0 fine, 1 the network or the file will not do, 2 wrong call.",
    )
    add = parser.add_argument
    add(
        "network", metavar="NAME_OR_CHECKPOINT", help="a model's name, a file, or a folder of fit's"
    )
    add("--format", choices=("onnx", "symbol", "torch"), required=True, help="what to write")
    add(
        *("-o", "--output"),
        type=Path,
        metavar="F",
        help="the .onnx file, the files' prefix, or PyTorch's folder",
    )
    add("--model", metavar="NAME", help="the network, for a file that does not say which it is")
    add_input(parser)
    add("--fixed-batch", action="store_true", help="ONNX: take inputs of these shapes only")
    add("--opset", type=int, metavar="N", help="ONNX: the set of operators (default 13)")
    add("--dtype", choices=("float32", "float16"), help="ONNX: of weights and operators")
    add_arrays(parser)
    add_dtype(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit export`` and return its exit status."""
    given = Path(options.network)
    if options.fixed_batch and options.format != "onnx":
        raise ArgumentError("`--fixed-batch` is for ONNX; the others have no batch size in them")
    chosen = {name: getattr(options, name) for name in ("opset", "dtype")}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if chosen and options.format == "symbol":
        raise ArgumentError(f"`--{next(iter(chosen))}` is for ONNX; symbol files have none")
    if given.exists() or is_file(options.network):
        place = checkpoint_file(given)
        if is_exported(place) and options.format == "symbol" and options.output is None:
            raise ArgumentError(
                f"`--output` is needed, as {given} is such a file itself and would be written over"
            )
        net, model = loaded(place, options.model, options.arrays, options.load_dtype)
        stem = _ENDING.sub("", given.resolve().name)
    else:
        if options.load_dtype is not None:
            raise ArgumentError("`--load-dtype` is for files; a model's numbers are random")
        net, model = _created(options), options.network
        stem = parse_model(model)[0].rpartition("/")[2]
    inputs = options.input or example(model, options.network)
    if options.format == "symbol":
        print(export(net, options.output or Path(stem), *inputs))
    elif options.format == "torch":
        print(export_torch(net, options.output or Path(stem), *inputs))
    else:
        output = options.output or Path(f"{stem}.onnx")
        print(export_onnx(net, output, *inputs, dynamic_batch=not options.fixed_batch, **chosen))
    return 0


def _created(options: argparse.Namespace) -> gluon.Block:
    name, choices = parse_model(options.network)
    set_array_mode(options.arrays, options.network)
    seed_everything(0)
    net = create_model(name, init="xavier", **choices)
    print(f"{options.network} is a model, not a checkpoint: its weights are random (seed 0)")
    return net
