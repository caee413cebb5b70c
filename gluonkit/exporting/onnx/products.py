"""Converters of products of matrices and of arrays."""

from __future__ import annotations

import string
from collections.abc import Sequence

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import finish


@converts("_npi_matmul", "_np_dot", "dot", "_npi_dot")
def _matrix_product(step: Step) -> None:
    """Convert matrix products; MXNet's `dot` is another for more than two axes on the right."""
    turned = any(step.value(f"transpose_{side}", False) for side in "ab")
    first, second = (len(spec.shape) for spec in step.specs)
    if "matmul" not in step.operator and (second > 2 or (turned and first > 2)):
        raise NotImplementedError(f"{step.operator} of arrays with more than two dimensions")
    operands = [
        step.add("Transpose", [name], side) if step.value(f"transpose_{side}", False) else name
        for side, name in zip("ab", step.inputs, strict=True)
    ]
    step.add("MatMul", operands)


@converts("_linalg_gemm2", "_linalg_gemm")
def _scaled_product(step: Step) -> None:
    """Convert products of matrices, whose rows lie along any axis, plus a third matrix."""
    shape, dtype = step.specs[0].shape, step.outputs[0].dtype
    rows = step.value("axis") % len(shape)
    order = [axis for axis in range(len(shape)) if axis != rows]
    order.insert(-1, rows)
    operands = []
    for side, name in zip("ab", step.inputs[:2], strict=True):
        axes = list(order)
        if step.value(f"transpose_{side}"):
            axes[-2:] = axes[:-3:-1]
        operands.append(step.add("Transpose", [name], side, perm=axes))
    product = step.add("MatMul", operands, "product")
    factor = step.constant("alpha", float(step.value("alpha")), dtype)
    back = [order.index(axis) for axis in range(len(shape))]
    moved = step.add("Transpose", [step.add("Mul", [product, factor], "scaled")], "sum", perm=back)
    if step.operator == "_linalg_gemm":
        factor = step.constant("beta", float(step.value("beta")), dtype)
        moved = step.add("Add", [moved, step.add("Mul", [step.inputs[2], factor], "c")], "all")
    finish(step, moved, dtype)


@converts("_npi_einsum")
def _einsum(step: Step) -> None:
    step.add("Einsum", step.inputs, equation=step.attributes["subscripts"])


@converts("_npi_tensordot", "_npi_tensordot_int_axes")
def _tensor_product(step: Step) -> None:
    first, second = (len(spec.shape) for spec in step.specs)
    one: Sequence[int]
    two: Sequence[int]
    if "int" in step.operator:
        count = step.value("axes")
        one, two = range(first - count, first), range(count)
    else:
        one, two = (list(step.value(f"{side}_axes_summed")) for side in "ab")
    letters = string.ascii_letters
    left, right = list(letters[:first]), list(letters[first : first + second])
    for from_left, from_right in zip(one, two, strict=True):
        right[from_right] = left[from_left]
    summed = {left[axis] for axis in one}
    result = [letter for letter in left + right if letter not in summed]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(result)}"
    step.add("Einsum", step.inputs, equation=equation)
