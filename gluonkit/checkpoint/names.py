"""Naming schemes: which name of a file means which array of a network."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence

from gluonkit.checkpoint.network import Slot
from gluonkit.files.contents import Contents

Way = Callable[[Sequence[str], Sequence[Slot]], dict[str, int]]
"""Gives for each name of a file that is known the number of its slot."""


_COUNTED = re.compile(r"(.*?\D)(\d{1,9})")  # a part of MXNet's names: conv2d0

_KINDS = re.compile(r"(?:^|[._:])(weight|bias|gamma|beta|(?:running|moving)_(?:mean|var))$")


def kind_of(name: str) -> str:
    """Return the role of a parameter from its name: 'weight', 'running_mean'; or ''."""
    match = _KINDS.search(name)
    return match[1].replace("moving", "running") if match else ""


def naming(contents: Contents) -> str:
    """Return how a file names its parameters."""
    if not contents.named:
        return "none"
    if said := contents.record.get("naming"):  # by `convert`
        return str(said)
    names = list(contents.entries)
    if names and all(name.startswith(("arg:", "aux:")) for name in names):
        return "export"
    structural = contents.kind == "gluonkit" or any("." in name for name in names)
    return "structure" if structural or not names else "prefix"


def by_structure(names: Sequence[str], slots: Sequence[Slot]) -> dict[str, int]:
    """Match by paths, ``0.weight``, or by the names in MXNet's own files."""
    known = {name: number for number, slot in enumerate(slots) for name in slot.mxnet}
    # Paths last: where both schemes have a name, the path counts.
    known |= {path: number for number, slot in enumerate(slots) for path in slot.paths}
    return {name: known[name] for name in names if name in known}


def by_prefix(names: Sequence[str], slots: Sequence[Slot]) -> dict[str, int]:
    """Match by MXNet's names, exactly, or without counters and the outermost prefix.

    Counters are ignored only if both sides have equally many parts of a kind: a file with one of
    three dense layers alone does not tell which one it is.
    """
    plain = {name: name.removeprefix("arg:").removeprefix("aux:") for name in names}
    own = {
        parameter.name: number for number, slot in enumerate(slots) for parameter in slot.parameters
    }
    exact = {name: own[text] for name, text in plain.items() if text in own}
    # The same process, or a network with prefixes of its own: nothing is to be guessed.
    if len(exact) == len(names):
        return exact
    best = exact
    # The outermost prefix (resnetv10_) may be in the file, in the network, in both, or in neither.
    for strips in itertools.product((False, True), repeat=2):
        (theirs, counts), (ours, own_counts) = map(_renumbered, (plain.values(), own), strips)
        numbers = {text: own[name] for name, text in ours.items()}
        alike = {kind for kind, count in counts.items() if own_counts.get(kind) == count}
        by_path = {
            name: numbers[theirs[text]]
            for name, text in plain.items()
            if theirs[text] in numbers and alike.issuperset(_kinds(theirs[text]))
        }
        best = max(best, by_path, key=len)
    return best


def _kinds(name: str) -> list[tuple[str, ...]]:
    """Return the kinds of a name's counted parts, with their prefixes."""
    parts = name.split("_")
    return [
        (*parts[:place], part.partition("#")[0]) for place, part in enumerate(parts) if "#" in part
    ]


def _renumbered(
    names: Iterable[str], strip: bool
) -> tuple[dict[str, str], dict[tuple[str, ...], int]]:
    """Return names with the counters of their parts replaced by their rank among equal parts.

    ``dense3_weight`` and ``dense5_weight`` become ``dense#0_weight`` and ``dense#1_weight``, for
    another process counts from another number. `strip` removes the first part, if all names have
    it. The second result is the number of parts of each kind.
    """
    split = {name: name.split("_") for name in names}
    if strip and len({parts[0] for parts in split.values()}) == 1:
        split = {name: parts[1:] for name, parts in split.items()}
    numbers: dict[tuple[str, ...], set[int]] = {}
    for parts in split.values():
        for place, part in enumerate(parts):
            if counted := _COUNTED.fullmatch(part):
                # Counted among those with the same beginning, for MXNet counts anew within each
                # block.
                numbers.setdefault((*parts[:place], counted[1]), set()).add(int(counted[2]))
    ranks = {key: {n: r for r, n in enumerate(sorted(seen))} for key, seen in numbers.items()}

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

    new_names = {name: renamed(parts) for name, parts in split.items()}
    counts: dict[tuple[str, ...], set[str]] = {}
    for name in new_names.values():
        for kind in _kinds(name):
            counts.setdefault(kind, set()).add(name.split("_")[len(kind) - 1])
    return new_names, {kind: len(parts) for kind, parts in counts.items()}


def by_order(names: Sequence[str], slots: Sequence[Slot]) -> dict[str, int]:
    """Match by position; shared arrays count once, or, as MXNet writes them, at each place."""
    numbers = list(range(len(slots)))
    places = sorted((place, number) for number in numbers for place in slots[number].places)
    # `save_parameters` writes a shared array at each of its places.
    if len(names) != len(slots) and len(names) == len(places):
        numbers = [number for _, number in places]
    return dict(zip(names, numbers, strict=False))


WAYS: dict[str, Way] = {"structure": by_structure, "prefix": by_prefix, "order": by_order}
