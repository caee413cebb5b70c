"""Detectors' operators as ONNX: each file computes what MXNet does, and what NumPy says."""

import numpy
import pytest

from gluonkit import export_onnx, mx
from tests.networks import Function
from tests.test_export_operators import agrees, make, small

runtime = pytest.importorskip("onnxruntime", reason="it is an extra, left out of the wheel's tests")

COUNT = 40


def boxes(rows, count=COUNT, classes=3):
    """Return rows of class, score and corners; some without a class, some scores equal."""
    random = numpy.random.default_rng(rows)
    begin = random.uniform(0, 20, (rows, count, 2))
    size = random.uniform(-0.5, 12, (rows, count, 2))
    ids = random.integers(-1, classes, (rows, count, 1))
    scores = random.integers(0, 25, (rows, count, 1)) / 25
    return numpy.concatenate([ids, scores, begin, begin + size], 2).astype("float32")


def overlap(one, two):
    """Return the intersection of two boxes over their union."""
    size = numpy.minimum(one[2:], two[2:]) - numpy.maximum(one[:2], two[:2])
    shared = numpy.prod(size.clip(0))
    areas = sum(numpy.prod(box[2:] - box[:2]) * (box[2:] >= box[:2]).all() for box in (one, two))
    return shared / (areas - shared) if shared else 0.0


def suppressed(rows, *, threshold, least, topk=-1, force=True, background=-1):
    """Return what `box_nms` gives, box by box."""
    out = numpy.full_like(rows, -1)
    for number, sample in enumerate(rows):
        is_valid = (sample[:, 1] > least) & (force is None or sample[:, 0] != background)
        valid = sample[is_valid]
        order = numpy.argsort(-valid[:, 1], kind="stable")[: topk if topk > 0 else None]
        kept = []
        for box in valid[order]:
            rivals = (one for one in kept if force is not False or one[0] == box[0])
            if not any(overlap(one[2:], box[2:]) > threshold for one in rivals):
                kept.append(box)
        out[number, : len(kept)] = numpy.reshape(kept, (-1, rows.shape[2]))
    return out


NMS = {
    "by class": ({"id_index": 0}, {"force": False}),
    "by class, the best": ({"id_index": 0, "topk": 12}, {"force": False, "topk": 12}),
    "all classes": ({"id_index": 0, "force_suppress": True}, {"force": True}),
    "no classes": ({"topk": 30}, {"force": None, "topk": 30}),
    "a background": ({"id_index": 0, "background_id": 1}, {"force": False, "background": 1}),
    "nothing valid": ({"id_index": 0, "valid_thresh": 2}, {"force": False, "least": 2}),
}


@pytest.mark.parametrize("name", NMS)
def test_suppression(name, tmp_path):
    options, plain = NMS[name]
    options = {"overlap_thresh": 0.3, "valid_thresh": 0.2, **options}
    net = Function(lambda F, x: F.contrib.box_nms(x, **options))
    agrees(net, tmp_path, boxes)
    data = boxes(3)
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    (out,) = session.run(None, {"data": data})
    expected = suppressed(data, **{"threshold": 0.3, "least": 0.2, **plain})
    numpy.testing.assert_array_equal(out, expected)


def centers(rows):
    data = boxes(rows)
    low, high = data[..., 2:4], data[..., 4:6]
    return numpy.concatenate([data[..., :2], (low + high) / 2, high - low], 2)


@pytest.mark.parametrize(("before", "after"), [("center", "corner"), ("corner", "center")])
def test_suppression_in_other_formats(before, after, tmp_path):
    def function(F, x):
        nms = F.contrib.box_nms
        return (
            nms(x, id_index=0, in_format=before, out_format=after, overlap_thresh=0.3, topk=25),
            nms(x, in_format=before, out_format=before, overlap_thresh=0.3),
        )

    agrees(Function(function), tmp_path, centers if before == "center" else boxes, atol=1e-4)


def test_suppression_without_an_axis_for_samples(tmp_path):
    net = Function(lambda F, x: F.contrib.box_nms(x, id_index=0))
    agrees(net, tmp_path, lambda rows: boxes(1, rows)[0], batches=(30,))
    agrees(Function(lambda F, x: F.contrib.box_nms(x, topk=0)), tmp_path, boxes)
    with pytest.raises(Exception, match="box_nms along the batch"):
        export_onnx(net, tmp_path / "net.onnx", (30, 6))


def test_the_parts_of_gluoncvs_detectors(tmp_path):
    """SSD and YOLO suppress by class among the best 400, R-CNN's proposals all by all."""

    def function(F, x):
        best = F.contrib.box_nms(
            x, overlap_thresh=0.45, topk=20, valid_thresh=0.01, id_index=0, force_suppress=False
        )
        best = F.slice_axis(best, axis=1, begin=0, end=10)
        proposals = F.slice_axis(x, axis=2, begin=1, end=None)
        proposals = F.contrib.box_nms(
            proposals, overlap_thresh=0.7, topk=20, coord_start=1, score_index=0, id_index=-1
        )
        return (*F.split(best, num_outputs=3, axis=2), proposals)

    agrees(Function(function), tmp_path, boxes)


