# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any, Literal
from typing_extensions import Self
import numpy as onp

from mxnet.context import Context
from mxnet.image import DataIter as DataIter
from mxnet.ndarray.ndarray import NDArray
from . import io as io
from . import utils as utils

DType = str | type[Any] | onp.dtype[Any] | None

class DataBatch:
    """A data batch."""
    bucket_key: Any
    data: Any
    index: Any
    label: Any
    pad: Any
    provide_data: Any
    provide_label: Any
    def __init__(self, data: Any, label: Any = None, pad: int | None = None, index: Any = None, bucket_key: int | None = None, provide_data: Any = None, provide_label: Any = None) -> None: ...
class DataDesc:
    """DataDesc is used to store name, shape, type and layout information of the data or the label."""
    def __new__(cls, name: str | None, shape: int | Sequence[int] | None, dtype: DType = ..., layout: Any = 'NCHW') -> Self: ...
    @staticmethod
    def get_batch_axis(layout: str) -> int:
        """Get the dimension that corresponds to the batch size."""
        ...
    @staticmethod
    def get_list(shapes: Any, types: Any) -> Any:
        """Get DataDesc list from attribute lists."""
        ...
class MXDataIter(DataIter):
    """A python wrapper a C++ data iterator."""
    _debug_skip_load: Any
    batch_size: Any
    first_batch: Any
    handle: Any
    provide_data: Any
    provide_label: Any
    def __init__(self, handle: Any, data_name: str = 'data', label_name: str = 'softmax_label', **_: Any) -> None: ...
    def debug_skip_load(self) -> None: ...
    def reset(self) -> None:
        """Reset the iterator to the begin of the data."""
        ...
    def next(self) -> Any:
        """Get next data batch from iterator."""
        ...
    def iter_next(self) -> bool:
        """Move to the next batch."""
        ...
    def getdata(self) -> Sequence[NDArray]:
        """Get data of current batch."""
        ...
    def getlabel(self) -> Sequence[NDArray]:
        """Get label of the current batch."""
        ...
    def getindex(self) -> Any:
        """Get index of the current batch."""
        ...
    def getpad(self) -> int:
        """Get the number of padding examples in the current batch."""
        ...
class NDArrayIter(DataIter):
    """Returns an iterator for ``mx.nd.NDArray``, ``numpy.ndarray``, ``h5py.Dataset`` ``mx.nd.sparse.CSRNDArray`` or ``scipy.sparse.csr_matrix``."""
    _cache_data: Any
    _cache_label: Any
    batch_size: Any
    cursor: Any
    data: Any
    data_list: Any
    idx: Any
    label: Any
    last_batch_handle: Any
    layout: Any
    num_data: Any
    num_source: Any
    shuffle: Any
    def __init__(self, data: Any, label: Any = None, batch_size: int = 1, shuffle: bool = False, last_batch_handle: str = 'pad', data_name: str = 'data', label_name: str = 'softmax_label', layout: str = 'NCHW') -> None: ...
    @property
    def provide_data(self) -> Any: ...
    @property
    def provide_label(self) -> Any: ...
    def hard_reset(self) -> None:
        """Ignore roll over data and set to start."""
        ...
    def reset(self) -> None:
        """Resets the iterator to the beginning of the data."""
        ...
    def iter_next(self) -> Any:
        """Increments the coursor by batch_size for next batch and check current cursor if it exceed the number of data points."""
        ...
    def next(self) -> Any:
        """Returns the next batch of data."""
        ...
    def getdata(self) -> Any:
        """Get data."""
        ...
    def getlabel(self) -> Any:
        """Get label."""
        ...
    def getpad(self) -> Any:
        """Get pad value of DataBatch."""
        ...
class PrefetchingIter(DataIter):
    """Performs pre-fetch for other data iterators."""
    batch_size: Any
    current_batch: Any
    data_ready: Any
    data_taken: Any
    iters: Any
    n_iter: Any
    next_batch: Any
    prefetch_threads: Any
    rename_data: Any
    rename_label: Any
    started: Any
    def __init__(self, iters: Any, rename_data: Any = None, rename_label: Any = None) -> None: ...
    @property
    def provide_data(self) -> Any: ...
    @property
    def provide_label(self) -> Any: ...
    def reset(self) -> None:
        """Reset the iterator to the begin of the data."""
        ...
    def iter_next(self) -> bool:
        """Move to the next batch."""
        ...
    def next(self) -> Any:
        """Get next data batch from iterator."""
        ...
    def getdata(self) -> Sequence[NDArray]:
        """Get data of current batch."""
        ...
    def getlabel(self) -> Sequence[NDArray]:
        """Get label of the current batch."""
        ...
    def getindex(self) -> Any:
        """Get index of the current batch."""
        ...
    def getpad(self) -> int:
        """Get the number of padding examples in the current batch."""
        ...
