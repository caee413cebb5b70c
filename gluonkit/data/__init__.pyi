"""The public names of this room. Each stands here once: ``__init__.py`` reads this file too."""

from .column import Column as Column
from .dataset import Dataset as Dataset
from .datasets import list_datasets as list_datasets
from .datasets import load as load
from .loader import BatchLoader as BatchLoader
from .padding import Pad as Pad
from .records.checking import RecordReport as RecordReport
from .records.checking import check_records as check_records
from .records.converting import pack_arrays as pack_arrays
from .records.converting import pack_images as pack_images
from .records.converting import unpack_records as unpack_records
from .records.file import RecordFile as RecordFile
from .records.framing import Fault as Fault
from .records.header import RecordHeader as RecordHeader
from .records.header import pack_record as pack_record
from .records.header import unpack_record as unpack_record
from .records.images import decode_image as decode_image
from .records.images import encode_image as encode_image
from .records.lists import ListEntry as ListEntry
from .records.lists import list_images as list_images
from .records.lists import read_list as read_list
from .records.lists import split_list as split_list
from .records.samples import record_dataset as record_dataset
from .records.writer import RecordWriter as RecordWriter
from .records.writer import write_index as write_index
from .sklearn_digits import digits as digits
