# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Callable, Sequence
from typing import Any
from typing_extensions import Self

from mxnet.ndarray import load as load
from mxnet.ndarray.ndarray import NDArray as NDArray
from mxnet.numpy_extension import is_np_array as is_np_array

class Initializer:
    """The base class of an initializer."""
    _kwargs: Any
    _print_func: Any
    _verbose: Any
    def __init__(self, **kwargs: Any) -> None: ...
    def set_verbosity(self, verbose: bool = False, print_func: Callable[..., Any] | None = None) -> Any:
        """Switch on/off verbose mode"""
        ...
    def dumps(self) -> str:
        """Saves the initializer to string"""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __eq__(self, other: Any) -> Any: ...  # type: ignore[override]
class Bilinear(Initializer):
    """Initialize weight for upsampling layers."""
    def __init__(self) -> None: ...
class Constant(Initializer):
    """Initializes the weights to a given value."""
    value: Any
    def __init__(self, value: float | NDArray) -> None: ...
    def dumps(self) -> str:
        """Saves the initializer to string"""
        ...
class FusedRNN(Initializer):
    """Initialize parameters for fused rnn layers."""
    _bidirectional: Any
    _forget_bias: Any
    _init: Any
    _mode: Any
    _num_hidden: Any
    _num_layers: Any
    def __init__(self, init: Initializer | str | None, num_hidden: int, num_layers: int, mode: str, bidirectional: bool = False, forget_bias: float = 1.0) -> None: ...
class InitDesc(str):
    """Descriptor for the initialization pattern."""
    def __new__(cls, name: str | None, attrs: Any = None, global_init: Any = None) -> Self: ...
class LSTMBias(Initializer):
    """Initialize all biases of an LSTMCell to 0.0 except for the forget gate whose bias is set to custom value."""
    forget_bias: Any
    def __init__(self, forget_bias: float = 1.0) -> None: ...
class Load:
    """Initializes variables by loading data from file or dict."""
    default_init: Any
    param: Any
    verbose: Any
    def __init__(self, param: Any, default_init: Initializer | str | None = None, verbose: bool = False) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class Xavier(Initializer):
    """Returns an initializer performing 'Xavier' initialization for weights."""
    factor_type: Any
    magnitude: Any
    rnd_type: Any
    def __init__(self, rnd_type: str = 'uniform', factor_type: str = 'avg', magnitude: float = 3) -> None: ...
class MSRAPrelu(Xavier):
    """Initialize the weight according to a MSRA paper."""
    _kwargs: Any
    def __init__(self, factor_type: str = 'avg', slope: float = 0.25) -> None: ...
class Mixed:
    """Initialize parameters using multiple initializers."""
    map: Any
    def __init__(self, patterns: Sequence[str], initializers: Any) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class Normal(Initializer):
    """Initializes weights with random values sampled from a normal distribution with a mean of zero and standard deviation of `sigma`."""
    sigma: Any
    def __init__(self, sigma: float = 0.01) -> None: ...
class One(Initializer):
    """Initializes weights to one."""
    def __init__(self) -> None: ...
class Orthogonal(Initializer):
    """Initialize weight as orthogonal matrix."""
    rand_type: Any
    scale: Any
    def __init__(self, scale: float = 1.414, rand_type: str = 'uniform') -> None: ...
class Uniform(Initializer):
    """Initializes weights with random values uniformly sampled from a given range."""
    scale: Any
    def __init__(self, scale: float = 0.07) -> None: ...
class Zero(Initializer):
    """Initializes weights to zero."""
    def __init__(self) -> None: ...
def alias(*aliases: Any) -> Any:
    """alias registrator"""
    ...
def create(*args: Any, initializer: Any = ..., **kwargs: Any) -> Any:
    """Create a initializer instance from config."""
    ...
def register(klass: Any) -> Any:
    """Registers a custom initializer."""
    ...
