"""Record files: against MXNet's own, against bytes made by hand, and what is wrong with files."""

import gc
import io
import json
import math
import os
import pickle
import re
import runpy
import struct
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from gluonkit import evaluate, fit, gluon, mx, nn, predict
from gluonkit.cli import records as cli
from gluonkit.data import (
    BatchLoader,
    ListEntry,
    RecordFile,
    RecordHeader,
    RecordWriter,
    check_records,
    decode_image,
    encode_image,
    list_images,
    pack_arrays,
    pack_images,
    pack_record,
    read_list,
    record_dataset,
    split_list,
    unpack_record,
    unpack_records,
    write_index,
)
from gluonkit.data.records import framing
from gluonkit.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    MissingPackageError,
    StateError,
)
from gluonkit.train.sources import source
from tests.launched import wait_until
from tests.test_compat import HIDE

ROOT = Path(__file__).parents[1]
MAGIC = bytes.fromhex("0a23d7ce")


def part(kind, content):
    """Return a part of a record, by hand."""
    return MAGIC + struct.pack("<I", kind << 29 | len(content)) + content + bytes(-len(content) % 4)


def write(path, contents, **options):
    with RecordWriter(path, **options) as writer:
        for content in contents:
            writer.write(content)
    return path


def by_mxnet(path, contents):
    """Write with MXNet's own writer."""
    writer = mx.recordio.MXIndexedRecordIO(str(path.with_suffix(".idx")), str(path), "w")
    for key, content in enumerate(contents):
        writer.write_idx(key, content)
    writer.close()
    return path


def read_by_mxnet(path):
    reader = mx.recordio.MXRecordIO(str(path), "r")
    records = list(iter(reader.read, None))
    reader.close()
    return records


def jpeg(number, size=(12, 10), **options):
    """Return the bytes of a small picture, another one for each number."""
    draws = numpy.random.default_rng(number).integers(0, 256, (3, 4, 3), dtype="uint8")
    file = io.BytesIO()
    Image.fromarray(draws).resize(size, Image.Resampling.BICUBIC).save(
        file, "JPEG", quality=95, **options
    )
    return file.getvalue()


@pytest.fixture
def pictures(tmp_path):
    """Return a record file of 6 pictures of 12 x 10, labels 0 to 2."""
    return write(tmp_path / "p.rec", [pack_record((0, i % 3, i, 0), jpeg(i)) for i in range(6)])


# Framing


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", part(0, b"")),
        (b"abcde", part(0, b"abcde")),
        (MAGIC, part(1, b"") + part(3, b"")),
        (b"a" + MAGIC, part(0, b"a" + MAGIC)),  # not at a multiple of 4
        (b"abcd" + MAGIC + MAGIC + b"xy", part(1, b"abcd") + part(2, b"") + part(3, b"xy")),
    ],
)
def test_bytes_by_hand(content, expected, tmp_path):
    path = write(tmp_path / "a.rec", [content])
    assert path.read_bytes() == expected
    assert list(RecordFile(path)) == [content]


pieces = st.one_of(st.binary(max_size=9), st.just(MAGIC), st.just(MAGIC[:2]), st.just(MAGIC[2:]))
contents = st.lists(st.lists(pieces, max_size=6).map(b"".join), max_size=5)


@settings(deadline=None, max_examples=80)
@given(contents)
def test_any_contents_both_ways(tmp_path_factory, given_contents):
    folder = tmp_path_factory.mktemp("both")
    ours, theirs = (
        write(folder / "a.rec", given_contents),
        by_mxnet(folder / "b.rec", given_contents),
    )
    assert ours.read_bytes() == theirs.read_bytes()
    assert (folder / "a.idx").read_bytes() == (folder / "b.idx").read_bytes()
    assert read_by_mxnet(ours) == given_contents
    for index in (None, False):
        assert list(RecordFile(theirs, index=index)) == given_contents
    assert check_records(theirs).ok


@settings(deadline=None, max_examples=150)
@given(st.lists(st.integers(0, 255), max_size=40).map(bytes), st.integers(0, 80), contents)
def test_damage_is_an_error_or_other_contents_never_another_failure(
    tmp_path_factory, noise, place, given_contents
):
    path = write(tmp_path_factory.mktemp("noise") / "a.rec", given_contents, index=False)
    path.write_bytes(path.read_bytes()[:place] + noise)
    report = check_records(path)
    if report.ok:
        assert len(list(RecordFile(path))) == report.records
        return
    with pytest.raises(DataError, match=re.escape(str(report.faults[0]))):
        RecordFile(path)


