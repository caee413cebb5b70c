"""What a file is, what it holds, and what can be done with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gluonkit._base.tables import Shown
from gluonkit.diagnosis import text

PortShape: TypeAlias = "tuple[int | str | None, ...] | None"


@dataclass(frozen=True)
class ArrayInfo:
    """One array of a file.

    Attributes
    ----------
    name : str
        Its name; the index in a list without names.
    shape : tuple of int
        Its shape.
    dtype : str
        Its data type.
    bytes : int
        Its length in bytes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


@dataclass(frozen=True)
class Port:
    """An input or an output of a network.

    Attributes
    ----------
    name : str
        Its name in the graph; '' where a network has names for neither.
    shape : tuple of (int, str or None), or None
        Its shape, as far as the files fix it: 'batch' is the number of samples, None a length that
        is not known. None where not even the number of axes is known.
    dtype : str
        Its data type.
    sides : tuple of int, or None
        The least and the greatest height and width that fit, where dense layers fix them;
        ``shape`` has one of these.
    """

    name: str
    shape: PortShape
    dtype: str = "float32"
    sides: tuple[int, int] | None = None


@dataclass(frozen=True)
class Use:
    """Something that can be done with a file, or cannot.

    Attributes
    ----------
    python : str
        A program that does it; ``x`` is the input, ``y`` the label, ``net`` the network where the
        file has none. '' where it cannot be done.
    command : str
        A command that does it; '' where there is none.
    hindrance : str
        What stands in the way, and what to do; '' where nothing does.
    """

    python: str = ""
    command: str = ""
    hindrance: str = ""


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

    def __str__(self) -> str:
        return text.described(self)

    def _repr_html_(self) -> str:
        return text.html(self)


def _plain(value: Any) -> Any:
    """Return tuples as lists, also inside."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value
