"""What a network is made of, what it costs, and what it keeps in memory."""

from gluonkit.inspection.layers import Layer
from gluonkit.inspection.macs import register_macs
from gluonkit.inspection.summary import Summary, resolved, summary

__all__ = ["Layer", "Summary", "register_macs", "resolved", "summary"]
