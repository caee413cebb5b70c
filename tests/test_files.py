"""Files of arrays: others read what is written, and the other way round; damage is noticed."""

import json
import os
import random
import resource
import struct
import tracemalloc
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from safetensors.numpy import load_file, save_file

from gluonkit import GluonkitError, create_model, mx, nd, npx
from gluonkit._base.atomic import atomic_file
from gluonkit.checkpoint.exported import parameters_path
from gluonkit.checkpoint.symbol import symbol_block
from gluonkit.errors import CheckpointError
from gluonkit.files.contents import Tensor
from gluonkit.files.mxnet import write_mxnet
from gluonkit.files.reading import read_arrays, read_header
from gluonkit.files.safetensors import write_safetensors
from tests.properties import REPEATABLE

DTYPES = ("float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool")


def arrays(*, odd=True):
    values = {dtype: (numpy.arange(24) % 2).reshape(2, 3, 4).astype(dtype) for dtype in DTYPES}
    values["a.long.path.weight"] = numpy.linspace(-1, 1, 7, dtype="float32")
    if odd:
        values |= {"scalar": numpy.array(3.5, "float32"), "empty": numpy.zeros((0, 2), "float32")}
    return values


def write(path, values, **record):
    tensors = {name: Tensor.of(array) for name, array in values.items()}
    with atomic_file(path) as file:
        if path.suffix == ".params":
            write_mxnet(file, tensors, **record)
        else:
            write_safetensors(file, tensors, record)
    return path


def equal(one, other):
    assert set(one) == set(other)
    for name, array in one.items():
        assert array.dtype == other[name].dtype, name
        assert array.shape == other[name].shape, name
        assert array.tobytes() == other[name].tobytes(), name


def read(path):
    contents = read_arrays(path)
    return {name: contents.array(name) for name in contents.entries}


def test_safetensors_round_trip(tmp_path):
    path = write(tmp_path / "a.safetensors", arrays(), x={"y": [1, "é"]})
    equal(read(path), arrays())
    contents = read_header(path)
    assert contents.kind == "gluonkit"
    assert contents.record["x"] == {"y": [1, "é"]}
    assert all(entry.offset % entry.dtype.itemsize == 0 for entry in contents.entries.values())


ANY_ARRAYS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
        lambda name: name != "__metadata__"
    ),
    arrays_of.arrays(st.sampled_from(DTYPES), arrays_of.array_shapes(min_dims=0, min_side=0)),
    max_size=5,
)


@REPEATABLE
@given(named=ANY_ARRAYS)
def test_any_arrays_come_back_and_the_safetensors_package_reads_them(tmp_path_factory, named):
    path = write(tmp_path_factory.mktemp("any") / "a.safetensors", named)
    equal(read(path), named)
    equal(load_file(path), named)


def test_arrays_come_back_in_the_order_given(tmp_path):
    values = {str(n): numpy.full(3, n, dtype) for n, dtype in enumerate(("i1", "f4", "f2", "f8"))}
    path = write(tmp_path / "a.safetensors", values)
    assert list(read(path)) == list(values)
    equal(read(path), values)
    assert all(e.offset % e.dtype.itemsize == 0 for e in read_header(path).entries.values())


def test_metadata_of_others_may_have_any_key(tmp_path):
    save_file(arrays(), tmp_path / "a.safetensors", metadata={"format": "pt", "sha256": "abc"})
    contents = read_arrays(tmp_path / "a.safetensors")
    assert (contents.kind, contents.metadata["sha256"]) == ("safetensors", "abc")
    for metadata in ({"gluonkit": "{}"}, {"format": "gluonkit 1"}):
        save_file(arrays(), tmp_path / "a.safetensors", metadata=metadata)
        with pytest.raises(CheckpointError, match="metadata are not complete"):
            read_arrays(tmp_path / "a.safetensors")