DAMAGED = {
    "head": (MAGIC + b"\0\0", "a record's head has 8 bytes, and the file ends after 6"),
    "length": (
        MAGIC + struct.pack("<I", (1 << 29) - 1) + b"abcd",
        "its length is 536,870,911 bytes, and the file has 4 more",
    ),
    "magic": (
        b"PK\x03\x04" + bytes(8),
        "it begins with 50 4b 03 04 where records have 0a 23 d7 ce",
    ),
    "middle": (part(2, b"abcd"), "a middle part lies where a record should begin"),
    "kind": (part(6, b"abcd"), "a part of kind 6 lies where a record should begin"),
    "nested": (part(1, b"abcd") + part(0, b"ab"), "a whole record lies inside a record"),
    "endless": (part(1, b"abcd"), "a record's head has 8 bytes, and the file ends after 0"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_has_number_and_byte(kind, tmp_path):
    damage, text = DAMAGED[kind]
    path = tmp_path / "a.rec"
    path.write_bytes(part(0, b"first") + damage)  # the first takes 16 bytes
    place = 16 + (12 if kind in ("nested", "endless") else 0)
    with pytest.raises(DataError, match=f"record 1 at byte {place}: {re.escape(text)}"):
        RecordFile(path)
    assert str(check_records(path).faults[0]).startswith(f"record 1 at byte {place}: {text}")


def test_all_faults_are_told(tmp_path):
    path = tmp_path / "a.rec"
    good = part(0, b"good")
    path.write_bytes(good + b"bad!" + part(4, b"x") + good + good[:-4] + good)
    report = check_records(path)
    # 12 bytes, then 4 of noise and 12 of an unknown kind, good from 28; at 40 a head whose 4
    # bytes are the next one's begin, so that what follows lies at no record's begin, until the end.
    assert [(fault.number, fault.offset) for fault in report.faults] == [(1, 12), (4, 52)]
    assert (report.records, report.ok) == (3, False)
    assert "Fault     record 1 at byte 12: it begins with 62 61 64 21" in str(report)
    assert report.to_dict()["faults"][0]["offset"] == 12


def test_too_long(monkeypatch, tmp_path):
    monkeypatch.setattr(framing, "LONGEST", 10)
    with (
        pytest.raises(ArgumentError, match="`content` has 11 bytes; a record has 10 at the most"),
        RecordWriter(tmp_path / "a.rec") as writer,
    ):
        writer.write(bytes(11))
    assert list(tmp_path.iterdir()) == []


# Heads


@pytest.mark.parametrize("label", [[1, 2.5, -3], (0.1,), numpy.arange(300.0), [], numpy.eye(2)])
def test_array_labels_by_hand(label):
    numbers = numpy.ravel(label).tolist()
    record = pack_record((99, label, 2**40, 3), b"pixels")
    head = struct.pack("<IfQQ", len(numbers), 0, 2**40, 3)
    assert record == head + struct.pack(f"<{len(numbers)}f", *numbers) + b"pixels"
    header, content = unpack_record(record)
    assert content == b"pixels"
    if numbers:
        assert header.label.tolist() == numpy.float32(numbers).tolist()
        theirs, their_content = mx.recordio.unpack(record)
        assert theirs.label.tolist() == header.label.tolist()
        assert (theirs.id, theirs.id2, their_content) == (header.id, header.id2, content)


@pytest.mark.parametrize("label", [3, -0.25, True, numpy.float32(7), numpy.int64(2), math.inf])
def test_number_labels(label):
    record = pack_record(RecordHeader(5, label, 7, 1), b"")
    assert record == struct.pack("<IfQQ", 0, label, 7, 1) == mx.recordio.pack((5, label, 7, 1), b"")
    assert unpack_record(record) == (tuple(mx.recordio.unpack(record)[0]), b"")


TOSTRING = pytest.mark.filterwarnings("ignore:tostring:DeprecationWarning")


@TOSTRING
@pytest.mark.skipif(numpy.__version__ >= "2", reason="MXNet's pack calls tostring there")
def test_array_labels_as_mxnet():
    label = numpy.arange(5.0)
    assert pack_record((0, label, 1, 0), b"a") == mx.recordio.pack((0, label, 1, 0), b"a")


def test_label_alone():
    assert unpack_record(pack_record(4, b"a")) == (RecordHeader(0, 4.0), b"a")
    assert unpack_record(pack_record([4], b"a"))[0].flag == 1


@pytest.mark.parametrize(
    "header", ["cat", (0, 1.0, -1, 0), (0, 1.0, 0.5, 0), (0, 1e300, 0, 0), (0, None, 0, 0)]
)
def test_what_cannot_be_packed(header):
    with pytest.raises(
        (ArgumentError, ArgumentTypeError),
        match=r"`header` is .* cannot be packed: .*give \(flag, label, id",
    ):
        pack_record(header, b"")


@pytest.mark.parametrize("content", ["text", None, 1])
def test_contents_that_are_no_bytes(content):
    with pytest.raises(ArgumentTypeError, match=r"`content` is .*; give bytes"):
        pack_record(1.0, content)


def test_heads_that_lie():
    with pytest.raises(DataError, match="a sample's head has 24 bytes, and the record has 5"):
        unpack_record(b"short")
    hostile = struct.pack("<IfQQ", 2**32 - 1, 0, 0, 0) + bytes(8)
    with pytest.raises(DataError, match="should have 4,294,967,295 numbers, and 8 bytes are left"):
        unpack_record(hostile)


# Files and indexes


def test_by_position_key_and_slice(tmp_path):
    path = tmp_path / "a.rec"
    with RecordWriter(path) as writer:
        for key in (7, 3, 12):
            writer.write(f"record {key}".encode(), key)
    records = RecordFile(path)
    assert len(records) == 3
    assert records.keys == (7, 3, 12)
    assert records[-1] == records.read(12) == b"record 12"
    assert records[numpy.int64(1)] == records.read(3) == b"record 3"
    assert records[:2] == [b"record 7", b"record 3"]
    with pytest.raises(IndexError, match=r"record 3 of .*a.rec, which has 3"):
        records[3]
    with pytest.raises(ArgumentError, match=r"`key` is 8, which .* has not: it has 7, 3, 12"):
        records.read(8)
    theirs = mx.recordio.MXIndexedRecordIO(str(tmp_path / "a.idx"), str(path), "r")
    assert theirs.read_idx(12) == b"record 12"
    theirs.close()
    assert repr(records).endswith("a.rec'): 3 records, a.idx")
    assert list(RecordFile(path, index=False).keys) == [0, 1, 2]


def test_keys_that_are_words(tmp_path):
    path = tmp_path / "a.rec"
    with RecordWriter(path) as writer:
        writer.write(b"1", "first one")
    assert RecordFile(path, key_type=str).read("first one") == b"1"
    with pytest.raises(DataError, match=r"line 1, is 'first one\\t0'; a key and a byte offset"):
        RecordFile(path)
    for key in ("a\tb", "", " a", "a\nb"):
        with (
            pytest.raises(ArgumentError, match="an index has keys without tabs"),
            RecordWriter(path) as writer,
        ):
            writer.write(b"2", key)
    assert RecordFile(path, key_type=str).read("first one") == b"1"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("a\tb", "an index has keys without tabs"),
        ("\ud800", "an index has keys without tabs"),
        (1.5, "`key` is 1.5, a float; give a whole number or text"),
        (True, "`key` is True, a bool; give a whole number or text"),
    ],
)
def test_a_wrong_key_is_told_at_once_and_other_records_stay(key, text, tmp_path):
    path = tmp_path / "a.rec"
    with RecordWriter(path) as writer:
        writer.write(b"1", 7)
        with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
            writer.write(b"2", key)
        writer.write(b"3", numpy.int64(9))
    assert [RecordFile(path).read(key) for key in (7, 9)] == [b"1", b"3"]