@pytest.mark.parametrize("form", ["corner", "center"])
@pytest.mark.parametrize("clip", [-1, 0.1])
def test_boxes_from_anchors(form, clip, tmp_path):
    stds = (0.1, 0.2, 0.3, 0.4)
    anchors = numpy.abs(small(1, 5, 4)) + numpy.array([0, 0, 1, 1])
    options = {f"std{n}": std for n, std in enumerate(stds)}

    def function(F, x):
        places = F.reshape(F.concat(*(F.full((1,), a) for a in anchors.ravel()), dim=0), (1, 5, 4))
        return F.contrib.box_decode(x, places, clip=clip, format=form, **options)

    agrees(Function(function), tmp_path, make(small, 5, 4))
    deltas = small(2, 5, 4)
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    (out,) = session.run(None, {"data": deltas})
    low, high = anchors[..., :2], anchors[..., 2:]
    center, size = ((low + high) / 2, high - low) if form == "corner" else (low, high)
    shift, growth = deltas[..., :2] * stds[:2], deltas[..., 2:] * stds[2:]
    middle = center + shift * size
    reach = numpy.exp(numpy.minimum(growth, clip) if clip > 0 else growth) * size / 2
    expected = numpy.concatenate([middle - reach, middle + reach], 2)
    numpy.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_anchors(array_mode, tmp_path):
    def function(F, x):
        prior = F.contrib.MultiBoxPrior if array_mode == "nd" else F.npx.multibox_prior
        return prior(x, sizes=(0.5, 0.2), ratios=(1, 2, 0.5), clip=True) + 0

    agrees(Function(function), tmp_path, make(small, 3, 4, 5), batches=(2,))
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    (out,) = session.run(None, {"data": small(2, 3, 4, 5)} if session.get_inputs() else {})
    rows, columns = numpy.mgrid[:4, :5]
    center = numpy.stack([(columns + 0.5) / 5, (rows + 0.5) / 4], 2).reshape(20, 1, 2)
    root = 2**0.5
    shapes = [(0.5, 1), (0.2, 1), (0.5, root), (0.5, 1 / root)]
    # Widths are relative to the height in MXNet, so that boxes of ratio 1 are squares.
    half = numpy.array([(s * r * 4 / 5 / 2, s / r / 2) for s, r in shapes])
    expected = numpy.concatenate([center - half, center + half], 2).clip(0, 1)
    numpy.testing.assert_allclose(out, expected.reshape(1, 80, 4), atol=1e-6)


def probabilities(rows):
    scores = numpy.random.default_rng(rows).uniform(0, 4, (rows, 4, 30))
    scores = numpy.exp(scores)
    return (scores / scores.sum(1, keepdims=True)).round(2).astype("float32")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nms_topk": 8},
        {"force_suppress": True, "clip": False},
        {"nms_threshold": 0},
        {"nms_threshold": 1, "threshold": 0.5},
        {"threshold": 0.99},
    ],
)
def test_detection(options, tmp_path):
    options = {"threshold": 0.3, "nms_threshold": 0.3, **options}
    corners = boxes(1, 30)[..., 2:].clip(0, 25) / 25
    corners[..., 2:] = numpy.maximum(corners[..., 2:], corners[..., :2] + 0.05)

    def function(F, x, y):
        anchors = F.concat(*(F.full((1,), a) for a in corners.ravel()), dim=0)
        return F.contrib.MultiBoxDetection(x, y, F.reshape(anchors, (1, 30, 4)), **options)

    agrees(Function(function), tmp_path, probabilities, make(small, 120))


def test_regions(tmp_path):
    regions = mx.nd.array([[0, 0, 1, 6, 5], [1, 2, 0, 5, 4], [0, -3, 9, 40, 12]])

    def function(F, x):
        places = F.concat(*(F.full((1,), a) for a in regions.asnumpy().ravel()), dim=0)
        rois = F.reshape(places, (3, 5))
        return tuple(
            F.contrib.ROIAlign(x, rois, pooled_size=(2, 3), spatial_scale=0.5, sample_ratio=samples)
            for samples in (-1, 2)
        )

    agrees(Function(function), tmp_path, make(small, 3, 8, 9), batches=(2, 4))


REFUSED = {
    "position_sensitive=True": lambda F, x: F.contrib.ROIAlign(
        x, F.ones((1, 5)), pooled_size=(2, 2), spatial_scale=1, position_sensitive=True
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_refused(reason, tmp_path):
    with pytest.raises(Exception, match=rf"to ONNX: \w*ROIAlign \(.*{reason}"):
        export_onnx(Function(REFUSED[reason]), tmp_path / "net.onnx", (1, 4, 6, 6))
