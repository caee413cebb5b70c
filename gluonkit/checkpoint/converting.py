"""Files of one kind made files of another, their names mapped by a network's structure."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet import gluon
from mxnet.gluon.nn.basic_layers import _BatchNorm

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import checked_path
from gluonkit._base.specs import shape_text
from gluonkit._base.tables import Column, Shown
from gluonkit.checkpoint.exported import parameters_path
from gluonkit.checkpoint.matching import arrays_of
from gluonkit.checkpoint.matching import match as compare
from gluonkit.checkpoint.names import naming
from gluonkit.checkpoint.network import Slot, network_record, slots_of, versions
from gluonkit.checkpoint.saving import write_checkpoint
from gluonkit.errors import ArgumentError, CheckpointError
from gluonkit.files.contents import Contents, Tensor
from gluonkit.files.mxnet import write_mxnet
from gluonkit.files.reading import read_arrays
from gluonkit.files.writing import write_whole
from gluonkit.models import create_model, parse_model
from gluonkit.tracing.tree import join, own_parameters, places

NAMES = ("structure", "prefix", "export")


@dataclass(frozen=True)
class Renamed(Shown):
    """One array: its name in the source, its name in the target, its shape and data type."""

    source: str
    target: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, repr=False)
class Conversion(Shown):
    """What `convert` did, or would do.

    Attributes
    ----------
    source, target : Path
        The files.
    arrays : tuple of Renamed
        Every array, with its old and its new name.
    how : str or None
        How names were matched: 'structure', 'prefix' or 'order'; None if they were kept.
    dropped : tuple of str
        Contents of the source that the target does not have: 'optimizer', 'metadata', ...
    written : bool
        False for a dry run.
    """

    source: Path
    target: Path
    arrays: tuple[Renamed, ...]
    how: str | None
    dropped: tuple[str, ...]
    written: bool

    def __str__(self) -> str:
        return f"{self._head}\n{tables.text_table(self.arrays, _COLUMNS)}\n{self._end}"

    def _repr_html_(self) -> str:
        table = tables.html_table(self.arrays, _COLUMNS, title=self._head)
        return f"{table}<p>{escape(self._end)}</p>"

    @property
    def _head(self) -> str:
        how = "names kept" if self.how is None else f"matched by {self.how}"
        lost = f" · left out: {', '.join(self.dropped)}"
        return f"{self.source} · {len(self.arrays)} arrays · {how}{lost if self.dropped else ''}"

    @property
    def _end(self) -> str:
        return f"{'written' if self.written else 'would be written (dry run)'}: {self.target}"


_COLUMNS = (
    Column("in the file", lambda renamed: renamed.source),
    Column("becomes", lambda renamed: renamed.target),
    Column("shape", lambda renamed: shape_text(renamed.shape), drop=2),
    Column("dtype", lambda renamed: renamed.dtype, drop=1),
)


@checked
def convert(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    *,
    net: gluon.Block | str | None = None,
    names: str | None = None,
    match: str = "auto",
    dry_run: bool = False,
) -> Conversion:
    """Convert a file of arrays to another format, or to other names.

    The target's suffix decides on the format: ``.safetensors`` for gluonkit's, with checksums;
    ``.params`` for MXNet's, of the active array mode if no name has a dot. With `net`, recurrent
    layers get MXNet's own names, ``_unfused.0.i2h_weight``. Nothing is written unless every array
    has a place. Optimizer and training state are kept only in gluonkit's format with unchanged
    names; `dropped` of the result lists what is left out.

    Parameters
    ----------
    src : str or os.PathLike
        Any file that `load` reads; or an exported ``-symbol.json``, which stands for its
        parameters.
    dst : str or os.PathLike
        The new file; may be `src` itself.
    net : gluon.Block or str, optional
        The network of these parameters, or a model's name; by default names are kept.
    names : str, optional
        'structure' (``0.weight``, for `load_parameters`), 'prefix' (``dense0_weight``, for
        `collect_params().load`) or 'export' (``arg:dense0_weight``); 'structure' by default.
    match : str, default 'auto'
        How the source's names are matched to the network's, as in `load`.
    dry_run : bool, default False
        Whether to return the mapping only, and write nothing.

    Returns
    -------
    Conversion
        Every array with its old and its new name, and what was left out.

    Raises
    ------
    CheckpointError
        When the source is missing, damaged, or does not fit the network, and when the target cannot
        be written.
    ArgumentError
        For a target of another suffix, and names that cannot be made without `net`.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> net = gk.create_model("mlp", units=(5,), init=True)
    >>> _ = gk.materialize(net, (1, 20))
    >>> folder = tempfile.mkdtemp()
    >>> path = gk.save(net, folder + "/mlp.safetensors")
    >>> done = gk.convert(path, folder + "/mlp.params")
    >>> [renamed.target for renamed in done.arrays]
    ['0.weight', '0.bias', '1.weight', '1.bias']
    >>> net.load_parameters(folder + "/mlp.params")
    """
    source, target = checked_path("src", src), checked_path("dst", dst)
    if target.suffix not in (".safetensors", ".params"):
        raise ArgumentError(
            f"`dst` is {str(dst)!r}; let it end in .safetensors, or in .params for MXNet's format"
        )
    if names is not None and names not in NAMES:
        raise ArgumentError(f"`names` is {names!r}; give one of {', '.join(NAMES)}")
    # Read as a whole before anything is written, since the target may be the source.
    contents = read_arrays(parameters_path(source))
    block = _network(net, contents, needed=names is not None or match != "auto")
    own = target.suffix == ".safetensors"
    unknown: tuple[str, ...] = ()
    if block is None:
        # Only gluonkit's format has a place for the optimizer's arrays.
        kept = contents.entries if own else contents.parameters
        renamed, how = {name: name for name in kept}, None
    else:
        # In MXNet's own format paths are those that `load_parameters` looks for.
        scheme = "mxnet" if not own and names in (None, "structure") else names or "structure"
        renamed, unknown, how = _renamed(contents, block, scheme, match)
    tensors = {new: Tensor.of(contents.array(old)) for old, new in renamed.items()}
    record = _record(contents, block, names or "structure")
    if not dry_run and own:
        write_checkpoint(target, tensors, record)
    elif not dry_run:
        _write_params(target, tensors, named=contents.named or block is not None)
    rows = [Renamed(o, n, tensors[n].shape, str(tensors[n].dtype)) for o, n in renamed.items()]
    dropped = (*_dropped(contents, record if own else {}), *unknown)
    return Conversion(source, target, tuple(rows), how, dropped, not dry_run)


def _network(net: Any, contents: Contents, *, needed: bool) -> gluon.Block | None:
    """Return the network that is given, or named, or else the one that the file names."""
    text = contents.record.get("model") if net is None and needed else net
    if text is None and needed:
        raise ArgumentError(
            "`names` and `match` need to know the network; give it, or a model's name, as net="
        )
    if not isinstance(text, str):
        return text
    name, options = parse_model(text)
    with mx.name.NameManager():  # dense0, dense1, independent of earlier networks of this process
        block: gluon.Block = create_model(name, **options)
    return block


def _write_params(path: Path, tensors: Mapping[str, Tensor], *, named: bool) -> None:
    """Write a file for MXNet, in the format of the active array mode.

    If a name has a dot, `load_parameters` reads legacy files in both modes; otherwise MXNet reads
    files of its active mode only.
    """
    numpy_mode = mx.util.is_np_array() and not any("." in name for name in tensors)
    write_whole(path, lambda file: write_mxnet(file, tensors, named=named, numpy_mode=numpy_mode))


def _renamed(
    contents: Contents, net: gluon.Block, scheme: str, how: str
) -> tuple[dict[str, str], tuple[str, ...], str]:
    """Return new names by old ones, the paths without a new name, and how names matched."""
    # A conversion changes names, not data types.
    matched = compare(contents, slots_of(net), how, dtypes=False)
    if matched.problems:
        head = f"{contents.path} does not fit the network:"
        raise CheckpointError("\n".join([head, *matched.problems]))
    target = _SCHEMES[scheme](net)
    arrays = arrays_of(contents)
    known = [pair for pair in matched.pairs if target(pair.slot)]
    unknown = tuple(pair.slot.path for pair in matched.pairs if not target(pair.slot))
    # A shared array has several names in the file, and is in the new one once.
    renamed = {arrays[pair.names[0]].name: target(pair.slot) for pair in known}
    # Gluon lets two parameters have one name; a file would lose one of them.
    if len(set(renamed.values())) != len(renamed):
        names = list(renamed.values())
        raise ArgumentError(
            f"`net` has several parameters called {max(names, key=names.count)}; give its parts "
            "names of their own (prefix=), or convert with names='structure'"
        )
    return renamed, unknown, matched.how


def _mxnet_name(slot: Slot) -> str:
    """Return the name by which `load_parameters` knows an array; '' if it does not."""
    return slot.path if slot.path in slot.mxnet else next(iter(slot.mxnet), "")


def _exported_names(net: gluon.Block) -> Callable[[Slot], str]:
    statistics = {
        join(path, name)
        for path, block in places(net)
        # An exported graph has these as auxiliary states, whose names begin with `aux:` in its
        # file.
        if isinstance(block, _BatchNorm)
        for name in own_parameters(block)
        if name.startswith("running_")
    }
    return lambda slot: f"{'aux' if slot.path in statistics else 'arg'}:{slot.parameter.name}"


_SCHEMES: dict[str, Callable[[gluon.Block], Callable[[Slot], str]]] = {
    "structure": lambda net: lambda slot: slot.path,
    "mxnet": lambda net: _mxnet_name,  # the structure's, as MXNet sees it
    "prefix": lambda net: lambda slot: str(slot.parameter.name),
    "export": _exported_names,
}


def _record(contents: Contents, net: gluon.Block | None, scheme: str) -> dict[str, Any]:
    """Return the new file's record: the part of the old one that fits the new names."""
    metadata = contents.record.get("metadata") or dict(contents.metadata)
    if net is None:
        # Checksums are computed anew as the file is written.
        kept = {key: value for key, value in contents.record.items() if key != "sha256"}
        now = {"metadata": metadata, "versions": versions(), "named": contents.named}
        return {"naming": naming(contents), **kept, **now}
    record = {**network_record(net), "naming": scheme, "metadata": metadata}
    record["step"] = contents.record.get("step")
    if scheme != "structure":  # no other entry has paths then
        target = _SCHEMES[scheme](net)
        constants = [slot for slot in slots_of(net) if isinstance(slot.parameter, gluon.Constant)]
        record |= {
            "model": None,
            "tied": {},
            "constants": [target(constant) for constant in constants],
        }
    return record


def _dropped(contents: Contents, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys of the old file's record that the new file does not have."""
    said = {"metadata": contents.metadata, **contents.record}
    kinds = ("optimizer", "training", "step", "metadata", "model")
    return tuple(kind for kind in kinds if said.get(kind) and not record.get(kind))
