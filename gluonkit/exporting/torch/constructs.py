"""How modules are made, as trees: ``nn.Sequential(nn.Conv2d(3, 64, kernel_size=7), nn.ReLU())``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.parts import whole

NEEDED: Any = object()
"""In place of the default of an argument that has none."""
SEQUENCES = {"nn.Sequential": "Sequence", "Concurrent": "Joined"}
"""Base classes that call their modules themselves, with names for classes of these."""
_FEW = 3
"""Equal modules in a row are written one by one up to this number."""


@dataclass(frozen=True)
class Name:
    """A value that is an argument of the class that is written, by its name."""

    name: str


@dataclass(frozen=True)
class Argument:
    """An argument of a module's constructor.

    Attributes
    ----------
    name : str
        Its name in the constructor.
    value : object
        A number, text, a tuple of these, or a `Name`.
    default : object
        Its default value; `NEEDED` if there is none.
    positional : bool
        Whether it is written without its name.
    """

    name: str
    value: Any
    default: Any = NEEDED
    positional: bool = False

    @property
    def text(self) -> str:
        """The argument as it is written."""
        return written(self.value) if self.positional else f"{self.name}={written(self.value)}"


@dataclass(frozen=True)
class Tensor:
    """A parameter or buffer of a module.

    Attributes
    ----------
    name : str
        Its name in torch's module.
    parameter : gluon.Parameter or None
        MXNet's parameter that it comes from.
    part : callable
        Gives torch's array from MXNet's.
    trained : bool
        Whether torch computes a gradient for it.
    value : Array or None
        Its numbers, where no parameter has them.
    buffer : bool
        Whether it is a buffer of torch's module, which never has a gradient.
    """

    name: str
    parameter: gluon.Parameter | None
    part: Callable[[Array], Array] = whole
    trained: bool = True
    value: Array | None = None
    buffer: bool = False


@dataclass(frozen=True)
class Construct:
    """The construction of a module.

    Attributes
    ----------
    callee : str
        The class: ``nn.Conv2d``.
    arguments : tuple of Argument
        Numbers and texts that it gets.
    modules : tuple of Construct
        Modules that it gets, before the arguments.
    tensors : tuple of Tensor
        What the module holds itself, in the order of its `state_dict`.
    helpers : tuple of str
        Classes that the source must define for it.
    instance : Instance or None
        What it makes, if its class is one that is written; that says callee and arguments.
    block : gluon.Block or None
        The block that it stands for.
    """

    callee: str
    arguments: tuple[Argument, ...] = ()
    modules: tuple[Construct, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    helpers: tuple[str, ...] = ()
    instance: Instance | None = None
    block: gluon.Block | None = None

    @property
    def fixed(self) -> tuple[str, ...]:
        """The names of its parameters that are not trained."""
        return tuple(t.name for t in self.tensors if t.name and not (t.trained or t.buffer))

    @property
    def made(self) -> Construct:
        """The construct with the class and arguments that were found for it."""
        if self.instance is None:
            return self
        return replace(self, callee=self.instance.callee, arguments=self.instance.arguments)

    @property
    def text(self) -> str:
        """The expression that makes the module, in one line."""
        made = self.made
        given = (a.text for a in made.arguments if a.default is NEEDED or a.value != a.default)
        text = f"{made.callee}({', '.join([*self.module_texts(), *given])})"
        return f"fixed({', '.join([text, *map(written, self.fixed)])})" if self.fixed else text

    def module_texts(self) -> list[str]:
        """Return the modules that it gets as they are written; many alike in a row as a loop."""
        parts: list[str] = []
        left = list(self.modules)
        while left:
            count, text = max(_equal(left), _progression(left), key=lambda run: run[0])
            if count > _FEW:
                parts.append(text)
                del left[:count]
            else:
                parts.append(left.pop(0).text)
        return [f"[{', '.join(parts)}]"] if self.callee == "nn.ModuleList" else parts


def _equal(modules: Sequence[Construct]) -> tuple[int, str]:
    """Return how many modules at the begin are equal, and a loop that makes them."""
    text = modules[0].text
    count = sum(1 for _ in takewhile(lambda module: module.text == text, modules))
    return count, f"*[{text} for _ in range({count})]"


def _progression(modules: Sequence[Construct]) -> tuple[int, str]:
    """Return the same where the modules differ in a number that grows by equal steps."""
    made = [module.made for module in modules]
    outline = [(a.name, a.value) for a in made[0].arguments]
    others = [(a.name, a.value) for a in made[1].arguments] if len(made) > 1 else []
    places = [
        at for at, pair in enumerate(zip(outline, others, strict=False)) if len(set(pair)) > 1
    ]
    if len(places) != 1 or made[0].modules:
        return 0, ""
    (name, start), (_, second) = outline[places[0]], others[places[0]]
    if type(start) is not int or type(second) is not int:
        return 0, ""

    def with_value(value: Any) -> str:
        arguments = list(made[0].arguments)
        arguments[places[0]] = replace(arguments[places[0]], value=value)
        return replace(made[0], arguments=tuple(arguments), instance=None).text

    step = second - start
    follows = enumerate(module.text for module in modules)
    count = sum(
        1 for _ in takewhile(lambda pair: pair[1] == with_value(start + pair[0] * step), follows)
    )
    stop = f"{start + count * step}, {step}" if step != 1 else f"{start + count}"
    return count, f"*[{with_value(Name(name))} for {name} in range({start}, {stop})]"


@dataclass(frozen=True)
class Item:
    """What a written class makes in its `__init__`.

    Attributes
    ----------
    name : str
        The attribute.
    construct : Construct
        Its value; of a parameter or buffer the tensor that it is made from.
    kind : str
        'module', 'parameter', 'fixed' (a parameter that is not trained) or 'buffer'.
    """

    name: str
    construct: Construct
    kind: str = "module"

    @property
    def statement(self) -> str:
        """The line that makes it."""
        text = self.construct.text
        if self.kind == "buffer":
            return f'self.register_buffer("{self.name}", {text})'
        if self.kind != "module":
            grad = ", requires_grad=False" if self.kind == "fixed" else ""
            text = f"nn.Parameter({text}{grad})"
        return f"self.{self.name} = {text}"


@dataclass(frozen=True)
class Forward:
    """The `forward` of a class.

    Attributes
    ----------
    arguments : tuple of str
        Its arguments' names.
    lines : tuple of str
        Its statements.
    helpers : frozenset of str
        The functions that it needs.
    specs : tuple of ArraySpec
        Shape and data type of each argument that is an array.
    outputs : int
        The number of arrays that it gives.
    """

    arguments: tuple[str, ...]
    lines: tuple[str, ...]
    helpers: frozenset[str] = frozenset()
    specs: tuple[ArraySpec, ...] = field(default=(), compare=False)
    outputs: int = field(default=1, compare=False)


@dataclass(eq=False)
class Instance:
    """A block whose class is written.

    Attributes
    ----------
    block : gluon.Block
        The block.
    items : list of Item
        What its class makes in `__init__`.
    forward : Forward or None
        Its `forward`; None where its base class has it.
    write : callable
        Returns the `forward` without some of the items, which then give what they get.
    base : str
        The base class.
    name : str
        What its class should be called; '' for the name of the block's class.
    ties : list of str
        Statements that make two of its parameters or modules one.
    callee, arguments
        How it is made, once its class is known.
    """

    block: gluon.Block
    items: list[Item]
    forward: Forward | None
    write: Callable[[frozenset[str]], Forward]
    base: str = "nn.Module"
    name: str = ""
    ties: list[str] = field(default_factory=list)
    callee: str = ""
    arguments: tuple[Argument, ...] = ()


def helpers_of(construct: Construct) -> Iterator[str]:
    """Yield the helpers that a construct needs, without those of the classes that it uses."""
    yield from construct.helpers
    if construct.fixed:
        yield "fixed"
    for module in construct.modules:
        yield from helpers_of(module)


def instances_of(construct: Construct) -> Iterator[Instance]:
    """Yield the blocks with classes of their own in a construct, inner ones before outer ones."""
    for module in construct.modules:
        yield from instances_of(module)
    if construct.instance is not None:
        for item in construct.instance.items:
            yield from instances_of(item.construct)
        yield construct.instance


def written(value: Any) -> str:
    """Return a value as source."""
    if isinstance(value, Name):
        return value.name
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    return repr(value)


def needed(name: str, value: Any) -> Argument:
    """Return an argument that is written without its name."""
    return Argument(name, value, positional=True)


def option(name: str, value: Any, default: Any = NEEDED) -> Argument:
    """Return an argument that is written with its name, unless it has its default value."""
    return Argument(name, value, default)


def sizes(values: Sequence[int]) -> int | tuple[int, ...]:
    """Return sizes for several axes as torch takes them: one number if all are equal."""
    return int(values[0]) if len(set(values)) == 1 else tuple(int(value) for value in values)
