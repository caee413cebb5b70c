"""One record for each parameter of a network, and selecting them by pattern."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, overload

import numpy
from mxnet import gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import described, unknown_name
from gluonkit._base.specs import shape_text
from gluonkit._base.tables import Column, Shown
from gluonkit.errors import ArgumentTypeError
from gluonkit.tracing.tree import all_paths, array_key, check_net, known_shape

Pattern = str | re.Pattern[str]


@dataclass(frozen=True)
class ParameterRecord(Shown):
    """What is known of one parameter.

    Attributes
    ----------
    path : str
        Structural path: ``0.weight``, ``features.3.conv.weight``.
    name : str
        MXNet's name: ``dense0_weight``.
    shape : tuple of (int or None) or None
        The shape, with None for each unknown dimension in both array modes; None if nothing is
        known.
    dtype : str
        Data type.
    state : {'uninitialized', 'deferred', 'ready'}
        'uninitialized' (`initialize()` has not been called), 'deferred' (it has, and the values
        come with the first forward pass), or 'ready'.
    grad_req : str
        'write', 'add' or 'null', MXNet's word for no gradient.
    constant : bool
        Whether it is a `gluon.Constant`.
    shared_with : tuple of str
        The other paths of the same array.
    ctx : tuple of str
        The devices that hold it, or will hold it.
    bytes : int or None
        Memory of the values on one device; None while the shape is unknown.
    lr_mult, wd_mult : float
        Multipliers of learning rate and weight decay.
    parameter : gluon.Parameter
        The parameter itself.
    """

    path: str
    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    state: Literal["uninitialized", "deferred", "ready"]
    grad_req: str
    constant: bool
    shared_with: tuple[str, ...]
    ctx: tuple[str, ...]
    bytes: int | None
    lr_mult: float
    wd_mult: float
    parameter: gluon.Parameter = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON (the parameter itself left out)."""
        names = [entry.name for entry in fields(self) if entry.name != "parameter"]
        record = {name: getattr(self, name) for name in names}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in record.items()}


class Parameters(Sequence[ParameterRecord]):
    """Records of parameters, in the order of the tree; ``parameters["0.weight"]`` works too.

    `str()` gives the table, a notebook shows it as HTML.
    """

    def __init__(self, records: Sequence[ParameterRecord]) -> None:
        self._records = tuple(records)

    @overload
    def __getitem__(self, key: int | str) -> ParameterRecord: ...
    @overload
    def __getitem__(self, key: slice) -> Parameters: ...
    def __getitem__(self, key: int | str | slice) -> ParameterRecord | Parameters:
        if isinstance(key, slice):
            return Parameters(self._records[key])
        if isinstance(key, (int, numpy.integer)):
            return self._records[key]
        # A record has several names, and the first that fits counts.
        for record in self._records if isinstance(key, str) else ():
            if key in (record.path, record.name, *record.shared_with):
                return record
        raise unknown_name("path", key, self.paths, "`.paths` has all of them.")

    def __len__(self) -> int:
        return len(self._records)

    @property
    def paths(self) -> tuple[str, ...]:
        """The structural paths, in order."""
        return tuple(record.path for record in self._records)

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the records as plain data, ready for JSON."""
        return [record.to_dict() for record in self._records]

    def __str__(self) -> str:
        known = [record.bytes for record in self if record.bytes is not None]
        unknown = len(self) - len(known)
        total = f"{len(self)} parameters, {tables.memory(sum(known))}"
        more = f" and {unknown} of unknown shape" if unknown else ""
        return f"{tables.text_table(self, _COLUMNS)}\n{total}{more}"

    def __repr__(self) -> str:
        return f"<{len(self)} parameters: {', '.join(self.paths)}>"

    def _repr_html_(self) -> str:
        return tables.html_table(self, _COLUMNS, title=f"{len(self)} parameters")


@checked
def collect(net: gluon.Block, pattern: Pattern | Sequence[Pattern] = "*") -> Parameters:
    """Return the records of a network's parameters, one for each parameter, in tree order.

    Parameters
    ----------
    net : gluon.Block
        Any Gluon block, initialized or not.
    pattern : str or re.Pattern or sequence of (str or re.Pattern), default '*'
        Shell-style, ``"*.weight"``, matched against the whole path or MXNet's name; or a compiled
        regular expression, searched for in them; or several of either. A parameter that is shared
        is found by any of its paths.

    Returns
    -------
    params.Parameters
        The records, to be indexed by position or by path.

    Raises
    ------
    ArgumentError
        When a pattern matches nothing, with the nearest paths.

    Notes
    -----
    `gluon.Block.collect_params` selects by MXNet's names, and a pattern that matches nothing is no
    error there.

    Examples
    --------
    >>> import gluonkit as gk
    >>> gk.params.collect(gk.create_model("lenet"), "*.weight").paths
    ('0.weight', '2.weight', '4.weight', '5.weight', '6.weight')
    """
    check_net(net)
    records = list(_records(net))
    selected: dict[str, ParameterRecord] = {}
    patterns: Sequence[Any] = pattern if isinstance(pattern, (list, tuple)) else [pattern]
    for wanted in patterns:
        matching = [record for record in records if matches(record, wanted)]
        # "*" of a network without parameters is no mistake.
        if not matching and wanted != "*":
            text = wanted if isinstance(wanted, str) else wanted.pattern
            paths = [path for record in records for path in (record.path, record.name)]
            raise unknown_name("pattern", text, paths, "params.collect(net) lists all paths.")
        selected |= {record.path: record for record in matching}
    return Parameters([record for record in records if record.path in selected])


def matches(record: ParameterRecord, pattern: Pattern) -> bool:
    """Return whether a pattern matches one of a parameter's paths, or its name."""
    names = (record.path, record.name, *record.shared_with)
    if isinstance(pattern, re.Pattern):
        return any(pattern.search(name) for name in names)
    if not isinstance(pattern, str):
        raise ArgumentTypeError(
            f"`pattern` is {described(pattern)}; give text such as "
            '"*.weight", or a compiled regular expression'
        )
    # `fnmatch` itself minds case on some systems, and not on others.
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)


