# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any


class LRScheduler:
    """Base class of a learning rate scheduler."""
    base_lr: Any
    warmup_begin_lr: Any
    warmup_final_lr: Any
    warmup_mode: Any
    warmup_steps: Any
    def __init__(self, base_lr: float = 0.01, warmup_steps: int = 0, warmup_begin_lr: float = 0, warmup_mode: str = 'linear') -> None: ...
    def get_warmup_lr(self, num_update: Any) -> Any: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class CosineScheduler(LRScheduler):
    """Reduce the learning rate according to a cosine function"""
    base_lr_orig: Any
    final_lr: Any
    max_steps: Any
    max_update: Any
    def __init__(self, max_update: Any, base_lr: Any = 0.01, final_lr: Any = 0, warmup_steps: Any = 0, warmup_begin_lr: Any = 0, warmup_mode: Any = 'linear') -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class FactorScheduler(LRScheduler):
    """Reduce the learning rate by a factor for every *n* steps."""
    count: Any
    factor: Any
    step: Any
    stop_factor_lr: Any
    def __init__(self, step: int, factor: float = 1, stop_factor_lr: float = 1e-08, base_lr: Any = 0.01, warmup_steps: Any = 0, warmup_begin_lr: Any = 0, warmup_mode: Any = 'linear') -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class MultiFactorScheduler(LRScheduler):
    """Reduce the learning rate by given a list of steps."""
    count: Any
    cur_step_ind: Any
    factor: Any
    step: Any
    def __init__(self, step: Sequence[int], factor: float = 1, base_lr: Any = 0.01, warmup_steps: int = 0, warmup_begin_lr: float = 0, warmup_mode: str = 'linear') -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class PolyScheduler(LRScheduler):
    """Reduce the learning rate according to a polynomial of given power."""
    base_lr_orig: Any
    final_lr: Any
    max_steps: Any
    max_update: Any
    power: Any
    def __init__(self, max_update: Any, base_lr: Any = 0.01, pwr: Any = 2, final_lr: Any = 0, warmup_steps: Any = 0, warmup_begin_lr: Any = 0, warmup_mode: Any = 'linear') -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
pi: float