@pytest.mark.parametrize(
    "entry",
    ["a.png", (1, (), "a.png"), (1, 2.0, "a.png"), (-1, (0,), "a"), (1, (0,), b"a"), [None]],
)
def test_entries_are_refused_by_name(entry, tmp_path):
    with pytest.raises(
        ArgumentTypeError, match=r"`images` has .*; give ListEntry\(key, labels, pa"
    ):
        pack_images([entry], tmp_path / "a.rec", root=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ends", [".png", "png", ["PNG"], (".png", "jpg")])
def test_ends_of_images_may_lack_their_dots_and_a_list(ends, tmp_path):
    for name in ("a.png", "b.PNG", "c.txt", "noend"):
        (tmp_path / name).write_bytes(b"")
    entries = list_images(tmp_path, recursive=False, extensions=ends)
    assert [entry.path for entry in entries] == ["a.png", "b.PNG"]


def test_a_quality_of_numpys():
    image = numpy.arange(192, dtype="uint8").reshape(8, 8, 3)
    assert encode_image(image, quality=numpy.int64(50)) == encode_image(image, quality=50)


def test_an_index_of_part_of_the_file(tmp_path):
    path = write(tmp_path / "a.rec", [b"zero", b"one", b"two"])
    (tmp_path / "part.idx").write_text("2\t24\n0\t0\n")
    records = RecordFile(path, index=tmp_path / "part.idx")
    assert list(records) == [b"two", b"zero"]
    assert records.read(0) == b"zero"


@pytest.mark.parametrize("line", ["0\t400", "0\t-4", "0\t6", "0 0", "x\t0", "0\t"])
def test_indexes_that_do_not_fit(line, tmp_path):
    path = write(tmp_path / "a.rec", [b"zero", b"one"])
    (tmp_path / "a.idx").write_text(f"5\t0\n{line}\n")
    with pytest.raises(
        DataError, match=r"a.idx, line 2.*(has none there|is expected|are expected)"
    ):
        RecordFile(path)
    assert not check_records(path).ok


def test_an_index_of_another_file(tmp_path):
    path = write(tmp_path / "a.rec", [b"zero", b"one"])
    (tmp_path / "a.idx").write_text("0\t0\n1\t8\n1\t0\n")
    records = RecordFile(path)
    assert records[0] == b"zero"
    with pytest.raises(
        DataError, match=r"record 1 at byte 8: it begins with 7a 65 72 6f .*a.idx is"
    ):
        records[1]
    assert [str(fault) for fault in check_records(path).faults] == [
        "record 1 at byte 8: the index has '1' there, where no whole record begins",
        "record 2 at byte 0: the index has the key '1' already, for record 1",
        "byte 12: 1 records are not in the index, of which this is the first",
    ]


def test_what_cannot_be_read(tmp_path):
    for path in (tmp_path / "none.rec", tmp_path):
        with pytest.raises(DataError, match=r"cannot be read as a record file: [NI]\w+ .*\w+$"):
            RecordFile(path)
    path = write(tmp_path / "a.rec", [b"a"])
    with pytest.raises(DataError, match=r"none.idx cannot be read as an index"):
        RecordFile(path, index=tmp_path / "none.idx")
    assert "cannot be read as an index" in str(
        check_records(path, index=tmp_path / "none.idx").faults[0]
    )


def test_empty_files(tmp_path):
    path = write(tmp_path / "a.rec", [])
    assert path.read_bytes() == b""
    assert list(RecordFile(path)) == list(RecordFile(path, index=False)) == []
    assert check_records(path).ok


def test_closed_and_pickled(tmp_path):
    records = RecordFile(write(tmp_path / "a.rec", [b"a", b"b"]))
    copy = pickle.loads(pickle.dumps(records))
    with records:
        assert records[0] == b"a"
    with pytest.raises(StateError, match=r"a.rec has been closed; open it again"):
        records[0]
    assert list(copy) == [b"a", b"b"]
    RecordFile(write(tmp_path / "none.rec", [])).close()


# Writing


def test_an_error_leaves_what_was_there(tmp_path):
    path = write(tmp_path / "a.rec", [b"a"])
    writer = RecordWriter(path)
    with pytest.raises(ArgumentTypeError, match="`content` is a str; give bytes"):
        write(path, [b"b", "text"])
    assert list(RecordFile(path)) == [b"a"]
    with pytest.raises(StateError, match=r"a.rec is not being written; write inside `with"):
        writer.write(b"b")
    assert sorted(os.listdir(tmp_path)) == ["a.idx", "a.rec"]


def test_an_old_index_goes(tmp_path):
    path = write(tmp_path / "a.rec", [b"a", b"b"])
    write(path, [b"longer than a", b"b"], index=False)
    assert os.listdir(tmp_path) == ["a.rec"]
    assert write_index(path).read_bytes() == b"0\t0\n1\t24\n"


def test_append(tmp_path):
    path = write(tmp_path / "a.rec", [b"a", MAGIC])
    with RecordWriter(path, append=True) as writer:
        writer.write(b"c", 17)
    assert list(RecordFile(path)) == [b"a", MAGIC, b"c"]
    assert RecordFile(path).keys == (0, 1, 17)
    assert list(RecordFile(write(tmp_path / "new.rec", [b"a"], append=True))) == [b"a"]


def test_index_by_the_samples_numbers(tmp_path):
    path = write(tmp_path / "a.rec", [pack_record((0, 1, i, 0), b"") for i in (5, 2)], index=False)
    assert write_index(path, keys="ids").read_text() == "5\t0\n2\t32\n"
    with pytest.raises(ArgumentError, match="`keys` is 'other'; give 'positions' or 'ids'"):
        write_index(path, keys="other")


# Images


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def test_pixels_are_mxnets():
    content = jpeg(1, (33, 21))
    pixels = mx.image.imdecode(content).asnumpy()
    assert numpy.array_equal(decode_image(content), pixels)
    assert numpy.array_equal(decode_image(content, "bgr"), pixels[:, :, ::-1])
    gray = decode_image(content, "gray")
    assert numpy.array_equal(gray, mx.image.imdecode(content, flag=0).asnumpy())
    deep = numpy.arange(0, 65536, 512, "uint16").reshape(8, 16)
    assert numpy.array_equal(decode_image(png(deep))[:, :, 0], deep >> 8)
    assert numpy.array_equal(decode_image(png(deep)), mx.image.imdecode(png(deep)).asnumpy())
    clear = numpy.random.default_rng(0).integers(0, 256, (5, 4, 4), dtype="uint8")
    assert numpy.array_equal(decode_image(png(clear)), clear[:, :, :3])


@pytest.mark.parametrize("orientation", [3, 6])
def test_exif(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x112] = orientation
    content = jpeg(2, (20, 16), exif=exif)
    turned = numpy.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    assert numpy.array_equal(decode_image(content, exif=True), turned)
    assert numpy.array_equal(decode_image(content), mx.image.imdecode(content).asnumpy())
    path = write(tmp_path / "a.rec", [pack_record(1, content)])
    options = {"data_shape": (3, *turned.shape[:2]), "batch_size": 1, "verbose": False}
    (batch,) = mx.io.ImageRecordIter(path_imgrec=str(path), preprocess_threads=1, **options)
    dataset = record_dataset(path, exif=True)
    assert numpy.array_equal(batch.data[0].asnumpy(), dataset.data[:])


@TOSTRING
@pytest.mark.skipif(numpy.__version__ >= "2", reason="MXNet's pack_img calls tostring there")
def test_encoded_as_pack_img():
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    image = decode_image(jpeg(3, (31, 18)))
    for options in ({}, {"quality": 60}):
        theirs = mx.recordio.pack_img((0, 1, 0, 0), image[:, :, ::-1], **options)
        assert pack_record((0, 1, 0, 0), encode_image(image, **options)) == theirs
    assert numpy.array_equal(
        mx.recordio.unpack_img(pack_record(1, encode_image(image, ".PNG")))[1],
        decode_image(encode_image(image, "png"), "bgr"),
    )


@pytest.mark.parametrize("shape", [(4, 5, 3), (4, 5, 1), (4, 5)])
def test_lossless(shape):
    image = numpy.random.default_rng(0).integers(0, 256, shape, dtype="uint8")
    color = "rgb" if shape[-1] == 3 else "gray"
    decoded = decode_image(encode_image(image, "png", quality=9), color)
    assert numpy.array_equal(decoded.reshape(shape), image)
    same = decode_image(encode_image(image, "npy"))
    assert same.dtype == image.dtype
    assert numpy.array_equal(same, image)


@pytest.mark.parametrize(
    ("image", "encoding", "options", "text"),
    [
        (
            numpy.zeros((2, 2, 4), "uint8"),
            "jpg",
            {},
            r"`image` has shape \(2, 2, 4\) and type uint8",
        ),
        (numpy.zeros((2, 2, 3)), "jpg", {}, "`image` has shape .* and type float64; give uint8"),
        (numpy.zeros((2, 2), "uint8"), "jp", {}, "`encoding` is 'jp', which is not known. Did you"),
        (
            numpy.zeros((2, 2), "uint8"),
            "png",
            {"quality": 95},
            "`quality` is 95; for PNG give 0 to 9",
        ),
        (numpy.zeros(3), "npy", {"quality": 95}, "`quality` is 95, and 'npy' has none; leave"),
        (
            numpy.array([None]),
            "npy",
            {},
            "`image` is an ndarray of object; give an array of numbers",
        ),
    ],
)
def test_what_cannot_be_encoded(image, encoding, options, text):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
        encode_image(image, encoding, **options)


def npy(shape, data=b"", descr="<f4"):
    """Return an ``.npy`` file that says what it likes."""
    head = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"GARBAGE", "its 7 bytes, which begin with b'GARBAGE', cannot be decoded as an image: "),
        (b"", "its 0 bytes"),
        (jpeg(0)[:200], "cannot be decoded"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot be decoded"),
        (npy((2**40, 2**40)), "shape .* of float32 does not fit its length"),
        (npy((3,), b"abcd"), r"shape \(3,\) of float32 does not fit its length"),
        (npy((1,), b"12345678", "|O"), "it holds Python objects, which are never loaded"),
        (b"\x93NUMPY\x01\x00", "its .npy array cannot be read"),
    ],
)
def test_what_cannot_be_decoded(content, text):
    with pytest.raises(DataError, match=text):
        decode_image(content)


