"""Data for the networks: data sets by name, and batches from arrays in memory."""

from gluonkit.data.dataset import Dataset
from gluonkit.data.datasets import list_datasets, load
from gluonkit.data.loader import BatchLoader
from gluonkit.data.padding import Pad
from gluonkit.data.sklearn_digits import digits

__all__ = ["BatchLoader", "Dataset", "Pad", "digits", "list_datasets", "load"]
