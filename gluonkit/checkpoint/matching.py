"""A file held against a network: what fits, what does not, and why."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gluonkit._base.specs import shape_text
from gluonkit._base.tables import Shown
from gluonkit.checkpoint.names import WAYS, kind_of
from gluonkit.checkpoint.network import Slot
from gluonkit.errors import ArgumentError
from gluonkit.files.contents import Contents, Entry

_LISTED = 8  # of each kind of problem


@dataclass(frozen=True)
class Pair:
    """A parameter and the names of its arrays in a file; several, if it is shared."""

    slot: Slot
    names: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Skipped(Shown):
    """What `load` skipped, by reason; false if nothing was.

    Attributes
    ----------
    missing : tuple of str
        Paths of parameters that the file does not have.
    unexpected : tuple of str
        Names in the file that the network does not have.
    shape, dtype : tuple of str
        Paths of parameters that have another shape, or data type, in the file.
    tied : tuple of str
        Paths that share an array on one side only.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    shape: tuple[str, ...] = ()
    dtype: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def __str__(self) -> str:
        parts = [f"{kind}: {', '.join(names)}" for kind, names in vars(self).items() if names]
        return "; ".join(parts) or "nothing skipped"


@dataclass(frozen=True)
class Match:
    """The comparison of a file with a network.

    Attributes
    ----------
    pairs : tuple of Pair
        Parameters that fit, in the network's order.
    unfit : tuple of Pair
        Parameters that are in both, but do not fit.
    skipped : Skipped
        Names and paths that do not fit.
    problems : tuple of str
        The same as text, with shapes and the nearest names.
    how : str
        'structure', 'prefix' or 'order'.
    """

    pairs: tuple[Pair, ...]
    unfit: tuple[Pair, ...]
    skipped: Skipped
    problems: tuple[str, ...]
    how: str


def arrays_of(contents: Contents) -> dict[str, Entry]:
    """Return a file's parameters by name, a shared one under each name that it has."""
    entries = {name: contents.entries[name] for name in contents.parameters}
    return entries | {name: contents.entries[first] for name, first in contents.tied.items()}


def match(
    contents: Contents, slots: Sequence[Slot], how: str = "auto", *, dtypes: bool = True
) -> Match:
    """Match the arrays of a file to those of a network.

    Parameters
    ----------
    contents : Contents
        The file; read completely if the values of shared parameters must be compared.
    slots : sequence of Slot
        The network's arrays.
    how : str, default 'auto'
        'structure' matches by paths, 'prefix' by MXNet's names, up to their counters, 'order' by
        position; 'auto' takes the first or the second, whichever matches more names.
    dtypes : bool, default True
        Whether data types must be equal, too.

    Raises
    ------
    ArgumentError
        For an unknown `how`, for 'auto' if the file has no names, and for 'order' if a parameter's
        shape is unknown, or names contradict the order.
    """
    if how not in ("auto", *WAYS):
        raise ArgumentError(f"`match` is {how!r}; give one of auto, {', '.join(WAYS)}")
    arrays = arrays_of(contents)
    if how == "order":
        # By position an array counts once, whatever names it has.
        arrays = {name: arrays[name] for name in contents.parameters}
    if how == "auto" and not contents.named:
        raise ArgumentError(
            f"{contents.path} has {len(arrays)} arrays without names; give match='order' to take "
            "them in the network's order, shapes checked"
        )
    matched: dict[str, dict[str, int]] = {}
    for way in [how] if how != "auto" else ["structure", "prefix"]:
        matched[way] = WAYS[way](list(arrays), slots)
        # Every name has a place, and no other way can do better.
        if len(matched[way]) == len(arrays):
            break
    if how == "order":
        _check_order(contents, slots, matched["order"])
    best = max(
        matched, key=lambda way: len(matched[way])
    )  # the first, if several match equally many
    return _Comparison(contents, arrays, slots, matched[best]).result(best, dtypes=dtypes)


def _check_order(contents: Contents, slots: Sequence[Slot], matched: Mapping[str, int]) -> None:
    """Refuse to match by position if shapes are unknown, or names contradict it."""
    unknown = [slot.path for slot in slots if slot.shape is None]
    if unknown:
        raise ArgumentError(
            f"`match` is 'order', but nothing is known of the shapes of {len(unknown)} parameters "
            f"({unknown[0]}, for one), so that nothing can be checked; give match='prefix', or "
            "give the network values and pass some data through it first"
        )
    if not contents.named:
        return
    for way in ("structure", "prefix"):
        named = WAYS[way](list(matched), slots)
        other = [name for name in matched if named.get(name, matched[name]) != matched[name]]
        # Only where names tell of every array: a few that are alike by chance prove nothing.
        if other and len(named) == len(matched) == len(slots):
            raise ArgumentError(
                f"`match` is 'order', which puts {other[0]} into {slots[matched[other[0]]].path}, "
                f"but by its name it is {slots[named[other[0]]].path}; give match='{way}'"
            )
    for name, number in matched.items():
        # A bias and a gamma have the same shape, so that shapes alone would let them pass.
        theirs, ours = kind_of(name), kind_of(slots[number].path)
        if theirs and ours and theirs != ours:
            raise ArgumentError(
                f"`match` is 'order', which puts {name} into {slots[number].path}: the file has "
                "its arrays in another order than the network; give match='prefix' or 'structure'"
            )