class ResizeIter(DataIter):
    """Resize a data iterator to a given number of batches."""
    batch_size: Any
    cur: Any
    current_batch: Any
    data_iter: Any
    default_bucket_key: Any
    provide_data: Any
    provide_label: Any
    reset_internal: Any
    size: int
    def __init__(self, data_iter: Any, size: int, reset_internal: bool = True) -> None: ...
    def reset(self) -> None:
        """Reset the iterator to the begin of the data."""
        ...
    def iter_next(self) -> bool:
        """Move to the next batch."""
        ...
    def getdata(self) -> Sequence[NDArray]:
        """Get data of current batch."""
        ...
    def getlabel(self) -> Sequence[NDArray]:
        """Get label of the current batch."""
        ...
    def getindex(self) -> Any:
        """Get index of the current batch."""
        ...
    def getpad(self) -> int:
        """Get the number of padding examples in the current batch."""
        ...
def CSVIter(*args: Any, data_csv: str = ..., data_shape: int | Sequence[int] = ..., label_csv: str = ..., label_shape: int | Sequence[int] = ..., batch_size: int = ..., round_batch: bool = ..., prefetch_buffer: int = ..., ctx: Context | Sequence[Context] | None = ..., dtype: DType = ..., **kwargs: Any) -> Any: ...
def ImageDetRecordIter(*args: Any, path_imglist: str = ..., path_imgrec: str = ..., aug_seq: str = ..., label_width: int = ..., data_shape: int | Sequence[int] = ..., preprocess_threads: int = ..., verbose: bool = ..., num_parts: int = ..., part_index: int = ..., shuffle_chunk_size: int = ..., shuffle_chunk_seed: int = ..., label_pad_width: int = ..., label_pad_value: float = ..., shuffle: bool = ..., seed: int = ..., batch_size: int = ..., round_batch: bool = ..., prefetch_buffer: int = ..., ctx: Context | Sequence[Context] | None = ..., dtype: DType = ..., resize: int = ..., rand_crop_prob: float = ..., min_crop_scales: Sequence[float] = ..., max_crop_scales: Sequence[float] = ..., min_crop_aspect_ratios: Sequence[float] = ..., max_crop_aspect_ratios: Sequence[float] = ..., min_crop_overlaps: Sequence[float] = ..., max_crop_overlaps: Sequence[float] = ..., min_crop_sample_coverages: Sequence[float] = ..., max_crop_sample_coverages: Sequence[float] = ..., min_crop_object_coverages: Sequence[float] = ..., max_crop_object_coverages: Sequence[float] = ..., num_crop_sampler: int = ..., crop_emit_mode: Literal['center', 'overlap'] = ..., emit_overlap_thresh: float = ..., max_crop_trials: int | Sequence[int] = ..., rand_pad_prob: float = ..., max_pad_scale: float = ..., max_random_hue: int = ..., random_hue_prob: float = ..., max_random_saturation: int = ..., random_saturation_prob: float = ..., max_random_illumination: int = ..., random_illumination_prob: float = ..., max_random_contrast: float = ..., random_contrast_prob: float = ..., rand_mirror_prob: float = ..., fill_value: int = ..., inter_method: int = ..., resize_mode: Literal['fit', 'force', 'shrink'] = ..., mean_img: str = ..., mean_r: float = ..., mean_g: float = ..., mean_b: float = ..., mean_a: float = ..., std_r: float = ..., std_g: float = ..., std_b: float = ..., std_a: float = ..., scale: float = ..., **kwargs: Any) -> Any:
    """b'Create iterator for image detection dataset packed in recordio.'"""
    ...
