"""One operator run by MXNet itself, on given numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mxnet as mx

from gluonkit._base.kinds import Array
from gluonkit.graphs.bind import Bound
from gluonkit.tracing.inputs import as_array
from gluonkit.tracing.symbols import create


def run_alone(operator: str, attributes: Mapping[str, str], inputs: Sequence[Array]) -> list[Array]:
    """Return the visible outputs of an operator, in prediction mode and the active array mode."""
    names = [f"input{number}" for number in range(len(inputs))]
    symbol = create(operator, [mx.sym.var(name) for name in names], attributes, "alone")
    # MXNet does not know NumPy's other names of int64, which ONNX Runtime uses.
    plain = (x.view(x.dtype.name) for x in inputs)
    given = {name: as_array(x, mx.cpu()) for name, x in zip(names, plain, strict=True)}
    bound = Bound(symbol, mx.cpu(), given, {}, given)
    bound.forward(train=False)
    return [array.copy() for array in bound.numbers()]
