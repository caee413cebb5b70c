# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any
import numpy as onp

from mxnet.context import Context
from mxnet.numpy import ndarray

DType = str | type[Any] | onp.dtype[Any] | None

def bernoulli(prob: float | ndarray | None = None, logit: float | ndarray | None = None, size: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Creates a Bernoulli distribution parameterized by :attr:`prob` or :attr:`logit` (but not both)."""
    ...
def normal_n(loc: float = 0.0, scale: float = 1.0, batch_shape: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None) -> ndarray:
    """Draw random samples from a normal (Gaussian) distribution."""
    ...
def seed(seed: int, ctx: Context | Sequence[Context] | None | str = 'all') -> None:
    """Seeds the random number generators in MXNet."""
    ...
def uniform_n(low: float | ndarray = 0.0, high: float | ndarray = 1.0, batch_shape: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None) -> ndarray:
    """Draw samples from a uniform distribution."""
    ...