def test_the_safetensors_package_reads_what_is_written(tmp_path):
    equal(load_file(write(tmp_path / "a.safetensors", arrays())), arrays())


def test_what_the_safetensors_package_writes_is_read(tmp_path):
    save_file(arrays(), tmp_path / "a.safetensors", metadata={"format": "pt", "who": "them"})
    equal(read(tmp_path / "a.safetensors"), arrays())
    contents = read_header(tmp_path / "a.safetensors")
    assert (contents.kind, contents.metadata["who"]) == ("safetensors", "them")


def test_writing_the_same_gives_the_same_bytes(tmp_path):
    one, two = (
        write(tmp_path / name, arrays(), x=1) for name in ("1.safetensors", "2.safetensors")
    )
    assert one.read_bytes() == two.read_bytes()


def test_mxnet_round_trip(tmp_path):
    equal(read(write(tmp_path / "a.params", arrays())), arrays())


def test_mxnet_reads_what_is_written(tmp_path):
    values = arrays(odd=False)
    path = write(tmp_path / "a.params", values)
    equal({name: array.asnumpy() for name, array in nd.load(str(path)).items()}, values)
    odd = write(tmp_path / "b.params", arrays())  # a scalar: only NumPy mode has such
    npx.set_np()
    equal({name: array.asnumpy() for name, array in npx.load(str(odd)).items()}, arrays())
    npx.reset_np()
    unnamed = write(tmp_path / "c.params", values, named=False)
    assert len(nd.load(str(unnamed))) == len(values)


def test_what_mxnet_writes_is_read(tmp_path):
    values = arrays(odd=False)
    path = str(tmp_path / "a")
    nd.save(path, {name: nd.array(array, dtype=array.dtype) for name, array in values.items()})
    equal(read(tmp_path / "a"), values)
    nd.save(path, [nd.ones((2, 3)), nd.zeros((1,))])
    equal(read(tmp_path / "a"), {"0": numpy.ones((2, 3), "f4"), "1": numpy.zeros(1, "f4")})
    assert not read_header(tmp_path / "a").named
    npx.set_np()
    npx.save(
        path, {name: mx.np.array(array, dtype=array.dtype) for name, array in arrays().items()}
    )
    npx.reset_np()
    equal(read(tmp_path / "a"), arrays())


def old(magic, dimension_code):
    """Return a file of one array as MXNet's first versions wrote it."""
    head = b"" if magic is None else struct.pack("<I", magic)
    shape = struct.pack(f"<I2{dimension_code}", 2, 1, 3)
    numbers = numpy.arange(3, dtype="float32").tobytes()
    array = head + shape + struct.pack("<iii", 1, 0, 0) + numbers
    return struct.pack("<QQQ", 0x112, 0, 1) + array + struct.pack("<QQ", 1, 1) + b"x"


@pytest.mark.parametrize(("magic", "code"), [(None, "I"), (0xF993FAC8, "q")])
def test_files_of_old_mxnet_are_read(tmp_path, magic, code):
    path = tmp_path / "old.params"
    path.write_bytes(old(magic, code))
    equal(read(path), {"x": numpy.arange(3, dtype="f4")[None]})
    equal({"x": nd.load(str(path))["x"].asnumpy()}, read(path))


def test_sparse_arrays_are_refused(tmp_path):
    nd.save(str(tmp_path / "s"), [nd.ones((2, 2)).tostype("csr")])
    with pytest.raises(CheckpointError, match=r"array 0 is CSR; .*tostype\('default'\)"):
        read(tmp_path / "s")


def header(parts, numbers=b"", length=None):
    text = parts if isinstance(parts, bytes) else json.dumps(parts).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + numbers