def test_fortran_order_and_versions_of_npy():
    array = numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3))
    for version in ((1, 0), (2, 0)):
        file = io.BytesIO()
        numpy.lib.format.write_array(file, array, version)
        assert numpy.array_equal(decode_image(file.getvalue()), array)


def test_images_that_are_too_large(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(
        DataError, match=r"cannot be decoded as an image: Image size \(120 pixels\)"
    ):
        decode_image(jpeg(0))


@pytest.mark.parametrize("lenient", [False, True])
def test_truncated_images_are_refused(lenient, monkeypatch):
    """Also where `import gluoncv` has Pillow take them for all; by several threads at once."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    whole, half = jpeg(0, (200, 200)), jpeg(0, (200, 200))[:-400]

    def told(content):
        try:
            return decode_image(content).shape
        except DataError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(told, [whole, half] * 10))
    assert results[::2] == [(200, 200, 3)] * 10
    assert all("cannot be decoded as an image: " in text for text in results[1::2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is lenient


def test_images_somewhat_too_large_are_refused_too(monkeypatch):
    """Pillow only warns of them, once."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    with pytest.raises(DataError, match=r"it has 120 pixels, and Pillow's limit is 100"):
        decode_image(jpeg(0))


def test_pillow_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingPackageError, match=r'"data" brings it\).*pip install pillow'):
        decode_image(jpeg(0))
    with pytest.raises(ArgumentError, match="`color` is 'rbg', which is not known"):
        decode_image(b"", "rbg")


