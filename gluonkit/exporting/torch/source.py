"""The text of model.py: imports, helpers, and a class for each kind of block."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from gluonkit.exporting.torch.constructs import NEEDED, SEQUENCES, Construct, helpers_of, written
from gluonkit.exporting.torch.kinds import Kind
from gluonkit.exporting.torch.layout import signature, statement
from gluonkit.exporting.torch.modules import MODULES
from gluonkit.exporting.torch.operators import HELPERS

_IMPORTS = {
    "math.": "import math",
    "torch.": "import torch",
    "F.": "import torch.nn.functional as F",
    "nn.": "from torch import nn",
}
_INDENT = " " * 4


def helpers_in(names: Iterable[str], table: Mapping[str, str]) -> list[str]:
    """Return the source of helpers, and of those that they call, each after what it needs."""
    texts: dict[str, str] = {}

    def add(name: str) -> None:
        for other in table:
            if other != name and re.search(rf"\b{other}\(", table[name]):
                add(other)
        texts.setdefault(name, table[name])

    for name in names:
        add(name)
    return list(texts.values())


def module_source(title: str, helpers: Iterable[str], classes: Iterable[str]) -> str:
    """Return the text of a module: its docstring, imports, helpers and classes.

    Parameters
    ----------
    title : str
        The docstring.
    helpers : iterable of str
        The helpers' names.
    classes : iterable of str
        The classes' text.
    """
    parts = [*helpers_in(dict.fromkeys(helpers), {**MODULES, **HELPERS}), *classes]
    code = "\n\n".join(part.rstrip("\n") + "\n" for part in parts)
    used = {
        f"{node.value.id}."
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    plain = [line for name, line in _IMPORTS.items() if name in used]
    standard = [line for line in plain if line == "import math"]
    others = [line for line in plain if line not in standard]
    blocks = ["\n".join(lines) for lines in (standard, others) if lines]
    return "\n\n".join([f'"""{title}"""', *blocks]) + "\n\n\n" + code


def tree_source(kinds: Sequence[Kind], name: str) -> str:
    """Return the text of a module with a class for each kind; the last is that of the network."""
    helpers: dict[str, None] = {}
    for kind in kinds:
        for item, _ in kind.items:
            helpers.update(dict.fromkeys(helpers_of(item.construct)))
        if kind.forward is not None:
            helpers.update(dict.fromkeys(sorted(kind.forward.helpers)))
    title = f"{name} in PyTorch; model.safetensors has its weights."
    named = [*kinds[:-1], replace(kinds[-1], original=name)]
    return module_source(title, helpers, map(_class, named))


def _class(kind: Kind) -> str:
    said = f"Gluon's {kind.original}."
    blocks = [[f'{_INDENT}"""{said}"""']]
    if made := list(_init(kind)):
        blocks.append(made)
    if kind.forward is not None:
        arguments = ("self", *kind.forward.arguments)
        lines = [line for text in kind.forward.lines for line in statement(text, _INDENT * 2)]
        blocks.append([*signature("forward", arguments, _INDENT), *lines])
    lines = [f"class {kind.name}({kind.base}):", *"\n\n".join(map("\n".join, blocks)).split("\n")]
    return "\n".join(lines) + "\n"


def _init(kind: Kind) -> Iterator[str]:
    """Yield the lines of `__init__`."""
    if not (kind.items or kind.ties):
        return
    arguments = [
        a.name if a.default is NEEDED else f"{a.name}={written(a.default)}" for a in kind.arguments
    ]
    yield from signature("__init__", ["self", *arguments], _INDENT)
    inner = _INDENT * 2
    if kind.base in SEQUENCES:
        yield from statement(f"super().__init__({_given(kind)})", inner)
    else:
        yield f"{inner}super().__init__()"
        for item, switch in kind.items:
            if switch:
                yield f"{inner}self.{item.name} = nn.Identity()"
                yield f"{inner}if {switch}:"
            yield from statement(item.statement, inner + _INDENT * bool(switch))
    for tie in kind.ties:
        yield from statement(tie, inner)


def _given(kind: Kind) -> str:
    """Return what a sequence gives to its base class: modules, and arguments."""
    modules = tuple(item.construct for item, _ in kind.items if item.kind == "module")
    arguments = next((item.construct.arguments for item, _ in kind.items[-1:] if not item.name), ())
    text = Construct("", arguments, modules).text
    return text[1:-1]
