# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any
from typing_extensions import Self

from mxnet.context import classproperty as classproperty
from mxnet.context import with_metaclass as with_metaclass

class NameManager:
    """NameManager to do automatic naming."""
    _counter: Any
    _old_manager: Any
    def __init__(self) -> None: ...
    def get(self, name: str | None, hint: str) -> str:
        """Get the canonical name for a symbol."""
        ...
    def __enter__(self) -> Self: ...
    def __exit__(self, ptype: Any, value: Any, trace: Any) -> None: ...
class Prefix(NameManager):
    """A name manager that attaches a prefix to all names."""
    _prefix: Any
    def __init__(self, prefix: str | None) -> None: ...
    def get(self, name: str | None, hint: str) -> str:
        """Get the canonical name for a symbol."""
        ...
