# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any
import numpy as onp

from mxnet.context import Context
from mxnet.ndarray.ndarray import NDArray

DType = str | type[Any] | onp.dtype[Any] | None

def exponential(scale: float | NDArray = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., ctx: Context | Sequence[Context] | None = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Draw samples from an exponential distribution."""
    ...
def exponential_like(data: NDArray | None, lam: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Draw random samples from an exponential distribution according to the input array shape."""
    ...
def gamma(alpha: float | NDArray = 1, beta: float | NDArray = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., ctx: Context | Sequence[Context] | None = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a gamma distribution."""
    ...
def gamma_like(data: NDArray | None, alpha: float = ..., beta: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a gamma distribution according to the input array shape."""
    ...
def generalized_negative_binomial(mu: float | NDArray = 1, alpha: float | NDArray = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., ctx: Context | Sequence[Context] | None = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a generalized negative binomial distribution."""
    ...
def generalized_negative_binomial_like(data: NDArray | None, mu: float = ..., alpha: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a generalized negative binomial distribution according to the input array shape."""
    ...
def multinomial(data: NDArray, shape: int | Sequence[int] | None = ..., get_prob: bool = False, out: Any = None, dtype: DType = 'int32', **kwargs: Any) -> Any:
    """Concurrent sampling from multiple multinomial distributions."""
    ...
def negative_binomial(k: float | NDArray = 1, p: float | NDArray = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., ctx: Context | Sequence[Context] | None = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a negative binomial distribution."""
    ...
def negative_binomial_like(data: NDArray | None, k: int = ..., p: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a negative binomial distribution according to the input array shape."""
    ...
def normal(loc: float | NDArray = 0, scale: float | NDArray = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., ctx: Context | Sequence[Context] | None = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a normal (Gaussian) distribution."""
    ...
def normal_like(data: NDArray | None, loc: float = ..., scale: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a normal (Gaussian) distribution according to the input array shape."""
    ...
def poisson(lam: float | NDArray = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., ctx: Context | Sequence[Context] | None = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a Poisson distribution."""
    ...
def poisson_like(data: NDArray | None, lam: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a Poisson distribution according to the input array shape."""
    ...
def randint(low: int, high: int, shape: int | Sequence[int] | None = ..., dtype: DType = ..., ctx: Context | Sequence[Context] | None = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a discrete uniform distribution."""
    ...
def randn(*shape: Any, loc: float | NDArray = ..., scale: float | NDArray = ..., dtype: DType = ..., ctx: Context | Sequence[Context] | None = ..., out: Any = ..., **kwargs: Any) -> NDArray:
    """Draw random samples from a normal (Gaussian) distribution."""
    ...
def shuffle(data: NDArray, *, out: Any = ..., **kwargs: Any) -> NDArray:
    """Shuffle the elements randomly."""
    ...
def uniform(low: float | NDArray = 0, high: float | NDArray = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., ctx: Context | Sequence[Context] | None = None, out: Any = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a uniform distribution."""
    ...
def uniform_like(data: NDArray | None, low: float = ..., high: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Draw random samples from a uniform distribution according to the input array shape."""
    ...
