# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxnet.autograd import Symbol
from mxnet.context import Context
from mxnet.initializer import Initializer
from mxnet.ndarray.ndarray import NDArray
from . import base_module as base_module
from . import bucketing_module as bucketing_module
from . import executor_group as executor_group
from . import module as module
from . import python_module as python_module
from . import sequential_module as sequential_module

class BaseModule:
    """The base class of a module."""
    _symbol: Any
    _total_exec_bytes: Any
    binded: Any
    for_training: Any
    inputs_need_grad: Any
    logger: Any
    optimizer_initialized: Any
    params_initialized: Any
    def __init__(self, logger: Any = ...) -> None: ...
    def forward_backward(self, data_batch: Any) -> None:
        """A convenient function that calls both ``forward`` and ``backward``."""
        ...
    def score(self, eval_data: Any, eval_metric: Any, num_batch: int | None = None, batch_end_callback: Callable[..., Any] | None = None, score_end_callback: Any = None, reset: bool = True, epoch: int = 0, sparse_row_id_fn: Any = None) -> Any:
        """Runs prediction on ``eval_data`` and evaluates the performance according to the given ``eval_metric``."""
        ...
    def iter_predict(self, eval_data: Any, num_batch: int | None = None, reset: bool = True, sparse_row_id_fn: Any = None) -> Any:
        """Iterates over predictions."""
        ...
    def predict(self, eval_data: Any, num_batch: int | None = None, merge_batches: bool = True, reset: bool = True, always_output_list: bool = False, sparse_row_id_fn: Any = None) -> Any:
        """Runs prediction and collects the outputs."""
        ...
    def fit(self, train_data: Any, eval_data: Any = None, eval_metric: Any = 'acc', epoch_end_callback: Any = None, batch_end_callback: Any = None, kvstore: Any = 'local', optimizer: Any = 'sgd', optimizer_params: Mapping[str, Any] = ..., eval_end_callback: Any = None, eval_batch_end_callback: Any = None, initializer: Initializer | str = ..., arg_params: Mapping[str, Any] | None = None, aux_params: Mapping[str, Any] | None = None, allow_missing: bool = False, force_rebind: bool = False, force_init: bool = False, begin_epoch: int = 0, num_epoch: int | None = None, validation_metric: Any = None, monitor: Any = None, sparse_row_id_fn: Any = None) -> None:
        """Trains the module parameters."""
        ...
    @property
    def data_names(self) -> Any: ...
    @property
    def output_names(self) -> Any: ...
    @property
    def data_shapes(self) -> Any: ...
    @property
    def label_shapes(self) -> Any: ...
    @property
    def output_shapes(self) -> Any: ...
    def get_params(self) -> Any:
        """Gets parameters, those are potentially copies of the actual parameters used to do computation on the device."""
        ...
    def init_params(self, initializer: Initializer | str = ..., arg_params: Mapping[str, Any] | None = None, aux_params: Mapping[str, Any] | None = None, allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False) -> Any:
        """Initializes the parameters and auxiliary states."""
        ...
    def set_params(self, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any], allow_missing: bool = False, force_init: bool = True, allow_extra: bool = False) -> None:
        """Assigns parameter and aux state values."""
        ...
    def save_params(self, fname: str) -> None:
        """Saves model parameters to file."""
        ...
    def load_params(self, fname: str) -> Any:
        """Loads model parameters from file."""
        ...
    def get_states(self, merge_multi_context: bool = True) -> Any:
        """Gets states from all devices"""
        ...
    def set_states(self, states: Any = None, value: float | None = None) -> None:
        """Sets value for states."""
        ...
    def install_monitor(self, mon: Any) -> Any:
        """Installs monitor on all executors."""
        ...
    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Prepares the module for processing a data batch."""
        ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Forward computation."""
        ...
    def backward(self, out_grads: NDArray | Sequence[NDArray] | None = None) -> Any:
        """Backward computation."""
        ...
    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """Gets outputs of the previous forward computation."""
        ...
    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """Gets the gradients to the inputs, computed in the previous backward computation."""
        ...
    def update(self) -> Any:
        """Updates parameters according to the installed optimizer and the gradients computed in the previous forward-backward batch."""
        ...
    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> Any:
        """Evaluates and accumulates evaluation metric on outputs of the last forward computation."""
        ...
    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None, grad_req: Any = 'write') -> Any:
        """Binds the symbols to construct executors."""
        ...
    def init_optimizer(self, kvstore: Any = 'local', optimizer: Any = 'sgd', optimizer_params: Mapping[str, Any] = ..., force_init: bool = False) -> Any:
        """Installs and initializes optimizers, as well as initialize kvstore for distributed training"""
        ...
    @property
    def symbol(self) -> Any: ...
