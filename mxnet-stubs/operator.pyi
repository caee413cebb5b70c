# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any

from mxnet.autograd import MXCallbackList as MXCallbackList
from mxnet.autograd import c_array as c_array
from mxnet.autograd import c_array_buf as c_array_buf
from mxnet.context import Context
from mxnet.context import check_call as check_call
from mxnet.executor import py_str as py_str
from mxnet.ndarray.ndarray import NDArray as NDArray
from mxnet.numpy_extension import is_np_array as is_np_array

class CustomOp:
    """Base class for operators implemented in python"""
    def __init__(self) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Forward interface."""
        ...
    def backward(self, req: Sequence[str], out_grad: Sequence[NDArray], in_data: Sequence[NDArray], out_data: Sequence[NDArray], in_grad: Sequence[NDArray], aux: Sequence[NDArray]) -> None:
        """Backward interface."""
        ...
    def assign(self, dst: Any, req: Any, src: Any) -> None:
        """Helper function for assigning into dst depending on requirements."""
        ...
class CustomOpProp:
    """Base class for operator property class implemented in python."""
    need_top_grad_: Any
    def __init__(self, need_top_grad: bool = True) -> None: ...
    def infer_shape(self, in_shape: Any) -> Any:
        """infer_shape interface."""
        ...
    def infer_type(self, in_type: Any) -> Any:
        """infer_type interface."""
        ...
    def infer_storage_type(self, in_stype: Any) -> Any:
        """infer_storage_type interface."""
        ...
    def infer_storage_type_backward(self, ograd_stype: Any, in_stype: Any, out_stype: Any, igrad_stype: Any, aux_stype: Any) -> Any:
        """infer_storage_type_backward interface."""
        ...
    def list_outputs(self) -> Any:
        """list_outputs interface."""
        ...
    def list_arguments(self) -> Any:
        """list_arguments interface."""
        ...
    def list_auxiliary_states(self) -> Any:
        """list_auxiliary_states interface."""
        ...
    def declare_backward_dependency(self, out_grad: Sequence[int], in_data: Sequence[int], out_data: Sequence[int]) -> Sequence[int]:
        """Declare dependencies of this operator for backward pass."""
        ...
    def create_operator(self, ctx: Context | Sequence[Context] | None, in_shapes: Any, in_dtypes: Any) -> Any:
        """Create an operator that carries out the real computation given the context, input shapes, and input data types."""
        ...
class PythonOp:
    """Base class for operators implemented in Python."""
    info_: Any
    need_top_grad_: Any
    def __init__(self, need_top_grad: bool = True) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def get_symbol(self, *args: Any, **kwargs: Any) -> Any:
        """Create a symbol from numpy operator."""
        ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Forward interface."""
        ...
    def backward(self, out_grad: Any, in_data: Any, out_data: Any, in_grad: Any) -> None:
        """Backward interface."""
        ...
    def infer_shape(self, in_shape: Any) -> Any:
        """Interface for ``infer_shape``."""
        ...
    def list_outputs(self) -> Any:
        """Interface for ``list_outputs``."""
        ...
    def list_arguments(self) -> Any:
        """Interface for ``list_arguments``."""
        ...
    def need_top_grad(self) -> bool:
        """Whether this operator needs out_grad for backward."""
        ...
class NDArrayOp(PythonOp):
    """Base class for numpy operators."""
    def __init__(self, need_top_grad: Any = True) -> None: ...
    def get_symbol(self, *args: Any, **kwargs: Any) -> Any:
        """Create a symbol from numpy operator."""
        ...
    def declare_backward_dependency(self, out_grad: Sequence[int], in_data: Sequence[int], out_data: Sequence[int]) -> Sequence[int]:
        """Declare dependencies of this operator for backward pass."""
        ...
class NumpyOp(PythonOp):
    """Base class for numpy operators."""
    def __init__(self, need_top_grad: Any = True) -> None: ...
    def get_symbol(self, *args: Any, **kwargs: Any) -> Any:
        """Create a symbol from numpy operator."""
        ...
class OperatorArguments(tuple):
    """OperatorArguments(narg, names, types)"""
    def __new__(_cls: Any, narg: Any, names: Any, types: Any) -> Any: ...
def c_str(string: Any) -> Any:
    """Create ctypes char * from a Python string."""
    ...
def ctypes2numpy_shared(cptr: Any, shape: int | Sequence[int] | None) -> Any:
    """Convert a ctypes pointer to a numpy array."""
    ...
def get_all_registered_operators() -> Any:
    """Get all registered MXNet operator names."""
    ...
def get_operator_arguments(op_name: str) -> Any:
    """Given operator name, fetch operator arguments - number of arguments, argument names, argument types."""
    ...
def register(reg_name: Any) -> Any:
    """Register a subclass of CustomOpProp to the registry with name reg_name."""
    ...