def test_a_bad_image_has_its_number(tmp_path):
    path = write(tmp_path / "a.rec", [pack_record(1, jpeg(0)), pack_record(1, b"no"), b"short"])
    records = RecordFile(path)
    second = records.offsets[1]
    with pytest.raises(DataError, match=f"record 1 at byte {second}: its 2 bytes"):
        records.image(1)
    with pytest.raises(DataError, match=r"record 2 at byte .*: a sample's head has 24 bytes"):
        records.sample(2)
    report = check_records(path, images=True)
    assert report.labels == {"number": 2, "none": 1}
    assert report.kinds == {"jpg": 1, "bin": 2}


def test_check_decodes_images_when_asked(tmp_path):
    path = write(tmp_path / "a.rec", [pack_record([1, 2], jpeg(0)[:200])])
    assert check_records(path).labels == {"2 numbers, packed": 1}
    (fault,) = check_records(path, images=True).faults
    assert str(fault).startswith("record 0 at byte 0: its 200 bytes")


# Training


def test_batches_are_those_of_arrays(pictures, array_mode):
    images = numpy.stack([numpy.asarray(Image.open(io.BytesIO(jpeg(i)))) for i in range(6)])
    label = numpy.arange(6) % 3
    arrays = (images.transpose(0, 3, 1, 2), label.astype("float32"))
    for options in ({"shuffle": True, "seed": 3}, {"last": "rollover"}):
        ours = BatchLoader(RecordFile(pictures), 4, **options)
        for _ in range(2):
            for mine, expected in zip(ours, BatchLoader(arrays, 4, **options), strict=True):
                for part_of_mine, part_expected in zip(mine, expected, strict=True):
                    assert type(part_of_mine) is type(part_expected)
                    assert numpy.array_equal(part_of_mine.asnumpy(), part_expected.asnumpy())
            break
    loader = BatchLoader(RecordFile(pictures), 4, transform=lambda x, y: (x[:, :1] * 2, y))
    assert next(iter(loader))[0].shape == (4, 1, 10, 12)


def test_as_mxnets_own_readers(pictures):
    records = RecordFile(pictures)
    theirs = gluon.data.vision.ImageRecordDataset(str(pictures))
    for position, (image, label) in enumerate(theirs):
        assert numpy.array_equal(records.image(position), image.asnumpy())
        assert records.sample(position)[0].label == label


def network():
    net = nn.HybridSequential()
    net.add(nn.Flatten(), nn.Dense(3))
    net.initialize(mx.init.Constant(0.01))
    return net


def test_fit_evaluate_predict(pictures):
    dataset = record_dataset(pictures, threads=2)
    arrays = numpy.asarray(dataset.data), dataset.label
    assert arrays[0].dtype == numpy.uint8
    results = []
    for data in (RecordFile(pictures), dataset, arrays):
        net = network()
        history = fit(net, data, epochs=2, batch_size=4, seed=0, progress=False)
        inputs = data if data is not arrays else arrays[0]
        results.append((history["loss"], evaluate(net, data), predict(net, inputs)))
    *lazy, (losses, metrics, outputs) = results
    for its_losses, its_metrics, its_outputs in lazy:
        assert (its_losses, its_metrics) == (losses, metrics)
        numbers = its_outputs if isinstance(its_outputs, numpy.ndarray) else its_outputs.asnumpy()
        assert numpy.array_equal(numbers, outputs)


def test_functions_of_the_user_are_known(pictures):
    """They could change the network, whose graph is kept otherwise."""
    assert not source(RecordFile(pictures), "train").runs_code
    assert source(record_dataset(pictures, prepare=numpy.copy), "train").runs_code


def test_parts_of_a_data_set(pictures):
    dataset = record_dataset(pictures, positions=[4, 1, 2], classes=("a", "b", "c"))
    assert repr(dataset) == "p (all): 3 samples of 3x10x12 uint8, labels float32, 3 classes"
    assert dataset.label.tolist() == [1, 1, 2]
    less = dataset.take([2, 0])
    assert less.label.tolist() == [2, 1]
    assert numpy.array_equal(less.data[1], decode_image(jpeg(4)).transpose(2, 0, 1))
    assert numpy.array_equal(dataset.take(1).data[:], dataset.data[:1])
    assert pickle.loads(pickle.dumps(dataset)).data[0].shape == (3, 10, 12)


def test_sizes(tmp_path):
    path = tmp_path / "a.rec"
    write(path, [pack_record(0, jpeg(1, (20, 16))), pack_record(1, jpeg(2, (32, 8)))])
    with pytest.raises(DataError, match=r"record 1 at byte \d+: its sample has shape \(3, 8, 32\)"):
        record_dataset(path).data[:]
    dataset = record_dataset(path, size=(8, 8), layout="HWC")
    assert dataset.data.shape == (2, 8, 8, 3)
    wide = Image.open(io.BytesIO(jpeg(2, (32, 8)))).crop((12, 0, 20, 8))  # high enough already
    assert numpy.array_equal(dataset.data[1], numpy.asarray(wide))
    gray = record_dataset(path, size=(8, 8), color="gray")
    assert gray.data[:].shape == (2, 1, 8, 8)
    made = record_dataset(path, prepare=lambda image: image.mean((0, 1)).astype("float32"))
    assert made.data[0].tolist() == pytest.approx(decode_image(jpeg(1, (20, 16))).mean((0, 1)))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"layout": "NCHW"}, "`layout` is 'NCHW'; give 'CHW' or 'HWC'"),
        ({"prepare": 3}, "`prepare` is an int; give a function of an image"),
        ({"size": 224}, r"`size` is 224; give \(height, width\)"),
        ({"size": (0, 1)}, "`size` is 0; give a whole number from 1"),
        ({"positions": [6]}, "`positions` are from 6 to 6; .* has records 0 to 5"),
        ({"positions": [0.5]}, r"`positions` is \[0.5\], a list; give whole numbers"),
        ({"positions": []}, "has 6 records, and none of them is asked for"),
        ({"positions": [[1], [1, 2]]}, r"`positions` is \[\[1\], .*, a list; give whole numbers"),
        ({"classes": "ab"}, "`classes` is 'ab', a str; give a list of texts"),
        ({"threads": 0}, "`threads` is 0"),
        ({"threads": 10**12}, "`threads` is 1000000000000; give a whole number from 1 to 1024"),
    ],
)
def test_arguments_of_data_sets(options, text, pictures):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
        record_dataset(pictures, **options)


