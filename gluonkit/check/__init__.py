"""Whether a network hybridizes, and is still right then."""

from gluonkit.check.check import check_hybrid
from gluonkit.check.report import Coverage, Finding, HybridReport

__all__ = ["Coverage", "Finding", "HybridReport", "check_hybrid"]