F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
TWICE = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],'
TWICE += b'"data_offsets":[0,4]}}'


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        (header({"a": F32}, b"0000")[:-1], "it is cut off, or something was added"),
        (header({"a": F32}, b"0000") + b"x", "it is cut off, or something was added"),
        (header({"a": F32}, b"0000", 10**15), "the header should have"),
        (header({"a": F32}, b"0000", 3), "its header is not JSON"),
        (header(TWICE, b"0000"), "'a' stands in it twice"),
        (header({"a": F32, "b": F32}, b"0000"), "overlap, or leave a gap"),
        (header({"a": F32 | {"data_offsets": [4, 8]}}, b"00000000"), "overlap, or leave a gap"),
        (header({"a": F32 | {"data_offsets": [0, 8]}}, b"0000"), "takes 4 bytes, but has 8"),
        (header({"a": F32 | {"shape": [10**18, 10**18]}}, b"0000"), "takes 4,000"),
        (header({"a": F32 | {"shape": [-1]}}, b"0000"), "should be lists of whole numbers"),
        (header({"a": F32 | {"shape": [1.0]}}, b"0000"), "should be lists of whole numbers"),
        (header({"a": F32 | {"shape": [True]}}, b"0000"), "should be lists of whole numbers"),
        (header({"a": F32 | {"dtype": "BF16"}}, b"00"), "'BF16'; MXNet has F64, F32"),
        (header({"a": F32 | {"more": 1}}, b"0000"), "or has more than these"),
        (header({"a": 3}, b"0000"), "lacks dtype, shape or data_offsets"),
        (header({"__metadata__": {"a": 1}}), "its metadata are not texts by name"),
        (header(b"[1]"), "neither safetensors"),
        (header(b'{"a":' + b"[" * 100_000), "its header is not JSON"),
        (header(b'{"a":"\xff"}'), "its header is not JSON"),
        (b"", "it is empty"),
        (b"PK\x03\x04" + b"0" * 40, "a ZIP archive"),
        (b"\x80\x04\x95" + b"0" * 40, "a Python pickle; these are never loaded"),
        (b"<html>" + b"0" * 40, "HTML"),
        (struct.pack("<QQQ", 0x112, 0, 2**60), "announces 1,152,921,504,606,846,976 arrays"),
        (struct.pack("<QQQ", 0x112, 1, 0) + b"0" * 8, "bytes 8 to 15"),
        (old(None, "I")[:-1], "name 0 should have 1 bytes"),
        (old(None, "I") + b"x", "something was added after byte"),
        (old(0xF993FACB, "q"), "4,187,224,779 dimensions: it is damaged"),
        (old(None, "I").replace(b"\1\0\0\0\3\0\0\0", b"\1\0\0\0\xff\xff\xff\xff"), "no room"),
        (old(None, "I")[:-1] + b"\xff", "name 0 is no name"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, contents, why):
    foreign = contents[:1] in (b"", b"P", b"\x80", b"<", b"\x12") or contents[8:] == b"[1]"
    path = tmp_path / ("f.params" if foreign else "f.safetensors")
    path.write_bytes(contents)
    with pytest.raises(CheckpointError) as error:
        read_arrays(path)
    assert str(error.value).startswith(f"{path} cannot be used: ")
    assert why in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["F32", "I8", "x"]),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    max_leaves=5,
)
FOUR_BYTES = {
    "dtype": st.just("I8"),
    "shape": st.sampled_from([[4], [2, 2]]),
    "data_offsets": st.just([0, 4]),
}
SIZES = st.lists(st.integers(-1, 8), max_size=2)
ENTRY = st.fixed_dictionaries(
    {key: right | SIZES | JSON for key, right in FOUR_BYTES.items()}
) | st.fixed_dictionaries(FOUR_BYTES)
HEADERS = st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), ENTRY | JSON)


@REPEATABLE
@given(parts=HEADERS | JSON, numbers=st.just(b"four") | st.binary(max_size=12))
def test_any_header_is_read_or_refused(tmp_path_factory, parts, numbers):
    path = tmp_path_factory.mktemp("any") / "a.safetensors"
    path.write_bytes(header(parts, numbers))
    try:
        contents = read(path)
    except CheckpointError:
        return
    assert sum(array.nbytes for array in contents.values()) == len(numbers)


