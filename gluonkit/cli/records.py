"""``gluonkit records``: record files checked, indexed, listed, packed, unpacked. Needs no MXNet."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy

from gluonkit._base import tables
from gluonkit._base.atomic import atomic_file
from gluonkit._base.checks import checked_path
from gluonkit._base.tables import Column
from gluonkit.cli import parsers_alone
from gluonkit.cli.checking import check, check_file
from gluonkit.cli.ending import ended
from gluonkit.cli.output import report, write_any_sign
from gluonkit.cli.values import command_parser, parse
from gluonkit.data.records.checking import check_records
from gluonkit.data.records.converting import pack_arrays, pack_images, unpack_records
from gluonkit.data.records.file import RecordFile
from gluonkit.data.records.header import RecordHeader, unpack_record
from gluonkit.data.records.images import kind_of
from gluonkit.data.records.lists import ListEntry, list_images, read_list, split_list
from gluonkit.data.records.samples import record_dataset
from gluonkit.data.records.writer import write_index
from gluonkit.errors import ArgumentError, DataError


def main(args: Sequence[str]) -> int:
    """Run ``gluonkit records ARGS`` and return the exit status: 1 when a file is damaged."""
    write_any_sign()
    parser = parsers_alone.records()
    options = parse(parser, args or ("--help",))
    chosen = command_parser(parser, args)
    return ended(chosen.prog, partial(_run, options, chosen), chosen)


def _run(options: argparse.Namespace, chosen: argparse.ArgumentParser) -> int:
    check(options, chosen)
    commands = {"check": _check, "index": _index, "list": _list, "pack": _pack, "unpack": _unpack}
    return commands[options.inner](options)


def _check(options: argparse.Namespace) -> int:
    checked = check_records(options.file, index=options.index, images=options.images)
    report(checked, options.json)
    return 0 if checked.ok else 1


def _index(options: argparse.Namespace) -> int:
    print(f"{write_index(options.file, keys=options.keys)} is written")
    return 0


_COLUMNS = (
    Column("record", lambda row: str(row["record"]), "right"),
    Column("key", lambda row: str(row["key"]), "right"),
    Column("byte", lambda row: f"{row['byte']:,}", "right", drop=1),
    Column("length", lambda row: f"{row['length']:,}", "right"),
    Column("id", lambda row: str(row["id"]), "right"),
    Column("label", lambda row: f"{row['label']!s:.40}"),
    Column("contents", lambda row: row["contents"]),
)


def _list(options: argparse.Namespace) -> int:
    if options.n < 0:
        raise ArgumentError(f"`-n` is {options.n}; give 0 for all records, or how many")
    records = RecordFile(options.file)
    rows = [_row(records, position) for position in islice(range(len(records)), options.n or None)]
    table = tables.text_table(rows, _COLUMNS)
    report(f"{table}\n\n{len(rows):,} of {len(records):,} records", options.json, rows)
    return 0


def _row(records: RecordFile, position: int) -> dict[str, Any]:
    """Return what is known of a record; what is no sample has neither label nor number."""
    record = records[position]
    try:
        header, content = unpack_record(record)
    except DataError:
        header, content = RecordHeader(0, None, 0), record
    label = header.label
    return {
        "record": position,
        "key": records.keys[position],
        "byte": int(records.offsets[position]),
        "length": len(record),
        "id": header.id,
        "label": label.tolist() if isinstance(label, numpy.ndarray) else label,
        "contents": kind_of(content),
    }


_PACKS_OF = {
    "root": (".lst",),
    "shuffle": ("folder",),
    "resize": ("folder", ".lst"),
    "center_crop": ("folder", ".lst"),
    "chunks": ("folder", ".lst"),
    "train_ratio": ("folder", ".lst"),
    "test_ratio": ("folder", ".lst"),
}


def _pack(options: argparse.Namespace) -> int:
    source = checked_path("SRC", options.src)
    kind = "folder" if source.is_dir() else source.suffix
    for option, kinds in _PACKS_OF.items():
        value = getattr(options, option)
        # 0 is a value, and wrong with another message.
        if value is not None and value is not False and kind not in kinds:
            name = option.replace("_", "-")
            raise ArgumentError(f"`--{name}` goes with {' and '.join(kinds)}, not with {source}")
    if not source.exists() or kind not in ("folder", ".lst", ".npz"):
        what = "is none of these" if source.exists() else "is not there"
        raise ArgumentError(
            f"`SRC` is {str(source)!r}, which {what}; give a folder of images, a .lst file or an "
            ".npz file"
        )
    if kind == ".npz":
        arrays = _from_npz(options.src)
        encoding = options.encoding or "npy"
        count = pack_arrays(arrays, options.dst, encoding=encoding, quality=options.quality)
        print(f"{options.dst}: {count:,} records")
        return 0
    target = checked_path("FILE", options.dst)
    for name, entries in _parts(source, kind, options).items():
        path = target.with_name(f"{target.stem}{name}{target.suffix}")
        count = pack_images(
            entries,
            path,
            root=options.root or (source if kind == "folder" else source.parent),
            encoding=options.encoding,
            quality=options.quality,
            resize=options.resize,
            center_crop=options.center_crop,
        )
        print(f"{path}: {count:,} records")
    return 0


def _parts(source: Path, kind: str, options: argparse.Namespace) -> dict[str, list[ListEntry]]:
    """Return the entries of each record file, by what its name has behind that of `FILE`."""
    train = options.train_ratio
    if kind != "folder":
        entries = read_list(source)
    else:
        # As a folder lies, its last classes alone would be left to validate.
        divided = options.chunks is not None or train is not None
        entries = list_images(source, shuffle=options.shuffle or divided)
    if not entries:
        raise ArgumentError(
            f"`SRC` is {str(source)!r}, in which there are no images; give a folder of images, or "
            "a list of them"
        )
    return split_list(
        entries,
        chunks=1 if options.chunks is None else options.chunks,
        train_ratio=1.0 if train is None else train,
        test_ratio=0.0 if options.test_ratio is None else options.test_ratio,
    )


def _from_npz(path: str) -> Any:
    try:
        with numpy.load(path, allow_pickle=False) as file:
            return file["data"], file["label"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be packed: {error}; it needs `data` and `label`") from error


def _unpack(options: argparse.Namespace) -> int:
    target = checked_path("DST", options.dst)
    if target.suffix != ".npz":
        print(f"{options.dst}: {unpack_records(options.file, target):,} files and their list")
        return 0
    check_file("DST", target)
    dataset = record_dataset(options.file, layout="HWC")
    data = numpy.asarray(dataset.data)
    with atomic_file(target) as file:
        numpy.savez(file, data=data, label=dataset.label)
    print(f"{options.dst}: data {tables.shape(data.shape)} {data.dtype}, and label")
    return 0
