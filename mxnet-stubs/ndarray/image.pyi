# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any

from mxnet.ndarray.ndarray import NDArray

def adjust_lighting(data: NDArray | None, alpha: Sequence[float] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Adjust the lighting level of the input."""
    ...
def crop(data: NDArray | None, x: int = ..., y: int = ..., width: int = ..., height: int = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Crop an image NDArray of shape (H x W x C) or (N x H x W x C) to the given size."""
    ...
def flip_left_right(data: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Defined in ../src/operator/image/image_random.cc:L195"""
    ...
def flip_top_bottom(data: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Defined in ../src/operator/image/image_random.cc:L205"""
    ...
def normalize(data: NDArray | None, mean: Sequence[float] = ..., std: Sequence[float] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Normalize an tensor of shape (C x H x W) or (N x C x H x W) with mean and standard deviation."""
    ...
def random_brightness(data: NDArray | None, min_factor: float = ..., max_factor: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Defined in ../src/operator/image/image_random.cc:L215"""
    ...
def random_color_jitter(data: NDArray | None, brightness: float = ..., contrast: float = ..., saturation: float = ..., hue: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Defined in ../src/operator/image/image_random.cc:L246"""
    ...
def random_contrast(data: NDArray | None, min_factor: float = ..., max_factor: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Defined in ../src/operator/image/image_random.cc:L222"""
    ...
def random_flip_left_right(data: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Defined in ../src/operator/image/image_random.cc:L200"""
    ...
def random_flip_top_bottom(data: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Defined in ../src/operator/image/image_random.cc:L210"""
    ...
def random_hue(data: NDArray | None, min_factor: float = ..., max_factor: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Defined in ../src/operator/image/image_random.cc:L238"""
    ...
def random_lighting(data: NDArray | None, alpha_std: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Randomly add PCA noise."""
    ...
def random_saturation(data: NDArray | None, min_factor: float = ..., max_factor: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Defined in ../src/operator/image/image_random.cc:L230"""
    ...
def resize(data: NDArray | None, size: int | Sequence[int] = ..., keep_ratio: bool = ..., interp: int = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Resize an image NDArray of shape (H x W x C) or (N x H x W x C) to the given size Example: .."""
    ...
def to_tensor(data: NDArray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> NDArray:
    """Converts an image NDArray of shape (H x W x C) or (N x H x W x C) with values in the range [0, 255] to a tensor NDArray of shape (C x H x W) or (N x C x H x W) with values in the range [0, 1]"""
    ...
