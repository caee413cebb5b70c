"""Python source laid out as by ruff: 88 columns, and double quotes."""

from __future__ import annotations

import ast
from collections.abc import Sequence

WIDTH = 88
_STEP = "    "
_OPERATORS: dict[type, tuple[str, int]] = {
    ast.Add: ("+", 11),
    ast.Sub: ("-", 11),
    ast.Mult: ("*", 12),
    ast.MatMult: ("@", 12),
    ast.Div: ("/", 12),
    ast.FloorDiv: ("//", 12),
    ast.Mod: ("%", 12),
    ast.Pow: ("**", 14),
    ast.BitAnd: ("&", 9),
    ast.BitXor: ("^", 8),
    ast.BitOr: ("|", 7),
    ast.LShift: ("<<", 10),
    ast.RShift: (">>", 10),
    ast.Eq: ("==", 6),
    ast.NotEq: ("!=", 6),
    ast.Lt: ("<", 6),
    ast.LtE: ("<=", 6),
    ast.Gt: (">", 6),
    ast.GtE: (">=", 6),
    ast.Is: ("is", 6),
    ast.IsNot: ("is not", 6),
    ast.In: ("in", 6),
    ast.NotIn: ("not in", 6),
    ast.USub: ("-", 13),
    ast.UAdd: ("+", 13),
    ast.Invert: ("~", 13),
    ast.Not: ("not ", 5),
    ast.And: ("and", 4),
    ast.Or: ("or", 3),
}
_TERNARY, _WHOLE = 2, 20


def statement(text: str, indent: str) -> list[str]:
    """Return the lines of a statement: an assignment, a return, or an expression."""
    node = ast.parse(text).body[0]
    if isinstance(node, ast.Assign):
        targets = "".join(f"{_bare(target)} = " for target in node.targets)
        return _lines(node.value, indent, targets, "")
    if isinstance(node, ast.Return) and node.value is not None:
        return _lines(node.value, indent, "return ", "")
    assert isinstance(node, ast.Expr), text
    return _lines(node.value, indent, "", "")


def signature(name: str, arguments: Sequence[str], indent: str) -> list[str]:
    """Return the lines of a function's first statement."""
    line = f"{indent}def {name}({', '.join(arguments)}):"
    if len(line) <= WIDTH:
        return [line]
    inner = indent + _STEP
    if len(inner + ", ".join(arguments)) <= WIDTH:
        return [f"{indent}def {name}(", inner + ", ".join(arguments), f"{indent}):"]
    return [f"{indent}def {name}(", *(f"{inner}{a}," for a in arguments), f"{indent}):"]


def _bare(node: ast.expr) -> str:
    """Return an expression in one line; a tuple without parentheses, as in an assignment."""
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        return _joined(node.elts)
    return _flat(node)


def _lines(node: ast.expr, indent: str, lead: str, trail: str) -> list[str]:
    """Return the lines of an expression between two texts."""
    outer = not trail
    flat = _bare(node) if outer and lead else _flat(node)
    if len(indent + lead + flat + trail) <= WIDTH:
        return [indent + lead + flat + trail]
    if isinstance(node, ast.Call):
        parts: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        return _bracketed(parts, indent, f"{lead}{_flat(node.func)}(", ")" + trail)
    if isinstance(node, (ast.List, ast.Tuple)):
        left, right = "[]" if isinstance(node, ast.List) else "()"
        return _bracketed(node.elts, indent, lead + left, right + trail)
    if isinstance(node, ast.ListComp):
        return [
            f"{indent}{lead}[",
            *_lines(node.elt, indent + _STEP, "", ""),
            *(indent + _STEP + _loop(loop) for loop in node.generators),
            f"{indent}]{trail}",
        ]
    if isinstance(node, ast.Starred):
        return _lines(node.value, indent, f"{lead}*", trail)
    if isinstance(node, (ast.BinOp, ast.BoolOp, ast.Compare)):
        operands = [f"{indent}{_STEP}{text}" for text in _chain(node)]
        if outer:
            return [f"{indent}{lead}(", *operands, f"{indent})"]
        return [*(text[len(_STEP) :] for text in operands[:-1]), operands[-1][len(_STEP) :] + trail]
    return [indent + lead + flat + trail]


def _bracketed(
    parts: Sequence[ast.expr | ast.keyword], indent: str, lead: str, trail: str
) -> list[str]:
    """Return the lines of what stands in brackets: in a line of its own, or in one for each."""
    inner = indent + _STEP
    line = inner + ", ".join(map(_flat, parts))
    if len(line) <= WIDTH:
        return [indent + lead, line, indent + trail]
    comma = "" if len(parts) == 1 else ","
    lines = [indent + lead]
    for part in parts:
        if isinstance(part, ast.keyword):
            lines += _lines(part.value, inner, f"{part.arg}=", comma)
        else:
            lines += _lines(part, inner, "", comma)
    return [*lines, indent + trail]