def test_labels_of_different_lengths(tmp_path):
    path = tmp_path / "faces.rec"  # as insightface's, whose first record is no image
    image = jpeg(0)
    write(path, [pack_record([3, 4], b""), pack_record(1, image), pack_record(0, image)])
    with pytest.raises(
        DataError, match=r"record 1 at .*: its label has shape \(\), that of record 0"
    ):
        RecordFile(path).labels()
    last = int(RecordFile(path).sample(0)[0].label[0])
    dataset = record_dataset(path, positions=range(1, last))
    assert dataset.label.tolist() == [1, 0]
    vectors = write(tmp_path / "v.rec", [pack_record([i, 2], image) for i in range(2)])
    assert record_dataset(vectors).label.tolist() == [[0, 2], [1, 2]]
    assert record_dataset(vectors, pad=-1).label.tolist() == [[0, 2], [1, 2]]
    assert RecordFile(path).labels(pad=-1).tolist() == [[3, 4], [1, -1], [0, -1]]


def test_labels_of_detection_sets_are_padded_as_mxnet_does(tmp_path):
    """As GluonCV writes them: lengths of head and object, then an object's class and corners."""
    objects = [1, 3, 2]
    draws = numpy.random.default_rng(0)
    labels = []
    for count in objects:
        low = draws.uniform(0, 0.4, (count, 2))
        boxes = numpy.hstack([draws.integers(0, 5, (count, 1)), low, low + 0.5])
        labels.append(numpy.concatenate([[2, 5], boxes.ravel()]).astype("float32"))
    path = tmp_path / "boxes.rec"
    write(path, [pack_record(label, jpeg(number)) for number, label in enumerate(labels)])
    with pytest.raises(DataError, match=r"record 1 at .* give pad=-1, to `record_dataset` or here"):
        record_dataset(path)
    dataset = record_dataset(path, pad=-1)
    iterator = mx.io.ImageDetRecordIter(
        path_imgrec=str(path), data_shape=(3, 10, 12), batch_size=3, label_pad_width=2 + 3 * 5,
        verbose=False,
    )  # fmt: skip
    theirs = next(iterator).label[0].asnumpy()[:, 4:]  # behind the image's shape and the length
    assert numpy.array_equal(dataset.label, theirs)
    ((_, label),) = BatchLoader(dataset, 3)
    padded = label.asnumpy()[:, 2:].reshape(3, -1, 5)
    assert (padded[:, :, 0] >= 0).sum(1).tolist() == objects
    assert (padded[0, 1:] == -1).all()


# Decoding ahead


@pytest.fixture
def decoded(monkeypatch):
    """Return a list of the records whose images are decoded, in the order in which that ends."""
    seen = []
    image = RecordFile.image

    def noted(records, position, **options):
        made = image(records, position, **options)
        seen.append(position)
        return made

    monkeypatch.setattr(RecordFile, "image", noted)
    return seen


def test_the_next_batch_is_decoded_while_one_is_used(pictures, decoded):
    loader = BatchLoader(record_dataset(pictures, threads=2), 2)
    decoded.clear()
    batches = iter(loader)
    first = next(batches)
    wait_until(lambda: len(decoded) == 4)
    assert sorted(decoded) == [0, 1, 2, 3]
    parts = [first, *batches]
    assert sorted(decoded) == list(range(6))  # each once
    data = numpy.concatenate([data.asnumpy() for data, _ in parts])
    expected = numpy.stack([decode_image(jpeg(i)).transpose(2, 0, 1) for i in range(6)])
    assert numpy.array_equal(data, expected.astype("float32") / numpy.float32(255))


def test_what_was_decoded_ahead_for_nothing(pictures, decoded):
    """An epoch that is left, and another order after it."""
    column = record_dataset(pictures, threads=2).data
    decoded.clear()
    column.prepare(numpy.arange(3))
    assert numpy.array_equal(column[numpy.arange(2, 5)][0], column[2])
    for order in ([0, 1], [1, 0]):
        column.prepare(numpy.array(order))
        assert numpy.array_equal(column[order][0], decode_image(jpeg(order[0])).transpose(2, 0, 1))


def test_functions_of_the_user_are_not_called_ahead(pictures):
    """They may draw random numbers, of which a checkpoint in an epoch has to know."""
    calls = []
    dataset = record_dataset(pictures, threads=1, prepare=lambda image: calls.append(0) or image)
    calls.clear()
    next(iter(BatchLoader(dataset, 2)))
    assert len(calls) == 2


def test_damage_ahead_is_told_where_its_batch_is_made(pictures, tmp_path):
    contents = [pack_record(0, jpeg(i)) for i in range(3)] + [pack_record(0, b"no image")]
    batches = iter(BatchLoader(RecordFile(write(tmp_path / "d.rec", contents)), 2))
    assert next(batches)[0].shape == (2, 3, 10, 12)
    with pytest.raises(DataError, match=r"record 3 at byte [\d,]+: its 8 bytes"):
        next(batches)


# Converting


@pytest.fixture
def folder(tmp_path):
    """Return a folder of two classes, with files of other kinds beside."""
    for number, name in enumerate(("b/2.jpg", "b/10.JPEG", "a/x.png", "top.jpg", "a/notes.txt")):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number, (15 + number, 11)))
    return tmp_path / "images"


@pytest.fixture
def im2rec(monkeypatch):
    """Return a function that runs MXNet's script."""
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    script = Path(mx.__file__).parent / "tools" / "im2rec.py"

    def run(*args):
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.setattr(sys, "argv", [str(script), *map(str, args)])
        runpy.run_path(str(script), run_name="__main__")
        gc.collect()  # it closes no file

    return run


def same_files(one, other):
    return all(
        Path(f"{one}.{end}").read_bytes() == Path(f"{other}.{end}").read_bytes()
        for end in ("rec", "idx")
    )


