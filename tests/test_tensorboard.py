"""What TensorBoard would show, read back from the event files."""

import io

import numpy
import pytest

from gluonkit import evaluate, fit, interpret, mx, nn
from gluonkit.callbacks import TensorBoard
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.tracing.tree import all_paths
from tests.networks import Untraceable, sequential, values
from tests.test_fit import CLASSES, FEATURES, mlp, samples

pytest.importorskip("tensorboardX", reason="tensorboardX is optional (the extra `logs`)")
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.graph_pb2 import GraphDef


def events(folder):
    """Return the events of a folder's only file: length, its checksum, event, its checksum."""
    (path,) = folder.glob("events*")
    contents, read, place = path.read_bytes(), [], 0
    while place < len(contents):
        length = int.from_bytes(contents[place : place + 8], "little")
        read.append(Event.FromString(contents[place + 12 : place + 12 + length]))
        place += 16 + length
    return read


def summaries(folder):
    return [(v.tag, event.step, v) for event in events(folder) for v in event.summary.value]


def picture(image):
    from PIL import Image

    return numpy.asarray(Image.open(io.BytesIO(image.encoded_image_string)))


def test_figures(tmp_path):
    history = fit(
        mlp(), samples(), epochs=2, batch_size=10, callbacks=[TensorBoard(tmp_path, every=2)]
    )
    written = summaries(tmp_path)
    losses = [value.simple_value for tag, _, value in written if tag == "loss"]
    assert losses == pytest.approx(history["loss"])
    assert [step for tag, step, _ in written if tag == "step/loss"] == [2, 4, 6, 8]
    assert {tag for tag, *_ in written} == {"step/loss", *history.names()} - {"epoch"}


@pytest.mark.parametrize("compiled", [True, False])
def test_histograms_are_those_of_the_weights(tmp_path, compiled):
    net = mlp()
    fit(
        net,
        samples(),
        epochs=2,
        callbacks=[TensorBoard(tmp_path, histograms=True)],
        compiled=compiled,
    )
    kept = {(tag, step): v.histo for tag, step, v in summaries(tmp_path) if v.HasField("histo")}
    paths = [path for path, _ in all_paths(net)]
    assert set(kept) == {(f"weights/{path}", epoch) for path in paths for epoch in (1, 2)}
    for path, array in zip(paths, values(net), strict=True):
        histogram = kept[f"weights/{path}", 2]
        exact = array.astype("float64")
        assert histogram.num == array.size
        assert (histogram.min, histogram.max) == (exact.min(), exact.max())
        assert histogram.sum == pytest.approx(exact.sum(), abs=1e-4)
        assert histogram.sum_squares == pytest.approx((exact**2).sum(), rel=1e-4)
        limits, below = list(histogram.bucket_limit), 0
        for limit, count in zip(limits, histogram.bucket, strict=True):
            below += count
            assert below == pytest.approx((exact <= limit).sum())
    assert (values(net)[0] != 0).any()


def graph(folder):
    (made,) = [GraphDef.FromString(e.graph_def) for e in events(folder) if e.graph_def]
    return {node.name: node for node in made.node}


@pytest.mark.parametrize("hybridized", [True, False])
def test_the_graph_has_the_layers_as_scopes(tmp_path, array_mode, hybridized):
    class Residual(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            self.inner = nn.Dense(FEATURES, activation="relu")

        def hybrid_forward(self, F, x):
            return x + self.inner(x)

    net = sequential(Residual(), nn.Dense(CLASSES))
    net.initialize()
    if hybridized:
        net.hybridize()
    fit(net, samples(8), epochs=1, batch_size=4, callbacks=[TensorBoard(tmp_path, graph=True)])
    nodes = graph(tmp_path)
    by_scope = {name.rpartition("_")[0]: node for name, node in nodes.items()}
    assert nodes["input0"].op == "Placeholder"
    sums = [node for node in nodes.values() if "add" in node.op]
    assert len(sums) == 1
    assert sums[0].name.startswith("0/")
    activation = next(
        n for n in nodes if n.startswith("0/inner/act") or "Activation" in n or "relu" in n
    )
    assert set(sums[0].input) == {"input0", activation}
    dense = next(node for name, node in by_scope.items() if name.startswith("1/"))
    assert list(dense.input) == [sums[0].name]
    (shape,) = dense.attr["_output_shapes"].list.shape
    assert [dim.size for dim in shape.dim] == [4, CLASSES]
    assert dense.attr["num_hidden"].s == b"5"
    assert all(source in nodes for node in nodes.values() for source in node.input)


def test_the_graph_of_a_network_that_cannot_be_one(tmp_path):
    net = nn.Sequential()
    net.add(Untraceable(), nn.Dense(CLASSES))
    net.initialize()
    x, y = samples(8)
    fit(net, (x[:, :4], y), epochs=1, callbacks=[TensorBoard(tmp_path, graph=True)])
    assert any(name.startswith("0/body/") for name in graph(tmp_path))


def small():
    net = sequential(nn.Conv2D(2, 3), nn.Dense(3))
    net.initialize()
    return net


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_samples(tmp_path, channels):
    images = numpy.random.default_rng(0).random((6, channels, 9, 8)).astype("float32")
    labels = numpy.arange(6) % 3
    batches = [(mx.nd.array(images), mx.nd.array(labels))]
    fit(small(), batches, epochs=1, callbacks=[TensorBoard(tmp_path, pictures=4)])
    (kept,) = [v.image for tag, _, v in summaries(tmp_path) if tag == "samples"]
    shown = picture(kept).astype("float64") / 255  # the four in one picture
    for sample in images[:4]:
        drawn = (sample - sample.min()) / (sample.max() - sample.min())
        drawn = numpy.moveaxis(drawn, 0, -1)
        drawn = numpy.broadcast_to(drawn, (9, 8, 3))  # gray ones in three channels
        corners = [(i, j) for i in range(0, len(shown), 9) for j in range(0, shown.shape[1], 8)]
        places = [shown[i : i + 9, j : j + 8] for i, j in corners]
        assert any(abs(place - drawn).max() < 1 / 100 for place in places)


def test_figures_of_ones_own(tmp_path):
    test = samples(20)
    seen = []

    def figures(run):
        seen.append(evaluate(run.net, test)["loss"])
        return {"confusion": interpret(run.net, test).plot_confusion()}

    board = TensorBoard(tmp_path, figures=figures)
    assert board.changes_net
    fit(mlp(), samples(), epochs=2, callbacks=[board])
    kept = [(step, v.image) for tag, step, v in summaries(tmp_path) if tag == "confusion"]
    assert [step for step, _ in kept] == [1, 2]
    assert picture(kept[0][1]).shape[:2] == (kept[0][1].height, kept[0][1].width)
    assert seen[0] != seen[1]


def test_what_is_refused(tmp_path):
    with pytest.raises(ArgumentTypeError, match=r"`figures` is \{\}, a dict; give a function"):
        TensorBoard(tmp_path, figures={})
    board = TensorBoard(tmp_path, figures=lambda run: [])
    with pytest.raises(ArgumentTypeError, match=r"`figures` returned \[\], a list; return a dict"):
        fit(mlp(), samples(), epochs=1, callbacks=[board])
    with pytest.raises(ArgumentError, match="`pictures` is -1; give a whole number from 0"):
        TensorBoard(tmp_path, pictures=-1)
    with pytest.raises(ArgumentError, match=r"samples of shape \(6,\) are no pictures"):
        fit(mlp(), samples(), epochs=1, callbacks=[TensorBoard(tmp_path, pictures=1)])