def _chain(node: ast.expr) -> list[str]:
    """Return the operands of the weakest operators, each but the first with its operator."""
    if isinstance(node, ast.BinOp):
        sign, strength = _OPERATORS[type(node.op)]
        left = node.left
        same = isinstance(left, ast.BinOp) and _OPERATORS[type(left.op)][1] == strength
        first = _chain(left) if same else [_flat(left, strength)]
        return [*first, f"{sign} {_flat(node.right, strength + 1)}"]
    if isinstance(node, ast.BoolOp):
        sign, strength = _OPERATORS[type(node.op)]
        texts = [_flat(value, strength + 1) for value in node.values]
        return [texts[0], *(f"{sign} {text}" for text in texts[1:])]
    assert isinstance(node, ast.Compare)
    signs = [_OPERATORS[type(op)][0] for op in node.ops]
    texts = [_flat(value, 7) for value in node.comparators]
    pairs = zip(signs, texts, strict=True)
    return [_flat(node.left, 7), *(f"{sign} {text}" for sign, text in pairs)]


def _flat(node: ast.expr | ast.keyword, least: int = 0) -> str:
    """Return an expression in one line, in parentheses if it is weaker than what is around it."""
    if isinstance(node, ast.keyword):
        return f"{node.arg}={_flat(node.value)}" if node.arg else f"**{_flat(node.value)}"
    text, strength = _text(node)
    return text if strength >= least else f"({text})"


def _text(node: ast.expr) -> tuple[str, int]:
    """Return an expression in one line, and how strongly it holds together."""
    if (whole := _whole_text(node)) is not None:
        return whole, _WHOLE
    match node:
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            space = "" if _is_simple(left) and _is_simple(right) else " "
            return f"{_flat(left, 15)}{space}**{space}{_flat(right, 13)}", 14
        case ast.BinOp() | ast.BoolOp() | ast.Compare():
            op = node.ops[0] if isinstance(node, ast.Compare) else node.op
            return " ".join(_chain(node)), _OPERATORS[type(op)][1]
        case ast.UnaryOp(op=op, operand=operand):
            sign, strength = _OPERATORS[type(op)]
            return f"{sign}{_flat(operand, strength)}", strength
        case ast.IfExp(test=test, body=body, orelse=other):
            choice = f"{_flat(body, 3)} if {_flat(test, 3)} else {_flat(other, _TERNARY)}"
            return choice, _TERNARY
    return ast.unparse(node), 0


def _whole_text(node: ast.expr) -> str | None:
    """Return an expression that is never put in parentheses; None for others."""
    match node:
        case ast.Constant(value=str(value)):
            return _quoted(value)
        case ast.Name() | ast.Constant():
            return ast.unparse(node)
        case ast.Attribute(value=value, attr=name):
            return f"({_flat(value)}).{name}" if _is_number(value) else f"{_flat(value, 20)}.{name}"
        case ast.Call(func=function, args=given, keywords=named):
            return f"{_flat(function, _WHOLE)}({_joined([*given, *named])})"
        case ast.Subscript(value=value, slice=inner):
            return f"{_flat(value, _WHOLE)}[{_places(inner)}]"
        case ast.Tuple(elts=parts):
            return f"({_joined(parts)}{',' * (len(parts) == 1)})"
        case ast.List(elts=parts):
            return f"[{_joined(parts)}]"
        case ast.Starred(value=value):
            return f"*{_flat(value, _WHOLE)}"
        case ast.ListComp(elt=element, generators=loops):
            return f"[{' '.join([_flat(element), *map(_loop, loops)])}]"
    return None


def _joined(parts: Sequence[ast.expr | ast.keyword]) -> str:
    return ", ".join(_flat(part) for part in parts)


def _places(inner: ast.expr) -> str:
    """Return what stands in the brackets of a subscript."""
    if isinstance(inner, ast.Tuple) and inner.elts:
        return ", ".join(map(_place, inner.elts)) + "," * (len(inner.elts) == 1)
    return _place(inner)


def _place(node: ast.expr) -> str:
    if not isinstance(node, ast.Slice):
        return _flat(node)
    bounds = [node.lower, node.upper, *([node.step] if node.step else [])]
    space = "" if all(bound is None or _is_short(bound) for bound in bounds) else " "
    texts = ["" if bound is None else _flat(bound) for bound in bounds]
    return f"{space}:{space}".join(texts).strip()


def _is_short(node: ast.expr) -> bool:
    """Return whether a slice's bound is written without spaces around the colon."""
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(inner, (ast.Name, ast.Constant))


def _is_simple(node: ast.expr) -> bool:
    """Return whether an operand of a power is written without spaces around the operator."""
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        node = node.operand
    while isinstance(node, ast.Attribute):
        node = node.value
        if not isinstance(node, (ast.Attribute, ast.Name)):
            return False
    return isinstance(node, ast.Name) or _is_number(node)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def _loop(loop: ast.comprehension) -> str:
    return f"for {_bare(loop.target)} in {_flat(loop.iter)}"


def _quoted(text: str) -> str:
    quoted = repr(text)
    return quoted if '"' in text else f'"{quoted[1:-1]}"'.replace("\\'", "'")
