"""Following one pass through a network: the tree, the calls, the operators, the shapes."""

from gluonkit.tracing.record import Call, Operator, Trace
from gluonkit.tracing.tracer import trace

__all__ = ["Call", "Operator", "Trace", "trace"]
