# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Callable
from typing import Any

from mxnet.context import check_call as check_call
from mxnet.executor import py_str as py_str
from mxnet.numpy_extension import get_cuda_compute_capability as get_cuda_compute_capability
from mxnet.numpy_extension import is_np_array as is_np_array
from mxnet.numpy_extension import is_np_shape as is_np_shape
from mxnet.numpy_extension import reset_np as reset_np
from mxnet.numpy_extension import set_np as set_np
from mxnet.operator import c_str as c_str
from mxnet.test_utils import getenv as getenv
from mxnet.test_utils import setenv as setenv
from mxnet.test_utils import use_np as use_np

def get_gpu_count() -> Any: ...
def get_gpu_memory(gpu_dev_id: Any) -> Any: ...
def np_array(active: bool = True) -> Any:
    """Returns an activated/deactivated NumPy-array scope to be used in 'with' statement and captures code that needs the NumPy-array semantics."""
    ...
def np_shape(active: bool = True) -> Any:
    """Returns an activated/deactivated NumPy shape scope to be used in 'with' statement and captures code that needs the NumPy shape semantics, i.e."""
    ...
def np_ufunc_legal_option(key: str, value: str) -> bool:
    """Checking if ufunc arguments are legal inputs"""
    ...
def set_module(module: Any) -> Any:
    """Decorator for overriding __module__ on a function or class."""
    ...
def set_np_shape(active: bool) -> Any:
    """Turns on/off NumPy shape semantics, in which `()` represents the shape of scalar tensors, and tuples with `0` elements, for example, `(0,)`, `(1, 0, 2)`, represent the shapes of zero-size tensors."""
    ...
def use_np_array(func: Any) -> Any: ...
def use_np_shape(func: Any) -> Any:
    """A decorator wrapping a function or class with activated NumPy-shape semantics."""
    ...
def wrap_np_binary_func(func: Any) -> Callable[..., Any]:
    """A convenience decorator for wrapping numpy-compatible binary ufuncs to provide uniform error handling."""
    ...
def wrap_np_unary_func(func: Any) -> Callable[..., Any]:
    """A convenience decorator for wrapping numpy-compatible unary ufuncs to provide uniform error handling."""
    ...