class BucketingModule(BaseModule):
    """This module helps to deal efficiently with varying-length inputs."""
    _buckets: Any
    _compression_params: Any
    _context: Any
    _curr_bucket_key: Any
    _curr_module: Any
    _default_bucket_key: Any
    _fixed_param_names: Any
    _grad_req: Any
    _group2ctxs: Any
    _monitor: Any
    _params_dirty: Any
    _state_names: Any
    _sym_gen: Any
    _work_load_list: Any
    def __init__(self, sym_gen: Callable[..., Any], default_bucket_key: Any = None, logger: Any = ..., context: Context | Sequence[Context] = ..., work_load_list: Any = None, fixed_param_names: Sequence[str] | None = None, state_names: Sequence[str] | None = None, group2ctxs: Any = None, compression_params: Mapping[str, Any] | None = None) -> None: ...
    @property
    def data_names(self) -> Any: ...
    @property
    def output_names(self) -> Any: ...
    @property
    def data_shapes(self) -> Any: ...
    @property
    def label_shapes(self) -> Any: ...
    @property
    def output_shapes(self) -> Any: ...
    def get_params(self) -> Any:
        """Gets current parameters."""
        ...
    def set_params(self, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any], allow_missing: bool = False, force_init: bool = True, allow_extra: bool = False) -> None:
        """Assigns parameters and aux state values."""
        ...
    def init_params(self, initializer: Initializer | str = ..., arg_params: Mapping[str, Any] | None = None, aux_params: Mapping[str, Any] | None = None, allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False) -> None:
        """Initializes parameters."""
        ...
    def get_states(self, merge_multi_context: bool = True) -> Any:
        """Gets states from all devices."""
        ...
    def set_states(self, states: Any = None, value: float | None = None) -> None:
        """Sets value for states."""
        ...
    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None, grad_req: Any = 'write') -> None:
        """Binding for a `BucketingModule` means setting up the buckets and binding the executor for the default bucket key."""
        ...
    def switch_bucket(self, bucket_key: Any, data_shapes: Any, label_shapes: Any = None) -> None:
        """Switches to a different bucket."""
        ...
    def init_optimizer(self, kvstore: Any = 'local', optimizer: Any = 'sgd', optimizer_params: Mapping[str, Any] = ..., force_init: bool = False) -> None:
        """Installs and initializes optimizers."""
        ...
    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Prepares the module for processing a data batch."""
        ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Forward computation."""
        ...
    def backward(self, out_grads: Any = None) -> None:
        """Backward computation."""
        ...
    def update(self) -> None:
        """Updates parameters according to installed optimizer and the gradient computed in the previous forward-backward cycle."""
        ...
    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """Gets outputs from a previous forward computation."""
        ...
    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """Gets the gradients with respect to the inputs of the module."""
        ...
    def update_metric(self, eval_metric: Any, labels: Sequence[NDArray], pre_sliced: Any = False) -> None:
        """Evaluates and accumulates evaluation metric on outputs of the last forward computation."""
        ...
    @property
    def symbol(self) -> Any: ...
    def install_monitor(self, mon: Any) -> None:
        """Installs monitor on all executors"""
        ...
    def save_checkpoint(self, prefix: str | None, epoch: int, remove_amp_cast: Any = False) -> None:
        """Saves current progress to checkpoint for all buckets in BucketingModule Use `mx.callback.module_checkpoint` as `epoch_end_callback` to save during training."""
        ...
    @staticmethod
    def load(prefix: str | None, epoch: int, sym_gen: Callable[..., Any] | None = None, default_bucket_key: Any = None, *, logger: Any = ..., context: Context | Sequence[Context] = ..., work_load_list: Any = ..., fixed_param_names: Sequence[str] = ..., state_names: Sequence[str] = ..., group2ctxs: Any = ..., compression_params: Mapping[str, Any] = ..., **kwargs: Any) -> Any:
        """Creates a model from previously saved checkpoint."""
        ...
    @staticmethod
    def load_dict(sym_dict: Any = None, sym_gen: Callable[..., Any] | None = None, default_bucket_key: Any = None, arg_params: Mapping[str, Any] | None = None, aux_params: Mapping[str, Any] | None = None, *, logger: Any = ..., context: Context | Sequence[Context] = ..., work_load_list: Any = ..., fixed_param_names: Sequence[str] = ..., state_names: Sequence[str] = ..., group2ctxs: Any = ..., compression_params: Mapping[str, Any] = ..., **kwargs: Any) -> Any:
        """Creates a model from a dict mapping bucket_key to symbols and shared arg_params and aux_params."""
        ...
