"""Where the time goes: by layer of a network, and by line of code that waits for the engine."""

from gluonkit.profiling.auditing import audit
from gluonkit.profiling.measuring import profile
from gluonkit.profiling.peak import Peak
from gluonkit.profiling.report import Profile
from gluonkit.profiling.times import LayerTime, OperatorTime
from gluonkit.profiling.waits import Audit, Wait

__all__ = [
    "Audit",
    "LayerTime",
    "OperatorTime",
    "Peak",
    "Profile",
    "Wait",
    "audit",
    "profile",
]
