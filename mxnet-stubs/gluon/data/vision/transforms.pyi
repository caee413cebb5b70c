# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any
import numpy as onp

from mxnet.gluon.block import Block as Block
from mxnet.gluon.block import HybridBlock as HybridBlock
from mxnet.gluon.nn import HybridSequential as HybridSequential
from mxnet.gluon.nn import Sequential as Sequential
from mxnet.numpy_extension import is_np_array as is_np_array

DType = str | type[Any] | onp.dtype[Any] | None

class Cast(HybridBlock):
    """Cast input to a specific data type"""
    _dtype: Any
    def __init__(self, dtype: DType = 'float32') -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class CenterCrop(Block):
    """Crops the image `src` to the given `size` by trimming on all four sides and preserving the center of the image."""
    _args: Any
    def __init__(self, size: Any, interpolation: int = 1) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to implement forward computation using :py:class:`NDArray`."""
        ...
class Compose(Sequential):
    """Sequentially composes multiple transforms."""
    def __init__(self, transforms: Any) -> None: ...
class CropResize(HybridBlock):
    """Crop the input image with and optionally resize it."""
    _height: Any
    _interpolation: Any
    _size: Any
    _width: Any
    _x: Any
    _y: Any
    def __init__(self, x: int, y: int, width: Any, height: Any, size: Any = None, interpolation: int | None = None) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class Normalize(HybridBlock):
    """Normalize an tensor of shape (C x H x W) or (N x C x H x W) with mean and standard deviation."""
    _mean: Any
    _std: Any
    def __init__(self, mean: Any = 0.0, std: Any = 1.0) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class RandomApply(Sequential):
    """Apply a list of transformations randomly given probability"""
    p: Any
    transforms: Any
    def __init__(self, transforms: Any, p: float = 0.5) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to implement forward computation using :py:class:`NDArray`."""
        ...
class RandomBrightness(HybridBlock):
    """Randomly jitters image brightness with a factor chosen from `[max(0, 1 - brightness), 1 + brightness]`."""
    _args: Any
    def __init__(self, brightness: float) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class RandomColorJitter(HybridBlock):
    """Randomly jitters the brightness, contrast, saturation, and hue of an image."""
    _args: Any
    def __init__(self, brightness: float = 0, contrast: float = 0, saturation: float = 0, hue: float = 0) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class RandomContrast(HybridBlock):
    """Randomly jitters image contrast with a factor chosen from `[max(0, 1 - contrast), 1 + contrast]`."""
    _args: Any
    def __init__(self, contrast: float) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class RandomFlipLeftRight(HybridBlock):
    """Randomly flip the input image left to right with a probability of 0.5."""
    def __init__(self) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class RandomFlipTopBottom(HybridBlock):
    """Randomly flip the input image top to bottom with a probability of 0.5."""
    def __init__(self) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class RandomHue(HybridBlock):
    """Randomly jitters image hue with a factor chosen from `[max(0, 1 - hue), 1 + hue]`."""
    _args: Any
    def __init__(self, hue: float) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class RandomLighting(HybridBlock):
    """Add AlexNet-style PCA-based noise to an image."""
    _alpha: Any
    def __init__(self, alpha: float) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class RandomResizedCrop(Block):
    """Crop the input image with random scale and aspect ratio."""
    _args: Any
    def __init__(self, size: Any, scale: Any = ..., ratio: Any = ..., interpolation: int = 1) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to implement forward computation using :py:class:`NDArray`."""
        ...
class RandomRotation(Block):
    """Random rotate the input image by a random angle."""
    _args: Any
    _rotate_with_proba: Any
    def __init__(self, angle_limits: Any, zoom_in: bool = False, zoom_out: bool = False, rotate_with_proba: Any = 1.0) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to implement forward computation using :py:class:`NDArray`."""
        ...
class RandomSaturation(HybridBlock):
    """Randomly jitters image saturation with a factor chosen from `[max(0, 1 - saturation), 1 + saturation]`."""
    _args: Any
    def __init__(self, saturation: float) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class Resize(HybridBlock):
    """Resize an image or a batch of image NDArray to the given size."""
    _interpolation: Any
    _keep: Any
    _size: Any
    def __init__(self, size: Any, keep_ratio: bool = False, interpolation: int = 1) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class Rotate(Block):
    """Rotate the input image by a given angle."""
    _args: Any
    def __init__(self, rotation_degrees: Any, zoom_in: bool = False, zoom_out: bool = False) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to implement forward computation using :py:class:`NDArray`."""
        ...
class ToTensor(HybridBlock):
    """Converts an image NDArray or batch of image NDArray to a tensor NDArray."""
    def __init__(self) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
