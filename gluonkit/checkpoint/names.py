"""Naming schemes: which name of a file means which array of a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from gluonkit.checkpoint.network import Slot

Way = Callable[[Sequence[str], Sequence[Slot]], dict[str, int]]
"""Gives for each name of a file that is known the number of its slot."""


_COUNTED = re.compile(r"(.*?\D)(\d{1,9})")  # a part of MXNet's names: conv2d0


def by_structure(names: Sequence[str], slots: Sequence[Slot]) -> dict[str, int]:
    """Go by paths: ``0.weight``."""
    known = {path: number for number, slot in enumerate(slots) for path in slot.paths}
    return {name: known[name] for name in names if name in known}


def by_prefix(names: Sequence[str], slots: Sequence[Slot]) -> dict[str, int]:
    """Go by MXNet's names: as they are, or with counters and the outermost prefix set aside."""
    plain = {name: name.removeprefix("arg:").removeprefix("aux:") for name in names}
    own = {each.name: number for number, slot in enumerate(slots) for each in slot.parameters}
    exact = {name: own[text] for name, text in plain.items() if text in own}
    if len(exact) == len(names):
        return exact
    best = exact
    for strip in (False, True):
        theirs, ours = _renumbered(plain.values(), strip), _renumbered(own, strip)
        numbers = {text: own[name] for name, text in ours.items()}
        found = {n: numbers[theirs[text]] for n, text in plain.items() if theirs[text] in numbers}
        best = max(best, found, key=len)
    return best


def _renumbered(names: Iterable[str], strip: bool) -> dict[str, str]:
    """Return names with the counters of their parts replaced by their rank among equal parts.

    ``dense3_weight`` and ``dense5_weight`` become ``dense#0_weight`` and ``dense#1_weight``, for
    another process counts from elsewhere. `strip` takes the first part away, if all have it.
    """
    split = {name: name.split("_") for name in names}
    if strip and len({parts[0] for parts in split.values()}) == 1:
        split = {name: parts[1:] for name, parts in split.items()}
    numbers: dict[tuple[str, ...], set[int]] = {}
    for parts in split.values():
        for place, part in enumerate(parts):
            if counted := _COUNTED.fullmatch(part):
                numbers.setdefault((*parts[:place], counted[1]), set()).add(int(counted[2]))
    ranks = {key: {n: r for r, n in enumerate(sorted(found))} for key, found in numbers.items()}

    def renamed(parts: Sequence[str]) -> str:
        texts = []
        for place, part in enumerate(parts):
            counted = _COUNTED.fullmatch(part)
            if counted is None:
                texts.append(part)
                continue
            where = (*parts[:place], counted[1])
            texts.append(f"{counted[1]}#{ranks[where][int(counted[2])]}")
        return "_".join(texts)

    return {name: renamed(parts) for name, parts in split.items()}


def by_order(names: Sequence[str], slots: Sequence[Slot]) -> dict[str, int]:
    """Go by position."""
    return {name: number for number, name in enumerate(names) if number < len(slots)}


WAYS: dict[str, Way] = {"structure": by_structure, "prefix": by_prefix, "order": by_order}
