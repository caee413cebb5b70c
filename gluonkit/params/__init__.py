"""Parameters: records, sharing, what is deferred, differences, statistics.

>>> import gluonkit as gk
>>> net = gk.create_model("tied_mlp", init=True)
>>> gk.params.freeze(net, "0.*")
('0.weight', '0.bias')
"""

from gluonkit.params.differences import Diff, ParameterDiff, diff
from gluonkit.params.records import ParameterRecord, Parameters, collect
from gluonkit.params.select import freeze, set_multipliers, set_values, unfreeze, values
from gluonkit.params.sharing import Unfinished, UnfinishedParameters, deferred, materialize, shared
from gluonkit.params.statistics import (
    ArrayStats,
    ParametersStats,
    ParameterStats,
    check_finite,
    stats,
)

__all__ = [
    "ArrayStats",
    "Diff",
    "ParameterDiff",
    "ParameterRecord",
    "ParameterStats",
    "Parameters",
    "ParametersStats",
    "Unfinished",
    "UnfinishedParameters",
    "check_finite",
    "collect",
    "deferred",
    "diff",
    "freeze",
    "materialize",
    "set_multipliers",
    "set_values",
    "shared",
    "stats",
    "unfreeze",
    "values",
]
