"""MXNet's iterators: each sample once in an epoch, in order, however often it is asked."""

import struct
import zlib

import numpy
import pytest

from gluonkit import evaluate, fit, gluon, mx, nn, predict
from gluonkit.data import stream
from gluonkit.errors import ArgumentError

SAMPLES = 50


class Numbers(nn.HybridBlock):
    """Returns a sample's first number, so that one sees which samples there were."""

    def hybrid_forward(self, F, x):
        return F.slice_axis(F.cast(F.flatten(x), dtype="float32"), axis=1, begin=0, end=1)


def grey(number):
    """Return a PNG file of 8 times 8 pixels of one colour."""

    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">2I5B", 8, 8, 8, 2, 0, 0, 0)
    lines = zlib.compress((b"\0" + bytes([number] * 24)) * 8)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", lines), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Return a file of images (of one colour each, which is the sample's number)."""

    def write(name, numbered):
        path = str(tmp_path_factory.mktemp("records") / name)
        file = mx.recordio.MXRecordIO(path, "w")
        for number in range(SAMPLES):
            header = mx.recordio.IRHeader(0, float(number), number if numbered else 0, 0)
            file.write(mx.recordio.pack(header, grey(number)))
        file.close()
        return path

    return {True: write("numbered.rec", True), False: write("nameless.rec", False)}


def record_iterator(path, kind="ImageRecordIter", **options):
    options = {"batch_size": 16, "data_shape": (3, 8, 8), "verbose": False} | options
    return getattr(mx.io, kind)(path_imgrec=path, **options)


def numbers(data):
    """Return which samples `predict` saw."""
    return predict(Numbers(), data).asnumpy().ravel().astype(int).tolist()


def reset(iterator):
    iterator.reset()


def one_batch(iterator):
    next(iterator, None)


def all_batches(iterator):
    list(iterator)


def many_epochs(iterator):
    for _ in range(7):
        iterator.reset()
        for _ in iterator:
            pass


ALL = list(range(SAMPLES))
RECORDS = [
    "ImageRecordIter",
    "ImageRecordUInt8Iter",
    "ImageRecordIter_v1",
    "ImageRecordUInt8Iter_v1",
]


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("round_batch", [True, False])
@pytest.mark.parametrize("size", [1, 16, 25])
def test_images_in_records(kind, round_batch, size, records):
    """Also where MXNet says nothing, or something wrong, of what fills the last batch."""
    iterator = record_iterator(records[True], kind, batch_size=size, round_batch=round_batch)
    for _ in range(4):
        assert numbers(iterator) == ALL


@pytest.mark.parametrize("used", [reset, one_batch, all_batches, many_epochs])
@pytest.mark.parametrize("round_batch", [True, False])
@pytest.mark.parametrize("size", [1, 16, 26])
def test_an_iterator_that_somebody_else_reads_too(used, round_batch, size, records):
    for kind in RECORDS:
        iterator = record_iterator(records[True], kind, batch_size=size, round_batch=round_batch)
        for _ in range(3):
            used(iterator)
            assert numbers(iterator) == ALL


def test_shuffled_images_all_come(records):
    for kind in ("ImageRecordIter", "ImageRecordIter_v1"):
        iterator = record_iterator(records[True], kind, shuffle=True)
        orders = [numbers(iterator) for _ in range(4)]
        assert all(sorted(order) == ALL for order in orders)
        assert len({tuple(order) for order in orders}) == 4


