"""`profile` of gluonkit's own graphs: those of training, and compiled networks in functions."""

import numpy
import pytest

import gluonkit as gk
from gluonkit import gluon, mx, nd, nn
from gluonkit.compiling import Plan
from gluonkit.compiling.engines import lacking
from gluonkit.compiling.engines.timing import Nodes
from gluonkit.profiling.graph import Graphs
from gluonkit.profiling.roots import Roots
from gluonkit.tracing import hearing
from tests.profiles import SECONDS, by_path, check_sums, counts, peak_unmeasured


@pytest.fixture(autouse=True, scope="module")
def peak():
    with peak_unmeasured():
        yield


# As many as no plan for channels changes, so that operators are those of the layers.
WIDTH = 16


class Doubled(gluon.HybridBlock):
    """Calls one layer twice, and adds what it was given."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Dense(6)

    def hybrid_forward(self, F, x):
        return F.elemwise_add(self.inner(self.inner(x)), x)


def network():
    mx.random.seed(3)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(WIDTH, 3), nn.BatchNorm(), nn.Activation("tanh"), nn.Dense(6), Doubled())
    net.add(nn.Dense(3))
    net.initialize(mx.init.Xavier())
    return net


@pytest.fixture
def data(rng):
    x = rng.uniform(size=(20, 3, 6, 6)).astype("float32")
    return x, rng.integers(0, 3, 20).astype("float32")


@pytest.fixture
def rng():
    return numpy.random.default_rng(5)


FORWARD = {
    ("0", "Convolution"): 1,
    ("1", "BatchNorm"): 1,
    ("2", "Activation"): 1,
    ("3", "FullyConnected"): 1,
    ("4.inner", "FullyConnected"): 2,
    ("4", "elemwise_add"): 1,
    ("5", "FullyConnected"): 1,
}
BACKWARD = {
    (path, f"_backward_{name}"): count
    for (path, name), count in FORWARD.items()
    if name != "elemwise_add"  # which hands its gradient on
}


def times(expected, factor):
    return {key: count * factor for key, count in expected.items()}


def of_layers(report, phase="forward"):
    """Return how often each layer of the network ran each operator of its own."""
    extra = ("Concat", "slice_axis", "_zeros", "add_n", "ElementWiseSum")
    return {
        key: count
        for key, count in counts(report, phase).items()
        if key[0][:1].isdigit() and not key[1].removeprefix("_backward_").startswith(extra)
    }


def test_fit(data):
    net = network()

    def train():
        gk.fit(net, data, epochs=2, batch_size=8, optimizer="sgd", progress=False)

    report = gk.profile(train, seconds=SECONDS)
    assert report.mode == "compiled for training"
    # Two epochs of batches of 8, 8 and 4.
    assert of_layers(report) == times(FORWARD, 6)
    backward = of_layers(report, "backward")
    assert {key: backward.get(key) for key in BACKWARD} == times(BACKWARD, 6)
    # The loss is one operator with its gradient, and stands at its own name.
    loss = by_path(report)["SoftmaxCrossEntropyLoss"]
    assert {(one.name, one.phase): one.calls for one in loss.operators} == {
        ("SoftmaxOutput", "forward"): 6,
        ("_backward_SoftmaxOutput", "backward"): 6,
    }
    assert [path for path in by_path(report) if "Loss" in path] == ["SoftmaxCrossEntropyLoss"]
    outside = report.layers[-1]
    assert (outside.kind, outside.path) == ("", "")
    check_sums(report)
    assert report.unattributed == 0
    # Multiply-adds of two epochs of twenty samples, by hand.
    layers = by_path(report)
    assert layers["0"].macs == pytest.approx(40 * WIDTH * 4 * 4 * 3 * 3 * 3, rel=1e-6)
    assert layers["3"].macs == pytest.approx(40 * 6 * WIDTH * 4 * 4, rel=1e-6)
    assert layers["0"].own_backward > 0
    assert "train · compiled for training" in str(report)


def test_a_loss_that_stays_in_the_graph(data):
    net = network()
    x, y = data
    target = numpy.eye(3, dtype="float32")[y.astype(int)]

    def train():
        gk.fit(net, (x, target), loss="l2", epochs=1, batch_size=20, progress=False)

    report = gk.profile(train, seconds=SECONDS)
    assert of_layers(report) == FORWARD
    loss = by_path(report)["L2Loss"]
    assert loss.own_forward > 0
    assert loss.own_backward > 0
    assert {"mean", "square"} <= {one.name for one in loss.operators}
    check_sums(report)
    assert report.unattributed == 0


def test_a_loss_in_a_function_and_layers_within_layers(data):
    """MXNet calls an activation by itself to infer shapes; it is no network beside the network."""
    net = nn.HybridSequential()
    net.add(nn.Dense(5, activation="tanh"), nn.Dense(3))
    net.initialize()
    inner = gluon.loss.SoftmaxCrossEntropyLoss()

    def train():
        gk.fit(net, data, loss=lambda out, y: inner(out, y) * 2, epochs=1, progress=False)

    report = gk.profile(train, seconds=SECONDS)
    paths = [layer.path for layer in report.layers if layer.kind]
    assert paths == ["", "0", "0.act", "1", "SoftmaxCrossEntropyLoss"]
    layers = by_path(report)
    assert layers["0.act"].own_backward > 0
    assert layers["SoftmaxCrossEntropyLoss"].own_backward > 0
    # What the function itself computes is in no layer.
    assert "_mul_scalar" in {one.name for one in report.layers[-1].operators}
    check_sums(report)


def test_operators_that_take_longest_are_at_their_layer(data):
    """A layer with a thousand times the work has most of the time."""
    net = nn.HybridSequential()
    net.add(nn.Dense(4), nn.Dense(3000), nn.Dense(3000), nn.Dense(3))
    net.initialize()
    report = gk.profile(
        lambda: gk.fit(net, data, epochs=1, batch_size=20, progress=False), seconds=SECONDS
    )
    layers = by_path(report)
    longest = max((layers[path] for path in "0123"), key=lambda layer: layer.own_seconds)
    assert longest.path == "2"


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_profiled_training_trains_as_another_does(data, accumulate):
    nets = network(), network()
    calls = 0

    def train(net):
        gk.fit(net, data, epochs=1, batch_size=10, accumulate=accumulate, seed=1, progress=False)

    def counted():
        nonlocal calls
        calls += 1
        train(nets[0])

    gk.profile(counted, seconds=SECONDS)
    for _ in range(calls):
        train(nets[1])
    pairs = zip(*(net.collect_params().values() for net in nets), strict=True)
    for one, other in pairs:
        assert (one.data().asnumpy() == other.data().asnumpy()).all(), one.name


def test_evaluate_and_predict(data):
    net = network()
    net(nd.array(data[0]))
    report = gk.profile(lambda: gk.evaluate(net, data, batch_size=10), seconds=SECONDS)
    assert report.mode == "eager"  # nothing is trained
    assert of_layers(report) == times(FORWARD, 2)
    assert of_layers(report, "backward") == {}
    check_sums(report)
    report = gk.profile(lambda: gk.predict(net, data[0], batch_size=5), seconds=SECONDS)
    assert of_layers(report) == times(FORWARD, 4)
    assert report.unattributed == 0


def test_hybridized_networks_in_fit(data):
    net = network()
    net.hybridize(static_alloc=True)
    report = gk.profile(
        lambda: gk.fit(net, data, epochs=1, batch_size=10, progress=False), seconds=SECONDS
    )
    assert of_layers(report) == times(FORWARD, 2)
    check_sums(report)


def test_steps_that_are_not_compiled(data):
    net = network()
    report = gk.profile(
        lambda: gk.fit(net, data, epochs=1, batch_size=10, compiled=False, progress=False),
        seconds=SECONDS,
    )
    assert report.mode == "eager"
    assert of_layers(report) == times(FORWARD, 2)
    check_sums(report)


@pytest.mark.parametrize("plan", [Plan(), Plan("cached op")])
def test_a_compiled_network_in_a_function(plan, data):
    net = network()
    x = data[0]
    compiled = gk.compile(net, x[:10], plan=plan)
    expected = compiled(x[:10]), compiled(x)
    pools = dict(compiled._pools)
    pool = compiled._pool

    def twice():
        compiled(x[:10])
        compiled(x)  # another batch size

    report = gk.profile(twice, seconds=SECONDS)
    assert of_layers(report) == times(FORWARD, 2)
    assert by_path(report)["0"].macs == pytest.approx(30 * WIDTH * 4 * 4 * 3 * 3 * 3, rel=1e-6)
    check_sums(report)
    assert report.unattributed == 0
    assert compiled._pool is pool
    assert compiled._pools == pools
    assert "_made_pool" not in vars(compiled)
    for given, before in zip((x[:10], x), expected, strict=True):
        assert (compiled(given) == before).all()


def test_a_compiled_network_whose_weights_change_meanwhile(data):
    net = network()
    x = data[0]
    compiled = gk.compile(net, x, plan=Plan(fused=True))
    bias = net[5].bias

    def change():
        bias.set_data(bias.data() + 1)
        compiled(x)

    gk.profile(change, seconds=SECONDS)
    numpy.testing.assert_allclose(compiled(x), net(nd.array(x)).asnumpy(), rtol=1e-4, atol=1e-4)


def test_the_memory_of_run(data):
    net = network()
    x = data[0]
    compiled = gk.compile(net, x, plan=Plan())
    compiled.input[:] = x
    given, output = compiled.input, compiled.output
    report = gk.profile(compiled.run, seconds=SECONDS)
    assert of_layers(report) == FORWARD
    assert compiled.input is given
    numpy.testing.assert_allclose(output, compiled(x), rtol=1e-6)
    given[:] = 0
    compiled.run()
    numpy.testing.assert_allclose(compiled.output, compiled(numpy.zeros_like(x)), rtol=1e-6)
    fresh = gk.compile(net, x, plan=Plan())
    assert of_layers(gk.profile(fresh.run, seconds=SECONDS)) == FORWARD


def test_nobody_hears_of_graphs_afterwards(data):
    net = network()
    with pytest.raises(ZeroDivisionError):
        gk.profile(lambda: (gk.fit(net, data, epochs=1, progress=False), 1 / 0), seconds=SECONDS)
    assert hearing.current() is None
    graphs = Graphs(Roots(), lambda *_: None)
    with hearing.heard_by(graphs):
        assert hearing.current() is graphs
        with hearing.heard_by(None):
            assert hearing.current() is None
    assert hearing.current() is None


ENGINES = ["onnxruntime", "openvino"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("within", [False, True])
def test_other_engines(engine, within):
    if problem := lacking(engine):
        pytest.skip(problem)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(16, 3), nn.BatchNorm(), nn.Activation("relu"), nn.MaxPool2D())
    net.add(nn.Dense(800, activation="relu"), nn.Dense(800))
    net.initialize()
    x = numpy.random.default_rng(1).uniform(size=(16, 3, 16, 16)).astype("float32")
    compiled = gk.compile(net, x, plan=Plan(engine))
    before = compiled(x)
    report = gk.profile((lambda: compiled(x)) if within else compiled, seconds=SECONDS)
    assert within or report.mode == f"compiled ({engine})"
    layers = by_path(report)
    # Every layer that computes is found, once in each pass; whatever the engine joins is said.
    for path in ("0", "4", "5"):
        assert layers[path].own_forward > 0, path
        heavy = max(layers[path].operators, key=lambda one: one.seconds)
        assert heavy.calls == 1
    for path in ("1", "2"):
        assert (layers[path].fused_into == "0") != bool(layers[path].own_forward), path
    assert all(one.phase == "forward" for layer in report.layers for one in layer.operators)
    check_sums(report)
    assert report.unattributed == 0
    assert (compiled(x) == before).all()


def test_whose_nodes_an_engines_operators_compute():
    onnx = pytest.importorskip("onnx")
    node = onnx.helper.make_node
    graph = onnx.helper.make_graph(
        [
            node("Conv", ["x", "w"], ["conv"], "conv"),
            node("Relu", ["conv"], ["relu"], "relu"),
            node("MatMul", ["relu", "v"], ["mul"], "mul"),
            node("Add", ["mul", "b"], ["sum"], "sum"),
            node("Add", ["sum", "relu"], ["y"], "last"),
        ],
        "graph",
        [],
        [],
    )
    nodes = Nodes(onnx.helper.make_model(graph).SerializeToString())
    # By outputs, by names with what engines add to them, and one that only rearranges.
    operators = [["reorder"], ["token", "relu_nchwc"], ["again"], ["fused mul/2", "sum"], ["y"]]
    assert nodes.computed(operators) == [
        ("conv", "relu"),
        ("conv", "relu"),
        ("conv", "relu"),
        ("mul", "sum"),
        ("last",),
    ]
