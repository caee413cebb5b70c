"""One class for all blocks of a kind: what differs between them are the class's arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gluonkit.exporting.torch.constructs import (
    NEEDED,
    Argument,
    Construct,
    Forward,
    Instance,
    Item,
    Name,
    instances_of,
)
from gluonkit.exporting.torch.forward import is_usable

_ABSENT: Any = object()
"""The value of an argument in a block that lacks the module."""
_INPUTS = ("in_channels", "in_features", "input_size")
_OUTPUTS = ("out_channels", "out_features", "hidden_size", "embedding_dim")
_NEUTRAL = ("num_features", "normalized_shape", "size", "num_parameters", "num_channels")


@dataclass(frozen=True)
class Kind:
    """A class that is written.

    Attributes
    ----------
    name : str
        Its name.
    original : str
        The name of Gluon's class.
    arguments : tuple of Argument
        The arguments of its `__init__`, whose values are their defaults.
    items : tuple of (Item, str)
        What it makes, with the argument that says whether it does; '' if it always does.
    forward : Forward or None
        Its `forward`.
    base : str
        Its base class.
    ties : tuple of str
        Statements that make two of its parameters or modules one.
    """

    name: str
    original: str
    arguments: tuple[Argument, ...]
    items: tuple[tuple[Item, str], ...]
    forward: Forward | None
    base: str
    ties: tuple[str, ...]


@dataclass
class _Group:
    """Blocks of one class. `absent` has the attributes that some of them lack."""

    instances: list[Instance]
    absent: dict[str, list[bool]] = field(default_factory=dict)

    @property
    def whole(self) -> Instance:
        """An instance that lacks nothing."""
        return max(self.instances, key=lambda instance: len(instance.items))


def find_kinds(root: Construct) -> list[Kind]:
    """Return the classes of a network, each after those that it uses; blocks get theirs.

    The last one is the network's, `Model`.
    """
    kinds: list[Kind] = []
    taken = {"Model"}
    for _, level in sorted(_levels(root).items()):
        for group in _joined(level):
            is_root = group.whole is root.instance
            original = type(group.whole.block).__name__
            wanted = group.whole.name or original.lstrip("_") or "Block"
            name = "Model" if is_root else _unused(wanted, taken)
            kinds.append(_kind(name, original, group))
    return kinds


def _levels(root: Construct) -> dict[int, list[Instance]]:
    """Return the instances by how deep their classes use others."""
    levels: dict[int, list[Instance]] = defaultdict(list)
    heights: dict[int, int] = {}
    for instance in instances_of(root):
        inner = [
            heights[id(other)] for item in instance.items for other in instances_of(item.construct)
        ]
        heights[id(instance)] = 1 + max(inner, default=0)
        levels[heights[id(instance)]].append(instance)
    return levels


def _unused(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}{number}", number + 1
    taken.add(free)
    return free


def _joined(instances: Sequence[Instance]) -> list[_Group]:
    """Group instances that one class can make."""
    equal: dict[Hashable, _Group] = {}
    for instance in instances:
        key = (type(instance.block), instance.base, _shape(instance), instance.forward)
        equal.setdefault(key, _Group([])).instances.append(instance)
    groups = sorted(equal.values(), key=lambda group: -len(group.whole.items))
    kept: list[_Group] = []
    for group in groups:
        other = next((o for o in kept if _lacks(o.whole, group.whole) is not None), None)
        if other is None:
            kept.append(group)
        else:
            other.instances += group.instances
    for group in kept:
        place = {id(instance): at for at, instance in enumerate(instances)}
        group.instances.sort(key=lambda instance: place[id(instance)])
        for item in group.whole.items:
            lacking = [_item(instance, item.name) is None for instance in group.instances]
            if any(lacking):
                group.absent[item.name] = lacking
    return kept


def _item(instance: Instance, name: str) -> Item | None:
    return next((item for item in instance.items if item.name == name), None)


def _shape(instance: Instance, without: frozenset[str] = frozenset()) -> Hashable:
    items = tuple(
        (item.name, item.kind, outline(item.construct))
        for item in instance.items
        if item.name not in without
    )
    return items, tuple(instance.ties)


def outline(construct: Construct) -> Hashable:
    """Return a construct without its numbers."""
    made = construct.made
    names = tuple(argument.name for argument in made.arguments)
    return made.callee, names, made.fixed, tuple(map(outline, made.modules))


def _lacks(whole: Instance, part: Instance) -> frozenset[str] | None:
    """Return which modules one block lacks, where another one of its class has them."""
    names = {item.name for item in part.items}
    missing = frozenset(item.name for item in whole.items if item.name not in names)
    if type(whole.block) is not type(part.block) or not missing or whole.base != part.base:
        return None
    children = whole.block._children
    if not all(name in children and getattr(part.block, name, 0) is None for name in missing):
        return None
    if _shape(whole, missing) != _shape(part) or whole.write(missing) != part.forward:
        return None
    return missing


@dataclass(eq=False)
class _Column:
    """An argument somewhere in a class, with its value in each of the blocks."""

    attribute: str
    argument: Argument
    values: tuple[Any, ...]
    name: str = ""

    @property
    def known(self) -> list[Any]:
        return [value for value in self.values if value is not _ABSENT]

    @property
    def is_constant(self) -> bool:
        return len(set(self.known)) == 1

    def agrees(self, values: Sequence[Any]) -> bool:
        """Return whether its values are these, where it has one."""
        return all(a is _ABSENT or a == b for a, b in zip(self.values, values, strict=True))


def _kind(name: str, original: str, group: _Group) -> Kind:
    whole = group.whole
    columns = [
        _Column(item.name, argument, tuple(_values(group, item.name, number)))
        for item in whole.items
        for number, argument in enumerate(_arguments(item.construct))
    ]
    arguments = _named(columns)
    switches: dict[tuple[bool, ...], str] = {}
    for attribute, lacking in group.absent.items():
        switches.setdefault(tuple(lacking), attribute)
    made = iter(columns)
    items = tuple(
        (
            replace(item, construct=_rebuilt(item.construct, made)),
            switches[tuple(group.absent[item.name])] if item.name in group.absent else "",
        )
        for item in whole.items
    )
    given = [(Argument(n, d, d, positional=d is NEEDED), v) for n, (d, v) in arguments.items()]
    given += [(Argument(n, False, False), [not b for b in v]) for v, n in switches.items()]
    given.sort(key=lambda pair: not pair[0].positional)
    for at, instance in enumerate(group.instances):
        instance.callee = name
        instance.arguments = tuple(replace(argument, value=v[at]) for argument, v in given)
    ties = tuple(whole.ties)
    return Kind(name, original, tuple(a for a, _ in given), items, whole.forward, whole.base, ties)


def _arguments(construct: Construct) -> Iterator[Argument]:
    """Yield the arguments of a construct, and of the modules in it."""
    yield from construct.made.arguments
    for module in construct.modules:
        yield from _arguments(module)


def _values(group: _Group, attribute: str, number: int) -> Iterator[Any]:
    for instance in group.instances:
        item = _item(instance, attribute)
        yield _ABSENT if item is None else list(_arguments(item.construct))[number].value


def _named(columns: Sequence[_Column]) -> dict[str, tuple[Any, Any]]:
    """Name the columns that differ between blocks; return the default and values of each name."""
    groups: list[list[_Column]] = []
    ordered = sorted(columns, key=lambda column: _ABSENT in column.values)
    for column in ordered:
        partial = _ABSENT in column.values
        fitting = [g for g in groups if column.agrees(g[0].values)] if partial else []
        same = [g for g in fitting if g[0].argument.name == column.argument.name]
        if column.is_constant and not same:
            continue
        if not partial:
            fitting = [g for g in groups if g[0].values == column.values]
        chosen = next(iter([*same, *fitting]), None)
        if chosen is None:
            groups.append([column])
        else:
            chosen.append(column)
    place = {id(column): at for at, column in enumerate(columns)}
    groups.sort(key=lambda group: min(place[id(column)] for column in group))
    named: dict[str, tuple[Any, Any]] = {}
    for group, name in zip(groups, _names(groups, columns), strict=True):
        defaults = {repr(column.argument.default): column.argument.default for column in group}
        default = next(iter(defaults.values())) if len(defaults) == 1 else NEEDED
        values = group[0].values
        if _ABSENT in values:
            values = tuple(group[0].known[0] if v is _ABSENT else v for v in values)
        named[name] = default, values
        for column in group:
            column.name = name
    return named


def _names(groups: Sequence[list[_Column]], columns: Sequence[_Column]) -> Iterator[str]:
    """Yield a name for each group: what goes in, what goes out, what is between."""
    last = next(
        (c for c in reversed(columns) if c.argument.name in _OUTPUTS and c.name == ""), None
    )
    outs = [g for g in groups if _role(g) == "out"]
    ends = [g for g in outs if any(c is last for c in g)]
    taken: set[str] = set()
    for group in groups:
        first = _first(group)
        name = first.argument.name
        unit = name.partition("_")[2] if name.startswith(("in_", "out_")) else ""
        if unit and _role(group) == "in" and any(c.argument.name in _OUTPUTS for c in group):
            name = unit
        elif unit and _role(group) == "out" and ends and group not in ends and len(outs) == 2:
            name = f"mid_{unit}"
        if (name in taken or not is_usable(name)) and not first.attribute.isdigit():
            name = f"{first.attribute}_{name}".lstrip("_")
        yield _unused(name, taken)


def _first(group: Sequence[_Column]) -> _Column:
    """Return the column whose name says most of what the group's numbers are."""
    return next((c for c in group if c.argument.name not in _NEUTRAL), group[0])


def _role(group: Sequence[_Column]) -> str:
    name = _first(group).argument.name
    return "in" if name in _INPUTS else "out" if name in _OUTPUTS else ""


def _rebuilt(construct: Construct, columns: Iterator[_Column]) -> Construct:
    """Return a construct with names in place of what differs."""
    made = construct.made
    arguments = tuple(_filled(argument, next(columns)) for argument in made.arguments)
    modules = tuple(_rebuilt(module, columns) for module in construct.modules)
    return replace(made, arguments=arguments, modules=modules, instance=None)


def _filled(argument: Argument, column: _Column) -> Argument:
    return replace(argument, value=Name(column.name) if column.name else column.known[0])