def _records(net: gluon.Block) -> Iterator[ParameterRecord]:
    paths: dict[int, list[str]] = {}
    first: dict[int, tuple[str, gluon.Parameter]] = {}
    for path, parameter in all_paths(net):
        # By the array: two parameters may hold one.
        paths.setdefault(array_key(parameter), []).append(path)
        first.setdefault(id(parameter), (path, parameter))
    for path, parameter in first.values():
        others = [other for other in paths[array_key(parameter)] if other != path]
        yield _record(path, parameter, tuple(others))


def _record(path: str, parameter: gluon.Parameter, others: tuple[str, ...]) -> ParameterRecord:
    # MXNet has no public word for these states; `_deferred_init` is () unless a shape is waited
    # for.
    ready, deferred = parameter._data is not None, bool(parameter._deferred_init)
    dtype = numpy.dtype(parameter.dtype)
    shape = known_shape(parameter)
    known = shape is not None and None not in shape
    return ParameterRecord(
        path=path,
        name=parameter.name,
        shape=shape,
        dtype=dtype.name,
        state="ready" if ready else "deferred" if deferred else "uninitialized",
        grad_req=parameter.grad_req,
        constant=isinstance(parameter, gluon.Constant),
        shared_with=others,
        # `list_ctx` raises for a parameter that is not initialized.
        ctx=tuple(map(str, parameter.list_ctx())) if ready or deferred else (),
        bytes=math.prod(shape or ()) * dtype.itemsize if known else None,  # type: ignore[arg-type]
        lr_mult=parameter.lr_mult,
        wd_mult=parameter.wd_mult,
        parameter=parameter,
    )


def _gradient(record: ParameterRecord) -> str:
    return "constant" if record.constant else "no" if record.grad_req == "null" else record.grad_req


_COLUMNS = (
    Column("path", lambda record: record.path),
    Column("shape", lambda record: shape_text(record.shape)),
    Column("dtype", lambda record: record.dtype, drop=3),
    Column("state", lambda record: record.state),
    Column("gradient", _gradient, drop=2),
    Column("shared with", lambda record: ", ".join(record.shared_with)),
    Column("on", lambda record: ", ".join(record.ctx), drop=1),
    Column("memory", lambda record: "?" if record.bytes is None else tables.memory(record.bytes),
           "right"),
)  # fmt: skip
