# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any, Literal
import numpy as onp

from mxnet.context import Context
from mxnet.numpy import ndarray

DType = str | type[Any] | onp.dtype[Any] | None

def beta(a: Any, b: Any, size: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None) -> ndarray:
    """Draw samples from a Beta distribution."""
    ...
def chisquare(df: Any, size: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None) -> ndarray:
    """chisquare(df, size=None, dtype=None, ctx=None)"""
    ...
def choice(a: Any, size: int | Sequence[int] | None = None, replace: bool = True, p: Any = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Generates a random sample from a given 1-D array"""
    ...
def exponential(scale: Any = 1.0, size: int | Sequence[int] | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Draw samples from an exponential distribution."""
    ...
def gamma(shape: int | Sequence[int] | None, scale: Any = 1.0, size: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> Any:
    """Draw samples from a Gamma distribution."""
    ...
def gumbel(loc: Any = 0.0, scale: Any = 1.0, size: int | Sequence[int] | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Draw samples from a Gumbel distribution."""
    ...
def logistic(loc: Any = 0.0, scale: Any = 1.0, size: int | Sequence[int] | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Draw samples from a logistic distribution."""
    ...
def lognormal(mean: Any = 0.0, sigma: Any = 1.0, size: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Draw samples from a log-normal distribution."""
    ...
def multinomial(n: int, pvals: Any, size: int | Sequence[int] | None = None, **kwargs: Any) -> ndarray:
    """Draw samples from a multinomial distribution."""
    ...
def multivariate_normal(mean: Any, cov: Any, size: int | Sequence[int] | None = None, check_valid: Literal['warn', 'raise', 'ignore'] | None = None, tol: float | None = None) -> ndarray:
    """multivariate_normal(mean, cov, size=None, check_valid=None, tol=None)"""
    ...
def normal(loc: float = 0.0, scale: float = 1.0, size: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Draw random samples from a normal (Gaussian) distribution."""
    ...
def pareto(a: Any, size: int | Sequence[int] | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Draw samples from a Pareto II or Lomax distribution with specified shape a."""
    ...
def power(a: Any, size: int | Sequence[int] | None = None) -> ndarray:
    """Draw samples in [0, 1] from a power distribution with given parameter a."""
    ...
def rand(*size: Any, **kwargs: Any) -> ndarray:
    """Random values in a given shape."""
    ...
def randint(low: int, high: int | None = None, size: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Return random integers from `low` (inclusive) to `high` (exclusive)."""
    ...
def randn(*size: Any, **kwargs: Any) -> ndarray:
    """Return a sample (or samples) from the 'standard normal' distribution."""
    ...
def rayleigh(scale: float = 1.0, size: int | Sequence[int] | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Draw samples from a Rayleigh distribution."""
    ...
def shuffle(x: ndarray) -> None:
    """Modify a sequence in-place by shuffling its contents."""
    ...
def uniform(low: float | ndarray = 0.0, high: float | ndarray = 1.0, size: int | Sequence[int] | None = None, dtype: DType | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Draw samples from a uniform distribution."""
    ...
def weibull(a: Any, size: int | Sequence[int] | None = None, ctx: Context | Sequence[Context] | None = None, out: Any = None) -> ndarray:
    """Draw samples from a 1-parameter Weibull distribution with given parameter a via inversion."""
    ...
