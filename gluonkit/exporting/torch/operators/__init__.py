"""MXNet's operators as expressions of torch: one table of small functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.operators import (  # noqa: F401  (they fill TABLE)
    activating,
    arithmetic,
    comparing,
    constants,
    detection,
    elementwise,
    indexing,
    joining,
    layers,
    moving,
    normalizing,
    ordering,
    pooling,
    products,
    reductions,
    reshaping,
    resizing,
    sampling,
    softmaxes,
)
from gluonkit.exporting.torch.operators.helpers import HELPERS as FUNCTIONS
from gluonkit.exporting.torch.operators.use import TABLE, Use
from gluonkit.exporting.torch.parts import Call, UnmappedOperatorError
from gluonkit.files.upgrade import SUCCESSORS

HELPERS = {**FUNCTIONS, **sampling.SAMPLING}
"""Functions that written models define where torch has none: their source, by name."""
_REASONS = {
    **dict.fromkeys(
        ("_contrib_RROIAlign", "_contrib_PSROIPooling", "_contrib_DeformablePSROIPooling"),
        "torch has no pooling of turned, moved or position-sensitive regions",
    ),
    "RNN": "its weights are an expression, not parameters",
    "Custom": "it is the user's own code",
}


def call(
    operator: str,
    attributes: Mapping[str, str],
    arguments: Sequence[str],
    inputs: Sequence[ArraySpec],
    outputs: Sequence[ArraySpec],
    *,
    anchor: tuple[str, str] | None = None,
) -> Call:
    """Return what stands in torch for an operator.

    Parameters
    ----------
    operator : str
        MXNet's main name of the operator.
    attributes : mapping of str to str
        Its attributes.
    arguments : sequence of str
        An expression for each input. An expression that is no name may be computed twice.
    inputs, outputs : sequence of ArraySpec
        Shapes and data types for one batch size; the text holds for others, too.
    anchor : tuple of str and str, optional
        The expression of a tensor whose data type and device new tensors take, with its data type.

    Raises
    ------
    UnmappedOperatorError
        When there is nothing in torch for it; the message says why.
    """
    operator = SUCCESSORS.get(operator, operator)
    write = TABLE.get(operator)
    if write is None:
        raise UnmappedOperatorError(_REASONS.get(operator, "there is nothing like it in torch yet"))
    written = write(Use(operator, attributes, arguments, inputs, outputs, anchor))
    return written if isinstance(written, Call) else Call(written)