def test_figures_are_those_of_all_samples(records):
    """`evaluate`, and each epoch of `fit`, with steps of the same sizes."""
    pixels = numpy.arange(SAMPLES) / 10
    expected = numpy.square(pixels * 3 * 64 * 0.01 - numpy.arange(SAMPLES)).mean() / 2
    for round_batch in (True, False):
        iterator = record_iterator(
            records[True], round_batch=round_batch, std_r=10, std_g=10, std_b=10
        )
        net = nn.Dense(1, use_bias=False)
        net.initialize(mx.init.Constant(0.01))
        actual = evaluate(net, iterator, loss="l2", metrics=())
        assert actual["loss"] == pytest.approx(expected, rel=1e-5)
        options = {
            "optimizer": "sgd",
            "optimizer_params": {"learning_rate": 0.0},
            "loss": "l2",
            "metrics": (),
        }
        history = fit(net, iterator, val=iterator, epochs=3, record_steps=True, **options)
        for row in history.epochs:
            assert row["loss"] == pytest.approx(expected, rel=1e-5)
            assert row["val_loss"] == pytest.approx(expected, rel=1e-5)
        assert len(history.steps) == 3 * 4


@pytest.mark.parametrize("round_batch", [True, False])
@pytest.mark.parametrize("size", [4, 6, 10])
def test_csv(round_batch, size, tmp_path):
    numpy.savetxt(tmp_path / "x.csv", numpy.arange(10), fmt="%d")
    iterator = mx.io.CSVIter(
        data_csv=str(tmp_path / "x.csv"), data_shape=(1,), batch_size=size, round_batch=round_batch
    )
    for _ in range(5):
        assert numbers(iterator) == list(range(10))
    for used in (reset, one_batch, all_batches, many_epochs):
        used(iterator)
        assert numbers(iterator) == list(range(10))


def test_fewer_samples_than_a_batch(tmp_path):
    numpy.savetxt(tmp_path / "x.csv", numpy.arange(10), fmt="%d")
    options = {"data_csv": str(tmp_path / "x.csv"), "data_shape": (1,), "batch_size": 16}
    iterator = mx.io.CSVIter(**options)
    assert numbers(iterator) == list(range(10))
    words = r"`data` cannot be read: .*fewer samples than its batch_size, 16, can be read once only"
    with pytest.raises(ArgumentError, match=words):
        numbers(iterator)
    iterator = mx.io.CSVIter(round_batch=False, **options)
    for _ in range(3):
        assert numbers(iterator) == list(range(10))


def test_records_without_numbers(records):
    """The older iterator then looks like the newer one."""
    for kind in RECORDS:
        for round_batch in (True, False):
            iterator = record_iterator(records[False], kind, round_batch=round_batch)
            for used in (reset, all_batches):
                assert numbers(iterator) == ALL
                used(iterator)


def test_it_is_given_up_at_some_time(records, monkeypatch):
    monkeypatch.setattr(stream, "_PASSES", 1)
    with pytest.raises(ArgumentError, match="`data` does not say how many samples it has; make a"):
        numbers(record_iterator(records[True], round_batch=False))


def test_svm_files(tmp_path):
    lines = [f"{number} 0:{number + 1}" for number in range(10)]
    (tmp_path / "x.txt").write_text("\n".join(lines) + "\n")
    iterator = mx.io.LibSVMIter(data_libsvm=str(tmp_path / "x.txt"), data_shape=(2,), batch_size=4)
    for _ in range(4):
        assert numbers(iterator) == list(range(1, 11))


def test_mnist_files(tmp_path):
    """MXNet leaves out what does not fill a batch."""
    count = 12
    (tmp_path / "x").write_bytes(
        struct.pack(">4i", 2051, count, 2, 2)
        + b"".join(bytes([number] * 4) for number in range(count))
    )
    (tmp_path / "y").write_bytes(struct.pack(">2i", 2049, count) + bytes(range(count)))
    options = {"image": str(tmp_path / "x"), "label": str(tmp_path / "y"), "shuffle": False}
    for size, left in ((4, 12), (5, 10)):
        iterator = mx.io.MNISTIter(batch_size=size, silent=True, **options)
        for _ in range(3):
            predicted = predict(Numbers(), iterator).asnumpy().ravel() * 256
            assert predicted.tolist() == list(range(left))


