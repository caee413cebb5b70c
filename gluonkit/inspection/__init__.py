"""What a network is made of, what it costs, and what it keeps in memory."""

from gluonkit.inspection.layers import Layer
from gluonkit.inspection.macs import register_macs
from gluonkit.inspection.recording import Activations, ActivationStats, activations
from gluonkit.inspection.report import Summary
from gluonkit.inspection.summarizing import resolved, summary

__all__ = [
    "ActivationStats",
    "Activations",
    "Layer",
    "Summary",
    "activations",
    "register_macs",
    "resolved",
    "summary",
]
