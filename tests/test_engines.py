"""`compile` with ONNX Runtime and OpenVINO: the network's own numbers, as with MXNet's plans."""

import importlib.util
import json
import sys
import threading

import numpy
import pytest

from gluonkit import autograd, bench, compile, create_model, gluon, init, mx, nd, nn, runtime
from gluonkit._base import cpu
from gluonkit.compiling import Plan
from gluonkit.compiling.engines import MXNET, OTHERS, running
from gluonkit.compiling.program import Program
from gluonkit.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingPackageError,
    StateError,
)
from gluonkit.tracing.inputs import leaves
from tests.networks import Function, sequential

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # of openvino's own imports
INSTALLED = [name for name in OTHERS if importlib.util.find_spec(name)]


def installed(name):
    lacks = pytest.mark.skipif(name not in INSTALLED, reason=f"{name} is not installed")
    return pytest.param(name, marks=lacks)


@pytest.fixture(params=[*map(installed, OTHERS)])
def engine(request):
    """The name of an engine that is installed."""
    return request.param


def draws(*shape, seed=0):
    return numpy.random.default_rng(seed).random(shape, dtype="float32")


def small():
    """A network with a convolution, batch normalization, pooling and dense layers."""
    net = sequential(
        nn.Conv2D(6, 3), nn.BatchNorm(), nn.Activation("relu"), nn.MaxPool2D(2), nn.Dense(3)
    )
    net.initialize(init.Normal(0.2))
    net(mx.np.zeros((1, 1, 12, 12)) if mx.util.is_np_array() else nd.zeros((1, 1, 12, 12)))
    return net


X = draws(4, 1, 12, 12)


def own(net, *inputs):
    """The network's own outputs for NumPy inputs, as a flat list."""
    make = mx.np.array if mx.util.is_np_array() else nd.array
    outputs = net(*(make(array, dtype=array.dtype) for array in inputs))
    return [array.asnumpy() for array in leaves(outputs)]


def agree(got, expected):
    got = [array if isinstance(array, numpy.ndarray) else array.asnumpy() for array in leaves(got)]
    assert [(a.shape, a.dtype) for a in got] == [(a.shape, a.dtype) for a in expected]
    for one, other in zip(got, expected, strict=True):
        largest = abs(other.astype("float64")).max(initial=1e-30)
        numpy.testing.assert_allclose(one, other, rtol=0, atol=2e-5 * largest)


def assign(net, factor):
    for parameter in net.collect_params().values():
        parameter.set_data(parameter.data() * factor)


@pytest.mark.filterwarnings("ignore:Cannot decide type")  # MXNet's own, while it imports
def test_a_network_that_mxnet_has_imported(engine, tmp_path):
    """MXNet does not know the shapes of its parameters, only those of their arrays."""
    net = small()
    own(net, X)
    net.hybridize()
    net(nd.array(X))
    net.export(str(tmp_path / "net"))
    imported = gluon.SymbolBlock.imports(
        str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0000.params")
    )
    assert {parameter.shape for parameter in imported.collect_params().values()} == {None}
    agree(compile(imported, X, plan=engine)(X), own(net, X))


@pytest.mark.parametrize("threads", [None, 1])
def test_the_networks_own_numbers(engine, threads, array_mode):
    net = small()
    compiled = compile(net, X, plan=Plan(engine, threads=threads))
    assert compiled.plan.engine == engine
    assert engine in str(compiled.plan)
    for seed in range(3):
        x = draws(*X.shape, seed=seed)
        agree(compiled(x), own(net, x))
    given = mx.np.array(X) if array_mode == "np" else nd.array(X)
    answer = compiled(given)
    assert type(answer) is type(given)
    agree(answer, own(net, X))
    agree(compiled(numpy.asfortranarray(X)), own(net, X))
    agree(compiled(X[::-1]), own(net, X[::-1]))


