# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any

from mxnet.context import check_call as check_call
from mxnet.operator import c_str as c_str

class HEADER(tuple):
    """HEADER(flag, label, id, id2)"""
    def __new__(_cls: Any, flag: Any, label: Any, id: Any, id2: Any) -> Any: ...
class MXRecordIO:
    """Reads/writes `RecordIO` data format, supporting sequential read and write."""
    flag: Any
    handle: Any
    is_open: Any
    pid: Any
    uri: Any
    def __init__(self, uri: str, flag: str) -> None: ...
    def open(self) -> Any:
        """Opens the record file."""
        ...
    def close(self) -> None:
        """Closes the record file."""
        ...
    def reset(self) -> None:
        """Resets the pointer to first item."""
        ...
    def write(self, buf: Any) -> None:
        """Inserts a string buffer as a record."""
        ...
    def read(self) -> str:
        """Returns record as a string."""
        ...
class MXIndexedRecordIO(MXRecordIO):
    """Reads/writes `RecordIO` data format, supporting random access."""
    fidx: Any
    idx: Any
    idx_path: Any
    key_type: Any
    keys: Any
    def __init__(self, idx_path: str, uri: str, flag: str, key_type: Any = ...) -> None: ...
    def open(self) -> None:
        """Opens the record file."""
        ...
    def close(self) -> None:
        """Closes the record file."""
        ...
    def seek(self, idx: Any) -> None:
        """Sets the current read pointer position."""
        ...
    def tell(self) -> Any:
        """Returns the current position of write head."""
        ...
    def read_idx(self, idx: Any) -> Any:
        """Returns the record at given index."""
        ...
    def write_idx(self, idx: int, buf: Any) -> None:
        """Inserts input record at given index."""
        ...
IRHeader = HEADER
def pack(header: Any, s: str) -> str:
    """Pack a string into MXImageRecord."""
    ...
def pack_img(header: Any, img: Any, quality: int = 95, img_fmt: str = '.jpg') -> str:
    """Pack an image into ``MXImageRecord``."""
    ...
def unpack(s: str) -> Any:
    """Unpack a MXImageRecord to string."""
    ...
def unpack_img(s: str, iscolor: int = -1) -> Any:
    """Unpack a MXImageRecord to image."""
    ...
