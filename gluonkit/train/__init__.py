"""Training: `fit`, `evaluate`, `predict`, `find_lr`, callbacks and what they record."""

from gluonkit.graphs.soft_labels import MixupCrossEntropy, SmoothedCrossEntropy
from gluonkit.system.schedules import OneCycle, WarmupCosine
from gluonkit.train.batch_sizes import BatchSizes, find_batch_size
from gluonkit.train.evaluating import evaluate, predict
from gluonkit.train.fitting import fit
from gluonkit.train.history import History
from gluonkit.train.interpretation.interpreting import interpret
from gluonkit.train.rates import LearningRates, find_lr

__all__ = [
    "BatchSizes",
    "History",
    "LearningRates",
    "MixupCrossEntropy",
    "OneCycle",
    "SmoothedCrossEntropy",
    "WarmupCosine",
    "evaluate",
    "find_batch_size",
    "find_lr",
    "fit",
    "interpret",
    "predict",
]
