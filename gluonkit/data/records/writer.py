"""Writing record files so that they are there whole, or as they were before."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gluonkit._base.arguments import checked
from gluonkit._base.atomic import atomic_file, write_atomically
from gluonkit._base.checks import a_type, checked_path
from gluonkit._base.tables import Called
from gluonkit.data.records.file import RecordFile
from gluonkit.data.records.framing import framed
from gluonkit.data.records.index import beside, check_key, index_text
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError


class RecordWriter(Called):
    """Write a record file and its index: the bytes that `mx.recordio.MXIndexedRecordIO` writes.

    To be used with ``with``: both files take their places at its end, whole; until then, and after
    an error or a lost process, there is what was there before.

    Parameters
    ----------
    path : str or Path
        The ``.rec`` file, which is replaced.
    index : bool, default True
        Whether to write an index too, the ``.idx`` file beside. An old one is removed otherwise.
    append : bool, default False
        True to begin with the records that the file has, which are copied.

    Raises
    ------
    ArgumentTypeError
        For what is no path.
    DataError
        With `append`, when the file is damaged.
    OSError
        When it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> path = tempfile.mkdtemp() + "/data.rec"
    >>> with gk.data.RecordWriter(path) as writer:
    ...     writer.write(gk.data.pack_record(3.0, b"a sample"))
    >>> gk.data.RecordFile(path).sample(0)
    (RecordHeader(flag=0, label=3.0, id=0, id2=0), b'a sample')
    """

    @checked
    def __init__(
        self, path: str | os.PathLike[str], *, index: bool = True, append: bool = False
    ) -> None:
        self.path = checked_path("path", path)
        self._with_index = index
        self._append = append
        self._keys: list[Any] = []
        self._offsets: list[int] = []
        self._stack: ExitStack | None = None

    def __enter__(self) -> RecordWriter:
        before: RecordFile | None = None
        if self._append and self.path.exists():
            before = RecordFile(self.path)
        self._stack = ExitStack()
        self._file = self._stack.enter_context(atomic_file(self.path))
        if before is not None:
            for key, record in zip(before.keys, before, strict=True):
                self.write(record, key)
        return self

    def write(self, content: bytes, key: Any = None) -> None:
        """Write a record.

        Parameters
        ----------
        content : bytes
            The record, less than 2**29 bytes: anything, or what `pack_record` returns.
        key : int or str, optional
            Its key in the index; by default its position.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            For what is not bytes, and too many of them.
        StateError
            Outside of ``with``.
        """
        if self._stack is None:
            raise StateError(
                f"{self.path} is not being written; write inside `with RecordWriter(path) as "
                "writer:`"
            )
        if not isinstance(content, (bytes, bytearray, memoryview)):
            raise ArgumentTypeError(f"`content` is {a_type(content)}; give bytes")
        pieces = framed(bytes(content))
        key = len(self._keys) if key is None else key
        check_key(key)
        self._keys.append(key)
        self._offsets.append(self._file.tell())
        self._file.writelines(pieces)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        stack, self._stack = self._stack, None
        assert stack is not None
        if error is not None:
            stack.__exit__(kind, error, trace)
            return
        with stack:
            text = index_text(self._keys, self._offsets)
            # Where the process is lost from here on, there is no index, and never a wrong one.
            beside(self.path).unlink(missing_ok=True)
        if self._with_index:
            write_atomically(beside(self.path), text)


@checked
def write_index(path: str | os.PathLike[str], *, keys: str = "positions") -> Path:
    """Write a record file's index anew, by a scan of the file; MXNet has ``rec2idx`` for it.

    Parameters
    ----------
    path : str or Path
        The ``.rec`` file.
    keys : str, default 'positions'
        'positions' for 0, 1, ..., as ``rec2idx`` has them; 'ids' for the numbers in the samples'
        heads, which ``im2rec`` takes for keys.

    Returns
    -------
    Path
        The ``.idx`` file.

    Raises
    ------
    ArgumentError
        For other `keys`.
    DataError
        When the file is damaged; no index is written then.
    """
    records = RecordFile(path, index=False)
    if keys not in ("positions", "ids"):
        raise ArgumentError(f"`keys` is {keys!r}; give 'positions' or 'ids'")
    chosen = (
        records.keys if keys == "positions" else [records.sample(k)[0].id for k in records.keys]
    )
    write_atomically(beside(records.path), index_text(chosen, records.offsets))
    return beside(records.path)
