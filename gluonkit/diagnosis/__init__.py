"""What a file or folder is, what it holds, and what can be done with it."""

from gluonkit.diagnosis.inspecting import inspect, verify
from gluonkit.diagnosis.record import ArrayInfo, Diagnosis, Port, Use

__all__ = ["ArrayInfo", "Diagnosis", "Port", "Use", "inspect", "verify"]