def test_what_is_given_out_is_the_callers(engine):
    net = small()
    compiled = compile(net, X, plan=engine)
    first = compiled(X)
    kept = first.copy()
    second = compiled(X + 1)
    assert (first == kept).all()
    assert (first != second).any()
    first[:] = 7
    agree(compiled(X), [kept])
    compiled.input[:] = X
    compiled.run()
    agree(compiled.output, [kept])


@pytest.fixture
def exports(monkeypatch):
    """The list of programs that were written as ONNX since."""
    written, original = [], running.exported
    monkeypatch.setattr(
        running, "exported", lambda program: written.append(program) or original(program)
    )
    return written


@pytest.mark.parametrize("way", ["set_data", "in place", "load", "refresh"])
def test_changed_weights_are_followed(engine, way, exports, tmp_path):
    net = small()
    view = net[0].weight.data()
    compiled = compile(net, X, plan=engine, dynamic_batch=True)
    x = draws(2, 1, 12, 12, seed=1)
    agree(compiled(x), own(net, x))
    compiled(X)
    assert len(exports) == 2  # one for each number of samples
    if way == "set_data":
        assign(net, 1.5)
    elif way == "in place":
        view *= 2
    elif way == "load":
        other = small()
        assign(other, 3)
        other.save_parameters(str(tmp_path / "other.params"))
        net.load_parameters(str(tmp_path / "other.params"))
    else:
        view[:] = 0.5
        compiled.refresh()
    for given in (X, x, X):
        agree(compiled(given), own(net, given))
    assert len(exports) == 4


def test_statistics_that_training_moves_are_followed(engine):
    net = small()
    compiled = compile(net, X, plan=engine)
    before = compiled(X)
    with autograd.record():
        loss = net(nd.array(X)).sum()
    loss.backward()
    after = compiled(X)
    assert (before != after).any()
    agree(after, own(net, X))


def test_weights_that_stay_are_written_once(engine, exports):
    net = small()
    compiled = compile(net, X, plan=engine)
    for _ in range(3):
        compiled(X)
    net[0].weight.data()  # somebody looks at it
    compiled(X)
    assert len(exports) == 1
    # Writing the network has fetched none of its arrays in a way that would have to be looked into.
    compiled.refresh()
    assert compiled._watch._heard is compiled._watch._ring.last


def test_other_parameters_than_before_are_refused(engine):
    net = small()
    compiled = compile(net, X, plan=engine)
    net[4].weight.reset_ctx(mx.cpu())
    net[4].weight._data = None
    with pytest.raises(StateError, match="the network has changed in more than its weights"):
        compiled.refresh()


