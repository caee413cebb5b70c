# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any, Literal

from mxnet.gluon.data import Dataset
from mxnet.gluon.data import RecordFileDataset
from . import datasets as datasets
from . import transforms as transforms

class _DownloadedDataset(Dataset):
    """Base class for MNIST, cifar10, etc."""
    _data: Any
    _label: Any
    _root: Any
    _transform: Any
    def __init__(self, root: Any, transform: Any) -> None: ...
    def __getitem__(self, idx: Any) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
class CIFAR10(_DownloadedDataset):
    """CIFAR10 image classification dataset from https://www.cs.toronto.edu/~kriz/cifar.html"""
    _archive_file: Any
    _namespace: Any
    _test_data: Any
    _train: Any
    _train_data: Any
    def __init__(self, root: str = ..., train: bool = True, transform: Callable[..., Any] | None = None) -> None: ...
class CIFAR100(CIFAR10):
    """CIFAR100 image classification dataset from https://www.cs.toronto.edu/~kriz/cifar.html"""
    _archive_file: Any
    _fine_label: Any
    _namespace: Any
    _test_data: Any
    _train: Any
    _train_data: Any
    def __init__(self, root: str = ..., fine_label: bool = False, train: bool = True, transform: Callable[..., Any] | None = None) -> None: ...
class MNIST(_DownloadedDataset):
    """MNIST handwritten digits dataset from http://yann.lecun.com/exdb/mnist"""
    _namespace: Any
    _test_data: Any
    _test_label: Any
    _train: Any
    _train_data: Any
    _train_label: Any
    def __init__(self, root: str = '/root/.mxnet/datasets/mnist', train: bool = True, transform: Callable[..., Any] | None = None) -> None: ...
class FashionMNIST(MNIST):
    """A dataset of Zalando's article images consisting of fashion products, a drop-in replacement of the original MNIST dataset from https://github.com/zalandoresearch/fashion-mnist"""
    _namespace: Any
    _test_data: Any
    _test_label: Any
    _train: Any
    _train_data: Any
    _train_label: Any
    def __init__(self, root: str = ..., train: bool = True, transform: Callable[..., Any] | None = None) -> None: ...
class ImageFolderDataset(Dataset):
    """A dataset for loading image files stored in a folder structure."""
    _exts: Any
    _flag: Any
    _root: Any
    _transform: Any
    def __init__(self, root: str, flag: Literal[0, 1] = 1, transform: Callable[..., Any] | None = None) -> None: ...
    def __getitem__(self, idx: Any) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
class ImageRecordDataset(RecordFileDataset):
    """A dataset wrapping over a RecordIO file containing images."""
    _flag: Any
    _transform: Any
    def __init__(self, filename: str | PathLike[str], flag: Literal[0, 1] = 1, transform: Callable[..., Any] | None = None) -> None: ...
    def __getitem__(self, idx: Any) -> Any: ...
