# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal
import numpy as onp

from mxnet.ndarray.ndarray import NDArray
from mxnet.numpy_extension import is_np_array as is_np_array
from . import detection as detection
from . import image as image

DType = str | type[Any] | onp.dtype[Any] | None

class Augmenter:
    """Image Augmenter base class"""
    _kwargs: Any
    def __init__(self, **kwargs: Any) -> None: ...
    def dumps(self) -> str:
        """Saves the Augmenter to string"""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class BrightnessJitterAug(Augmenter):
    """Random brightness jitter augmentation."""
    brightness: Any
    def __init__(self, brightness: float) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class CastAug(Augmenter):
    """Cast to float32"""
    typ: Any
    def __init__(self, typ: Any = 'float32') -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class CenterCropAug(Augmenter):
    """Make center crop augmenter."""
    interp: Any
    size: int
    def __init__(self, size: Any, interp: int = 2) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class RandomOrderAug(Augmenter):
    """Apply list of augmenters in random order"""
    ts: Any
    def __init__(self, ts: Any) -> None: ...
    def dumps(self) -> Any:
        """Override the default to avoid duplicate dump."""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class ColorJitterAug(RandomOrderAug):
    """Apply random brightness, contrast and saturation jitter in random order."""
    def __init__(self, brightness: float, contrast: float, saturation: float) -> None: ...
class ColorNormalizeAug(Augmenter):
    """Mean and std normalization."""
    mean: Any
    std: Any
    def __init__(self, mean: NDArray, std: NDArray) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class ContrastJitterAug(Augmenter):
    """Random contrast jitter augmentation."""
    coef: Any
    contrast: Any
    def __init__(self, contrast: float) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class DetAugmenter:
    """Detection base augmenter"""
    _kwargs: Any
    def __init__(self, **kwargs: Any) -> None: ...
    def dumps(self) -> str:
        """Saves the Augmenter to string"""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class DetBorrowAug(DetAugmenter):
    """Borrow standard augmenter from image classification."""
    augmenter: Any
    def __init__(self, augmenter: Any) -> None: ...
    def dumps(self) -> Any:
        """Override the default one to avoid duplicate dump."""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class DetHorizontalFlipAug(DetAugmenter):
    """Random horizontal flipping."""
    p: Any
    def __init__(self, p: float) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class DetRandomCropAug(DetAugmenter):
    """Random cropping with constraints"""
    area_range: Any
    aspect_ratio_range: Any
    enabled: Any
    max_attempts: Any
    min_eject_coverage: Any
    min_object_covered: Any
    def __init__(self, min_object_covered: float = 0.1, aspect_ratio_range: Any = ..., area_range: Any = ..., min_eject_coverage: float = 0.3, max_attempts: int = 50) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class DetRandomPadAug(DetAugmenter):
    """Random padding augmenter."""
    area_range: Any
    aspect_ratio_range: Any
    enabled: Any
    max_attempts: Any
    pad_val: Any
    def __init__(self, aspect_ratio_range: Any = ..., area_range: Any = ..., max_attempts: int = 50, pad_val: Any = ...) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class DetRandomSelectAug(DetAugmenter):
    """Randomly select one augmenter to apply, with chance to skip all."""
    aug_list: Any
    skip_prob: Any
    def __init__(self, aug_list: Any, skip_prob: float = 0) -> None: ...
    def dumps(self) -> Any:
        """Override default."""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class ForceResizeAug(Augmenter):
    """Force resize to size regardless of aspect ratio"""
    interp: Any
    size: int
    def __init__(self, size: Any, interp: int = 2) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class HorizontalFlipAug(Augmenter):
    """Random horizontal flip."""
    p: Any
    def __init__(self, p: float) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class HueJitterAug(Augmenter):
    """Random hue jitter augmentation."""
    hue: Any
    ityiq: Any
    tyiq: Any
    def __init__(self, hue: float) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class DataIter:
    """The base class for an MXNet data iterator."""
    batch_size: Any
    def __init__(self, batch_size: int = 0) -> None: ...
    def __iter__(self) -> Any: ...
    def reset(self) -> None:
        """Reset the iterator to the begin of the data."""
        ...
    def next(self) -> Any:
        """Get next data batch from iterator."""
        ...
    def iter_next(self) -> None:
        """Move to the next batch."""
        ...
    def getdata(self) -> None:
        """Get data of current batch."""
        ...
    def getlabel(self) -> None:
        """Get label of the current batch."""
        ...
    def getindex(self) -> Any:
        """Get index of the current batch."""
        ...
    def getpad(self) -> None:
        """Get the number of padding examples in the current batch."""
        ...
