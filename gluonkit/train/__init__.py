"""Training: `fit`, `evaluate`, `predict`, `find_lr`, callbacks and what they record."""

from gluonkit.graphs.soft_labels import MixupCrossEntropy, SmoothedCrossEntropy
from gluonkit.system.schedules import OneCycle, WarmupCosine
from gluonkit.train.averaging import ExponentialMovingAverage, StochasticWeightAverage
from gluonkit.train.batch_sizes import BatchSizes, find_batch_size
from gluonkit.train.callbacks import Callback, Checkpoint, EarlyStopping, LearningRate
from gluonkit.train.evaluating import evaluate, predict
from gluonkit.train.fitting import fit
from gluonkit.train.history import History
from gluonkit.train.interpretation.interpreting import interpret
from gluonkit.train.logs import CSVLogger
from gluonkit.train.progress import LivePlot, Progress
from gluonkit.train.rates import LearningRates, find_lr
from gluonkit.train.tensorboard import TensorBoard

__all__ = [
    "BatchSizes",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "ExponentialMovingAverage",
    "History",
    "LearningRate",
    "LearningRates",
    "LivePlot",
    "MixupCrossEntropy",
    "OneCycle",
    "Progress",
    "SmoothedCrossEntropy",
    "StochasticWeightAverage",
    "TensorBoard",
    "WarmupCosine",
    "evaluate",
    "find_batch_size",
    "find_lr",
    "fit",
    "interpret",
    "predict",
]
