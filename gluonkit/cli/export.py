"""``gluonkit export``: networks for other tools."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from mxnet import gluon

from gluonkit.checkpoint.exported import parameters_path, symbol_path
from gluonkit.cli.common import checkpoint_file, set_array_mode
from gluonkit.cli.networks import example, is_file, loaded
from gluonkit.errors import ArgumentError
from gluonkit.exporting import export, export_onnx, export_torch
from gluonkit.exporting.torch.certify import MODEL, WEIGHTS
from gluonkit.models import create_model, parse_model
from gluonkit.system.seeding import seed_everything

_ENDING = re.compile(r"(-symbol\.json|-\d{4,}\.params|\.params|\.safetensors)$")


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit export`` and return its exit status."""
    given = Path(options.network)
    if options.dynamic_batch is not None and options.format != "onnx":
        raise ArgumentError("`--dynamic-batch` is for ONNX; the others have no batch size in them")
    chosen = {name: getattr(options, name) for name in ("opset", "dtype")}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if chosen and options.format != "onnx":
        raise ArgumentError(f"`--{next(iter(chosen))}` is for ONNX; the others have none")
    if given.exists() or is_file(options.network):
        place = checkpoint_file(given)
        output = options.output or _output(_ENDING.sub("", given.resolve().name), options.format)
        _check_output(options.output, output, options.format, place)
        net, model = loaded(place, options.net, options.arrays, options.load_dtype)
    else:
        if options.load_dtype is not None:
            raise ArgumentError("`--load-dtype` is for files; a model's numbers are random")
        net, model = _created(options), options.network
        name = parse_model(model)[0].rpartition("/")[2]
        output = options.output or _output(name, options.format)
    inputs = options.inputs or example(model, options.network)
    if options.format == "symbol":
        print(export(net, output, *inputs))
    elif options.format == "torch":
        print(export_torch(net, output, *inputs))
    else:
        print(
            export_onnx(
                net, output, *inputs, dynamic_batch=options.dynamic_batch is not False, **chosen
            )
        )
    return 0


def _output(stem: str, kind: str) -> Path:
    return Path(f"{stem}.onnx" if kind == "onnx" else stem)


def _check_output(given: Path | None, output: Path, kind: str, place: Path) -> None:
    """Refuse an output that would replace the network's own files."""
    read = [place, symbol_path(place), parameters_path(place)]
    targets = {
        "onnx": [output],
        "symbol": [Path(f"{output}-symbol.json"), Path(f"{output}-0000.params")],
        "torch": [output / name for name in (MODEL, WEIGHTS)],
    }
    for target in targets[kind]:
        if target.exists() and any(file.exists() and target.samefile(file) for file in read):
            problem = f"is {str(output)!r}, which" if given else "is needed: the default"
            raise ArgumentError(
                f"`--output` {problem} would write over {target}, an input; give another"
            )


def _created(options: argparse.Namespace) -> gluon.Block:
    name, choices = parse_model(options.network)
    set_array_mode(options.arrays, options.network)
    seed_everything(0)
    net = create_model(name, init="xavier", **choices)
    print(f"{options.network} is a model, not a checkpoint: its weights are random (seed 0)")
    return net