class ImageIter(DataIter):
    """Image data iterator with a large number of augmentation choices."""
    _allow_read: Any
    _cache_data: Any
    _cache_idx: Any
    _cache_label: Any
    auglist: Any
    batch_size: Any
    cur: Any
    data_shape: Any
    imgidx: Any
    imglist: Any
    imgrec: Any
    label_width: Any
    last_batch_handle: Any
    num_image: Any
    path_root: Any
    provide_data: Any
    provide_label: Any
    seq: Any
    shuffle: Any
    def __init__(self, batch_size: int, data_shape: Any, label_width: int = 1, path_imgrec: str | None = None, path_imglist: str | None = None, path_root: str | None = None, path_imgidx: str | None = None, shuffle: bool = False, part_index: int = 0, num_parts: int = 1, aug_list: Any = None, imglist: Any = None, data_name: str = 'data', label_name: str = 'softmax_label', dtype: DType = 'float32', last_batch_handle: str = 'pad', **kwargs: Any) -> None: ...
    def reset(self) -> None:
        """Resets the iterator to the beginning of the data."""
        ...
    def hard_reset(self) -> None:
        """Resets the iterator and ignore roll over data"""
        ...
    def next_sample(self) -> Any:
        """Helper function for reading in next sample."""
        ...
    def next(self) -> Any:
        """Returns the next batch of data."""
        ...
    def check_data_shape(self, data_shape: Any) -> Any:
        """Checks if the input data shape is valid"""
        ...
    def check_valid_image(self, data: Any) -> Any:
        """Checks if the input data is valid"""
        ...
    def imdecode(self, s: Any) -> Any:
        """Decodes a string or byte string to an NDArray."""
        ...
    def read_image(self, fname: Any) -> Any:
        """Reads an input image `fname` and returns the decoded raw bytes."""
        ...
    def augmentation_transform(self, data: Any) -> Any:
        """Transforms input data with specified augmentation."""
        ...
    def postprocess_data(self, datum: Any) -> Any:
        """Final postprocessing step before image is loaded into the batch."""
        ...
class ImageDetIter(ImageIter):
    """Image iterator with a large number of augmentation choices for detection."""
    auglist: Any
    label_shape: Any
    provide_label: Any
    def __init__(self, batch_size: int, data_shape: Any, path_imgrec: str | None = None, path_imglist: str | None = None, path_root: str | None = None, path_imgidx: str | None = None, shuffle: bool = False, part_index: int = 0, num_parts: int = 1, aug_list: Any = None, imglist: Any = None, data_name: str = 'data', label_name: str = 'label', last_batch_handle: str = 'pad', **kwargs: Any) -> None: ...
    def reshape(self, data_shape: Any = None, label_shape: Any = None) -> None:
        """Reshape iterator for data_shape or label_shape."""
        ...
    def next(self) -> Any:
        """Override the function for returning next batch."""
        ...
    def augmentation_transform(self, data: Any, label: Any) -> Any:
        """Override Transforms input data with specified augmentations."""
        ...
    def check_label_shape(self, label_shape: Any) -> Any:
        """Checks if the new label shape is valid"""
        ...
    def draw_next(self, color: Any = None, thickness: int = 2, mean: Any = None, std: Any = None, clip: bool = True, waitKey: None | int = None, window_name: str = 'draw_next', id2labels: Mapping[str, Any] | None = None) -> Any:
        """Display next image with bounding boxes drawn."""
        ...
    def sync_label_shape(self, it: Any, verbose: bool = False) -> Any:
        """Synchronize label shape with the input iterator."""
        ...
class LightingAug(Augmenter):
    """Add PCA based noise."""
    alphastd: Any
    eigval: Any
    eigvec: Any
    def __init__(self, alphastd: float, eigval: Any, eigvec: Any) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class RandomCropAug(Augmenter):
    """Make random crop augmenter"""
    interp: Any
    size: int
    def __init__(self, size: int, interp: int = 2) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class RandomGrayAug(Augmenter):
    """Randomly convert to gray image."""
    mat: Any
    p: Any
    def __init__(self, p: float) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class RandomSizedCropAug(Augmenter):
    """Make random crop with random resizing and random aspect ratio jitter augmenter."""
    area: Any
    interp: Any
    ratio: Any
    size: int
    def __init__(self, size: Any, area: Any, ratio: Any, interp: int = 2, **kwargs: Any) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class ResizeAug(Augmenter):
    """Make resize shorter edge to size augmenter."""
    interp: Any
    size: int
    def __init__(self, size: int, interp: int = 2) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class SaturationJitterAug(Augmenter):
    """Random saturation jitter augmentation."""
    coef: Any
    saturation: Any
    def __init__(self, saturation: float) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
