# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Mapping, Sequence
from typing import Any

from mxnet.gluon.parameter import Parameter
from mxnet.gluon.parameter import ParameterDict

class Trainer:
    """Applies an `Optimizer` on a set of Parameters."""
    _compression_params: Any
    _contains_sparse_grad: Any
    _contains_sparse_weight: Any
    _contexts: Any
    _distributed: Any
    _kv_initialized: Any
    _kvstore: Any
    _kvstore_params: Any
    _param2idx: Any
    _params: Any
    _params_to_init: Any
    _scale: Any
    _update_on_kvstore: Any
    def __init__(self, params: ParameterDict | Mapping[str, Parameter] | Sequence[Parameter], optimizer: Any, optimizer_params: Mapping[str, Any] | None = None, kvstore: Any = 'device', compression_params: Mapping[str, Any] | None = None, update_on_kvstore: bool | None = None) -> None: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def optimizer(self) -> Any: ...
    def set_learning_rate(self, lr: float) -> Any:
        """Sets a new learning rate of the optimizer."""
        ...
    def step(self, batch_size: int, ignore_stale_grad: bool = False) -> None:
        """Makes one step of parameter update."""
        ...
    def allreduce_grads(self) -> None:
        """For each parameter, reduce the gradients from different contexts."""
        ...
    def update(self, batch_size: int, ignore_stale_grad: bool = False) -> None:
        """Makes one step of parameter update."""
        ...
    def save_states(self, fname: str) -> None:
        """Saves trainer states (e.g."""
        ...
    def load_states(self, fname: str) -> None:
        """Loads trainer states (e.g."""
        ...
