# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any

def __getattr__(name: str) -> Any: ...
