# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Callable, Mapping
from typing import Any

from mxnet.autograd import Symbol
from mxnet.ndarray.ndarray import NDArray

class LogValidationMetricsCallback:
    """Just logs the eval metrics at the end of an epoch."""
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class ProgressBar:
    """Displays a progress bar, indicating the percentage of batches processed within each epoch."""
    bar_len: Any
    total: Any
    def __init__(self, total: int, length: int = 80) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class Speedometer:
    """Logs training speed and evaluation metrics periodically."""
    auto_reset: Any
    batch_size: Any
    frequent: Any
    init: Any
    last_count: Any
    tic: Any
    def __init__(self, batch_size: int, frequent: int = 50, auto_reset: bool = True) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
def do_checkpoint(prefix: str | None, period: int = 1) -> Callable[..., Any]:
    """A callback that saves a model checkpoint every few epochs."""
    ...
def log_train_metric(period: int, auto_reset: bool = False) -> Callable[..., Any]:
    """Callback to log the training evaluation result every period."""
    ...
def module_checkpoint(mod: Any, prefix: str | None, period: int = 1, save_optimizer_states: bool = False) -> Callable[..., Any]:
    """Callback to checkpoint Module to prefix every epoch."""
    ...
def save_checkpoint(prefix: str | None, epoch: int, symbol: Symbol, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray], remove_amp_cast: bool = True) -> None:
    """Checkpoint the model data into file."""
    ...
