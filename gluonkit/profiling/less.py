"""The line that would wait less, from the line that waits."""

from __future__ import annotations

import ast
import linecache

from gluonkit.profiling.listening import Place

_READS = ("asscalar", "item", "asnumpy", "tolist")
_NUMBERS = ("float", "int", "bool")


def line_that_waits_less(place: Place, source: str) -> str:
    """Return what to write in place of a line that waits."""
    statement = _statement(place)
    if place.kind == "metric":
        return _for_metric(place, statement)
    if place.kind in ("scalar", "array"):
        return _for_read(statement, source)
    return _USUAL.get(place.kind, "")


_USUAL = {
    "text": "print every hundredth step only: `if step % 100 == 0:` before it",
    "wait": "leave it out: what reads the numbers waits by itself, for these alone",
    "write": "make a new array by an operator, or write after what still uses this one was read",
    "made": "nd.array copies, and waits for all that is queued; `nd.from_numpy(x, zero_copy=True)` "
    "does neither (x must stay as it is meanwhile), nor does a DataLoader with workers",
    "mode": "stay in MXNet's arrays of one mode: x.as_np_ndarray() and x.as_nd_ndarray() convert "
    "without a copy and without waiting",
    "device": "make the array where it is used: `ctx=` of the function that makes it, or one copy "
    "before the loop",
    "save": "save at the end of an epoch rather than in each step",
}


def _statement(place: Place) -> ast.stmt | None:
    """Return the innermost statement at a line; None if there is no source."""
    try:
        tree = ast.parse("".join(linecache.getlines(place.file)))
    except (SyntaxError, ValueError):
        return None
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt)
        and node.lineno <= place.line <= (node.end_lineno or node.lineno)
    ]
    called = place.call.rpartition(".")[2]
    # The innermost; of several on one line that with the call.
    return max(around, key=lambda node: (node.lineno, called in ast.unparse(node)), default=None)


class _Unread(ast.NodeTransformer):
    """Takes the first read of an array's numbers away: x.asscalar() and float(x) become x."""

    def __init__(self) -> None:
        self.read: tuple[str, str] | None = None  # what stays, and how it was read

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace the call if it is a read."""
        self.generic_visit(node)
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in _READS and not node.args:
            self.read = ast.unparse(function.value), f"{{}}.{function.attr}()"
            return function.value
        if isinstance(function, ast.Name) and function.id in _NUMBERS and len(node.args) == 1:
            # float(x.asscalar()) is read once.
            self.read = self.read or (ast.unparse(node.args[0]), f"{function.id}({{}})")
            return node.args[0]
        return node


def _for_read(statement: ast.stmt | None, source: str) -> str:
    if isinstance(statement, (ast.If, ast.While)):
        return "decide in every hundredth step only, or with an operator: `nd.where`, `nd.clip`"
    if statement is None or isinstance(statement, (ast.For, ast.With, ast.FunctionDef)):
        return "keep the array, and read its numbers once, behind the loop"
    unread = _Unread()
    line = ast.unparse(unread.visit(ast.parse(ast.unparse(statement))))
    if unread.read is None or "\n" in line:
        return "keep the array, and read its numbers once, behind the loop"
    kept, how = unread.read
    if isinstance(statement, ast.AugAssign):
        return f"`{line}`, and `{how.format(ast.unparse(statement.target))}` once, behind the loop"
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return f"`{line}`, and `{how.format(statement.targets[0].id)}` where the number is needed"
    if isinstance(statement, ast.Expr) and "append" in line:
        return f"`{line}`, and read the numbers once, behind the loop"
    return f"keep `{kept}`, and read it once, behind the loop: `{how.format('kept')}`"


def _for_metric(place: Place, statement: ast.stmt | None) -> str:
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not place.call.endswith(".update"):
        return "ask the metric once, behind the loop"
    given = [_alone(value) for value in (*call.args, *(key.value for key in call.keywords))]
    if place.call == "Accuracy.update" and len(given) == 2:
        label, output = given
        return (
            f'`right = right + ({output}.argmax(axis=1) == {label}.astype("float32")).sum()`, '
            "which computes on the device, and `right.asscalar()` once, behind the loop"
        )
    if place.call == "Loss.update" and len(given) == 2:
        return f"`total = total + {given[1]}.sum()`, and `total.asscalar()` once, behind the loop"
    kept = ", ".join(given)
    return (
        f"`kept.append(({kept}))`, and `{ast.unparse(call.func)}` for all of them every hundredth "
        "step: MXNet's metrics compute in NumPy, and wait"
    )


def _alone(node: ast.expr) -> str:
    """Return an argument as text, a list of one as what it holds."""
    if isinstance(node, ast.List) and len(node.elts) == 1:
        return ast.unparse(node.elts[0])
    return ast.unparse(node)
