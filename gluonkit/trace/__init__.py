"""Following one pass through a network: the tree, the calls, the operators, the shapes."""

from gluonkit.trace.record import Call, Operator, Trace
from gluonkit.trace.trace import trace

__all__ = ["Call", "Operator", "Trace", "trace"]
