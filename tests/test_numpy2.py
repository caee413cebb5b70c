"""What NumPy changed under MXNet: metrics' sums, record files, arrays as NumPy's, iterators."""

import pickle

import numpy
import pytest

from gluonkit import mx, nd
from gluonkit.system.numpy2 import _Sum

NAMES = ("sum_metric", "global_sum_metric", "num_inst", "global_num_inst")


class Widened(mx.metric.Loss):
    """A metric that adds in float64 on any NumPy; those of NumPy 2 do by `install`."""

    sum_metric, global_sum_metric, num_inst, global_num_inst = map(_Sum, NAMES)


@pytest.mark.parametrize("kind", [mx.metric.Loss, Widened])
def test_a_metric_adds_in_float64(kind):
    metric = kind()
    for _ in range(2000):
        metric.update(None, nd.array([1234.567]))
    # 1234.567 as float32 has it; in float32 the mean would be 1234.5685.
    expected = float(numpy.float32(1234.567))
    assert metric.get()[1] == pytest.approx(expected, rel=1e-12)
    assert metric.get_global()[1] == pytest.approx(expected, rel=1e-12)


def test_a_metric_prints_plain_numbers():
    metric = Widened()
    metric.update(None, nd.array([0.5, 0.25]))
    assert str(metric.get()) == "('loss', 0.375)"
    assert repr(metric.sum_metric) == "0.75"
    assert (metric.num_inst, type(metric.num_inst)) == (2, int)
    assert pickle.loads(pickle.dumps(vars(metric)["sum_metric"])) == 0.75


def test_counts_that_come_from_arrays_go_on_beyond_float32():
    """As `Perplexity` counts with a label to ignore."""
    metric = Widened()
    metric.num_inst += numpy.float32(2**24)
    metric.num_inst += numpy.float32(1)
    assert metric.num_inst == 2**24 + 1
    metric.num_inst -= numpy.float32(1)
    assert metric.num_inst == 2**24
    metric.sum_metric = [0.0]  # a metric with several sums keeps its list
    assert metric.sum_metric == [0.0]
    assert isinstance(Widened.sum_metric, _Sum)
    del vars(metric)["sum_metric"]
    with pytest.raises(AttributeError, match="sum_metric"):
        _ = metric.sum_metric


@pytest.mark.parametrize("label", [[1.0, 2.5], numpy.array([3, 4], "int64"), 7.0])
def test_record_files_take_labels(label):
    packed = mx.recordio.pack(mx.recordio.IRHeader(0, label, 5, 0), b"content")
    header, content = mx.recordio.unpack(packed)
    assert content == b"content"
    assert numpy.array_equal(header.label, numpy.asarray(label, "float32"))
    assert (header.id, header.flag) == (5, numpy.size(label) if numpy.ndim(label) else 0)


def test_record_files_take_images(monkeypatch):
    """MXNet's own encoder is OpenCV, which need not be installed."""

    class Encoder:
        IMWRITE_JPEG_QUALITY = IMWRITE_PNG_COMPRESSION = 1

        @staticmethod
        def imencode(extension, image, parameters):
            return True, numpy.frombuffer(b"encoded", "uint8")

    monkeypatch.setattr(mx.recordio, "cv2", Encoder)
    packed = mx.recordio.pack_img((0, [1, 2], 3, 0), numpy.zeros((2, 2, 3)), img_fmt=".png")
    header, content = mx.recordio.unpack(packed)
    assert (header.label.tolist(), content) == ([1, 2], b"encoded")


@pytest.mark.parametrize("make", [nd.array, mx.np.array])
def test_numpy_takes_an_array(make):
    values = [[1.0, 4.0], [9.0, 16.0]]
    x = make(values)
    for array in (numpy.array(x), numpy.asarray(x), numpy.concatenate([x])):
        assert isinstance(numpy.asarray(array), numpy.ndarray)
        assert numpy.asarray(array).tolist() == values
    assert numpy.asarray(numpy.sqrt(x)).tolist() == [[1, 2], [3, 4]]
    assert numpy.all(x == x.copy())
    assert numpy.asarray(x, dtype="float64").dtype == numpy.float64
    numpy.testing.assert_allclose(numpy.asarray(x), values)


def test_numpy_takes_sparse_arrays_and_lists_of_arrays():
    x = nd.array([[0.0, 1.0], [0.0, 0.0]])
    assert numpy.array(x.tostype("csr")).tolist() == [[0, 1], [0, 0]]
    assert nd.array([x[0], x[1]]).asnumpy().tolist() == [[0, 1], [0, 0]]


def test_an_array_is_never_shared_with_numpy():
    x = nd.ones((2,))
    numpy.array(x)[0] = 5
    assert x.asnumpy().tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"without a copy \(`copy=False`\); leave `copy` out"):
        x.__array__(copy=False)


def test_moveaxis_is_silent():
    assert nd.moveaxis(nd.zeros((2, 3, 4)), 0, -1).shape == (3, 4, 2)  # warnings are errors


def test_iterators_take_numpys_integers(tmp_path):
    (tmp_path / "data.csv").write_text("1,2,3,4\n5,6,7,8\n")
    data = mx.io.CSVIter(
        data_csv=str(tmp_path / "data.csv"),
        data_shape=(numpy.int64(2), numpy.int64(2)),
        batch_size=numpy.int64(2),
    )
    assert next(data).data[0].asnumpy().tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]


def test_image_iterators_take_numpys_integers(tmp_path):
    path = str(tmp_path / "images.rec")
    record = mx.recordio.MXRecordIO(path, "w")
    record.close()
    with pytest.raises(mx.MXNetError) as caught:  # nothing in it, which the engine finds out itself
        mx.io.ImageRecordIter(path_imgrec=path, data_shape=(3, numpy.int64(8), 8), batch_size=1)
    assert "Invalid Parameter format" not in str(caught.value)