def test_folder_as_im2rec(folder, im2rec, tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    im2rec(theirs, folder, "--list", "--recursive")
    assert read_list(f"{theirs}.lst") == list_images(folder, shuffle=True)
    im2rec(theirs, folder, "--pass-through")
    assert pack_images(f"{theirs}.lst", f"{ours}.rec", root=folder) == 4
    assert same_files(ours, theirs)


@pytest.mark.parametrize(
    "options",
    [{"chunks": 3}, {"train_ratio": 0.5}, {"chunks": 2, "train_ratio": 0.6, "test_ratio": 0.2}],
)
def test_lists_divided_as_im2rec_does(options, im2rec, tmp_path):
    for number in range(11):
        path = tmp_path / "images" / f"{number % 3}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    flags = [(f"--{name.replace('_', '-')}", value) for name, value in options.items()]
    flags = [word for pair in flags for word in pair]
    im2rec(tmp_path / "theirs", tmp_path / "images", "--list", "--recursive", *flags)
    listed = {path.stem[6:]: read_list(path) for path in tmp_path.glob("theirs*.lst")}
    expected = {name: entries for name, entries in listed.items() if entries}
    assert len(expected) > 1
    assert split_list(list_images(tmp_path / "images", shuffle=True), **options) == expected
    # The command divides in the same way.
    assert run("pack", tmp_path / "images", tmp_path / "ours.rec", *flags) == 0
    packed = {path.stem[4:]: list(RecordFile(path).keys) for path in tmp_path.glob("ours*.rec")}
    assert packed == {name: [entry.key for entry in part] for name, part in expected.items()}


def test_lists_that_cannot_be_divided(folder, tmp_path):
    entries = list_images(folder)
    for options, text in (
        ({"chunks": 5}, "`chunks` is 5, but of 4 images at 1 each, some would have none"),
        ({"train_ratio": 0}, "`train_ratio` is 0 and `test_ratio` is 0.0; give shares between"),
        ({"train_ratio": 0.7, "test_ratio": 0.4}, "`test_ratio` is 0.4; give shares between"),
        ({"train_ratio": 0.7, "test_ratio": -1}, "`test_ratio` is -1; give shares between"),
    ):
        with pytest.raises(ArgumentError, match=text):
            split_list(entries, **options)
    with pytest.raises(ArgumentError, match="`entries` is empty; give images to divide"):
        split_list([])


@TOSTRING
@pytest.mark.skipif(numpy.__version__ >= "2", reason="MXNet's pack_img calls tostring there")
def test_images_encoded_as_im2rec(folder, im2rec, tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    im2rec(theirs, folder, "--list", "--recursive", "--no-shuffle")
    im2rec(theirs, folder, "--center-crop", "--quality", 80)
    pack_images(folder, f"{ours}.rec", center_crop=True, quality=80)
    assert same_files(ours, theirs)


def test_lists(folder, tmp_path):
    plain = [
        (list_image.key, list_image.labels, list_image.path) for list_image in list_images(folder)
    ]
    expected = ["top.jpg", "a/x.png", "b/10.JPEG", "b/2.jpg"]
    assert plain == [(i, (float([0, 1, 2, 2][i]),), path) for i, path in enumerate(expected)]
    assert [list_image.path for list_image in list_images(folder, recursive=False)] == ["top.jpg"]
    with pytest.raises(ArgumentError, match=r"`folder` is .*, which is no folder"):
        list_images(folder / "top.jpg")
    path = tmp_path / "a.lst"
    for line in ("1\t2", "x\t1.0\ta.jpg", "1\tcat\ta.jpg"):
        path.write_text(f"0\t1.0\ta.jpg\n{line}\n")
        with pytest.raises(DataError, match=r"a.lst, line 2, is .*a number, labels and a path"):
            read_list(path)
    with pytest.raises(DataError, match="cannot be read as a list of images"):
        read_list(tmp_path / "none.lst")


def test_several_labels(folder, tmp_path):
    entries = [ListEntry(3, (1.0, 0.1), "top.jpg")]
    path = tmp_path / "a.rec"
    pack_images(entries, path, root=folder)
    assert RecordFile(path).sample(0)[0].label.tolist() == numpy.float32([1, 0.1]).tolist()
    assert RecordFile(path).keys == (3,)
    pack_images(entries, path, root=folder, pack_label=False)
    assert RecordFile(path).sample(0)[0] == RecordHeader(0, 1.0, 3, 0)


def test_resized(folder, tmp_path):
    path = tmp_path / "a.rec"
    pack_images(folder, path, encoding="png", resize=8)
    for position, entry in enumerate(list_images(folder)):
        with Image.open(folder / entry.path) as image:
            width = image.size[0] * 8 // 11
            expected = numpy.asarray(image.resize((width, 8), Image.Resampling.BILINEAR))
        assert numpy.array_equal(RecordFile(path).image(position), expected)


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (3, "`images` is an int; give a folder, a .lst file, or entries"),
        ([(0, (1.0,), "top.jpg")], "`root` is missing; give the folder"),
        ([], "`root` is missing"),
    ],
)
def test_what_is_no_images(images, text, tmp_path):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
        pack_images(images, tmp_path / "a.rec")


def test_what_cannot_be_packed_by_name(folder, tmp_path):
    path = tmp_path / "a.rec"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArgumentError, match="in which there are no images"):
        pack_images(tmp_path / "empty", path)
    (folder / "b" / "2.jpg").write_bytes(b"broken")
    pack_images(folder, path)  # as they are
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"b/2.jpg cannot be packed: its 6 bytes"):
        pack_images(folder, path, quality=90)
    assert path.read_bytes() == before


def test_there_and_back(pictures, tmp_path):
    more = [pack_record((0, [0.1, 2], 6, 0), jpeg(9)), pack_record((0, 1 / 3, 7, 0), b"other")]
    with RecordWriter(pictures, append=True) as writer:
        for record in more:
            writer.write(record)
    assert unpack_records(pictures, tmp_path / "out") == 8
    assert (tmp_path / "out" / "00000000.jpg").read_bytes() == jpeg(0)
    again = tmp_path / "again.rec"
    pack_images(tmp_path / "out" / "records.lst", again)
    assert again.read_bytes() == pictures.read_bytes()
    assert again.with_suffix(".idx").read_bytes() == pictures.with_suffix(".idx").read_bytes()
    with pytest.raises(ArgumentError, match=r"`folder` is .*, which is there; give a new folder"):
        unpack_records(pictures, tmp_path / "out")


