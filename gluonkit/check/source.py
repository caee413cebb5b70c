"""The usual mistakes in the source of `hybrid_forward` and `forward`, with file and line."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mxnet.util import is_np_array

from gluonkit.check.dataflow import Data
from gluonkit.tracing.tree import is_traced


@dataclass(frozen=True)
class SourceFinding:
    """One mistake: its kind and place, what goes wrong in MXNet 1.9.1, and the fix."""

    kind: str
    file: str
    line: int
    code: str
    problem: str
    fix: str


_TEXTS = {
    "branch-on-data": (
        "A Python branch or loop depends on the values of an array; a symbol has none, so "
        "hybridizing raises.",
        "use F.where, or F.contrib.cond and F.contrib.while_loop",
    ),
    "branch-on-training": (
        "It asks for the mode while the graph is built, and the graph keeps the answer of the "
        "first call, in prediction and training alike.",
        "let F.Dropout and F.BatchNorm follow the mode by themselves, or use two blocks",
    ),
    "shape": (
        "A symbol has no {}, so hybridizing raises (`len` of a legacy symbol is silently the "
        "number of its outputs).",
        "use reshape with 0, -1 and -2, F.slice_like, F.zeros_like, F.shape_array",
    ),
    "asnumpy": (
        "A symbol has no values to turn into Python's or NumPy's, so hybridizing raises.",
        "stay with operators from F, and convert the network's output",
    ),
    "in-place": (
        "Writing in place raises on a symbol, and under autograd.record() on an array too.",
        "write x = x + 1 instead of x += 1; F.where or F.concat instead of x[...] = ...",
    ),
    "indexing": (
        "On a legacy symbol x[0] silently is its operator's output 0, and not row 0; slices and "
        "arrays as index raise.",
        "use F.slice_axis, F.slice, F.take or F.pick",
    ),
    "wrong-namespace": (
        "`{}` works on arrays only: with symbols it raises, and an array that it makes cannot "
        "enter the graph.",
        "call the operator from F (F.np and F.npx in NumPy mode)",
    ),
}

_FROM_SYMBOL = ("asnumpy", "asscalar", "item", "tolist", "wait_to_read")
_OF_SYMBOL = ("shape", "size", "ndim", "context", "ctx", "dtype", "stype")


def source_findings(
    block_class: type, lists: frozenset[int] = frozenset()
) -> Iterator[SourceFinding]:
    """Yield the mistakes in a block class's own `hybrid_forward` and `forward`.

    MXNet's own code is skipped, as is code without source, and code that is never run. `lists` are
    the positions of inputs that are lists of arrays.
    """
    methods = {"forward": False, "hybrid_forward": True}
    # Beside a `forward` of one's own MXNet never calls it.
    if not is_traced(block_class):
        del methods["hybrid_forward"]
    for name, hybrid in methods.items():
        source = _Source.of(getattr(block_class, name, None))
        if source is None:
            continue
        for kind, node, what in _Reader(source, lists, hybrid=hybrid).findings():
            problem, fix = _TEXTS[kind]
            yield source.finding(kind, node, problem.format(what), fix)


def attribute_line(block_class: type, name: str) -> str:
    """Return file and line where a class sets an attribute of its instances, '' if not found."""
    source = _Source.of(block_class.__init__)  # type: ignore[misc]
    for node in ast.walk(source.tree) if source is not None else ():
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if source and isinstance(target, ast.Attribute) and target.attr == name:
                return f"{source.file}:{source.first + target.lineno - 1}"
    return ""


@dataclass(frozen=True)
class _Source:
    """A method's syntax tree and where it stands."""

    method: Callable[..., Any]
    tree: ast.FunctionDef
    file: str
    first: int
    lines: list[str]

    @classmethod
    def of(cls, method: Any) -> _Source | None:
        """Return a method's source; None if there is none, or if it is MXNet's."""
        if getattr(method, "__module__", "mxnet.").startswith("mxnet."):
            return None
        try:
            lines, first = inspect.getsourcelines(method)
            # A method's lines are indented, and would be no program of their own.
            tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
            file = inspect.getsourcefile(method) or ""
        # Compiled code has no source, and that of a method made by `exec` is in no file.
        except (OSError, TypeError, SyntaxError):
            return None
        return cls(method, tree, file, first, lines) if isinstance(tree, ast.FunctionDef) else None

    def finding(self, kind: str, node: ast.AST, problem: str, fix: str) -> SourceFinding:
        line = int(getattr(node, "lineno", 1))
        code = self.lines[line - 1].strip()
        return SourceFinding(kind, self.file, self.first + line - 1, code, problem, fix)


