"""Batches of many shapes: graphs are kept while memory allows, padding is asked for."""

import math

import numpy
import pytest

from gluonkit import fit, gluon, mx, nn, predict
from gluonkit.data import Pad
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.graphs import cache
from gluonkit.graphs.cache import GraphCache
from gluonkit.train.step.batch import ReadyBatch
from gluonkit.train.step.compiled import CompiledStep
from gluonkit.train.step.forward import Forward
from gluonkit.train.step.result import StepOptions
from tests.networks import sequential


class Sized:
    def __init__(self, size):
        self.size = size


def network():
    """Take sequences of any length."""
    net = sequential(nn.Conv1D(4, 3, padding=1, in_channels=2), nn.GlobalAvgPool1D(), nn.Dense(2))
    net.initialize(mx.init.Xavier())
    net(mx.nd.zeros((1, 2, 5)))
    return net


def sequences(lengths, samples=3):
    draws = numpy.random.default_rng(0)
    return [
        (draws.random((samples, 2, length), "float32"), numpy.zeros(samples, "float32"))
        for length in lengths
    ]


def test_the_least_used_gives_way_when_memory_is_full(monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 100)
    kept = GraphCache()
    for key in "abcd":
        kept.add(key, Sized(25))
    assert kept.get("a").size == 25  # now the one used last
    kept.add("e", Sized(40))
    assert [key for key in "abcde" if kept.get(key)] == ["a", "d", "e"]
    kept.add("f", Sized(500))
    assert [key for key in "abcdef" if kept.get(key)] == ["e", "f"]  # two stay, whatever they take
    assert not kept.note()
    kept.add("a", Sized(1))
    kept.add("b", Sized(1))
    assert (kept.made, kept.again) == (8, 2)
    assert "6 shapes, for which 8 graphs were made, 2 of them again" in kept.note()


def test_forty_lengths_have_forty_graphs(monkeypatch):
    net, batches = network(), sequences(range(3, 43))
    made = []
    monkeypatch.setattr(
        GraphCache,
        "add",
        lambda self, key, plan, add=GraphCache.add: (made.append(key), add(self, key, plan)),
    )
    history = fit(net, batches, epochs=3, metrics=(), compiled=True)
    assert len(made) == len(set(made)) == 40
    assert history.notes == []
    forward = Forward(net, mx.cpu())
    for _ in range(2):
        for batch in batches:
            actual = forward(ReadyBatch(batch, 1))[0]
            expected = net(mx.nd.array(batch[0])).asnumpy()
            assert abs(actual - expected).max() < 1e-5
    assert len(made) == 80


def test_memory_is_counted():
    data = numpy.zeros((4096, 64), "float32"), numpy.zeros(4096, "float32")
    net = sequential(*(nn.Dense(512, activation="tanh") for _ in range(4)), nn.Dense(2))
    net.initialize()
    options = {"ctx": mx.cpu(), "options": StepOptions()}
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    net(mx.nd.zeros((1, 64)))
    step = CompiledStep(net, loss, mx.optimizer.SGD(), ReadyBatch(data, 1), **options)
    size = step._last[1].size
    # Four hidden layers of 4096 x 512 floats, 8 MiB each, and what the backward pass needs.
    assert 4 * 8 << 20 < size < 16 * 8 << 20


@pytest.mark.parametrize("reason", ["made again", "many"])
def test_a_note_when_the_graphs_are_the_work(reason, monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 1 if reason == "made again" else 2 << 30)
    lengths = range(3, 8) if reason == "made again" else range(3, 69)
    history = fit(network(), sequences(lengths), epochs=3, metrics=(), compiled=True)
    (note,) = history.notes
    assert "Pad the batches to fewer lengths" in note
    assert ("of them again" in note) == (reason == "made again")


def test_numbers_stay_right_while_graphs_come_and_go(monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 1)
    net, twin = network(), network()
    for one, other in zip(
        net.collect_params().values(), twin.collect_params().values(), strict=True
    ):
        other.set_data(one.data())
    batches = sequences([3, 9, 4, 3, 7, 9])
    options = {
        "epochs": 2,
        "metrics": (),
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.5},
    }
    actual = fit(net, batches, compiled=True, **options)
    expected = fit(twin, batches, compiled=False, **options)
    assert abs(numpy.array(actual["loss"]) - expected["loss"]).max() < 1e-5
    for one, other in zip(
        net.collect_params().values(), twin.collect_params().values(), strict=True
    ):
        assert abs(one.data() - other.data()).max().asscalar() < 1e-5
    for x, _ in batches:
        assert abs(predict(net, x) - net(mx.nd.array(x)).asnumpy()).max() < 1e-5


