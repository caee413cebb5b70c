# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any
import numpy as onp

from mxnet.autograd import Symbol as Symbol
from mxnet.initializer import Initializer

DType = str | type[Any] | onp.dtype[Any] | None

def Group(symbols: Any, create_fn: Any = ...) -> Symbol:
    """Creates a symbol that contains a collection of other symbols, grouped together."""
    ...
def Variable(name: str | None, attr: Any = None, shape: int | Sequence[int] | None = None, lr_mult: float | None = None, wd_mult: float | None = None, dtype: DType | None = None, init: Initializer | str | None = None, stype: str | None = None, **kwargs: Any) -> Symbol:
    """Creates a symbolic variable with specified name."""
    ...
def arange(start: float, stop: float | None = None, step: float = 1.0, repeat: int = 1, infer_range: bool = False, name: str | None = None, dtype: DType | None = None) -> Symbol:
    """Returns evenly spaced values within a given interval."""
    ...
def eye(N: int, M: int = 0, k: int = 0, dtype: DType | None = None, **kwargs: Any) -> Symbol:
    """Returns a new symbol of 2-D shpae, filled with ones on the diagonal and zeros elsewhere."""
    ...
def full(shape: int | Sequence[int] | None, val: float, dtype: DType | None = None, **kwargs: Any) -> Symbol:
    """Returns a new array of given shape and type, filled with the given value `val`."""
    ...
def histogram(a: Symbol, bins: Any = 10, range: Any = None, **kwargs: Any) -> Symbol:
    """Compute the histogram of the input data."""
    ...
def hypot(left: Symbol | float, right: Symbol | float) -> Symbol | float:
    """Given the 'legs' of a right triangle, returns its hypotenuse."""
    ...
def linspace(start: float, stop: float, num: float, endpoint: bool = True, name: str | None = None, dtype: DType | None = None) -> Symbol:
    """Return evenly spaced numbers within a specified interval."""
    ...
def load(fname: str) -> Symbol:
    """Loads symbol from a JSON file."""
    ...
def load_json(json_str: str) -> Symbol:
    """Loads symbol from json string."""
    ...
def maximum(left: Symbol | float, right: Symbol | float) -> Symbol | float:
    """Returns element-wise maximum of the input elements."""
    ...
def minimum(left: Symbol | float, right: Symbol | float) -> Symbol | float:
    """Returns element-wise minimum of the input elements."""
    ...
def ones(shape: int | Sequence[int] | None, dtype: DType | None = None, **kwargs: Any) -> Symbol:
    """Returns a new symbol of given shape and type, filled with ones."""
    ...
def pow(base: Symbol | float, exp: Symbol | float) -> Symbol | float:
    """Returns element-wise result of base element raised to powers from exp element."""
    ...
def power(base: Symbol | float, exp: Symbol | float) -> Symbol | float:
    """Returns element-wise result of base element raised to powers from exp element."""
    ...
def split_v2(ary: Symbol, indices_or_sections: int | Sequence[int], axis: int = 0, squeeze_axis: bool = False) -> Symbol:
    """Split an array into multiple sub-arrays."""
    ...
var = Variable
def zeros(shape: int | Sequence[int] | None, dtype: DType | None = None, **kwargs: Any) -> Symbol:
    """Returns a new symbol of given shape and type, filled with zeros."""
    ...
