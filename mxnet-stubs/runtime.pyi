# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any
from typing_extensions import Self

from mxnet.context import check_call as check_call

class Feature:
    """Compile time feature description, member fields: `name` and `enabled`."""
    @property
    def name(self) -> str: ...
    @property
    def enabled(self) -> Any: ...
class Features:
    """OrderedDict of name to Feature"""
    def __new__(cls) -> Self: ...
    def is_enabled(self, feature_name: str) -> bool:
        """Check for a particular feature by name"""
        ...
def feature_list() -> Any:
    """Check the library for compile-time features."""
    ...
