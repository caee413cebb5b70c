# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.



class MXNetError(RuntimeError):
    """Default error thrown by MXNet functions."""
    ...