class SequentialAug(Augmenter):
    """Composing a sequential augmenter list."""
    ts: Any
    def __init__(self, ts: Any) -> None: ...
    def dumps(self) -> Any:
        """Override the default to avoid duplicate dump."""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
def CreateAugmenter(data_shape: Sequence[int], resize: int = 0, rand_crop: bool = False, rand_resize: bool = False, rand_mirror: bool = False, mean: Any = None, std: Any = None, brightness: float = 0, contrast: float = 0, saturation: float = 0, hue: float = 0, pca_noise: float = 0, rand_gray: float = 0, inter_method: int = 2) -> Any:
    """Creates an augmenter list."""
    ...
def CreateDetAugmenter(data_shape: Sequence[int], resize: int = 0, rand_crop: float = 0, rand_pad: float = 0, rand_gray: float = 0, rand_mirror: bool = False, mean: Any = None, std: Any = None, brightness: float = 0, contrast: float = 0, saturation: float = 0, pca_noise: float = 0, hue: float = 0, inter_method: int = 2, min_object_covered: float = 0.1, aspect_ratio_range: Any = ..., area_range: Any = ..., min_eject_coverage: float = 0.3, max_attempts: int = 50, pad_val: float = ...) -> Any:
    """Create augmenters for detection."""
    ...
def CreateMultiRandCropAugmenter(min_object_covered: float | Sequence[float] = 0.1, aspect_ratio_range: Any = ..., area_range: Any = ..., min_eject_coverage: float | Sequence[float] = 0.3, max_attempts: int | Sequence[int] = 50, skip_prob: Any = 0) -> Any:
    """Helper function to create multiple random crop augmenters."""
    ...
def center_crop(src: NDArray, size: Any, interp: int = 2) -> NDArray:
    """Crops the image `src` to the given `size` by trimming on all four sides and preserving the center of the image."""
    ...
def color_normalize(src: NDArray, mean: NDArray, std: NDArray | None = ...) -> NDArray:
    """Normalize src with mean and std."""
    ...
def copyMakeBorder(src: NDArray | None, top: int = ..., bot: int = ..., left: int = ..., right: int = ..., type: int = ..., value: float = ..., values: Sequence[float] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Pad image border with OpenCV."""
    ...
def fixed_crop(src: NDArray, x0: int, y0: int, w: int, h: int, size: Any = None, interp: int = 2) -> NDArray:
    """Crop src at fixed location, and (optionally) resize it to size."""
    ...
def imdecode(buf: Any, *args: Any, flag: int = ..., to_rgb: int = ..., out: Any = ..., **kwargs: Any) -> NDArray:
    """Decode an image to an NDArray."""
    ...
def imread(filename: str | PathLike[str], *args: Any, flag: Literal[0, 1] = ..., to_rgb: bool = ..., out: Any = ..., **kwargs: Any) -> NDArray:
    """Read and decode an image to an NDArray."""
    ...
def imresize(src: NDArray, w: int, h: int, *args: Any, interp: int = ..., out: Any = ..., **kwargs: Any) -> NDArray | Sequence[NDArray]:
    """Resize image with OpenCV."""
    ...
def imrotate(src: NDArray, rotation_degrees: float | NDArray, zoom_in: bool = False, zoom_out: bool = False) -> NDArray:
    """Rotates the input image(s) of a specific rotation degree."""
    ...
def random_crop(src: Any, size: Any, interp: int = 2) -> NDArray:
    """Randomly crop `src` with `size` (width, height)."""
    ...
def random_rotate(src: NDArray, angle_limits: Any, zoom_in: bool = False, zoom_out: bool = False) -> NDArray:
    """Random rotates `src` by an angle included in angle limits."""
    ...
def random_size_crop(src: NDArray, size: Any, area: Any, ratio: Any, interp: int = 2, **kwargs: Any) -> NDArray:
    """Randomly crop src with size."""
    ...
def resize_short(src: NDArray, size: int, interp: int = 2) -> NDArray:
    """Resizes shorter edge to size."""
    ...
def scale_down(src_size: Sequence[int], size: Sequence[int]) -> Sequence[int]:
    """Scales down crop size if it's larger than image size."""
    ...
