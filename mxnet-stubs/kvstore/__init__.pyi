# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Mapping, Sequence
from typing import Any

from mxnet.ndarray.ndarray import NDArray
from . import base as base
from . import kvstore as kvstore
from . import kvstore_server as kvstore_server

class KVStoreBase:
    """An abstract key-value store interface for data parallel training."""
    def broadcast(self, key: str | int, value: NDArray, out: Any, priority: int = 0) -> Any:
        """Broadcast the `value` NDArray at rank 0 to all ranks, and store the result in `out`"""
        ...
    def pushpull(self, key: str | int, value: Any, out: Any = None, priority: int = 0) -> Any:
        """Performs push and pull a single value or a sequence of values from the store."""
        ...
    def set_optimizer(self, optimizer: Any) -> Any:
        """Registers an optimizer with the kvstore."""
        ...
    def is_capable(self, capability: str) -> bool:
        """Queries if the KVStore type supports certain capability, such as optimizer algorithm, gradient compression, sparsity, etc."""
        ...
    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> Any:
        """Saves the optimizer (updater) state to a file."""
        ...
    def load_optimizer_states(self, fname: str) -> Any:
        """Loads the optimizer (updater) state from the file."""
        ...
    @property
    def type(self) -> str: ...
    @property
    def rank(self) -> int: ...
    @property
    def num_workers(self) -> int: ...
    @staticmethod
    def register(klass) -> Any:
        """Registers a new KVStore."""
        ...
class KVStore(KVStoreBase):
    """A key-value store for synchronization of values, over multiple devices."""
    _is_p3: Any
    _str_updater_func: Any
    _updater: Any
    _updater_func: Any
    handle: Any
    def __init__(self, handle: Any) -> None: ...
    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Broadcast the `value` NDArray at rank 0 to all ranks, and store the result in `out`."""
        ...
    def is_capable(self, capability: str) -> bool:
        """Queries if the KVStore type supports certain capability, such as optimizer algorithm, gradient compression, sparsity, etc."""
        ...
    def init(self, key: Any, value: Any) -> None:
        """Initializes a single or a sequence of key-value pairs into the store."""
        ...
    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Pushes a single or a sequence of key-value pairs into the store."""
        ...
    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Pulls a single value or a sequence of values from the store."""
        ...
    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Performs push and pull a single value or a sequence of values from the store."""
        ...
    def row_sparse_pull(self, key: Any, out: Any = None, priority: int = 0, row_ids: NDArray | Sequence[NDArray] | None = None) -> None:
        """Pulls a single RowSparseNDArray value or a sequence of RowSparseNDArray values from the store with specified row_ids."""
        ...
    def set_gradient_compression(self, compression_params: Mapping[str, Any]) -> Any:
        """Specifies type of low-bit quantization for gradient compression and additional arguments depending on the type of compression being used."""
        ...
    def set_optimizer(self, optimizer: Any) -> Any:
        """Registers an optimizer with the kvstore."""
        ...
    @property
    def type(self) -> str: ...
    @property
    def rank(self) -> int: ...
    @property
    def num_workers(self) -> int: ...
    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Saves the optimizer (updater) state to a file."""
        ...
    def load_optimizer_states(self, fname: str) -> None:
        """Loads the optimizer (updater) state from the file."""
        ...
class KVStoreServer:
    """The key-value store server."""
    handle: Any
    init_logginig: Any
    kvstore: Any
    def __init__(self, kvstore: Any) -> None: ...
    def run(self) -> None:
        """Run the server, whose behavior is like."""
        ...
def create(name: str | None = 'local') -> Any:
    """Creates a new KVStore."""
    ...
