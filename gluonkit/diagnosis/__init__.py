"""What a file or folder is, what it holds, and what can be done with it."""

from gluonkit.diagnosis.inspecting import inspect, verify
from gluonkit.diagnosis.parts import ArrayInfo, Port, Use
from gluonkit.diagnosis.record import Diagnosis

__all__ = ["ArrayInfo", "Diagnosis", "Port", "Use", "inspect", "verify"]
