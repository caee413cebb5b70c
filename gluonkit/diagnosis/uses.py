"""What can be done with a network's file: programs and commands that run as they stand."""

from __future__ import annotations

import importlib.util
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import gluonkit.exporting
from gluonkit._base.checks import some
from gluonkit.diagnosis.parts import Port, Use
from gluonkit.diagnosis.text import LINE
from gluonkit.exporting.onnx.converters import unconvertible
from gluonkit.files.archive import ENDINGS

_IMAGE = 224
"""The height and width that stand in programs for those that a network leaves open."""
_ENDS = ("-symbol.json", ".json", ".params", ".safetensors", *ENDINGS)
_MOST_BYTES = 2**31 - 2**20


@dataclass(frozen=True)
class Subject:
    """A network's file, and what of it matters for its use.

    Attributes
    ----------
    path : str
        The file, as it is given to `load`.
    inputs : tuple of Port
        The network's inputs.
    dtype : str
        The data type to which its numbers are converted; '' for none.
    needs_net : bool
        Whether the file has no network, so that one must be made in Python.
    operators : tuple of str
        The operators of its graph.
    outputs, labels : int
        How many outputs it has, and labels of its output layers.
    is_layered : bool
        Whether it had output layers, by which `fit` trains it.
    is_archive : bool
        Whether the file is an archive.
    bytes : int
        Memory of its parameters.
    made : str
        The Python that makes the network, where it is known although `needs_net`.
    """

    path: str
    inputs: tuple[Port, ...] = ()
    dtype: str = ""
    needs_net: bool = False
    operators: tuple[str, ...] = ()
    outputs: int = 1
    labels: int = 1
    is_layered: bool = False
    is_archive: bool = False
    bytes: int = 0
    made: str = ""

    @property
    def stem(self) -> str:
        """The file's name without its ending, for files that are made of it."""
        name = Path(self.path).name
        return next((name.removesuffix(end) for end in _ENDS if name.endswith(end)), name)


def network_uses(subject: Subject) -> dict[str, Use]:
    """Return what can be done with a network's file, in the order in which it is shown."""
    uses = {"predict": _predict(subject), "train": _train(subject)}
    if not subject.needs_net:
        uses["symbol"] = _export(subject, "export", f"{subject.stem}-new", "symbol")
        uses["onnx"] = _onnx(subject)
    uses |= _converted(subject)
    if not subject.needs_net and "export_torch" in gluonkit.exporting.__all__:
        uses["torch"] = _export(subject, "export_torch", f"{subject.stem}-torch", "torch")
    return uses


def _load(subject: Subject) -> str:
    """Return the lines that load a file."""
    options = ["net=net"] if subject.needs_net else []
    options += [f"dtype={quoted(subject.dtype)}"] if subject.dtype else []
    loaded = call("load", quoted(subject.path), *options, result="net")
    return "\n".join(filter(None, [subject.made, loaded]))


def quoted(text: str) -> str:
    """Return a text as Python has it, between double quotes where that is all it takes."""
    is_plain = '"' not in text and "\\" not in text and text.isprintable()
    return f'"{text}"' if is_plain else repr(text)


def program(*lines: str) -> str:
    """Return a program of some lines."""
    return "\n".join(["import gluonkit as gk", "", *filter(None, lines)])


def call(function: str, *arguments: str, result: str = "") -> str:
    """Return a call of one of gluonkit's functions, an argument a line where it is long."""
    begin = f"{result} = gk.{function}" if result else f"gk.{function}"
    line = f"{begin}({', '.join(arguments)})"
    if len(line) <= LINE:
        return line
    return "\n".join([f"{begin}(", *(f"    {argument}," for argument in arguments), ")"])


def _arrays(subject: Subject) -> list[str]:
    """Return what the network's inputs are called in programs."""
    count = len(subject.inputs)
    return ["x"] if count < 2 else [f"x{number}" for number in range(1, count + 1)]


def _legend(subject: Subject) -> list[str]:
    """Return comments that say what the inputs are."""
    pairs = zip(_arrays(subject), subject.inputs, strict=False)
    return [f"# {name}: {replace(port, name='')}" for name, port in pairs]


def _net_legend(subject: Subject) -> str:
    if not subject.needs_net or subject.made:
        return ""
    return "the file has no network: make it in Python, as `net`"