class Module(BaseModule):
    """Module is a basic module that wrap a `Symbol`."""
    _arg_params: Any
    _aux_names: Any
    _aux_params: Any
    _compression_params: Any
    _context: Any
    _data_names: Any
    _data_shapes: Any
    _exec_group: Any
    _fixed_param_names: Any
    _grad_req: Any
    _group2ctxs: Any
    _kvstore: Any
    _label_names: Any
    _label_shapes: Any
    _optimizer: Any
    _output_names: Any
    _param_names: Any
    _params_dirty: Any
    _preload_opt_states: Any
    _state_names: Any
    _symbol: Any
    _update_on_kvstore: Any
    _updater: Any
    _work_load_list: Any
    def __init__(self, symbol: Symbol, data_names: Sequence[str] = ..., label_names: Sequence[str] = ..., logger: Any = ..., context: Context | Sequence[Context] = ..., work_load_list: Any = None, fixed_param_names: Sequence[str] | None = None, state_names: Sequence[str] | None = None, group2ctxs: Any = None, compression_params: Mapping[str, Any] | None = None) -> None: ...
    @staticmethod
    def load(prefix: str | None, epoch: int, load_optimizer_states: bool = False, *, data_names: Sequence[str] = ..., label_names: Sequence[str] = ..., logger: Any = ..., context: Context | Sequence[Context] = ..., work_load_list: Any = ..., fixed_param_names: Sequence[str] = ..., **kwargs: Any) -> Any:
        """Creates a model from previously saved checkpoint."""
        ...
    def save_checkpoint(self, prefix: str | None, epoch: int, save_optimizer_states: bool = False, remove_amp_cast: Any = True) -> None:
        """Saves current progress to checkpoint."""
        ...
    @property
    def data_names(self) -> Any: ...
    @property
    def label_names(self) -> Any: ...
    @property
    def output_names(self) -> Any: ...
    @property
    def data_shapes(self) -> Any: ...
    @property
    def label_shapes(self) -> Any: ...
    @property
    def output_shapes(self) -> Any: ...
    def get_params(self) -> Any:
        """Gets current parameters."""
        ...
    def init_params(self, initializer: Initializer | str = ..., arg_params: Mapping[str, Any] | None = None, aux_params: Mapping[str, Any] | None = None, allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False) -> None:
        """Initializes the parameters and auxiliary states."""
        ...
    def set_params(self, arg_params: Mapping[str, Any], aux_params: Mapping[str, Any], allow_missing: bool = False, force_init: bool = True, allow_extra: bool = False) -> None:
        """Assigns parameter and aux state values."""
        ...
    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None, grad_req: Any = 'write') -> None:
        """Binds the symbols to construct executors."""
        ...
    def reshape(self, data_shapes: Any, label_shapes: Any = None) -> None:
        """Reshapes the module for new input shapes."""
        ...
    def init_optimizer(self, kvstore: Any = 'local', optimizer: Any = 'sgd', optimizer_params: Mapping[str, Any] = ..., force_init: bool = False) -> None:
        """Installs and initializes optimizers."""
        ...
    def borrow_optimizer(self, shared_module: Any) -> None:
        """Borrows optimizer from a shared module."""
        ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Forward computation."""
        ...
    def backward(self, out_grads: NDArray | Sequence[NDArray] | None = None) -> None:
        """Backward computation."""
        ...
    def update(self) -> None:
        """Updates parameters according to the installed optimizer and the gradients computed in the previous forward-backward batch."""
        ...
    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """Gets outputs of the previous forward computation."""
        ...
    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """Gets the gradients with respect to the inputs of the module."""
        ...
    def get_states(self, merge_multi_context: bool = True) -> Any:
        """Gets states from all devices."""
        ...
    def set_states(self, states: Any = None, value: float | None = None) -> None:
        """Sets value for states."""
        ...
    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Evaluates and accumulates evaluation metric on outputs of the last forward computation."""
        ...
    def save_optimizer_states(self, fname: str) -> None:
        """Saves optimizer (updater) state to a file."""
        ...
    def load_optimizer_states(self, fname: str) -> None:
        """Loads optimizer (updater) state from a file."""
        ...
    def install_monitor(self, mon: Any) -> None:
        """Installs monitor on all executors."""
        ...
    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Prepares the module for processing a data batch."""
        ...
class PythonModule(BaseModule):
    """A convenient module class that implements many of the module APIs as empty functions."""
    _data_names: Any
    _data_shapes: Any
    _label_names: Any
    _label_shapes: Any
    _output_names: Any
    _output_shapes: Any
    def __init__(self, data_names: Sequence[str], label_names: Sequence[str], output_names: Sequence[str], logger: Any = ...) -> None: ...
    @property
    def data_names(self) -> Any: ...
    @property
    def output_names(self) -> Any: ...
    @property
    def data_shapes(self) -> Any: ...
    @property
    def label_shapes(self) -> Any: ...
    @property
    def output_shapes(self) -> Any: ...
    def get_params(self) -> Any:
        """Gets parameters, those are potentially copies of the actual parameters used to do computation on the device."""
        ...
    def init_params(self, initializer: Initializer | str = ..., arg_params: Mapping[str, Any] | None = None, aux_params: Mapping[str, Any] | None = None, allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False) -> None:
        """Initializes the parameters and auxiliary states."""
        ...
    def update(self) -> None:
        """Updates parameters according to the installed optimizer and the gradients computed in the previous forward-backward batch."""
        ...
    def update_metric(self, eval_metric: Any, labels: Sequence[NDArray], pre_sliced: Any = False) -> Any:
        """Evaluates and accumulates evaluation metric on outputs of the last forward computation."""
        ...
    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None, grad_req: Any = 'write') -> None:
        """Binds the symbols to construct executors."""
        ...
    def init_optimizer(self, kvstore: Any = 'local', optimizer: Any = 'sgd', optimizer_params: Mapping[str, Any] = ..., force_init: bool = False) -> None:
        """Installs and initializes optimizers."""
        ...
class PythonLossModule(PythonModule):
    """A convenient module class that implements many of the module APIs as empty functions."""
    _grad_func: Any
    _labels: Any
    _name: Any
    _scores: Any
    _scores_grad: Any
    def __init__(self, name: str | None = 'pyloss', data_names: Sequence[str] = ..., label_names: Sequence[str] = ..., logger: Any = ..., grad_func: Callable[..., Any] | None = None) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Forward computation."""
        ...
    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """Gets outputs of the previous forward computation."""
        ...
    def backward(self, out_grads: NDArray | Sequence[NDArray] | None = None) -> None:
        """Backward computation."""
        ...
    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """Gets the gradients to the inputs, computed in the previous backward computation."""
        ...
    def install_monitor(self, mon: Any) -> Any:
        """Installs monitor on all executors."""
        ...
