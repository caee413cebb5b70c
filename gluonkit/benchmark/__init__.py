"""Benchmarks that tell the truth about an asynchronous engine."""

from gluonkit.benchmark.benching import MODES, bench
from gluonkit.benchmark.report import BenchReport, BenchRow, merged
from gluonkit.benchmark.timing import Measurement, SpeedUp, compare, measure
from gluonkit.graphs.variants import VARIANTS

__all__ = [
    "MODES",
    "VARIANTS",
    "BenchReport",
    "BenchRow",
    "Measurement",
    "SpeedUp",
    "bench",
    "compare",
    "measure",
    "merged",
]
