"""Weights of the user's own in a zoo's network, for as many classes or for others."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluonkit._base.kinds import Context
from gluonkit._base.specs import shape_text
from gluonkit.checkpoint.exported import parameters_path
from gluonkit.checkpoint.loading import put
from gluonkit.checkpoint.matching import Match, arrays_of, match
from gluonkit.checkpoint.network import Slot, slots_of
from gluonkit.errors import CheckpointError, DroppedWeightsWarning
from gluonkit.files.contents import Contents
from gluonkit.files.reading import read_arrays


@dataclass(frozen=True)
class _Part:
    """An array of a network's head, whose shape depends on the number of classes.

    Attributes
    ----------
    slot : Slot
        The array in the network.
    shape : tuple of int
        Its shape, whole.
    theirs : tuple of int
        Its shape in the file.
    classes : int
        How many classes the file's is for.
    """

    slot: Slot
    shape: tuple[int, ...]
    theirs: tuple[int, ...]
    classes: int


def load_weights(
    make: Callable[..., Any],
    options: Mapping[str, Any],
    path: Path,
    contexts: list[Context],
    *,
    name: str,
    classes: int | None,
) -> Any:
    """Build a network with a file's weights, without those of a head for other classes.

    ``make(**options)`` builds it; `name` is for messages, `classes` the number of classes if the
    options do not have it.

    Raises
    ------
    CheckpointError
        When the file cannot be read, or does not fit.
    """
    # The whole file, checksums and all, before a network is made for it.
    contents = read_arrays(parameters_path(path))
    if not contents.named:
        raise CheckpointError(
            f"{path} has arrays without names; load it in two steps, with net = "
            f"create_model({name!r}) and load({path.name!r}, net=net, match='order')"
        )
    net = make(**options)
    matched = match(contents, slots_of(net))
    head: list[_Part] = []
    ours = _number(options.get("classes", classes))
    if matched.problems:
        # A file for other classes fits but for the head, and is no error then.
        head = [] if ours is None else _head(make, options, contents, matched, ours)
        if not head:
            raise CheckpointError("\n".join([f"{path} does not fit {name}:", *matched.problems]))
        # Nobody has said how many classes there are to be; dropping a head without a word would be
        # a guess.
        if "classes" not in options:
            raise CheckpointError(
                f"{path} is for {head[0].classes} classes, {name} for {ours}; give "
                f"classes={head[0].classes} to load all of it, classes={ours} to leave out its head"
            )
    put(contents, matched.pairs, contexts)
    if head:
        _start(head, contexts)
        _tell(path, head, ours)
    return net


def _number(classes: Any) -> Any:
    """Return the number of classes, given as a number or as names."""
    return len(classes) if isinstance(classes, (list, tuple)) else classes


def _head(
    make: Callable[..., Any],
    options: Mapping[str, Any],
    contents: Contents,
    matched: Match,
    classes: int,
) -> list[_Part]:
    """Return the head's arrays if they are all that does not fit, else an empty list.

    The arrays of the head are those whose shape changes in a second network with one more class.
    """
    skipped = matched.skipped
    if skipped.missing or skipped.unexpected or skipped.dtype or skipped.tied:
        return []
    # Not by names or places: what depends on the number of classes shows itself.
    more = {slot.path: slot.shape for slot in slots_of(make(**{**options, "classes": classes + 1}))}
    arrays = arrays_of(contents)
    parts = [
        _part(pair.slot, more[pair.slot.path], arrays[pair.names[0]].shape, classes)
        for pair in matched.unfit
    ]
    whole = [part for part in parts if part is not None]
    agree = len(whole) == len(parts) and len({part.classes for part in whole}) == 1
    return whole if agree else []


def _part(slot: Slot, more: Any, theirs: tuple[int, ...], classes: int) -> _Part | None:
    """Return a head's array, if its shape in the file is that for some number of classes.

    `more` is its shape in a network of `classes` + 1 classes, `theirs` that in the file.
    """
    ours = slot.shape
    if ours is None or len(ours) != len(theirs):
        return None
    axes = [axis for axis, size in enumerate(ours) if size != more[axis]]
    if len(axes) != 1:
        return None
    (axis,) = axes
    size = ours[axis] or 0
    whole = (*theirs[:axis], size, *theirs[axis + 1 :])
    # A detector's head grows by several units with each class.
    others, left = divmod(theirs[axis] - size, more[axis] - size)
    fits = all(known in (None, there) for known, there in zip(ours, whole, strict=True))
    if left or not fits or classes + others < 1:
        return None
    return _Part(slot, whole, theirs, classes + others)


def _start(head: Sequence[_Part], contexts: list[Context]) -> None:
    """Initialize a head's arrays by MXNet's default, with unknown sizes from the file."""
    for part in head:
        for parameter in part.slot.parameters:
            # Where the zoo leaves the inputs of a head open, the file knows them.
            parameter.shape = part.shape
            parameter.initialize(ctx=contexts)


def _tell(path: Path, head: Sequence[_Part], classes: Any) -> None:
    dropped = ", ".join(f"{part.slot.path} {shape_text(part.theirs)}" for part in head)
    warnings.warn(
        f"{path} is for {head[0].classes} classes, the network for {classes}: {dropped} of the "
        "file are left out, and those of the network initialized; train them before use",
        DroppedWeightsWarning,
        stacklevel=_users_level(),
    )


def _users_level() -> int:
    """Return the `stacklevel` with which a warning names the first caller outside of gluonkit."""
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_globals["__name__"].partition(".")[0] == "gluonkit":
        frame, level = frame.f_back, level + 1
    return level
