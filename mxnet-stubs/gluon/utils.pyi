# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from os import PathLike
from typing import Any

from mxnet.context import Context
from mxnet.ndarray.ndarray import NDArray

def check_sha1(filename: str | PathLike[str], sha1_hash: str) -> bool:
    """Check whether the sha1 hash of the file content matches the expected hash."""
    ...
def clip_global_norm(arrays: Sequence[NDArray], max_norm: float, check_isfinite: bool = True) -> NDArray | float:
    """Rescales NDArrays so that the sum of their 2-norm is smaller than `max_norm`."""
    ...
def download(url: str, path: str | None = None, overwrite: bool = False, sha1_hash: str | None = None, retries: int = 5, verify_ssl: bool = True) -> str:
    """Download a given URL"""
    ...
def replace_file(src: Any, dst: Any) -> Any:
    """Implement atomic os.replace with linux and OSX."""
    ...
def split_and_load(data: NDArray, ctx_list: Sequence[Context], batch_axis: int = 0, even_split: bool = True) -> Any:
    """Splits an NDArray into `len(ctx_list)` slices along `batch_axis` and loads each slice to one context in `ctx_list`."""
    ...
def split_data(data: NDArray, num_slice: int, batch_axis: int = 0, even_split: bool = True) -> Sequence[NDArray]:
    """Splits an NDArray into `num_slice` slices along `batch_axis`."""
    ...