def _predict(subject: Subject) -> Use:
    arrays = _arrays(subject)
    data = arrays[0] if len(arrays) == 1 else f"[{', '.join(arrays)}]"
    predicted = call("predict", "net", data, result="scores")
    python = program(_load(subject), *_legend(subject), predicted)
    if subject.needs_net:
        return Use(python, hindrance=_net_legend(subject))
    files = " ".join(f"{name}.npy" for name in arrays)
    dtype = f" --load-dtype {subject.dtype}" if subject.dtype else ""
    path = shlex.quote(subject.path)
    return Use(python, f"gluonkit predict {path} {files} -o scores.npy{dtype}")


def _train(subject: Subject) -> Use:
    labels = ["y"] if subject.labels < 2 else [f"y{n}" for n in range(1, subject.labels + 1)]
    target = labels[0] if len(labels) == 1 else f"({', '.join(labels)})"
    data = ", ".join(_arrays(subject))
    hindrance = _net_legend(subject)
    if not subject.is_layered and subject.outputs > 1:
        return Use(
            hindrance=f"it has {subject.outputs} outputs: `fit` needs a loss that takes them, loss="
        )
    trained = call("fit", "net", f"({data}, {target})", "epochs=1", result="history")
    return Use(program(_load(subject), trained), hindrance=hindrance)


def _example(port: Port) -> tuple[int, ...] | None:
    """Return a shape that an input can have; None where too little is known."""
    if port.shape is None:
        return None
    is_image = len(port.shape) > 3
    lengths = [1 if length == "batch" else length for length in port.shape]
    if None in lengths and not is_image:
        return None
    return tuple(_IMAGE if not isinstance(length, int) else length for length in lengths)


def _export(subject: Subject, function: str, target: str, form: str) -> Use:
    """Return how a network is exported, by a function of gluonkit and by the command."""
    shapes = [_example(port) for port in subject.inputs]
    known = [shape for shape in shapes if shape is not None]
    if not shapes or len(known) < len(shapes):
        exported = call(function, "net", quoted(target), *_arrays(subject))
        names = some(port.name for port in subject.inputs) or "its inputs"
        why = f"the files do not fix the shape of {names}: give an array, or --inputs SHAPE"
        return Use(program(_load(subject), exported), hindrance=why)
    inputs = [_spec(port, shape) for port, shape in zip(subject.inputs, known, strict=True)]
    exported = call(function, "net", quoted(target), *inputs)
    given = " ".join(
        f"--inputs {'x'.join(map(str, shape))}{'' if port.dtype == 'float32' else f':{port.dtype}'}"
        for port, shape in zip(subject.inputs, known, strict=True)
    )
    path, output = shlex.quote(subject.path), shlex.quote(target)
    command = f"gluonkit export {path} --format {form} -o {output} {given}"
    if subject.dtype:
        command += f" --load-dtype {subject.dtype}"
    is_open = any(None in (port.shape or ()) for port in subject.inputs)
    why = f"{_IMAGE} stands for your own height and width" if is_open else ""
    return Use(program(_load(subject), exported), command, why)


def _spec(port: Port, shape: tuple[int, ...]) -> str:
    return str(shape) if port.dtype == "float32" else f'({shape}, "{port.dtype}")'


def _onnx(subject: Subject) -> Use:
    missing = [name for name in ("onnx",) if importlib.util.find_spec(name) is None]
    if missing:
        return Use(hindrance='it needs `pip install "gluonkit[onnx]"`')
    if subject.bytes > _MOST_BYTES:
        return Use(hindrance="its parameters take more than the 2 GiB that one ONNX file holds")
    operators = unconvertible(subject.operators)
    if operators:
        return Use(hindrance=f"no converter to ONNX is known of {some(operators)}")
    return _export(subject, "export_onnx", f"{subject.stem}.onnx", "onnx")


def _converted(subject: Subject) -> dict[str, Use]:
    """Return how a file's arrays are written in the other format."""
    form = "params" if subject.path.endswith(".safetensors") else "safetensors"
    target = f"{subject.stem}.{form}"
    if subject.is_archive:
        return {form: Use(program(_load(subject), call("save", "net", quoted(target))))}
    return {form: conversion(subject.path, target)}


def conversion(path: str, target: str) -> Use:
    """Return how a file's arrays are converted."""
    python = program(call("convert", quoted(path), quoted(target)))
    return Use(python, f"gluonkit convert {shlex.quote(path)} {shlex.quote(target)}")
