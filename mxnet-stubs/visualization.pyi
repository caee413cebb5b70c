# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Mapping, Sequence
from typing import Any
import numpy as onp

from mxnet.autograd import Symbol as Symbol

DType = str | type[Any] | onp.dtype[Any] | None

def plot_network(symbol: Symbol, title: str = 'plot', save_format: Any = 'pdf', shape: int | Sequence[int] | None = None, dtype: DType | None = None, node_attrs: Mapping[str, Any] = ..., hide_weights: bool = True) -> Any:
    """Creates a visualization (Graphviz digraph object) of the given computation graph."""
    ...
def print_summary(symbol: Symbol, shape: int | Sequence[int] | None = None, line_length: int = 120, positions: Any = ...) -> None:
    """Convert symbol for detail information."""
    ...
