"""Products of matrices, and sums of products along axes."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.use import Use, infix, literal, primary, writes
from gluonkit.exporting.torch.parts import Call


def _turned(use: Use, index: int) -> str:
    """Return an argument, its last two axes swapped where the operator says so."""
    text = use.arguments[index]
    if not use.flag(f"transpose_{'ab'[index]}") or len(use.inputs[index].shape) < 2:
        return text
    return f"{primary(text)}.transpose(-2, -1)" if _rank(use, index) > 2 else f"{primary(text)}.T"


def _rank(use: Use, index: int) -> int:
    return len(use.inputs[index].shape)


@writes("dot")
def _dot(use: Use) -> str:
    """Write MXNet's legacy product: the last axis of the left with the first of the right."""
    first, second = (_rank(use, index) for index in (0, 1))
    turned = [use.flag(f"transpose_{side}") for side in "ab"]
    if first == second == 1:
        text = f"torch.dot({', '.join(use.arguments)})"
        return f"{text}.reshape(1)" if use.outputs[0].shape else text
    if (turned[0] and first > 2) or (turned[1] and second > 2):
        raise use.refuse("it turns an array of more than two axes")
    left, right = _turned(use, 0), _turned(use, 1)
    if second <= 2:
        return infix(left, "@", right)
    return f"torch.tensordot({left}, {right}, dims=1)"


@writes("_np_dot")
def _numpy_dot(use: Use) -> str:
    first, second = (_rank(use, index) for index in (0, 1))
    if 0 in (first, second):
        return infix(use.arguments[0], "*", use.arguments[1])
    if second > 2:
        raise use.refuse("its right side has more than two axes")
    return infix(use.arguments[0], "@", use.arguments[1])


@writes("batch_dot")
def _batch_dot(use: Use) -> str:
    left, right = _turned(use, 0), _turned(use, 1)
    return f"torch.bmm({left}, {right})" if use.rank == 3 else infix(left, "@", right)


@writes("_npi_matmul")
def _matmul(use: Use) -> str:
    return infix(_turned(use, 0), "@", _turned(use, 1))


@writes("_linalg_gemm2")
def _scaled_product(use: Use) -> str:
    """Write a product of matrices whose rows lie along any axis, and columns along the last."""
    axis, alpha = use.value("axis", -2) % use.rank, float(use.value("alpha", 1))
    is_usual = axis == use.rank - 2
    sides = []
    for index, text in enumerate(use.arguments):
        side = text if is_usual else f"{primary(text)}.movedim({axis}, -2)"
        turned = use.flag(f"transpose_{'ab'[index]}")
        sides.append(f"{primary(side)}.transpose(-2, -1)" if turned else side)
    product = infix(sides[0], "@", sides[1])
    product = product if is_usual else f"({product}).movedim(-2, {axis})"
    return product if alpha == 1 else infix(literal(alpha), "*", product)


@writes("_npi_einsum")
def _einsum(use: Use) -> str:
    return f'torch.einsum("{use.text("subscripts")}", {", ".join(use.arguments)})'


@writes("_npi_tensordot", "_npi_tensordot_int_axes")
def _tensor_product(use: Use) -> str:
    if use.operator.endswith("int_axes"):
        dims = str(use.value("axes"))
    else:
        dims = str(tuple(_list(use.value(f"{side}_axes_summed")) for side in "ab"))
    return f"torch.tensordot({', '.join(use.arguments)}, dims={dims})"


def _list(value: int | tuple[int, ...]) -> list[int]:
    return [value] if isinstance(value, int) else list(value)


_ATTENTION = {
    f"_contrib_interleaved_matmul_{name}": f"attention_{part}_{kind}"
    for name, part, kind in (
        ("selfatt_qk", "scores", "self"),
        ("selfatt_valatt", "values", "self"),
        ("encdec_qk", "scores", "other"),
        ("encdec_valatt", "values", "other"),
    )
}
"""The helpers for attention whose queries, keys and values lie in one array, head by head."""


@writes(*_ATTENTION)
def _attention(use: Use) -> Call:
    helper = _ATTENTION[use.operator].removeprefix("attention_")
    part, kind = helper.split("_")
    name = f"{kind}_attention_{part}"
    return Call(f"{name}({', '.join(use.arguments)}, {use.value('heads')})", (name, "heads_of"))