def _arguments(node: ast.AST, *names: str) -> list[ast.expr]:
    """Return the arguments of a call of a builtin function; [] for any other expression."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return node.args if is_call and node.func.id in names else []  # type: ignore[attr-defined]


_Found = Iterator[tuple[str, ast.AST, str]]


class _Reader:
    """Finds mistakes in one method; in a plain `forward` only writing in place is one."""

    def __init__(self, source: _Source, lists: frozenset[int], *, hybrid: bool) -> None:
        self._source = source
        self._hybrid = hybrid
        self._data = Data(source.tree, 2 if hybrid else 1, lists)

    def findings(self) -> _Found:
        """Yield kind, node and name of each mistake; one of each kind for a line."""
        seen = set()
        looks = [self._in_place]
        # A plain `forward` gets arrays, with which all else is allowed.
        if self._hybrid:
            looks += [self._branch, self._mode, self._shape, self._values, self._index, self._call]
        for node in ast.walk(self._source.tree):
            for look in looks:
                for kind, where, name in look(node):
                    place = kind, getattr(where, "lineno", 0)
                    # One line tells it once, however many times it does it.
                    if place not in seen:
                        seen.add(place)
                        yield kind, where, name

    def _in_place(self, node: ast.AST) -> _Found:
        data = self._data
        if isinstance(node, ast.AugAssign):
            whole = node.target
            base = whole.value if isinstance(whole, ast.Subscript) else whole
            # On a list `+=` appends, which is allowed.
            if isinstance(base, ast.Name) and base.id in data.arrays - data.lists:
                yield "in-place", node, base.id
        elif isinstance(node, ast.Assign):
            parts = [target.value for target in node.targets if isinstance(target, ast.Subscript)]
            for part in parts:
                if isinstance(part, ast.Name) and part.id in data.single:
                    yield "in-place", node, part.id

    def _branch(self, node: ast.AST) -> _Found:
        if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)):
            if self._data.is_test_on_values(node.test):
                yield "branch-on-data", node.test, ""
        elif isinstance(node, ast.For) and any(
            map(self._data.is_test_on_values, _arguments(node.iter, "range"))
        ):
            yield "branch-on-data", node.iter, ""

    def _mode(self, node: ast.AST) -> _Found:
        if isinstance(node, ast.Call):
            # Called as `autograd.is_training()`, or imported by its name.
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("is_training", "is_recording"):
                yield "branch-on-training", node, name

    def _shape(self, node: ast.AST) -> _Found:
        asked = node.value if isinstance(node, ast.Attribute) else None
        if isinstance(asked, ast.Name) and asked.id in self._data.arrays - self._data.lists:
            name: str = node.attr  # type: ignore[attr-defined]
            if name in _OF_SYMBOL:
                yield "shape", node, name
        for argument in _arguments(node, "len"):
            if isinstance(argument, ast.Name) and argument.id in self._data.single:
                yield "shape", node, "len"

    def _values(self, node: ast.AST) -> _Found:
        if not isinstance(node, ast.Call):
            return
        if isinstance(node.func, ast.Attribute) and node.func.attr in _FROM_SYMBOL:
            if self._data.needs_values(node.func.value):
                yield "asnumpy", node, node.func.attr
        elif any(map(self._data.needs_values, _arguments(node, "float", "int"))):
            yield "asnumpy", node, "float"

    def _index(self, node: ast.AST) -> _Found:
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            name = node.value.id if isinstance(node.value, ast.Name) else ""
            # NumPy mode's symbols can be indexed by numbers and slices.
            simple = is_np_array() and not self._data.needs_values(node.slice)
            if name in self._data.single and not simple:
                yield "indexing", node, name

    def _call(self, node: ast.AST) -> _Found:
        if not isinstance(node, ast.Call):
            return
        module, name = self._resolved(node.func)
        arguments = [*node.args, *(word.value for word in node.keywords)]
        with_data = any(map(self._data.needs_values, arguments))
        if module.startswith(("mxnet.ndarray", "mxnet.numpy", "mxnet._numpy_op_doc")) or (
            # NumPy on constants gives constants, which a graph may keep.
            module.split(".")[0] == "numpy" and with_data
        ):
            yield "wrong-namespace", node, name

    def _resolved(self, function: ast.expr) -> tuple[str, str]:
        """Return the module and the name of a function that is called by its full name."""
        parts: list[str] = []
        while isinstance(function, ast.Attribute):
            parts.insert(0, function.attr)
            function = function.value
        if not isinstance(function, ast.Name) or not parts:
            return "", ""
        # A class that was made in a function may have its modules in the closure.
        thing: Any = inspect.getclosurevars(self._source.method).nonlocals.get(
            function.id, getattr(self._source.method, "__globals__", {}).get(function.id)
        )
        module = ""
        for part in parts:
            module = thing.__name__ if inspect.ismodule(thing) else ""
            thing = getattr(thing, part, None)
        own = getattr(thing, "__module__", "") or ""
        is_function = callable(thing) and not inspect.isclass(thing)
        # `mx.cpu()` and questions about the array mode are no operators.
        if not module or not is_function or own.startswith(("mxnet.util", "mxnet.context")):
            return "", ""
        return module, ".".join([function.id, *parts])
