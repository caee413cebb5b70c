"""Checkpoints that lose nothing and load nothing wrong: save, load, inspect, verify, convert."""

from gluonkit.checkpoint.converting import Conversion, Renamed, convert
from gluonkit.checkpoint.directory import CheckpointDir, Kept
from gluonkit.checkpoint.info import ArrayInfo, CheckpointInfo, inspect, verify
from gluonkit.checkpoint.loading import Loaded, load
from gluonkit.checkpoint.matching import Skipped
from gluonkit.checkpoint.saving import save

__all__ = [
    "ArrayInfo",
    "CheckpointDir",
    "CheckpointInfo",
    "Conversion",
    "Kept",
    "Loaded",
    "Renamed",
    "Skipped",
    "convert",
    "inspect",
    "load",
    "save",
    "verify",
]
