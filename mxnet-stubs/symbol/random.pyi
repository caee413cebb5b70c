# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any
import numpy as onp

from mxnet.autograd import Symbol

DType = str | type[Any] | onp.dtype[Any] | None

def exponential(scale: float | Symbol = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., **kwargs: Any) -> Symbol:
    """Draw samples from an exponential distribution."""
    ...
def exponential_like(data: Symbol | None, lam: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Draw random samples from an exponential distribution according to the input array shape."""
    ...
def gamma(alpha: float | Symbol = 1, beta: float | Symbol = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., **kwargs: Any) -> Symbol:
    """Draw random samples from a gamma distribution."""
    ...
def gamma_like(data: Symbol | None, alpha: float = ..., beta: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Draw random samples from a gamma distribution according to the input array shape."""
    ...
def generalized_negative_binomial(mu: float | Symbol = 1, alpha: float | Symbol = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., **kwargs: Any) -> Symbol:
    """Draw random samples from a generalized negative binomial distribution."""
    ...
def generalized_negative_binomial_like(data: Symbol | None, mu: float = ..., alpha: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Draw random samples from a generalized negative binomial distribution according to the input array shape."""
    ...
def multinomial(data: Symbol, shape: int | Sequence[int] | None = ..., get_prob: bool = True, dtype: DType = 'int32', **kwargs: Any) -> Symbol:
    """Concurrent sampling from multiple multinomial distributions."""
    ...
def negative_binomial(k: float | Symbol = 1, p: float | Symbol = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., **kwargs: Any) -> Symbol:
    """Draw random samples from a negative binomial distribution."""
    ...
def negative_binomial_like(data: Symbol | None, k: int = ..., p: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Draw random samples from a negative binomial distribution according to the input array shape."""
    ...
def normal(loc: float | Symbol = 0, scale: float | Symbol = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., **kwargs: Any) -> Symbol:
    """Draw random samples from a normal (Gaussian) distribution."""
    ...
def normal_like(data: Symbol | None, loc: float = ..., scale: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Draw random samples from a normal (Gaussian) distribution according to the input array shape."""
    ...
def poisson(lam: float | Symbol = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., **kwargs: Any) -> Symbol:
    """Draw random samples from a Poisson distribution."""
    ...
def poisson_like(data: Symbol | None, lam: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Draw random samples from a Poisson distribution according to the input array shape."""
    ...
def randint(low: int, high: int, shape: int | Sequence[int] | None = ..., dtype: DType = ..., **kwargs: Any) -> Symbol:
    """Draw random samples from a discrete uniform distribution."""
    ...
def randn(*shape: Any, loc: float | Symbol = ..., scale: float | Symbol = ..., dtype: DType = ..., **kwargs: Any) -> Any:
    """Draw random samples from a normal (Gaussian) distribution."""
    ...
def shuffle(data: Symbol, **kwargs: Any) -> Symbol:
    """Shuffle the elements randomly."""
    ...
def uniform(low: float | Symbol = 0, high: float | Symbol = 1, shape: int | Sequence[int] | None = ..., dtype: DType = ..., **kwargs: Any) -> Symbol:
    """Draw random samples from a uniform distribution."""
    ...
def uniform_like(data: Symbol | None, low: float = ..., high: float = ..., name: str | None = None, attr: Any = None, out: Any = None, **kwargs: Any) -> Symbol:
    """Draw random samples from a uniform distribution according to the input array shape."""
    ...