@pytest.mark.parametrize(("last", "expected"), [("pad", 10), ("roll_over", 10), ("discard", 8)])
@pytest.mark.parametrize("labels", [True, False])
def test_arrays(last, expected, labels):
    x = numpy.arange(10, dtype="float32").reshape(10, 1)
    iterator = mx.io.NDArrayIter(x, x if labels else None, 4, last_batch_handle=last)
    for used in (reset, one_batch, all_batches, many_epochs):
        assert numbers(iterator) == list(range(expected))
        used(iterator)


def test_several_arrays_and_labels():
    class Sum(nn.HybridBlock):
        def hybrid_forward(self, F, a, b):
            return F.broadcast_add(a, b)

    x = numpy.arange(10, dtype="float32").reshape(10, 1)
    for label in (None, x, {"first": x, "second": x}):
        iterator = mx.io.NDArrayIter({"a": x, "b": 10 * x}, label, 4)
        assert predict(Sum(), iterator).asnumpy().ravel().tolist() == (11 * x).ravel().tolist()


def test_arrays_along_another_axis():
    iterator = mx.io.NDArrayIter(numpy.zeros((3, 10, 2)), batch_size=4, layout="TNC")
    words = "`data` has batches of layout 'TNC'; give them along the first axis, 'N...'"
    with pytest.raises(ArgumentError, match=words):
        predict(Numbers(), iterator)


@pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")  # MXNet's own, on Python >= 3.10
def test_iterators_around_iterators(records):
    x = numpy.arange(10, dtype="float32").reshape(10, 1)
    for inner in (mx.io.NDArrayIter(x, x, 4), record_iterator(records[True])):
        iterator = mx.io.PrefetchingIter(inner)
        expected = list(range(10)) if isinstance(inner, mx.io.NDArrayIter) else ALL
        for _ in range(3):
            assert numbers(iterator) == expected
    iterator = mx.io.ResizeIter(record_iterator(records[True]), 5)
    for _ in range(3):
        assert numbers(iterator) == ALL + ALL[:16]
    iterator = mx.io.ResizeIter(record_iterator(records[True]), 3, reset_internal=False)
    assert numbers(iterator) + numbers(iterator) == ALL + ALL[:32]
    empty = mx.io.NDArrayIter(x[:3], x[:3], 4, last_batch_handle="discard")
    with pytest.raises(ArgumentError, match="`data` gives no batch"):
        numbers(mx.io.ResizeIter(empty, 3))


@pytest.mark.parametrize("last", ["pad", "roll_over"])
def test_images_read_by_python(last, records):
    iterator = mx.image.ImageIter(
        16, (3, 8, 8), path_imgrec=records[True], last_batch_handle=last, aug_list=[]
    )
    for used in (reset, one_batch, all_batches):
        assert numbers(iterator) == ALL
        used(iterator)


class Counting(mx.io.DataIter):
    """Gives ten numbers by fours; what fills the last batch is to be left out."""

    def __init__(self):
        super().__init__(4)
        self.at = 0

    def reset(self):
        self.at = 0

    def next(self):
        if self.at >= 10:
            raise StopIteration
        batch = mx.nd.arange(self.at, self.at + 4).reshape((4, 1))
        self.at += 4
        return mx.io.DataBatch([batch], [batch], pad=max(self.at - 10, 0))


def test_an_iterator_of_ones_own():
    iterator = Counting()
    for used in (reset, one_batch, all_batches):
        assert numbers(iterator) == list(range(10))
        used(iterator)
    net = nn.Dense(1)
    net.initialize()
    loss = gluon.loss.L2Loss()
    expected = loss(net(mx.nd.arange(10).reshape((10, 1))), mx.nd.arange(10)).mean().asscalar()
    actual = evaluate(net, Counting(), loss=loss, metrics=())["loss"]
    assert actual == pytest.approx(float(expected), rel=1e-5)
