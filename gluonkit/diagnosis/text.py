"""A diagnosis as people read it, within 80 columns."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from gluonkit._base import tables
from gluonkit._base.tables import Column

if TYPE_CHECKING:
    from gluonkit.diagnosis.record import Diagnosis, Port

WIDTH = 80
_TITLE = 12
LINE = WIDTH - _TITLE
"""Columns that a program has beside the titles."""
_SHOWN = 8
"""Arrays that the text shows."""
_USES = {
    "read": "Read",
    "predict": "Predict",
    "train": "Train",
    "resume": "Resume",
    "symbol": "Symbol",
    "onnx": "ONNX",
    "safetensors": "Safetensors",
    "params": "Params",
    "torch": "PyTorch",
}
_COLUMNS = (
    Column("array", lambda array: array.name),
    Column("shape", lambda array: "×".join(map(str, array.shape)) or "()"),
    Column("dtype", lambda array: array.dtype),
    Column("memory", lambda array: tables.memory(array.bytes), "right"),
)


def described(diagnosis: Diagnosis, *, arrays: int | None = _SHOWN) -> str:
    """Return a diagnosis as text, with so many of its arrays; None for all."""
    facts = [_line(title, text) for title, text in _facts(diagnosis) if text]
    uses = [line for title, lines in _uses(diagnosis) for line in _block(title, lines)]
    parts = [
        _line("", f"{diagnosis.path} · {tables.memory(diagnosis.bytes)}", width=0),
        _line("", _head(diagnosis), width=0),
        "\n".join(facts),
        "\n".join(uses),
        "\n".join(_table(diagnosis, arrays)),
    ]
    return "\n\n".join(["\n".join(parts[:2]), *filter(None, parts[2:])])


def html(diagnosis: Diagnosis) -> str:
    """Return a diagnosis for a notebook."""
    rows = [(title, escape(text)) for title, text in _facts(diagnosis) if text]
    rows += [
        (title, f"<pre>{escape(chr(10).join(lines))}</pre>") for title, lines in _uses(diagnosis)
    ]
    body = "".join(f"<tr><th>{escape(title)}</th><td>{text}</td></tr>" for title, text in rows)
    head = f"<p>{escape(diagnosis.path)}: {escape(_head(diagnosis))}</p><table>{body}</table>"
    table = tables.html_table(diagnosis.parameters, _COLUMNS) if diagnosis.parameters else ""
    return head + table


def _head(diagnosis: Diagnosis) -> str:
    epoch = "" if diagnosis.epoch is None else f", epoch {diagnosis.epoch}"
    version = f", written by MXNet {diagnosis.mxnet}" if diagnosis.mxnet else ""
    return f"{diagnosis.what}{epoch}{version}"


def shape_text(shape: tuple[int | str | None, ...] | None) -> str:
    """Return a shape with ? for what is not known."""
    if shape is None:
        return "of unknown shape"
    lengths = ["?" if length is None else str(length) for length in shape]
    return f"({', '.join(lengths)}{',' * (len(lengths) == 1)})"


def port_text(port: Port) -> str:
    """Return an input or output: name, data type, shape."""
    sides = ""
    if port.sides is not None and port.sides[0] < port.sides[1]:
        sides = f", or sides of {port.sides[0]} to {port.sides[1]}"
    return f"{port.name} {port.dtype} {shape_text(port.shape)}{sides}".strip()


def _facts(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    memory = tables.memory(sum(parameter.bytes for parameter in diagnosis.parameters))
    number = len(diagnosis.parameters)
    arrays = f"{number:,} array{'s' if number != 1 else ''}"
    count = f"{diagnosis.total_params:,} in {arrays} · {memory}"
    yield "Files", ", ".join(diagnosis.files)
    yield "Network", diagnosis.model or diagnosis.network or ""
    yield "Operators", "" if diagnosis.operators is None else f"{diagnosis.operators:,}"
    yield from (("Input", port_text(port)) for port in diagnosis.inputs)
    yield from (("Output", port_text(port)) for port in diagnosis.outputs)
    yield "Labels", ", ".join(diagnosis.labels)
    yield "Trained by", diagnosis.layers
    if diagnosis.parameters:
        yield "Parameters", count
        yield "Names", diagnosis.names
    yield "Shared", ", ".join(f"{a} = {b}" for a, b in (diagnosis.tied or {}).items())
    yield "Step", "" if diagnosis.step is None else f"{diagnosis.step:,}"
    yield "Optimizer", diagnosis.optimizer or ""
    others = tables.memory(sum(other.bytes for other in diagnosis.others))
    yield "Others", f"{len(diagnosis.others)} arrays · {others}" if diagnosis.others else ""
    yield "Metadata", ", ".join(f"{k}={v!r}" for k, v in (diagnosis.metadata or {}).items())
    yield "Written by", ", ".join(f"{k} {v}" for k, v in (diagnosis.versions or {}).items())
    if diagnosis.parameters:
        yield "Checksums", "SHA-256" if diagnosis.checksums else "none: damage may go unnoticed"
    yield from (("Note", note) for note in diagnosis.notes)
    yield from (("In the way", text) for text in diagnosis.hindrances)


def _uses(diagnosis: Diagnosis) -> Iterator[tuple[str, list[str]]]:
    """Yield what can be done, with the lines of programs that have not been shown before."""
    shown: set[str] = set()
    for name, use in diagnosis.uses.items():
        lines = [line for line in use.python.splitlines() if line and line not in shown]
        shown.update(line for line in lines if not line.startswith((" ", ")")))
        if name == "predict" and use.python:
            head = [line for line in lines if line.startswith(_LOADING)]
            yield "Python", head
            lines = lines[len(head) :]
        lines += _wrapped_command(use.command)
        if use.hindrance:
            lines += textwrap.wrap(
                f"! {use.hindrance}",
                LINE,
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        yield _USES[name], lines


_LOADING = ("import gluonkit", "net = ")


def _wrapped_command(command: str) -> list[str]:
    """Return a command in lines that a shell takes as one; options stay with their values."""
    words: list[str] = []
    for word in map(shlex.quote, shlex.split(command)):
        if words and re.fullmatch("--?[a-z-]+", words[-1]):
            words[-1] += f" {word}"
        else:
            words.append(word)
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + len(" " + " \\") <= LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}" if lines else f"$ {word}")
    return [line + " \\" for line in lines[:-1]] + lines[-1:]


def _line(title: str, text: str, *, width: int = _TITLE) -> str:
    return tables.hanging(f"{title:{width}}", text, width=WIDTH)


def _block(title: str, lines: list[str]) -> list[str]:
    return [f"{title if not number else '':{_TITLE}}{line}" for number, line in enumerate(lines)]


def _table(diagnosis: Diagnosis, most: int | None) -> list[str]:
    """Return the first arrays as lines of a table, and how many more there are."""
    arrays = diagnosis.parameters
    if not arrays:
        return []
    shown = arrays if most is None or len(arrays) <= most + 1 else arrays[:most]
    left = len(arrays) - len(shown)
    more = [f"… and {left} more; `gluonkit inspect --arrays` shows all"] if left else []
    return [tables.text_table(shown, _COLUMNS, limit=WIDTH), *more]