def ImageRecordInt8Iter(*args: Any, path_imglist: str = ..., path_imgrec: str = ..., path_imgidx: str = ..., aug_seq: str = ..., label_width: int = ..., data_shape: int | Sequence[int] = ..., preprocess_threads: int = ..., verbose: bool = ..., num_parts: int = ..., part_index: int = ..., device_id: int = ..., shuffle_chunk_size: int = ..., shuffle_chunk_seed: int = ..., seed_aug: int | None = ..., shuffle: bool = ..., seed: int = ..., batch_size: int = ..., round_batch: bool = ..., prefetch_buffer: int = ..., ctx: Context | Sequence[Context] | None = ..., dtype: DType = ..., resize: int = ..., rand_crop: bool = ..., random_resized_crop: bool = ..., max_rotate_angle: int = ..., max_aspect_ratio: float = ..., min_aspect_ratio: float | None = ..., max_shear_ratio: float = ..., max_crop_size: int = ..., min_crop_size: int = ..., max_random_scale: float = ..., min_random_scale: float = ..., max_random_area: float = ..., min_random_area: float = ..., max_img_size: float = ..., min_img_size: float = ..., brightness: float = ..., contrast: float = ..., saturation: float = ..., pca_noise: float = ..., random_h: int = ..., random_s: int = ..., random_l: int = ..., rotate: int = ..., fill_value: int = ..., inter_method: int = ..., pad: int = ..., **kwargs: Any) -> Any:
    r"""b'Iterating on image RecordIO files\n\n.."""
    ...
def ImageRecordIter(*args: Any, path_imglist: str = ..., path_imgrec: str = ..., path_imgidx: str = ..., aug_seq: str = ..., label_width: int = ..., data_shape: int | Sequence[int] = ..., preprocess_threads: int = ..., verbose: bool = ..., num_parts: int = ..., part_index: int = ..., device_id: int = ..., shuffle_chunk_size: int = ..., shuffle_chunk_seed: int = ..., seed_aug: int | None = ..., shuffle: bool = ..., seed: int = ..., batch_size: int = ..., round_batch: bool = ..., prefetch_buffer: int = ..., ctx: Context | Sequence[Context] | None = ..., dtype: DType = ..., resize: int = ..., rand_crop: bool = ..., random_resized_crop: bool = ..., max_rotate_angle: int = ..., max_aspect_ratio: float = ..., min_aspect_ratio: float | None = ..., max_shear_ratio: float = ..., max_crop_size: int = ..., min_crop_size: int = ..., max_random_scale: float = ..., min_random_scale: float = ..., max_random_area: float = ..., min_random_area: float = ..., max_img_size: float = ..., min_img_size: float = ..., brightness: float = ..., contrast: float = ..., saturation: float = ..., pca_noise: float = ..., random_h: int = ..., random_s: int = ..., random_l: int = ..., rotate: int = ..., fill_value: int = ..., inter_method: int = ..., pad: int = ..., mirror: bool = ..., rand_mirror: bool = ..., mean_img: str = ..., mean_r: float = ..., mean_g: float = ..., mean_b: float = ..., mean_a: float = ..., std_r: float = ..., std_g: float = ..., std_b: float = ..., std_a: float = ..., scale: float = ..., max_random_contrast: float = ..., max_random_illumination: float = ..., **kwargs: Any) -> Any:
    r"""b'Iterates on image RecordIO files\n\nReads batches of images from .rec RecordIO files."""
    ...
def ImageRecordIter_v1(*args: Any, path_imglist: str = ..., path_imgrec: str = ..., path_imgidx: str = ..., aug_seq: str = ..., label_width: int = ..., data_shape: int | Sequence[int] = ..., preprocess_threads: int = ..., verbose: bool = ..., num_parts: int = ..., part_index: int = ..., device_id: int = ..., shuffle_chunk_size: int = ..., shuffle_chunk_seed: int = ..., seed_aug: int | None = ..., shuffle: bool = ..., seed: int = ..., batch_size: int = ..., round_batch: bool = ..., prefetch_buffer: int = ..., ctx: Context | Sequence[Context] | None = ..., dtype: DType = ..., resize: int = ..., rand_crop: bool = ..., random_resized_crop: bool = ..., max_rotate_angle: int = ..., max_aspect_ratio: float = ..., min_aspect_ratio: float | None = ..., max_shear_ratio: float = ..., max_crop_size: int = ..., min_crop_size: int = ..., max_random_scale: float = ..., min_random_scale: float = ..., max_random_area: float = ..., min_random_area: float = ..., max_img_size: float = ..., min_img_size: float = ..., brightness: float = ..., contrast: float = ..., saturation: float = ..., pca_noise: float = ..., random_h: int = ..., random_s: int = ..., random_l: int = ..., rotate: int = ..., fill_value: int = ..., inter_method: int = ..., pad: int = ..., mirror: bool = ..., rand_mirror: bool = ..., mean_img: str = ..., mean_r: float = ..., mean_g: float = ..., mean_b: float = ..., mean_a: float = ..., std_r: float = ..., std_g: float = ..., std_b: float = ..., std_a: float = ..., scale: float = ..., max_random_contrast: float = ..., max_random_illumination: float = ..., **kwargs: Any) -> Any:
    r"""b'Iterating on image RecordIO files\n\n.."""
    ...