class Parts(gluon.HybridBlock):
    """Several inputs, nested, and several outputs, also nested."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.words, self.dense = nn.Embedding(11, 5), nn.Dense(4)

    def hybrid_forward(self, F, words, pair):
        one, other = pair
        output = self.dense(F.concat(self.words(words).mean(axis=1), one * 2, dim=1))
        return output, [other, (output + other, F.argmax(output, axis=1))]


def test_several_inputs_and_outputs(engine):
    net = Parts()
    net.initialize(init.Normal(0.5))
    words = numpy.arange(12, dtype="int32").reshape(4, 3) % 11
    one, other = draws(4, 2), draws(4, 4, seed=1)
    expected = [
        array.asnumpy()
        for array in leaves(net(nd.array(words, dtype="int32"), [nd.array(one), nd.array(other)]))
    ]
    compiled = compile(net, words, [one, other], plan=engine, dynamic_batch=True)
    answer = compiled(words, [one, other])
    assert isinstance(answer[1], list)
    assert isinstance(answer[1][1], tuple)
    agree(answer, expected)
    agree(compiled(words[:1], [one[:1], other[:1]]), [array[:1] for array in expected])


@pytest.mark.parametrize(
    ("function", "dtypes"),
    [
        (lambda F, x, y: (x * 2, x * 2, x), ("float32", "float32")),  # twice, and an input
        (lambda F, x, y: y.sum(axis=1), ("float32", "float32")),  # an input that is not used
        (lambda F, x, y: F.cast(x, "int32") + y, ("float32", "int32")),
        (lambda F, x, y: (F.cast(y, "float32") * x, y), ("float32", "uint8")),
        (lambda F, x, y: F.dot(x, y.transpose()), ("float64", "float64")),
    ],
)
def test_outputs_and_data_types(engine, function, dtypes):
    net = Function(function)
    inputs = [(draws(4, 5, seed=n) * 9).astype(dtype) for n, dtype in enumerate(dtypes)]
    if engine == "openvino" and "float64" in dtypes:  # it computes in float32
        with pytest.raises(ArgumentError, match="output 0 differs from eager"):
            compile(net, *inputs, plan=engine)
        return
    compiled = compile(net, *inputs, plan=engine)
    agree(compiled(*inputs), own(net, *inputs))
    agree(compiled(*(array + 1 for array in inputs)), own(net, *(array + 1 for array in inputs)))


def test_the_device_whose_weights_are_taken(engine):
    net = nn.Dense(3, in_units=5)
    net.initialize(init.One(), ctx=[mx.cpu(0), mx.cpu(1)])
    net.weight.list_data()[1][:] = 3
    x = draws(2, 5)
    for device, factor in ((mx.cpu(0), 1), (mx.cpu(1), 3)):
        agree(
            compile(net, x, plan=engine, ctx=device)(x),
            [numpy.repeat(x.sum(1, keepdims=True) * factor, 3, axis=1)],
        )


def test_threads_are_as_many_as_mxnets(engine, monkeypatch):
    counts, original = [], running._OPENED[engine]

    def opened(contents, threads):
        counts.append(threads)
        return original(contents, threads)

    monkeypatch.setitem(running._OPENED, engine, opened)
    compile(small(), X, plan=engine)
    compile(small(), X, plan=f"{engine} + 1 thread")
    assert counts == [runtime().threads or cpu.usable_cores(), 1]


def test_several_threads_call_at_the_same_time(engine, exports):
    net = small()
    compiled = compile(net, X, plan=engine, most_threads=3)
    inputs = [draws(*X.shape, seed=seed) for seed in range(6)]
    expected = [own(net, x) for x in inputs]
    failures = []

    def work(x, right):
        try:
            for _ in range(20):
                agree(compiled(x), right)
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=work, args=pair) for pair in zip(inputs, expected, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(exports) == 1


def test_all_engines_race():
    explanation = compile(small(), X, engines=["all"], seconds=0.02).explain()
    tried = {candidate.plan.engine: candidate for candidate in explanation.candidates}
    assert set(tried) == {MXNET, *OTHERS}
    for name in OTHERS:
        assert (tried[name].seconds is not None) == (name in INSTALLED)
        assert ("is not installed: pip install" in tried[name].problem) == (name not in INSTALLED)
    fastest = min(explanation.candidates, key=lambda candidate: candidate.seconds or numpy.inf)
    assert explanation.plan.engine in (fastest.plan.engine, MXNET)


def test_a_chosen_engine_is_explained(engine):
    net = small()
    compiled = compile(net, X, engines=engine, seconds=0.02)
    explanation = compiled.explain()
    assert compiled.plan.engine == engine
    assert {candidate.plan.engine for candidate in explanation.candidates} == {engine}
    assert explanation.engine.startswith(f"{OTHERS[engine].title} ")
    assert explanation.following > 0
    assert explanation.to_dict()["following"] == explanation.following
    assert f"run by {explanation.engine}" in str(explanation)
    assert "followed at the next call, which takes" in str(explanation).replace("\n", " ")
    assert explanation.idle is None
    agree(compiled(X), own(net, X))


def test_by_default_there_is_only_mxnet(monkeypatch):
    monkeypatch.setattr(running, "exported", None)
    explanation = compile(small(), X, seconds=0.01).explain()
    assert {candidate.plan.engine for candidate in explanation.candidates} == {MXNET}
    assert explanation.engine.startswith("MXNet 1.9.1")
    assert explanation.following is None


def test_bench_times_the_plans_of_engines(engine, gluonkit):
    report = bench("mlp", modes=["forward"], variants=["compiled"], engines=engine, seconds=0.01)
    assert report.ok
    assert report.rows[-1].note.startswith(f"compiled: {engine}")
    options = ("--modes", "forward", "--variants", "compiled", "--seconds", "0.01")
    assert f"compiled: {engine}" in gluonkit("bench", "mlp", "--engines", engine, *options).stdout
    assert "Choose of: mxnet, onnx" in gluonkit("bench", "mlp", "--engines", "ort").stderr


@pytest.fixture
def without(monkeypatch):
    """Return a function that makes packages look as if they were not installed."""

    def without(*names):
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return without


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_installed_is_said(name, without):
    without(name)
    explanation = compile(small(), X, engines=[name, MXNET], seconds=0.01).explain()
    assert explanation.plan.engine == MXNET
    (problem,) = [
        candidate.problem for candidate in explanation.candidates if candidate.plan.engine == name
    ]
    extra = OTHERS[name].extra
    assert problem == (
        f'{name} is not installed: pip install {name} (gluonkit\'s extra "{extra}" brings all that '
        f"{OTHERS[name].title} needs)"
    )
    assert problem.partition(" (")[0] in str(explanation)
    with pytest.raises(ArgumentError, match=f"no plan gives its outputs. {name}: {name} is not"):
        compile(small(), X, engines=name)
    without("onnx")
    pattern = f"`plan` '{name}' cannot be used: {name} and onnx are not installed: pip install "
    with pytest.raises(MissingPackageError, match=f"{pattern}{name} onnx .*or compile without it"):
        compile(small(), X, plan=name)
    with pytest.raises(MissingPackageError, match="are not installed"):
        Program(small(), [X], mx.cpu()).runner(Plan(name))


def test_saved_plans(engine, tmp_path, without):
    net = small()
    path = tmp_path / "plan.json"
    compile(net, X, plan=f"{engine} + 1 thread").save_plan(path)
    record = json.loads(path.read_text())
    assert record["engine"].startswith(OTHERS[engine].title)
    compiled = compile(net, X, plan=path)
    assert compiled.plan == Plan(engine, threads=1)
    agree(compiled(X), own(net, X))
    with pytest.raises(ArgumentError, match=f"is run by {engine}, and `engines` are mxnet; add"):
        compile(net, X, plan=path, engines=MXNET)
    compile(net, X, plan=path, engines=[MXNET, engine])
    without(engine)
    with pytest.raises(MissingPackageError, match=f"pip install {engine}"):
        compile(net, X, plan=path)


def test_what_cannot_be_exported_has_no_plan(engine):
    net = Function(lambda F, x: F.khatri_rao(x, x))
    x = draws(3, 4)
    explanation = compile(net, x, engines=[MXNET, engine], seconds=0.01).explain()
    (problem,) = [
        candidate.problem for candidate in explanation.candidates if candidate.plan.engine == engine
    ]
    assert "`net` has operators that cannot be converted to ONNX: khatri_rao" in problem
    with pytest.raises(ArgumentError, match=f"`plan` '{engine}' cannot be used .*khatri_rao"):
        compile(net, x, plan=engine)

    class Loop(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            start = F.zeros((4,))
            return F.contrib.foreach(lambda row, total: (row, total + row), x, start)[1]

    explanation = compile(Loop(), x, engines=[MXNET, engine], seconds=0.01).explain()
    (problem,) = [
        candidate.problem for candidate in explanation.candidates if candidate.plan.engine == engine
    ]
    assert "it has control flow (_foreach)" in problem


def test_other_outputs_than_the_networks_are_noticed(engine, monkeypatch):
    original = running._OPENED[engine]

    def opened(contents, threads):
        bind = original(contents, threads)

        def wrong(inputs, outputs):
            run = bind(inputs, outputs)

            def call():
                run()
                next(iter(outputs.values()))[:] += 1

            return call

        return wrong

    monkeypatch.setitem(running._OPENED, engine, opened)
    explanation = compile(small(), X, engines=[MXNET, engine], seconds=0.01).explain()
    problems = [
        candidate.problem for candidate in explanation.candidates if candidate.plan.engine == engine
    ]
    assert all("output 0 differs from eager by 1" in problem for problem in problems)
    assert problems


def test_on_a_gpu_there_is_mxnet_only(engine, monkeypatch):
    program = Program(small(), [X], mx.cpu())
    monkeypatch.setattr(program, "ctx", mx.gpu(0))
    title = OTHERS[engine].title
    with pytest.raises(ArgumentError, match=rf"^{title} is used on processors only, not on gpu"):
        program.runner(Plan(engine))


@pytest.mark.parametrize(
    ("engines", "error", "text"),
    [
        ("onnxrt", ArgumentError, "`engines`.*onnxrt.*Choose of: mxnet, onnxruntime, openvino"),
        ((), ArgumentError, "`engines` is empty; give 'all', or names of: mxnet, "),
        (7, ArgumentTypeError, "`engines` is 7, an int; give 'all', or names of: mxnet"),
        ([None], ArgumentTypeError, "`engines` is None"),
    ],
)
def test_other_engines_are_refused(engines, error, text):
    with pytest.raises(error, match=text):
        compile(small(), X, engines=engines)


@pytest.mark.parametrize("name", OTHERS)
def test_plans_by_name(name):
    assert str(Plan(name, threads=2)) == f"{name} + 2 threads"
    assert Plan.parse(f"{name} + 2 threads") == Plan(name, threads=2)
    assert Plan(name).copies
    with pytest.raises(ArgumentError, match=f"a plan with {OTHERS[name].title} has neither fusion"):
        Plan(name, fused=True)


LOADED = "print(sorted({'onnxruntime', 'openvino', 'gluonkit.exporting'} & set(sys.modules)))"
COMPILED = """
import sys, numpy
from gluonkit import compile, create_model
x = numpy.ones((2, 20), "float32")
net = create_model("mlp", init=True)
"""


def test_nothing_is_loaded_unless_it_is_asked_for(python):
    code = f"{COMPILED}compile(net, x, seconds=0.01); {LOADED}"
    assert python("-c", code).stdout == "[]\n"
    if INSTALLED:
        code = f"{COMPILED}compile(net, x, plan={INSTALLED[0]!r}); {LOADED}"
        assert INSTALLED[0] in python("-c", code).stdout


BESIDE = """
before = os.sched_getaffinity(0)
x = numpy.random.default_rng(0).random((8, 1, 28, 28), dtype="float32")
net = gluonkit.create_model("lenet", init="xavier")
plans = ["executor", "cached op", *{engines!r}]
compiled = [gluonkit.compile(net, x, plan=plan) for plan in plans]
expected = net(gluonkit.nd.array(x)).asnumpy()
for _ in range(20):
    for call in compiled:
        assert abs(call(x) - expected).max() < 1e-5
assert os.sched_getaffinity(0) == before
print("fine")
"""


@pytest.mark.parametrize("first", ["gluonkit", "engines"])
def test_engines_live_beside_mxnet(first, python):
    """In one process, in turn, whichever is imported first; threads stay on all processors."""
    imports = ["import gluonkit", *(f"import {name}" for name in INSTALLED)]
    lines = imports if first == "gluonkit" else imports[::-1]
    code = "\n".join(["import numpy, os", *lines, BESIDE.format(engines=INSTALLED)])
    result = python("-c", code)
    assert result.stdout == "fine\n", result.stderr


def test_frozen_weights(engine):
    net = create_model("mlp", init="xavier")
    x = draws(2, 20)
    compiled = compile(net, x, plan=engine, frozen=True)
    before = compiled(x)
    assign(net, 2)
    agree(compiled(x), [before])
