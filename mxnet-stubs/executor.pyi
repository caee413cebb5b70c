# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxnet.autograd import Symbol
from mxnet.autograd import c_array_buf as c_array_buf
from mxnet.autograd import c_handle_array as c_handle_array
from mxnet.context import Context
from mxnet.context import check_call as check_call
from mxnet.ndarray.ndarray import NDArray as NDArray

class Executor:
    """Executor is the object providing efficient symbolic graph execution and optimization."""
    _arg_dict: Any
    _aux_dict: Any
    _ctx: Any
    _grad_dict: Any
    _grad_req: Any
    _group2ctx: Any
    _monitor_all: Any
    _monitor_callback: Any
    _optimized_symbol: Any
    _output_dict: Any
    _symbol: Any
    arg_arrays: Any
    aux_arrays: Any
    grad_arrays: Any
    handle: Any
    outputs: Any
    def __init__(self, handle: Any, symbol: Any, ctx: Context | Sequence[Context] | None, grad_req: Any, group2ctx: Any) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Calculate the outputs specified by the bound symbol."""
        ...
    def backward(self, out_grads: NDArray | Sequence[NDArray] | Mapping[str, NDArray] | None = None, is_train: bool = True) -> Any:
        """Do backward pass to get the gradient of arguments."""
        ...
    def set_monitor_callback(self, callback: Callable[..., Any], monitor_all: bool = False) -> None:
        """Install callback for monitor."""
        ...
    @property
    def arg_dict(self) -> Mapping[str, NDArray]: ...
    @property
    def grad_dict(self) -> Mapping[str, NDArray]: ...
    @property
    def aux_dict(self) -> Mapping[str, NDArray]: ...
    @property
    def output_dict(self) -> Mapping[str, NDArray]: ...
    def copy_params_from(self, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray] | None = None, allow_extra_params: bool = False) -> Any:
        """Copy parameters from arg_params, aux_params into executor's internal array."""
        ...
    def reshape(self, partial_shaping: bool = False, allow_up_sizing: bool = False, **kwargs: Any) -> Any:
        """Return a new executor with the same symbol and shared memory, but different input/output shapes."""
        ...
    def debug_str(self) -> str:
        """Get a debug string about internal execution plan."""
        ...
    def get_optimized_symbol(self) -> Symbol:
        """Get an optimized version of the symbol from the executor."""
        ...
def c_str_array(strings: Any) -> Any:
    """Create ctypes const char ** from a list of Python strings."""
    ...
def py_str(x: Any) -> None: ...
