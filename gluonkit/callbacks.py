"""What `fit` tells of its progress: callbacks to stop early, keep checkpoints, log and draw."""

from gluonkit.train.averaging import ExponentialMovingAverage, StochasticWeightAverage
from gluonkit.train.callbacks import Callback, Checkpoint, EarlyStopping, LearningRate
from gluonkit.train.logs import CSVLogger
from gluonkit.train.progress import LivePlot, Progress
from gluonkit.train.tensorboard import TensorBoard

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "ExponentialMovingAverage",
    "LearningRate",
    "LivePlot",
    "Progress",
    "StochasticWeightAverage",
    "TensorBoard",
]
