"""Training: `fit`, `evaluate`, `predict`, `find_lr`, callbacks and what they record."""

from gluonkit.train.callbacks import Callback, Checkpoint, EarlyStopping, LearningRate
from gluonkit.train.evaluating import evaluate, predict
from gluonkit.train.fitting import fit
from gluonkit.train.history import History
from gluonkit.train.logs import CSVLogger, TensorBoard
from gluonkit.train.progress import LivePlot, Progress
from gluonkit.train.rates import LearningRates, find_lr

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "LearningRate",
    "LearningRates",
    "LivePlot",
    "Progress",
    "TensorBoard",
    "evaluate",
    "find_lr",
    "fit",
    "predict",
]
