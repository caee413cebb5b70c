"""Parameters whose numbers `hybrid_forward` reads: no graph follows them, and it is told."""

import numpy
import pytest

from gluonkit import autograd, check_hybrid, compile, export, fit, gluon, init, mx, nd, nn, predict
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ArgumentError
from gluonkit.graphs.capture import NotCompilableError, build_graph
from gluonkit.system import memory

READS = {
    "asnumpy": lambda p: float(p.data().asnumpy().mean()),
    "asscalar": lambda p: p.data().sum().asscalar(),
    "float": lambda p: float(p.data().as_np_ndarray()[0, 0]),
    "the list": lambda p: p.list_data()[0].max().asscalar(),
    "underneath": lambda p: p._data[0].min().asscalar(),
    "memory": lambda p: float(memory.view(p.data()).mean()),
    "detached": lambda p: p.data().detach().sum().asscalar(),
    "branch": lambda p: 2.0 if p.data().abs().sum() > 1e6 else 3.0,
    "far branch": lambda p: 2.0 if (p.data()[0:1].reshape((-1,)) > 1e9).sum() else 3.0,
    "item": lambda p: p.data().as_np_ndarray().max().item(),
}
ALLOWED = {
    "shape": lambda p: float(p.data().shape[1]),
    "size": lambda p: p.data().size * float(nd.arange(3).asnumpy().sum()),
    "name": lambda p: float(len(p.name)),
}


class Reading(nn.HybridBlock):
    """A dense layer times a number that is made of its weights."""

    def __init__(self, read):
        super().__init__()
        self.read = read
        with self.name_scope():
            self.dense = nn.Dense(3, in_units=4)
            self.other = nn.Dense(3, in_units=3)

    def hybrid_forward(self, F, x):
        return self.other(self.dense(x)) * self.read(self.dense.weight)


def ready(read):
    mx.random.seed(5)
    net = Reading(read)
    net.initialize(init.Normal(0.5))
    return net


X = numpy.random.default_rng(0).random((6, 4), dtype="float32")


def values(net):
    return [p.data().asnumpy() for _, p in sorted(net._collect_params_with_prefix().items())]


@pytest.mark.parametrize("how", READS)
def test_numbers_of_parameters_are_told_however_they_are_read(how):
    net = ready(READS[how])
    before, arrays = values(net), [p._data for p in net.collect_params().values()]
    message = r"its code reads the numbers of \w+dense0_weight as numbers, .*as arguments"
    with pytest.raises(NotCompilableError, match=message):
        build_graph(net, [ArraySpec(X.shape)])
    assert all(map(numpy.array_equal, values(net), before))
    now = [p._data for p in net.collect_params().values()]
    assert all(one is other for one, other in zip(arrays, now, strict=True))


@pytest.mark.parametrize("how", ALLOWED)
def test_what_is_no_number_of_a_parameter_is_allowed(how):
    net = ready(ALLOWED[how])
    compiled = compile(net, X, plan="executor")
    net.dense.weight.set_data(nd.ones((3, 4)))
    numpy.testing.assert_allclose(compiled(X), net(nd.array(X)).asnumpy(), rtol=1e-5)


def test_compile_refuses_what_it_could_not_follow_unless_weights_are_frozen():
    net = ready(READS["asnumpy"])
    with pytest.raises(ArgumentError, match="`net` cannot be compiled: its code reads the numbers"):
        compile(net, X, dynamic_batch=True)
    compiled = compile(net, X, plan="executor", frozen=True, dynamic_batch=True)
    numpy.testing.assert_allclose(compiled(X[:2]), net(nd.array(X[:2])).asnumpy(), rtol=1e-5)


def test_predict_follows_the_numbers():
    net = ready(READS["asnumpy"])
    for _ in range(2):
        dense, other = (getattr(net, name).weight.data().asnumpy() for name in ("dense", "other"))
        expected = X @ dense.T @ other.T * dense.mean()  # biases are zero
        numpy.testing.assert_allclose(predict(net, X), expected, rtol=1e-4)
        net.dense.weight.set_data(nd.array(dense * -3))


def test_fit_trains_them_by_plain_steps_with_a_note():
    y, loss = X[:, :3] * 2, gluon.loss.L2Loss()
    net, twin = ready(READS["asnumpy"]), ready(READS["asnumpy"])
    options = {"learning_rate": 0.1}
    history = fit(
        net, (X, y), loss=loss, epochs=3, batch_size=6, metrics=[],
        optimizer=mx.optimizer.SGD(**options),
    )  # fmt: skip
    assert "reads the numbers of" in " ".join(history.notes)
    trainer = gluon.Trainer(twin.collect_params(), "sgd", options)
    for _ in range(3):
        with autograd.record():
            value = loss(twin(nd.array(X)), nd.array(y))
        value.backward()
        trainer.step(len(X))
    for one, other in zip(values(net), values(twin), strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Cannot decide type")
def test_an_export_has_the_numbers_of_its_time(tmp_path):
    net = ready(READS["asnumpy"])
    expected = net(nd.array(X)).asnumpy()
    export(net, tmp_path / "net", X)
    (symbol,) = tmp_path.glob("*-symbol.json")
    (weights,) = tmp_path.glob("*.params")
    loaded = gluon.SymbolBlock.imports(str(symbol), ["data"], str(weights))
    numpy.testing.assert_allclose(loaded(nd.array(X)).asnumpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("how", READS)
def test_check_hybrid_finds_them(how):
    report = check_hybrid(ready(READS[how]), X)
    (finding,) = [finding for finding in report.findings if finding.kind == "frozen-parameter"]
    assert finding.where == "dense.weight"
    assert "keeps its numbers" in finding.problem
    assert not report.ok


@pytest.mark.parametrize("how", ALLOWED)
def test_check_hybrid_does_not_cry_wolf(how):
    report = check_hybrid(ready(ALLOWED[how]), X)
    assert not [finding for finding in report.findings if finding.kind == "frozen-parameter"]
