# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any

from mxnet.autograd import Symbol
from mxnet.model import get_updater as get_updater
from mxnet.ndarray import abs
from mxnet.ndarray.ndarray import NDArray
from . import contrib as contrib
from . import optimizer as optimizer

class Optimizer:
    """The base class inherited by all optimizers."""
    _all_index_update_counts: Any
    _index_update_count: Any
    aggregate_num: Any
    allow_np_array: Any
    begin_num_update: Any
    clip_gradient: Any
    idx2name: Any
    lr: Any
    lr_mult: Any
    lr_scheduler: Any
    multi_precision: Any
    num_update: Any
    param_dict: Any
    rescale_grad: Any
    sym_info: Any
    wd: Any
    wd_mult: Any
    def __init__(self, rescale_grad: float = 1.0, param_idx2name: Any = None, wd: float = 0.0, clip_gradient: float | None = None, learning_rate: float | None = None, lr_scheduler: Any = None, sym: Symbol | None = None, begin_num_update: int = 0, multi_precision: bool = False, param_dict: Any = None) -> None: ...
    @staticmethod
    def register(klass) -> Any:
        """Registers a new optimizer."""
        ...
    @staticmethod
    def create_optimizer(name: str | None, **kwargs: Any) -> Any:
        """Instantiates an optimizer with a given name and kwargs."""
        ...
    @property
    def learning_rate(self) -> float: ...
    def create_state(self, index: int, weight: NDArray) -> None:
        """Creates auxiliary state for a given weight."""
        ...
    def create_state_multi_precision(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight, including FP32 high precision copy if original weight is FP16."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> Any:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
    def update_multi_precision(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
    def set_learning_rate(self, lr: float) -> Any:
        """Sets a new learning rate of the optimizer."""
        ...
    def set_lr_scale(self, args_lrscale: Any) -> Any:
        """[DEPRECATED] Sets lr scale."""
        ...
    def set_lr_mult(self, args_lr_mult: Any) -> None:
        """Sets an individual learning rate multiplier for each parameter."""
        ...
    def set_wd_mult(self, args_wd_mult: Any) -> None:
        """Sets an individual weight decay multiplier for each parameter."""
        ...
class AdaDelta(Optimizer):
    """The AdaDelta optimizer."""
    epsilon: Any
    rho: Any
    def __init__(self, rho: float = 0.9, epsilon: float = 1e-05, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class AdaGrad(Optimizer):
    """AdaGrad optimizer."""
    float_stable_eps: Any
    def __init__(self, eps: float = 1e-07, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class Adam(Optimizer):
    """The Adam optimizer."""
    beta1: Any
    beta2: Any
    epsilon: Any
    lazy_update: Any
    def __init__(self, learning_rate: Any = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, lazy_update: bool = True, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class Adamax(Optimizer):
    """The AdaMax optimizer."""
    beta1: Any
    beta2: Any
    def __init__(self, learning_rate: Any = 0.002, beta1: float = 0.9, beta2: float = 0.999, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class DCASGD(Optimizer):
    """The DCASGD optimizer."""
    lamda: Any
    momentum: Any
    weight_previous: Any
    def __init__(self, momentum: float = 0.0, lamda: float = 0.04, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class FTML(Optimizer):
    """The FTML optimizer."""
    beta1: Any
    beta2: Any
    epsilon: Any
    def __init__(self, beta1: float = 0.6, beta2: float = 0.999, epsilon: float = 1e-08, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class Ftrl(Optimizer):
    """The Ftrl optimizer."""
    beta: Any
    lamda1: Any
    lr: Any
    def __init__(self, lamda1: float = 0.01, learning_rate: float = 0.1, beta: float = 1, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class LAMB(Optimizer):
    """LAMB Optimizer."""
    aggregate_num: Any
    beta1: Any
    beta2: Any
    bias_correction: Any
    epsilon: Any
    lower_bound: Any
    upper_bound: Any
    def __init__(self, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, epsilon: Any = 1e-06, lower_bound: Any = None, upper_bound: Any = None, bias_correction: Any = True, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
    def update_multi_precision(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class LARS(Optimizer):
    """the LARS optimizer from 'Large Batch Training of Convolution Networks' (https://arxiv.org/abs/1708.03888)"""
    aggregate_num: Any
    cur_lr: Any
    eps: Any
    eta: Any
    last_lr: Any
    lazy_update: Any
    momentum: Any
    momentum_correction: Any
    skip: Any
    def __init__(self, momentum: float = 0.0, lazy_update: bool = True, eta: Any = 0.001, eps: Any = 0, momentum_correction: bool = True, *, lars_eta: float = ..., lars_epsilon: float = ..., **kwargs: Any) -> None: ...
    def set_wd_mult(self, args_wd_mult: Any) -> None:
        """Sets an individual weight decay multiplier for each parameter."""
        ...
    def create_state_multi_precision(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight, including FP32 high precision copy if original weight is FP16."""
        ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
    def update_multi_precision(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class LBSGD(Optimizer):
    """The Large Batch SGD optimizer with momentum and weight decay."""
    adaptive: Any
    admult: Any
    batch_scale: Any
    cumgrads: Any
    init_updates: Any
    lbmult: Any
    momentum: Any
    multi_precision: Any
    num_epochs: Any
    updates_per_epoch: Any
    warmup_epochs: Any
    warmup_strategy: Any
    def __init__(self, momentum: float = 0.0, multi_precision: bool = False, warmup_strategy: Any = 'linear', warmup_epochs: Any = 5, batch_scale: Any = 1, updates_per_epoch: Any = 32, begin_epoch: Any = 0, num_epochs: Any = 60, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class NAG(Optimizer):
    """Nesterov accelerated gradient."""
    momentum: Any
    def __init__(self, momentum: float = 0.0, *, multi_precision: bool = ..., **kwargs: Any) -> None: ...
    def create_state_multi_precision(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight, including FP32 high precision copy if original weight is FP16."""
        ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
    def update_multi_precision(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class Nadam(Optimizer):
    """The Nesterov Adam optimizer."""
    beta1: Any
    beta2: Any
    epsilon: Any
    m_schedule: Any
    schedule_decay: Any
    def __init__(self, learning_rate: Any = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-08, schedule_decay: float = 0.004, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class RMSProp(Optimizer):
    """The RMSProp optimizer."""
    centered: Any
    clip_weights: Any
    epsilon: Any
    gamma1: Any
    gamma2: Any
    def __init__(self, learning_rate: Any = 0.001, gamma1: float = 0.9, gamma2: float = 0.9, epsilon: float = 1e-08, centered: bool = False, clip_weights: float | None = None, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class SGD(Optimizer):
    """The SGD optimizer with momentum and weight decay."""
    aggregate_num: Any
    lazy_update: Any
    momentum: Any
    def __init__(self, momentum: float = 0.0, lazy_update: bool = True, *, multi_precision: bool = ..., **kwargs: Any) -> None: ...
    def create_state_multi_precision(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight, including FP32 high precision copy if original weight is FP16."""
        ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
    def update_multi_precision(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class SGLD(Optimizer):
    """Stochastic Gradient Riemannian Langevin Dynamics."""
    def __init__(self, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class Signum(Optimizer):
    """The Signum optimizer that takes the sign of gradient or momentum."""
    momentum: Any
    wd_lh: Any
    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.9, wd_lh: float = 0.0, **kwargs: Any) -> None: ...
    def create_state(self, index: int, weight: NDArray) -> Any:
        """Creates auxiliary state for a given weight."""
        ...
    def update(self, index: int, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Updates the given parameter using the corresponding gradient and state."""
        ...
class Test(Optimizer):
    """The Test optimizer"""
    def __init__(self, **kwargs: Any) -> None: ...
    def create_state(self, index: Any, weight: Any) -> Any:
        """Creates a state to duplicate weight."""
        ...
    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Performs w += rescale_grad * grad."""
        ...
class Updater:
    """Updater for kvstore."""
    aggregate_updates: Any
    optimizer: Any
    states: Any
    states_synced: Any
    def __init__(self, optimizer: Any) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def sync_state_context(self, state: Any, context: Any) -> Any:
        """sync state context."""
        ...
    def set_states(self, states: Any) -> None:
        """Sets updater states."""
        ...
    def get_states(self, dump_optimizer: bool = False) -> Any:
        """Gets updater states."""
        ...
class ccSGD(SGD):
    """[DEPRECATED] Same as `SGD`."""
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
NDabs = abs
def create(name: str | None, **kwargs: Any) -> Any:
    """Instantiates an optimizer with a given name and kwargs."""
    ...
def register(klass: Any) -> Any:
    """Registers a new optimizer."""
    ...