def test_nothing_half_unpacked(tmp_path):
    path = write(tmp_path / "a.rec", [pack_record(1, b"fine"), b"no sample"])
    with pytest.raises(DataError, match="record 1 at byte"):
        unpack_records(path, tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["a.idx", "a.rec"]


def test_arrays(tmp_path):
    draws = numpy.random.default_rng(0)
    data, label = draws.standard_normal((5, 2, 7)), draws.integers(0, 9, 5)
    path = tmp_path / "a.rec"
    assert pack_arrays((data, label), path) == 5
    dataset = record_dataset(path)
    assert dataset.data.dtype == numpy.float64
    assert numpy.array_equal(dataset.data, data)
    assert numpy.array_equal(dataset.label, label)
    (batch, _), *_ = BatchLoader(dataset, 3)
    assert numpy.array_equal(batch.asnumpy(), data[:3].astype("float32"))
    with pytest.raises(DataError, match=r"record 0 at byte 0: it holds an array of shape .*`size`"):
        record_dataset(path, size=(2, 2))
    pack_arrays((data, draws.standard_normal((5, 3))), path)
    assert RecordFile(path).labels().shape == (5, 3)
    for arrays in (3, (data,), (data, label[:2]), (data, numpy.zeros((5, 1, 1)))):
        with pytest.raises((ArgumentError, ArgumentTypeError), match=r"`arrays` (is|have)"):
            pack_arrays(arrays, path)


# Without MXNet


WITHOUT = """
import sys
import numpy
from gluonkit.data import RecordFile, check_records, record_dataset
print(len(RecordFile(sys.argv[1])), numpy.asarray(record_dataset(sys.argv[1]).data).shape)
print(check_records(sys.argv[1]).ok, "mxnet" in sys.modules)
import gluonkit
for name in ("fit", "mx", "nd"):
    try:
        getattr(gluonkit, name)
    except gluonkit.errors.MissingPackageError as error:
        print(name, error.name)
"""


def test_without_mxnet(pictures, python, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HIDE.format(names=("mxnet",)))
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = python("-c", WITHOUT, str(pictures), env=env)
    assert done.stderr == ""
    assert done.stdout == "6 (6, 3, 10, 12)\nTrue False\nfit mxnet\nmx mxnet\nnd mxnet\n"


def test_the_command_imports_no_mxnet(pictures, gluonkit, tmp_path):
    (tmp_path / "mxnet.py").write_text("raise RuntimeError('imported')")
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = gluonkit("records", "list", str(pictures), "--json", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["label"] for row in json.loads(done.stdout)] == [0, 1, 2, 0, 1, 2]
    assert gluonkit("summary", "lenet", env=env).returncode == 1  # it would be found


# The command


def run(*args):
    return cli.main([str(argument) for argument in args])


def test_command(pictures, folder, tmp_path, capsys):
    assert run("check", pictures, "--images") == 0
    assert "6 records" in capsys.readouterr().out
    pictures.with_suffix(".idx").unlink()
    assert run("index", pictures) == 0
    assert RecordFile(pictures).read(5) == RecordFile(pictures)[5]
    assert run("list", pictures, "-n", 2) == 0
    assert "2 of 6 records" in capsys.readouterr().out
    assert run("unpack", pictures, tmp_path / "out") == 0
    assert run("unpack", pictures, tmp_path / "out.npz") == 0
    assert run("pack", tmp_path / "out.npz", tmp_path / "b.rec", "--encoding", "png") == 0
    both = [record_dataset(path).data[:] for path in (pictures, tmp_path / "b.rec")]
    assert numpy.array_equal(*both)
    assert run("pack", tmp_path / "out" / "records.lst", tmp_path / "c.rec") == 0
    assert (tmp_path / "c.rec").read_bytes() == pictures.read_bytes()
    assert run("pack", folder, tmp_path / "d.rec", "--shuffle", "--resize", 8) == 0
    keys = [entry.key for entry in list_images(folder, shuffle=True)]
    assert list(RecordFile(tmp_path / "d.rec").keys) == keys


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full device")
def test_a_file_without_an_end_is_refused(pictures):
    """All memory would be read into."""
    with pytest.raises(
        DataError, match=r"/dev/full cannot be read as a list of images: .*a device"
    ):
        read_list("/dev/full")
    with pytest.raises(DataError, match=r"/dev/full cannot be read as an index: .*it is a device"):
        RecordFile(pictures, index="/dev/full")


def test_command_tells_damage(tmp_path, capsys):
    path = tmp_path / "a.rec"
    path.write_bytes(part(0, b"fine") + b"no")
    assert run("check", path) == 1
    assert "Fault     record 1 at byte 12" in capsys.readouterr().out
    assert run("check", path, "--json") == 1
    assert json.loads(capsys.readouterr().out)["faults"][0]["offset"] == 12
    assert run("list", path) == 1
    assert "gluonkit records list: error: " in capsys.readouterr().err
    path.write_bytes(part(0, b"fine"))
    assert run("list", path) == 0  # no sample
    (tmp_path / "a.npz").write_bytes(b"no")
    for arguments, text, status in (
        (("list", path, "-n", -1), "`-n` is -1; give 0 for all", 2),
        (("pack", path.with_suffix(".npz"), path), "it needs `data` and `label`", 1),
        (("pack", ROOT / "docs" / "reference", path), "`SRC` is ", 2),
        (("pack", "a.npz", path, "--chunks", 2), "`--chunks` goes with folder and .lst", 2),
        (("pack", tmp_path, path, "--root", "x"), "`--root` goes with .lst, not with", 2),
        (("pack", "a.npz", path, "--center-crop"), "`--center-crop` goes with folder and .lst", 2),
    ):
        assert run(*arguments) == status
        assert text in capsys.readouterr().err
