# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from os import PathLike
from typing import Any, Literal
import numpy as onp

from mxnet.base import MXNetError
from mxnet.context import Context
from mxnet.initializer import Initializer
from mxnet.ndarray.ndarray import NDArray

DType = str | type[Any] | onp.dtype[Any] | None

class Parameter:
    """A Container holding parameters (weights) of Blocks."""
    _allow_deferred_init: Any
    _ctx_list: Any
    _ctx_map: Any
    _data: Any
    _deferred_init: Any
    _differentiable: Any
    _dtype: Any
    _grad: Any
    _grad_req: Any
    _grad_stype: Any
    _shape: Any
    _stype: Any
    _trainer: Any
    _var: Any
    init: Any
    lr_mult: Any
    name: str
    wd_mult: Any
    def __init__(self, name: str | None, grad_req: Literal['write', 'add', 'null'] = 'write', shape: int | Sequence[int] | None = None, dtype: DType = ..., lr_mult: float = 1.0, wd_mult: float = 1.0, init: Initializer | str | None = None, allow_deferred_init: Any = False, differentiable: Any = True, stype: Any = 'default', grad_stype: Any = 'default') -> None: ...
    @property
    def grad_req(self) -> Any: ...
    @grad_req.setter
    def grad_req(self, value: Any) -> None: ...
    @property
    def dtype(self) -> Any: ...
    @dtype.setter
    def dtype(self, value: Any) -> None: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @shape.setter
    def shape(self, value: Any) -> None: ...
    def initialize(self, init: Initializer | str | None = None, ctx: Context | Sequence[Context] | None = None, default_init: Initializer | str = ..., force_reinit: bool = False) -> Any:
        """Initializes parameter and gradient arrays."""
        ...
    def reset_ctx(self, ctx: Context | Sequence[Context] | None) -> Any:
        """Re-assign Parameter to other contexts."""
        ...
    def set_data(self, data: Any) -> None:
        """Sets this parameter's value on all contexts."""
        ...
    def row_sparse_data(self, row_id: NDArray) -> NDArray:
        """Returns a copy of the 'row_sparse' parameter on the same context as row_id's."""
        ...
    def list_row_sparse_data(self, row_id: NDArray) -> Sequence[NDArray]:
        """Returns copies of the 'row_sparse' parameter on all contexts, in the same order as creation."""
        ...
    def data(self, ctx: Context | Sequence[Context] | None = None) -> Any:
        """Returns a copy of this parameter on one context."""
        ...
    def list_data(self) -> list[Any]:
        """Returns copies of this parameter on all contexts, in the same order as creation."""
        ...
    def grad(self, ctx: Context | Sequence[Context] | None = None) -> Any:
        """Returns a gradient buffer for this parameter on one context."""
        ...
    def list_grad(self) -> list[Any]:
        """Returns gradient buffers on all contexts, in the same order as :py:meth:`values`."""
        ...
    def list_ctx(self) -> Any:
        """Returns a list of contexts this parameter is initialized on."""
        ...
    def zero_grad(self) -> None:
        """Sets gradient buffer on all contexts to 0."""
        ...
    def var(self) -> Any:
        """Returns a symbol representing this parameter."""
        ...
    def cast(self, dtype: DType) -> None:
        """Cast data and gradient of this Parameter to a new data type."""
        ...
class Constant(Parameter):
    """A constant parameter for holding immutable tensors."""
    value: Any
    def __init__(self, name: str | None, value: Any) -> None: ...
    @property
    def grad_req(self) -> Any: ...
    @grad_req.setter
    def grad_req(self, value: Any) -> None: ...
class DeferredInitializationError(MXNetError):
    """Error for unfinished deferred initialization."""
    ...
class ParameterDict:
    """A dictionary managing a set of parameters."""
    _params: Any
    _prefix: Any
    _shared: Any
    def __init__(self, prefix: str | None = '', shared: ParameterDict | None = None) -> None: ...
    def __getitem__(self, key: Any) -> Parameter: ...
    def __iter__(self) -> Iterator[str]: ...
    def items(self) -> ItemsView[str, Parameter]: ...
    def keys(self) -> KeysView[str]: ...
    def values(self) -> ValuesView[Parameter]: ...
    @property
    def prefix(self) -> str: ...
    def get(self, name: str | None, **kwargs: Any) -> Parameter:
        """Retrieves a :py:class:`Parameter` with name ``self.prefix+name``."""
        ...
    def get_constant(self, name: str | None, value: Any = None) -> Constant:
        """Retrieves a :py:class:`.Constant` with name ``self.prefix+name``."""
        ...
    def update(self, other: Any) -> None:
        """Copies all Parameters in ``other`` to self."""
        ...
    def initialize(self, init: Initializer | str | None = ..., ctx: Context | Sequence[Context] | None = None, verbose: bool = False, force_reinit: bool = False) -> None:
        """Initializes all Parameters managed by this dictionary to be used for :py:class:`NDArray` API."""
        ...
    def zero_grad(self) -> None:
        """Sets all Parameters' gradient buffer to 0."""
        ...
    def reset_ctx(self, ctx: Context | Sequence[Context] | None) -> None:
        """Re-assign all Parameters to other contexts."""
        ...
    def list_ctx(self) -> Any:
        """Returns a list of all the contexts on which the underlying Parameters are initialized."""
        ...
    def setattr(self, name: str | None, value: Any) -> None:
        """Set an attribute to a new value for all Parameters."""
        ...
    def save(self, filename: str | PathLike[str], strip_prefix: str = '') -> Any:
        """Save parameters to file."""
        ...
    def load(self, filename: str | PathLike[str], ctx: Context | Sequence[Context] | None = None, allow_missing: bool = False, ignore_extra: bool = False, restore_prefix: str = '', cast_dtype: bool = False, dtype_source: str = 'current') -> None:
        """Load parameters from file."""
        ...
    def load_dict(self, param_dict: Mapping[str, Any], ctx: Context | Sequence[Context] | None = None, allow_missing: bool = False, ignore_extra: bool = False, restore_prefix: str = '', filename: str | PathLike[str] | None = None, cast_dtype: bool = False, dtype_source: Any = 'current') -> None:
        """Load parameters from dict"""
        ...