def test_what_is_no_file_is_said(tmp_path):
    for path, why in ((tmp_path, "is a folder"), (tmp_path / "no", "does not exist")):
        with pytest.raises(CheckpointError, match=why):
            read_arrays(path)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR)  # so that opening it does not wait
    with pytest.raises(CheckpointError, match="is not a file"):
        read_arrays(tmp_path / "pipe")
    os.close(reader)


def damaged(contents, draws):
    """Return a file's bytes, damaged in one of the ways that files get damaged."""
    changed = bytearray(contents)
    kind, at = draws.random(), draws.randrange(len(changed))
    if kind < 0.2:
        return bytes(changed[:at])
    if kind < 0.6:
        changed[at] ^= 1 << draws.randrange(8)
    elif kind < 0.7:
        changed[at : at + 20] = draws.randbytes(draws.randrange(1, 20))
    elif kind < 0.75:
        changed[at:at] = draws.randbytes(draws.randrange(1, 9))
    elif kind < 0.8:
        del changed[at : at + draws.randrange(1, 9)]
    elif kind < 0.9:  # a length, an offset, a dimension: absurd
        huge = draws.choice([0, 2**31, 2**40, 2**63, 2**64 - 1]).to_bytes(8, "little")
        changed[min(at, 64) : min(at, 64) + 8] = huge
    elif kind < 0.97:  # a number in the header
        digits = [place for place, byte in enumerate(changed[:3000]) if chr(byte).isdigit()]
        place = draws.choice(digits or [at])
        changed[place : place + 1] = str(draws.choice([-1, 0, 7, 99, 10**9, 10**30])).encode()
    else:
        return draws.randbytes(draws.randrange(200))
    return bytes(changed)


def fuzz(path, attempt, *, times, seed=0):
    """Return how often damaged files were taken for whole, and how much memory one took."""
    whole = path.read_bytes()
    draws, loaded, most = random.Random(seed), 0, 0
    tracemalloc.start()
    for _ in range(times):
        contents = damaged(whole, draws)
        if contents == whole:
            continue
        path.write_bytes(contents)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        try:
            attempt(path)
        except GluonkitError as error:
            reason = str(error)
        else:
            loaded, reason = loaded + 1, str(path)
        assert str(path) in reason
        assert len(reason) < 2000
        most = max(most, tracemalloc.get_traced_memory()[1] - before - len(contents))
    tracemalloc.stop()
    return loaded, most


def test_no_damaged_safetensors_file_is_loaded(tmp_path):
    path = write(tmp_path / "a.safetensors", arrays(), versions={"gluonkit": "1"}, model=None)
    loaded, most = fuzz(path, read_arrays, times=10_000)
    assert loaded == 0
    assert most < 1 << 20


def test_damaged_mxnet_files_do_no_harm(tmp_path):
    """They have no checksums: damage among numbers and in names is not to be noticed."""
    path = write(tmp_path / "a.params", arrays())
    loaded, most = fuzz(path, read_arrays, times=10_000)
    assert 0 < loaded < 4000
    assert most < 1 << 20


def test_damaged_safetensors_files_of_others_do_no_harm(tmp_path):
    save_file(arrays(), tmp_path / "a.safetensors")
    loaded, most = fuzz(tmp_path / "a.safetensors", read_arrays, times=10_000)
    assert 0 < loaded < 5000
    assert most < 1 << 20


def exported(folder):
    net = create_model("lenet", init=True)
    net(nd.ones((1, 1, 28, 28)))
    net.hybridize()
    net(nd.ones((1, 1, 28, 28)))
    net.export(str(folder / "net"))
    return folder / "net-symbol.json"


def load_graph(path):
    """Build the network of a graph."""
    return symbol_block(path, read_arrays(parameters_path(path)))


