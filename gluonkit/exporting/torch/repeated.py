"""Sequences that occur again and again get a class of their own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import replace

from gluonkit.exporting.torch.constructs import SEQUENCES, Construct, Forward, Instance, Item
from gluonkit.exporting.torch.kinds import outline

_OFTEN = 3
_LONG = 110
"""Characters of a sequence that is worth a class."""
_SHORT = 4
"""Modules whose names are put together as the name of a class."""


def with_classes(root: Construct) -> Construct:
    """Return a network in which long sequences that are often repeated are classes."""
    places: dict[Hashable, set[Hashable]] = defaultdict(set)
    for construct, place in _constructs(root, ()):
        nested = any(module.callee in SEQUENCES for module in construct.modules)
        is_row = construct.callee == "nn.Sequential" and not nested
        if (is_row or construct.callee == "Concurrent") and len(construct.text) > _LONG:
            places[outline(construct)].add(place)
    counts = Counter({key: len(inside) for key, inside in places.items()})
    return _changed(root, counts, _OFTEN - 1)


def _constructs(
    construct: Construct, place: tuple[Hashable, ...]
) -> Iterator[tuple[Construct, Hashable]]:
    """Yield every construct with its place, which is the same in all blocks of one class."""
    yield construct, place
    for number, module in enumerate(construct.modules):
        yield from _constructs(module, (*place, number))
    if construct.instance is not None:
        for item in construct.instance.items:
            inner: tuple[Hashable, ...] = (id(type(construct.instance.block)), item.name)
            yield from _constructs(item.construct, inner)


def _changed(construct: Construct, counts: Counter[Hashable], most: int) -> Construct:
    """Return a construct, the sequences in it that occur more than `most` times as classes."""
    if construct.instance is not None:
        construct.instance.items = [
            replace(item, construct=_changed(item.construct, counts, most))
            for item in construct.instance.items
        ]
        return construct
    times = counts[outline(construct)]
    inner = max(most, times)
    modules = tuple(_changed(module, counts, inner) for module in construct.modules)
    if times <= most:
        return replace(construct, modules=modules)
    assert construct.block is not None
    items = [Item(str(number), module) for number, module in enumerate(modules)]
    items += [Item("", Construct("", construct.arguments), "arguments")] * bool(construct.arguments)
    instance = Instance(
        construct.block, items, None, _no_forward, construct.callee, _name(construct)
    )
    return Construct("", instance=instance, block=construct.block, helpers=construct.helpers)


def _no_forward(absent: frozenset[str]) -> Forward:
    return Forward(("input",), ())


def _name(construct: Construct) -> str:
    """Return the name of a sequence's class: of what it consists of."""
    parts = [module.callee.removeprefix("nn.") for module in construct.modules]
    if len(parts) > _SHORT or "" in parts or construct.callee != "nn.Sequential":
        return SEQUENCES[construct.callee]
    return "".join(part.removesuffix("1d").removesuffix("2d").removesuffix("3d") for part in parts)
