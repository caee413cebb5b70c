# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from os import PathLike
from typing import Any
import numpy as onp

from mxnet.context import Context
from mxnet.gluon.parameter import ParameterDict
from mxnet.initializer import Initializer
from mxnet.ndarray.ndarray import NDArray

DType = str | type[Any] | onp.dtype[Any] | None

class Block:
    """Base class for all neural network layers and models."""
    _children: Any
    _empty_prefix: Any
    _forward_hooks: Any
    _forward_pre_hooks: Any
    _name: Any
    _reg_params: Any
    _scope: Any
    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    @property
    def prefix(self) -> str: ...
    @property
    def name(self) -> str: ...
    def name_scope(self) -> AbstractContextManager[Any]:
        """Returns a name space object managing a child :py:class:`Block` and parameter names."""
        ...
    @property
    def params(self) -> ParameterDict: ...
    def collect_params(self, select: str | None = None) -> ParameterDict: ...
    def save_parameters(self, filename: str | PathLike[str], deduplicate: bool = False) -> None:
        """Save parameters to file."""
        ...
    def save_params(self, filename: str | PathLike[str]) -> Any:
        """[Deprecated] Please use save_parameters."""
        ...
    def load_parameters(self, filename: str | PathLike[str], ctx: Context | Sequence[Context] | None = None, allow_missing: bool = False, ignore_extra: bool = False, cast_dtype: bool = False, dtype_source: str = 'current') -> Any:
        """Load parameters from file previously saved by `save_parameters`."""
        ...
    def load_params(self, filename: str | PathLike[str], ctx: Context | Sequence[Context] | None = None, allow_missing: Any = False, ignore_extra: Any = False) -> None:
        """[Deprecated] Please use load_parameters."""
        ...
    def register_child(self, block: Any, name: str | None = None) -> None:
        """Registers block as a child of self."""
        ...
    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Any:
        """Registers a forward pre-hook on the block."""
        ...
    def register_forward_hook(self, hook: Callable[..., Any]) -> Any:
        """Registers a forward hook on the block."""
        ...
    def apply(self, fn: Callable[..., Any]) -> Any:
        """Applies ``fn`` recursively to every child block as well as self."""
        ...
    def initialize(self, init: Initializer | str | None = ..., ctx: Context | Sequence[Context] | None = None, verbose: bool = False, force_reinit: bool = False) -> None:
        """Initializes :py:class:`Parameter` s of this :py:class:`Block` and its children."""
        ...
    def hybridize(self, active: Any = True, **kwargs: Any) -> None:
        """Please refer description of HybridBlock hybridize()."""
        ...
    def save(self, prefix: str | None) -> None:
        """Save the model architecture and parameters to load again later"""
        ...
    def load(self, prefix: str | None) -> None:
        """Load a model saved using the `save` API"""
        ...
    def cast(self, dtype: DType) -> None:
        """Cast this Block to use another data type."""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to implement forward computation using :py:class:`NDArray`."""
        ...
    def register_op_hook(self, callback: Callable[..., Any], monitor_all: bool = False) -> None:
        """Install callback monitor."""
        ...
    def summary(self, *inputs: Any) -> None:
        """Print the summary of the model's output and parameters."""
        ...
class HybridBlock(Block):
    """`HybridBlock` supports forwarding with both Symbol and NDArray."""
    _active: Any
    _backend: Any
    _backend_opts: Any
    _cached_graph: Any
    _cached_op: Any
    _cached_op_args: Any
    _callback: Any
    _flags: Any
    _in_format: Any
    _monitor_all: Any
    _out_format: Any
    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def optimize_for(self, x: NDArray, *args: NDArray, backend: str | None = None, clear: bool = False, static_alloc: bool = False, static_shape: bool = False, inline_limit: Any = 2, forward_bulk_size: Any = None, backward_bulk_size: Any = None, **kwargs: Any) -> Any:
        """Partitions the current HybridBlock and optimizes it for a given backend without executing a forward pass."""
        ...
    def register_child(self, block: Any, name: str | None = None) -> Any:
        """Registers block as a child of self."""
        ...
    def hybridize(self, active: bool = True, backend: str | None = None, clear: bool = True, static_alloc: Any = False, static_shape: Any = False, inline_limit: Any = 2, forward_bulk_size: Any = None, backward_bulk_size: Any = None, **kwargs: Any) -> None:
        """Activates or deactivates :py:class:`HybridBlock` s recursively."""
        ...
    def cast(self, dtype: DType) -> None:
        """Cast this Block to use another data type."""
        ...
    def infer_shape(self, *args: Any) -> None:
        """Infers shape of Parameters from inputs."""
        ...
    def infer_type(self, *args: Any) -> None:
        """Infers data type of Parameters from inputs."""
        ...
    def export(self, path: str, epoch: int = 0, remove_amp_cast: Any = True) -> Any:
        """Export HybridBlock to json format that can be loaded by `gluon.SymbolBlock.imports`, `mxnet.mod.Module` or the C++ interface."""
        ...
    def register_op_hook(self, callback: Callable[..., Any], monitor_all: bool = False) -> None:
        """Install op hook for block recursively."""
        ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Defines the forward computation."""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class SymbolBlock(HybridBlock):
    """Construct block from symbol."""
    _cached_graph: Any
    _params: Any
    _prefix: Any
    _reg_params: Any
    @staticmethod
    def imports(symbol_file: str, input_names: Sequence[str], param_file: str | None = None, ctx: Context | Sequence[Context] | None = None, allow_missing: bool = False, ignore_extra: bool = False) -> Any:
        """Import model previously saved by `gluon.HybridBlock.export` or `Module.save_checkpoint` as a `gluon.SymbolBlock` for use in Gluon."""
        ...
    def __init__(self, outputs: Any, inputs: Any, params: ParameterDict | None = None) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Defines the forward computation."""
        ...
    def cast(self, dtype: DType) -> None:
        """Cast this Block to use another data type."""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
    def reset_ctx(self, ctx: Context | Sequence[Context] | None) -> None:
        """Re-assign all Parameters to other contexts."""
        ...