def test_damaged_graphs_do_no_harm(tmp_path):
    """MXNet itself, given these graphs, reads beyond its arrays, and ends the process."""
    path = exported(tmp_path)
    # 10,000 did none while the checks were written; each builds a network, and CI has an hour.
    loaded, most = fuzz(path, load_graph, times=3000)
    assert 0 < loaded < 1200
    assert most < 1 << 22


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"op": "Convolution"', '"op": "Convolutiom"', "the operator 'Convolutiom', which MXNet"),
        ('"inputs": [[0, 0, 0]', '"inputs": [[99, 0, 0]', "which no node before it gives"),
        ('"inputs": [[0, 0, 0]', '"inputs": [[0, 7, 0]', "output 7 is taken of a node that has 1"),
        ('"num_group": "1"', '"num_group": "0"', "has num_group=0"),
        ('"num_filter": "6"', '"num_filter": "7"', "do not belong together"),
        ('"kernel": "(5, 5)"', '"kernel": "(5, x)"', "the node 'conv"),
        ('"heads": [[', '"heads": [[-', "an output takes"),
        ('"arg_nodes": [', '"arg_nodes": [1, ', "its arg_nodes are not the variables"),
        ('"node_row_ptr": [', '"node_row_ptr": [5, ', "its node_row_ptr is damaged"),
        ('"nodes": [', '"nodes": 3, "x": [', "that MXNet does not know"),
        ('"mxnet_version": ["int", 10901]', '"mxnet_version": null', "its mxnet_version is None"),
        ('{"mxnet_version": ["int", 10901]}', "[]", "its attrs are [], and no dictionary"),
        ('{"mxnet_version": ["int", 10901]}', "null", "its attrs are None, and no dictionary"),
    ],
)
def test_what_is_wrong_with_a_graph_is_said(tmp_path, old, new, why):
    path = exported(tmp_path)
    text = path.read_text()
    assert old in json.dumps(json.loads(text))
    path.write_text(json.dumps(json.loads(text)).replace(old, new, 1))
    with pytest.raises(CheckpointError) as error:
        load_graph(path)
    assert why in str(error.value)


def test_an_atomic_file_is_whole_or_the_one_before(tmp_path):
    path = tmp_path / "f"
    with atomic_file(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    path.chmod(0o600)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(TypeError), atomic_file(path) as file:
        file.write("two")
    assert path.read_bytes() == b"one"
    with atomic_file(tmp_path / "link") as file:
        file.write(b"three")
    assert (tmp_path / "link").is_symlink()
    assert path.read_bytes() == b"three"
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "link"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    place = tmp_path / "none" / "f"
    with pytest.raises(FileNotFoundError, match="no such folder") as error, atomic_file(place):
        pass
    assert error.value.filename == str(place.parent)


@pytest.mark.parametrize(
    ("place", "what"), [(os.devnull, "a device"), ("pipe", "a pipe"), (".", "fol")]
)
def test_a_file_replaces_no_device(place, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    before = os.stat(place).st_mode
    with pytest.raises(OSError, match=what), atomic_file(Path(place)) as file:
        file.write(b"one")
    assert os.stat(place).st_mode == before
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_file_system_without_nameless_files(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE")
    with atomic_file(tmp_path / "f") as file:
        file.write(b"one")
        assert len(list(tmp_path.iterdir())) == 1
    assert (tmp_path / "f").read_bytes() == b"one"
    with pytest.raises(TypeError), atomic_file(tmp_path / "f") as file:
        file.write("two")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_an_error_names_the_folder_and_no_temporary_file(tmp_path):
    with pytest.raises(OSError, match=r"no such folder: '.*/no'$"), atomic_file(tmp_path / "no/f"):
        pass


def test_a_full_disk_leaves_the_file_before(tmp_path):
    path = write(tmp_path / "a.safetensors", arrays())
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(path, arrays())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