def ImageRecordUInt8Iter(*args: Any, path_imglist: str = ..., path_imgrec: str = ..., path_imgidx: str = ..., aug_seq: str = ..., label_width: int = ..., data_shape: int | Sequence[int] = ..., preprocess_threads: int = ..., verbose: bool = ..., num_parts: int = ..., part_index: int = ..., device_id: int = ..., shuffle_chunk_size: int = ..., shuffle_chunk_seed: int = ..., seed_aug: int | None = ..., shuffle: bool = ..., seed: int = ..., batch_size: int = ..., round_batch: bool = ..., prefetch_buffer: int = ..., ctx: Context | Sequence[Context] | None = ..., dtype: DType = ..., resize: int = ..., rand_crop: bool = ..., random_resized_crop: bool = ..., max_rotate_angle: int = ..., max_aspect_ratio: float = ..., min_aspect_ratio: float | None = ..., max_shear_ratio: float = ..., max_crop_size: int = ..., min_crop_size: int = ..., max_random_scale: float = ..., min_random_scale: float = ..., max_random_area: float = ..., min_random_area: float = ..., max_img_size: float = ..., min_img_size: float = ..., brightness: float = ..., contrast: float = ..., saturation: float = ..., pca_noise: float = ..., random_h: int = ..., random_s: int = ..., random_l: int = ..., rotate: int = ..., fill_value: int = ..., inter_method: int = ..., pad: int = ..., **kwargs: Any) -> Any:
    r"""b'Iterating on image RecordIO files\n\n.."""
    ...
def ImageRecordUInt8Iter_v1(*args: Any, path_imglist: str = ..., path_imgrec: str = ..., path_imgidx: str = ..., aug_seq: str = ..., label_width: int = ..., data_shape: int | Sequence[int] = ..., preprocess_threads: int = ..., verbose: bool = ..., num_parts: int = ..., part_index: int = ..., device_id: int = ..., shuffle_chunk_size: int = ..., shuffle_chunk_seed: int = ..., seed_aug: int | None = ..., shuffle: bool = ..., seed: int = ..., batch_size: int = ..., round_batch: bool = ..., prefetch_buffer: int = ..., ctx: Context | Sequence[Context] | None = ..., dtype: DType = ..., resize: int = ..., rand_crop: bool = ..., random_resized_crop: bool = ..., max_rotate_angle: int = ..., max_aspect_ratio: float = ..., min_aspect_ratio: float | None = ..., max_shear_ratio: float = ..., max_crop_size: int = ..., min_crop_size: int = ..., max_random_scale: float = ..., min_random_scale: float = ..., max_random_area: float = ..., min_random_area: float = ..., max_img_size: float = ..., min_img_size: float = ..., brightness: float = ..., contrast: float = ..., saturation: float = ..., pca_noise: float = ..., random_h: int = ..., random_s: int = ..., random_l: int = ..., rotate: int = ..., fill_value: int = ..., inter_method: int = ..., pad: int = ..., **kwargs: Any) -> Any:
    r"""b'Iterating on image RecordIO files\n\n.."""
    ...
def LibSVMIter(*args: Any, data_libsvm: str = ..., data_shape: int | Sequence[int] = ..., label_libsvm: str = ..., label_shape: int | Sequence[int] = ..., num_parts: int = ..., part_index: int = ..., batch_size: int = ..., round_batch: bool = ..., prefetch_buffer: int = ..., ctx: Context | Sequence[Context] | None = ..., dtype: DType = ..., **kwargs: Any) -> Any:
    r"""b'Returns the LibSVM iterator which returns data with `csr`\nstorage type."""
    ...
def MNISTIter(*args: Any, image: str = ..., label: str = ..., batch_size: int = ..., shuffle: bool = ..., flat: bool = ..., seed: int = ..., silent: bool = ..., num_parts: int = ..., part_index: int = ..., prefetch_buffer: int = ..., ctx: Context | Sequence[Context] | None = ..., dtype: DType = ..., **kwargs: Any) -> Any:
    r"""b'Iterating on the MNIST dataset.\n\nOne can download the dataset from http://yann.lecun.com/exdb/mnist/\n\n\n\nDefined in ../src/io/iter_mnist.cc:L264'"""
    ...
