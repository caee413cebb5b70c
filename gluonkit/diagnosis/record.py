"""What a file is, what it holds, and what can be done with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import whole_number
from gluonkit._base.tables import Shown
from gluonkit.diagnosis import text
from gluonkit.diagnosis.parts import ArrayInfo, Port, Use

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
_LOADING = ("import gluonkit", "net = ")


@dataclass(frozen=True, repr=False)
class Diagnosis(Shown):
    """What a file or folder is, what it holds, and what can be done with it.

    Attributes
    ----------
    path : str
        The file, folder or prefix that was asked for.
    kind : str
        Its format: 'gluonkit', 'safetensors' or 'mxnet' for files of arrays, a network's parameters
        among them; 'graph' for a graph without parameters, 'archive', 'folder', 'records', 'onnx',
        or 'other'.
    what : str
        What it is, in words: 'checkpoint of Module', 'exported Gluon network', 'gluonkit
        checkpoint', 'parameters by path', 'record file'.
    bytes : int
        Length of the files that were looked at.
    files : tuple of str
        The files that belong together, such as graph and parameters; of a folder or archive, all.
    epoch : int or None
        The epoch in the name of a checkpoint of `Module`, or of an exported network.
    mxnet : str
        The version of MXNet that wrote it, as far as the file tells: '1.9.1', '0.9 or 0.10'; ''
        where it does not.
    operators : int or None
        Number of operators of the graph that predicts.
    inputs, outputs : tuple of Port
        Those of the network when it predicts.
    labels : tuple of str
        The labels that its output layers take in training.
    layers : str
        These output layers.
    uses : mapping of str to Use
        What can be done with it: 'predict', 'train', 'resume', 'read', and the formats that it can
        be exported to, 'symbol', 'onnx', 'safetensors', 'params', 'torch'.
    hindrances : tuple of str
        What stands in the way of all of these.
    notes : tuple of str
        What else is worth knowing.
    names : str
        How parameters are named: 'structure' (``0.weight``), 'prefix' (``dense0_weight``), 'export'
        (``arg:dense0_weight``), or 'none' for a list without names.
    parameters : tuple of ArrayInfo
        The network's arrays, shared ones once.
    others : tuple of ArrayInfo
        The arrays of optimizer and training.
    model : str or None
        The call by which `create_model` built the network, if it did.
    network : str or None
        The name of the network's class, as information only; it is never imported.
    step : int or None
        Number of updates so far.
    metadata : mapping or None
        The user's metadata.
    optimizer : str or None
        The optimizer's class.
    tied : mapping of str to str or None
        For each further path of a shared parameter, the path that has the array.
    versions : mapping of str to str or None
        Versions of gluonkit, MXNet, NumPy and Python that wrote the file.
    checksums : bool
        Whether the file has checksums.
    """

    path: str
    kind: str
    what: str = ""
    bytes: int = 0
    files: tuple[str, ...] = ()
    epoch: int | None = None
    mxnet: str = ""
    operators: int | None = None
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    labels: tuple[str, ...] = ()
    layers: str = ""
    uses: Mapping[str, Use] = field(default_factory=dict)
    hindrances: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    names: str = "none"
    parameters: tuple[ArrayInfo, ...] = ()
    others: tuple[ArrayInfo, ...] = ()
    model: str | None = None
    network: str | None = None
    step: int | None = None
    metadata: Mapping[str, Any] | None = None
    optimizer: str | None = None
    tied: Mapping[str, str] | None = None
    versions: Mapping[str, str] | None = None
    checksums: bool = False

    @property
    def total_params(self) -> int:
        """Number of elements of all parameters."""
        return sum(math.prod(parameter.shape) for parameter in self.parameters)

    @property
    def usable(self) -> bool:
        """Whether gluonkit can do anything with it."""
        return any(use.python for use in self.uses.values())

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, ready for JSON."""
        listed = ("parameters", "others", "inputs", "outputs")
        return {
            **{name: _plain(value) for name, value in vars(self).items()},
            **{name: [_plain(vars(part)) for part in getattr(self, name)] for name in listed},
            "uses": {name: dict(vars(use)) for name, use in self.uses.items()},
            "total_params": self.total_params,
        }

    @checked
    def described(self, *, arrays: int | None = 8) -> str:
        """Return it as text, within 80 columns.

        Parameters
        ----------
        arrays : int or None, default 8
            How many of the arrays are listed; None for all.

        Returns
        -------
        str
            What `print` shows, with so many arrays.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            For anything but a whole number from 0, or None.
        """
        if arrays is not None:
            arrays = whole_number("arrays", arrays, least=0)
        facts = [text.line(title, fact) for title, fact in _facts(self) if fact]
        uses = [line for title, lines in _uses(self) for line in text.block(title, lines)]
        parts = [
            text.line("", f"{self.path} · {tables.memory(self.bytes)}", width=0),
            text.line("", _head(self), width=0),
            "\n".join(facts),
            "\n".join(uses),
            "\n".join(text.table(self.parameters, arrays)),
        ]
        return "\n\n".join(["\n".join(parts[:2]), *filter(None, parts[2:])])

    def __str__(self) -> str:
        return self.described()

    def _repr_html_(self) -> str:
        rows = [(title, escape(fact)) for title, fact in _facts(self) if fact]
        rows += [
            (title, f"<pre>{escape(chr(10).join(lines))}</pre>") for title, lines in _uses(self)
        ]
        body = "".join(f"<tr><th>{escape(title)}</th><td>{fact}</td></tr>" for title, fact in rows)
        head = f"<p>{escape(self.path)}: {escape(_head(self))}</p><table>{body}</table>"
        return head + (tables.html_table(self.parameters, text.COLUMNS) if self.parameters else "")


def _plain(value: Any) -> Any:
    """Return tuples as lists, also inside."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value


def _head(diagnosis: Diagnosis) -> str:
    epoch = "" if diagnosis.epoch is None else f", epoch {diagnosis.epoch}"
    version = f", written by MXNet {diagnosis.mxnet}" if diagnosis.mxnet else ""
    return f"{diagnosis.what}{epoch}{version}"


def _facts(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    memory = tables.memory(sum(parameter.bytes for parameter in diagnosis.parameters))
    number = len(diagnosis.parameters)
    arrays = f"{number:,} array{'s' if number != 1 else ''}"
    count = f"{diagnosis.total_params:,} in {arrays} · {memory}"
    yield "Files", ", ".join(diagnosis.files)
    yield "Network", diagnosis.model or diagnosis.network or ""
    yield "Operators", "" if diagnosis.operators is None else f"{diagnosis.operators:,}"
    yield from (("Input", str(port)) for port in diagnosis.inputs)
    yield from (("Output", str(port)) for port in diagnosis.outputs)
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
    yield from (("In the way", hindrance) for hindrance in diagnosis.hindrances)


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
        lines += text.command_lines(use.command)
        if use.hindrance:
            lines += text.hindrance(use.hindrance)
        yield _USES[name], lines
