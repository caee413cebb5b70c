# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any
from typing_extensions import Self

from mxnet.context import classproperty as classproperty
from mxnet.context import with_metaclass as with_metaclass

class AttrScope:
    """Attribute manager for scoping."""
    _attr: Any
    _old_scope: Any
    def __init__(self, **kwargs: Any) -> None: ...
    def get(self, attr: Any) -> Any:
        """Get the attribute dict given the attribute set by the symbol."""
        ...
    def __enter__(self) -> Self: ...
    def __exit__(self, ptype: Any, value: Any, trace: Any) -> None: ...
