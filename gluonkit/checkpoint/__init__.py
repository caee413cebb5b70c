"""Checkpoints that lose nothing and load nothing wrong: save, load, convert."""

from gluonkit.checkpoint.converting import Conversion, Renamed, convert
from gluonkit.checkpoint.directory import CheckpointDir, Kept
from gluonkit.checkpoint.loading import Loaded, load
from gluonkit.checkpoint.matching import Skipped
from gluonkit.checkpoint.saving import save

__all__ = [
    "CheckpointDir",
    "Conversion",
    "Kept",
    "Loaded",
    "Renamed",
    "Skipped",
    "convert",
    "load",
    "save",
]
