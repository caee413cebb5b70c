# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any

from mxnet.context import check_call as check_call

def bulk(size: Any) -> Any:
    """Bulk execution bundles many operators to run together."""
    ...
def set_bulk_size(size: int) -> int:
    """Set size limit on bulk execution."""
    ...