class _Comparison:
    """Compares arrays whose names are matched."""

    def __init__(
        self,
        contents: Contents,
        arrays: Mapping[str, Entry],
        slots: Sequence[Slot],
        known: Mapping[str, int],
    ) -> None:
        self._contents, self._arrays, self._slots = contents, arrays, slots
        names: dict[int, list[str]] = {}
        for name, number in known.items():
            names.setdefault(number, []).append(name)
        self._pairs = [Pair(slots[number], tuple(names[number])) for number in sorted(names)]
        self._unexpected = [name for name in arrays if name not in known]
        self._missing = [slot for number, slot in enumerate(slots) if number not in names]
        self._places: dict[str, list[str]] = {}  # by the array's own name, where it would go
        for pair in self._pairs:
            for name in {arrays[source].name for source in pair.names}:
                self._places.setdefault(name, []).append(pair.slot.path)

    def result(self, how: str, *, dtypes: bool) -> Match:
        shape = {pair.slot.path: text for pair in self._pairs if (text := self._shape(pair))}
        dtype = {
            pair.slot.path: text for pair in self._pairs if dtypes and (text := self._dtype(pair))
        }
        tied = {pair.slot.path: text for pair in self._pairs if (text := self._tied(pair))}
        problems = [
            *_listed("missing in the file", map(self._missing_text, self._missing)),
            *_listed("not in the network", map(self._unexpected_text, self._unexpected)),
            *_listed("another shape", shape.values()),
            *_listed("another dtype", dtype.values()),
            *_listed("shared otherwise", dict.fromkeys(tied.values())),
        ]
        missing = tuple(slot.path for slot in self._missing)
        skipped = Skipped(missing, tuple(self._unexpected), *map(tuple, (shape, dtype, tied)))
        differing = shape | dtype | tied
        fitting = tuple(pair for pair in self._pairs if pair.slot.path not in differing)
        unfit = tuple(pair for pair in self._pairs if pair.slot.path in differing)
        return Match(fitting, unfit, skipped, tuple(problems), how)

    def _shape(self, pair: Pair) -> str:
        for name in pair.names:
            theirs, ours = self._arrays[name].shape, pair.slot.shape
            if ours is not None and (
                len(theirs) != len(ours)
                or any(o not in (None, t) for o, t in zip(ours, theirs, strict=True))
            ):
                texts = shape_text(theirs), shape_text(ours)
                return f"{pair.slot.path} is {texts[0]} in the file, {texts[1]} in the network"
        return ""

    def _dtype(self, pair: Pair) -> str:
        for name in pair.names:
            theirs, ours = self._arrays[name].dtype, pair.slot.dtype
            if theirs != ours:
                return f"{pair.slot.path} is {theirs} in the file, {ours} in the network"
        return ""

    def _tied(self, pair: Pair) -> str:
        """Return how file and network disagree on shared arrays; '' if they agree."""
        arrays = sorted({self._arrays[name].name for name in pair.names})
        for name in arrays:
            if len(self._places[name]) > 1:
                places = " and ".join(self._places[name])
                return f"{places} are one array in the file, but different ones in the network"
        # MXNet writes a shared array under each of its names; equal copies are one array.
        if len(arrays) > 1 and self._contents.arrays is not None:
            # By bytes, for NaN is equal to nothing.
            first, *others = (self._contents.array(name).tobytes() for name in arrays)
            if any(other != first for other in others):
                return (
                    f"{' and '.join(arrays)} are one array in the network, but differ in the file"
                )
        return ""

    def _missing_text(self, slot: Slot) -> str:
        shape = "" if slot.shape is None else f" {shape_text(slot.shape)}"
        return f"{slot.path}{shape}{_nearest(slot.path, self._unexpected)}"

    def _unexpected_text(self, name: str) -> str:
        near = _nearest(name, [slot.path for slot in self._missing])
        return f"{name} {shape_text(self._arrays[name].shape)}{near}"


def _listed(kind: str, paths: Iterable[str]) -> list[str]:
    lines = list(paths)
    more = [f"  {kind}: {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return [f"  {kind}: {line}" for line in lines[:_LISTED]] + more


def _nearest(name: str, known: Sequence[str]) -> str:
    # Comparing texts takes time, and a network may have many thousands.
    near = difflib.get_close_matches(name, known[:1000], n=2, cutoff=0.6)
    return f"; nearest: {', '.join(near)}" if near else ""