def samples(lengths=(3, 9, 5, 4)):
    draws = numpy.random.default_rng(1)
    return [(draws.random((length, 2), "float32"), length) for length in lengths]


def test_padding_fills_up_to_a_multiple(array_mode):
    given = samples()
    kind = mx.np.ndarray if array_mode == "np" else mx.nd.NDArray
    x, lengths, y = Pad(4, value=-1, lengths=True)(given)
    assert all(type(part) is kind for part in (x, lengths, y))
    assert x.shape == (4, 12, 2)
    assert lengths.asnumpy().tolist() == y.asnumpy().tolist() == [3, 9, 5, 4]
    for row, (array, length) in zip(x.asnumpy(), given, strict=True):
        assert (row[:length] == array).all()
        assert (row[length:] == -1).all()
    turned = Pad(4, axis=1)([array.T for array, _ in given])
    assert (turned.asnumpy() == numpy.maximum(x.asnumpy(), 0).transpose(0, 2, 1)).all()
    marks = [(array, numpy.arange(length)) for array, length in given]
    both = Pad(1, parts=(0, 1))(marks)
    assert [part.shape for part in both] == [(4, 9, 2), (4, 9)]
    assert both[1].asnumpy()[0].tolist() == [0, 1, 2, 0, 0, 0, 0, 0, 0]


def test_padding_keeps_the_numbers_of_samples_of_several_types(array_mode):
    given = [([1, 2, 3], 0), ([0.5], 0.25), (numpy.array([-7, 8], "float16"), 1)]
    x, y = Pad(2)(given)
    assert x.dtype == y.dtype == numpy.float32
    assert x.asnumpy().tolist() == [[1, 2, 3, 0], [0.5, 0, 0, 0], [-7, 8, 0, 0]]
    assert y.asnumpy().tolist() == [0, 0.25, 1]
    whole = Pad(3, value=-1)([numpy.array([200], "uint8"), numpy.array([-300, 5], "int32")])
    assert whole.asnumpy().tolist() == [[200, -1, -1], [-300, 5, -1]]


def test_padded_batches_have_few_graphs(monkeypatch):
    data = [(array.T, length % 2) for array, length in samples(range(3, 43))]
    made = []
    monkeypatch.setattr(
        GraphCache,
        "add",
        lambda self, key, plan, add=GraphCache.add: (made.append(key), add(self, key, plan)),
    )
    loader = gluon.data.DataLoader(data, 1, batchify_fn=Pad(16, axis=1))
    fit(network(), loader, epochs=2, metrics=(), compiled=True)
    assert [key[0].shape for key in made] == [(1, 2, 16), (1, 2, 32), (1, 2, 48)]


@pytest.mark.parametrize(
    ("options", "given", "says"),
    [
        ({"multiple": 0}, None, "`multiple` is 0"),
        ({"multiple": 4, "axis": -1}, None, "`axis` is -1; give 0"),
        ({"multiple": 4}, [], "`samples` is empty"),
        ({"multiple": 4}, [numpy.float32(1)], "no length along `axis` 0"),
        ({"multiple": 4}, [numpy.ones((2, 3)), numpy.ones((2, 4))], "differ in more than `axis` 0"),
        (
            {"multiple": 4},
            [(numpy.ones(2), numpy.ones(2)), (numpy.ones(3), numpy.ones(3))],
            "part 1 of the samples has shapes",
        ),
        ({"multiple": 4}, [numpy.array(["x"])], "give numbers"),
        ({"multiple": 4, "value": -1}, [numpy.ones(2, "uint8")], "`value` is -1, which .* uint8"),
        ({"multiple": 4, "value": 0.5}, [numpy.ones(2, "int32")], "`value` is 0.5, which .* int32"),
        ({"multiple": 4, "value": math.inf}, [numpy.ones(2, "int32")], "`value` is inf"),
    ],
)
def test_what_cannot_be_padded(options, given, says):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=says):
        Pad(**options)(given)
