"""Compiled prediction: the fastest plan for running a network, found by measurement."""

from gluonkit.compiling.compiled import Compiled
from gluonkit.compiling.entry import compile
from gluonkit.compiling.explanation import Explanation
from gluonkit.compiling.plan import Plan

__all__ = ["Compiled", "Explanation", "Plan", "compile"]
