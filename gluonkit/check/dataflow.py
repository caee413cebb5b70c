"""Which expressions of a method depend on the values of arrays, read off its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator

# What an expression may ask about an array without needing its values.
_SHAPE = frozenset(("shape", "size", "ndim", "dtype", "ctx", "context", "stype"))
_HARMLESS_CALLS = frozenset(("isinstance", "issubclass", "hasattr", "callable", "type", "id"))
_TO_PYTHON = frozenset(("asnumpy", "asscalar", "item", "tolist"))
_NUMBERS = frozenset(("float", "int", "bool", "len", "round"))
_REDUCTIONS = frozenset(("sum", "mean", "max", "min", "any", "all", "norm", "prod", "argmax"))
# Operators that give several outputs, of which an index picks one.
_SEVERAL = frozenset(("split", "SliceChannel", "split_v2", "array_split", "hsplit", "vsplit",
                      "dsplit", "RNN", "rnn", "topk", "meshgrid", "foreach", "while_loop", "cond",
                      "moments", "slogdet", "svd", "unique", "amp_multicast"))  # fmt: skip


class Data:
    """The local names of one method that hold arrays.

    Parameters
    ----------
    method : ast.FunctionDef
        The method's syntax tree.
    skipped : int
        Number of leading parameters that are not arrays: `self`, and `F` if there is one.
    lists : frozenset of int
        Positions, after the skipped ones, of parameters that are lists of arrays.
    """

    def __init__(self, method: ast.FunctionDef, skipped: int, lists: frozenset[int]) -> None:
        arguments = method.args
        named = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)][skipped:]
        # Defaults belong to the last of the parameters.
        given = len(named) - len(arguments.defaults)
        self.arrays = {name for index, name in enumerate(named) if index not in lists}
        self.optional = set(named[max(given, 0) :])
        self.lists = {name for index, name in enumerate(named) if index in lists}
        if arguments.vararg is not None:
            # `*args` is a tuple, which Python may ask for its length.
            self.lists.add(arguments.vararg.arg)
        self.arrays |= {argument.arg for argument in arguments.kwonlyargs}
        self.single = set(named[:1]) & self.arrays  # certainly single arrays
        for node in _assignments(method):
            self._assign(node)

    def _assign(self, node: ast.Assign) -> None:
        """Follow an assignment: what is made from arrays is an array too."""
        if not self.needs_values(node.value):
            return
        for target in node.targets:
            names = [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
            if isinstance(node.value, (ast.List, ast.Tuple, ast.ListComp)) and len(names) == 1:
                self.lists.update(names)
                self.single.difference_update(names)
            else:
                self.arrays.update(names)
                one = isinstance(target, ast.Name) and self._is_single(node.value)
                (self.single.update if one else self.single.difference_update)(names)

    def _is_single(self, value: ast.expr) -> bool:
        """Return whether an expression is certainly a single array: arithmetic, or an operator."""
        if isinstance(value, ast.BinOp):
            return True
        if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
            return isinstance(value, ast.Name) and value.id in self.single
        root: ast.expr = value.func
        while isinstance(root, ast.Attribute):
            root = root.value
        several = value.func.attr in _SEVERAL
        return isinstance(root, ast.Name) and root.id == "F" and not several

    def needs_values(self, expression: ast.expr) -> list[str]:
        """Return the names of the arrays whose values an expression depends on."""
        return list(dict.fromkeys(self._needed(expression)))

    def _needed(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Name):
            if node.id in self.arrays | self.lists:
                yield node.id
            return
        # `is` and `in` on None or on text need no numbers; on arrays they ask for the object.
        if isinstance(node, ast.Compare) and any(
            isinstance(op, (ast.Is, ast.IsNot, ast.In, ast.NotIn)) for op in node.ops
        ):
            return
        if isinstance(node, ast.Attribute) and node.attr in _SHAPE:
            return
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in _HARMLESS_CALLS | _NUMBERS:
                return
            if isinstance(node.func, ast.Attribute) and node.func.attr in _TO_PYTHON:
                return
        for child in ast.iter_child_nodes(node):
            yield from self._needed(child)

    def is_test_on_values(self, test: ast.expr) -> bool:
        """Return whether a condition certainly needs the values of an array.

        A bare name is accepted, as it may be a list, None or a number; not so an array that is
        summed, compared after an operator, or converted to a number.
        """
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return self.is_test_on_values(test.operand)
        if isinstance(test, ast.BoolOp):
            return any(map(self.is_test_on_values, test.values))
        if isinstance(test, ast.Name):
            return test.id in self.single - self.optional
        if any(name in self.single for name in self.needs_values(test)):
            return True
        calls = [node for node in ast.walk(test) if isinstance(node, ast.Call)]
        return any(self._to_number(call) or self._reduces(call) for call in calls)

    def _reduces(self, call: ast.Call) -> bool:
        """Return whether a call is a reduction: a method of an array, or an operator on arrays."""
        if not isinstance(call.func, ast.Attribute):
            return False
        on = call.func.value
        if call.func.attr in _REDUCTIONS and isinstance(on, ast.Name):
            return on.id in self.arrays
        root = on.id if isinstance(on, ast.Name) else ""
        return root == "F" and any(map(self.needs_values, call.args))

    def _to_number(self, call: ast.Call) -> bool:
        """Return whether a call turns an array into a Python number: asscalar(), float(x)."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in _TO_PYTHON:
            return bool(self.needs_values(call.func.value))
        if isinstance(call.func, ast.Name) and call.func.id in _NUMBERS - {"len"}:
            return any(map(self.needs_values, call.args))
        return False


def _assignments(method: ast.FunctionDef) -> Iterator[ast.Assign]:
    """Yield the assignments of a method in the order of its lines."""
    assignments = [node for node in ast.walk(method) if isinstance(node, ast.Assign)]
    # `ast.walk` goes level by level, and an assignment in a loop would come too late.
    yield from sorted(assignments, key=lambda assignment: assignment.lineno)
