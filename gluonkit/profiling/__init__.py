"""Where the time goes: by layer of a network, and by line of code that waits for the engine."""

from gluonkit.profiling.auditing import audit
from gluonkit.profiling.waits import Audit, Wait

__all__ = ["Audit", "Wait", "audit"]