class SequentialModule(BaseModule):
    """A SequentialModule is a container module that can chain multiple modules together."""
    _data_shapes: Any
    _label_shapes: Any
    _meta_keys: Any
    _metas: Any
    _modules: Any
    def __init__(self, logger: Any = ...) -> None: ...
    def add(self, module: Any, **kwargs: Any) -> Any:
        """Add a module to the chain."""
        ...
    @property
    def data_names(self) -> Any: ...
    @property
    def output_names(self) -> Any: ...
    @property
    def data_shapes(self) -> Any: ...
    @property
    def label_shapes(self) -> Any: ...
    @property
    def output_shapes(self) -> Any: ...
    def get_params(self) -> Any:
        """Gets current parameters."""
        ...
    def init_params(self, initializer: Initializer | str = ..., arg_params: Mapping[str, Any] | None = None, aux_params: Mapping[str, Any] | None = None, allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False) -> None:
        """Initializes parameters."""
        ...
    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None, grad_req: Any = 'write') -> None:
        """Binds the symbols to construct executors."""
        ...
    def init_optimizer(self, kvstore: Any = 'local', optimizer: Any = 'sgd', optimizer_params: Mapping[str, Any] = ..., force_init: bool = False) -> None:
        """Installs and initializes optimizers."""
        ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Forward computation."""
        ...
    def backward(self, out_grads: Any = None) -> None:
        """Backward computation."""
        ...
    def update(self) -> None:
        """Updates parameters according to installed optimizer and the gradient computed in the previous forward-backward cycle."""
        ...
    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """Gets outputs from a previous forward computation."""
        ...
    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """Gets the gradients with respect to the inputs of the module."""
        ...
    def update_metric(self, eval_metric: Any, labels: Sequence[NDArray], pre_sliced: Any = False) -> None:
        """Evaluates and accumulates evaluation metric on outputs of the last forward computation."""
        ...
    def install_monitor(self, mon: Any) -> None:
        """Installs monitor on all executors."""
        ...
