# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxnet.autograd import Symbol
from mxnet.callback import LogValidationMetricsCallback as LogValidationMetricsCallback
from mxnet.callback import save_checkpoint as save_checkpoint
from mxnet.context import Context as Context
from mxnet.context import cpu as cpu
from mxnet.initializer import Uniform as Uniform
from mxnet.io import DataDesc as DataDesc
from mxnet.ndarray.ndarray import NDArray

class BatchEndParams(tuple):
    """BatchEndParams(epoch, nbatch, eval_metric, locals)"""
    def __new__(_cls: Any, epoch: Any, nbatch: Any, eval_metric: Any, locals: Any) -> Any: ...
class DataParallelExecutorManager:
    """Helper class to manage multiple executors for data parallelism."""
    arg_names: Any
    aux_names: Any
    ctx: Context
    curr_execgrp: Any
    execgrp: Any
    execgrp_bucket: Any
    param_names: Any
    slices: Any
    sym_gen: Any
    symbol: Any
    def __init__(self, symbol: Symbol, ctx: Context | Sequence[Context] | None, train_data: Any, arg_names: Sequence[str], param_names: Sequence[str], aux_names: Sequence[str], work_load_list: Sequence[float] | int | None = None, logger: Any = None, sym_gen: Any = None) -> None: ...
    def install_monitor(self, monitor: Any) -> Any:
        """Install monitor on all executors."""
        ...
    def set_params(self, arg_params: Sequence[NDArray], aux_params: Sequence[NDArray]) -> None:
        """Set parameter and aux values."""
        ...
    def copy_to(self, arg_params: Sequence[NDArray], aux_params: Sequence[NDArray]) -> None:
        """Copy data from each executor to ```arg_params`` and ``aux_params``."""
        ...
    @property
    def param_arrays(self) -> Any: ...
    @property
    def grad_arrays(self) -> Any: ...
    @property
    def aux_arrays(self) -> Any: ...
    def load_data_batch(self, data_batch: Any) -> None:
        """Load data and labels into arrays."""
        ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run forward on the current executor."""
        ...
    def backward(self) -> None:
        """Run backward on the current executor."""
        ...
    def update_metric(self, metric: Any, labels: Any, pre_sliced: Any = False) -> None:
        """Update metric with the current executor."""
        ...
class FeedForward:
    """Model class of MXNet for training and predicting feedforward nets."""
    _pred_exec: Any
    allow_extra_params: Any
    arg_params: Any
    argument_checked: Any
    aux_params: Any
    begin_epoch: Any
    ctx: Context
    epoch_size: Any
    initializer: Any
    kwargs: Any
    num_epoch: Any
    numpy_batch_size: Any
    optimizer: Any
    sym_gen: Any
    symbol: Any
    def __init__(self, symbol: Symbol, ctx: Context | Sequence[Context] | None = None, num_epoch: int | None = None, epoch_size: int | None = None, optimizer: Any = 'sgd', initializer: Any = ..., numpy_batch_size: int = 128, arg_params: Mapping[str, NDArray] | None = None, aux_params: Mapping[str, NDArray] | None = None, allow_extra_params: bool = False, begin_epoch: int = 0, **kwargs: Any) -> None: ...
    def predict(self, X: Any, num_batch: int | None = None, return_data: Any = False, reset: Any = True) -> Any:
        """Run the prediction, always only use one device."""
        ...
    def score(self, X: Any, eval_metric: Any = 'acc', num_batch: int | None = None, batch_end_callback: Any = None, reset: Any = True) -> float:
        """Run the model given an input and calculate the score as assessed by an evaluation metric."""
        ...
    def fit(self, X: Any, y: Any = None, eval_data: Any = None, eval_metric: Any = 'acc', epoch_end_callback: Any = None, batch_end_callback: Any = None, kvstore: Any = 'local', logger: Any = None, work_load_list: float | int | None = None, monitor: Any = None, eval_end_callback: Any = ..., eval_batch_end_callback: Any = None) -> None:
        """Fit the model."""
        ...
    def save(self, prefix: str | None, epoch: Any = None, remove_amp_cast: bool = True) -> None:
        """Checkpoint the model checkpoint into file."""
        ...
    @staticmethod
    def load(prefix: str | None, epoch: int, ctx: Context | Sequence[Context] | None = None, **kwargs: Any) -> Any:
        """Load model checkpoint from file."""
        ...
    @staticmethod
    def create(symbol: Symbol, X: Any, y: Any = None, ctx: Context | Sequence[Context] | None = None, num_epoch: int | None = None, epoch_size: int | None = None, optimizer: Any = 'sgd', initializer: Any = ..., eval_data: Any = None, eval_metric: Any = 'acc', epoch_end_callback: Any = None, batch_end_callback: Any = None, kvstore: Any = 'local', logger: Any = None, work_load_list: Sequence[float] | int | None = None, eval_end_callback: Any = ..., eval_batch_end_callback: Any = None, **kwargs: Any) -> Any:
        """Functional style to create a model."""
        ...
BatchEndParam = BatchEndParams
def get_updater(optimizer: Any) -> Callable[..., Any]:
    """Returns a closure of the updater needed for kvstore."""
    ...
def load_checkpoint(prefix: str | None, epoch: int) -> Any:
    """Load model checkpoint from file."""
    ...
def load_params(prefix: str | None, epoch: Any) -> Any:
    """Load params from a file"""
    ...
