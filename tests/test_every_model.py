"""One battery over all of gluonkit's own models, each held against a hand-written Gluon network."""

import itertools

import numpy
import pytest

from gluonkit import (
    autograd,
    check_hybrid,
    compile,
    create_model,
    export,
    export_onnx,
    fit,
    gluon,
    init,
    list_models,
    load,
    materialize,
    model_info,
    mx,
    params,
    save,
    summary,
    verify,
)
from gluonkit.models import parse_model
from gluonkit.models.own.tutorials import TUTORIAL_NETWORKS
from gluonkit.tracing import trace
from gluonkit.tracing.eager import trace_forward
from gluonkit.tracing.inputs import parse_inputs
from gluonkit.tracing.tree import untouched
from tests.own_models import HAND_WRITTEN, MACS, numpy_forward

every_network = pytest.mark.parametrize(
    "network", TUTORIAL_NETWORKS, ids=[network.title for network in TUTORIAL_NETWORKS]
)


def build(network, **kwargs):
    name, options = parse_model(network.model)
    return create_model(name, **options, **kwargs)


def run(net, x):
    """Return output, gradients of all parameters in order, and the gradient of x."""
    x.attach_grad()
    with autograd.record():
        output = net(x)
    output.backward()
    gradients = [
        parameter.grad().asnumpy()
        for parameter in net.collect_params().values()
        if parameter.grad_req != "null"
    ]
    return [output.asnumpy(), *gradients, x.grad.asnumpy()]


def check_equal(left, right, tolerance=0.0):
    """Assert that two lists of arrays agree, to `tolerance` of each array's largest value."""
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.shape == other.shape
        numpy.testing.assert_allclose(one, other, rtol=0, atol=tolerance * abs(other).max())


def test_check_equal_can_fail():
    with pytest.raises(AssertionError):
        check_equal([numpy.ones(2)], [numpy.array([1, 1.1])], 1e-5)
    with pytest.raises(AssertionError):
        check_equal([numpy.ones(2)], [])


def left_out(names):
    """Return which of the models of these names the battery does not know."""
    return set(names) - {parse_model(network.model)[0] for network in TUTORIAL_NETWORKS}


def test_battery_covers_every_own_model():
    assert not left_out(list_models(source="gluonkit"))
    assert left_out(["mlp", "a_new_one"]) == {"a_new_one"}
    assert [network.model for network in TUTORIAL_NETWORKS] == list(HAND_WRITTEN)
    assert [network.title for network in TUTORIAL_NETWORKS] == list(MACS)


@every_network
def test_same_numbers_as_hand_written(network, uniform, seed):
    results = []
    for make in (HAND_WRITTEN[network.model], lambda: build(network)):
        mx.random.seed(seed)
        net = make()
        net.initialize()
        results.append(run(net, uniform(*network.input_shape)))
    check_equal(*results)  # bit for bit: the same draws in the same order
    assert results[0][0].size > 0
    assert abs(results[0][0]).max() > 0


@every_network
def test_create_model_initializes(network, uniform, seed):
    outputs = []
    for init_here in (False, True):
        mx.random.seed(seed)
        net = build(network, init="xavier" if init_here else None)
        if not init_here:
            net.initialize(init.Xavier())
        outputs.append(net(uniform(*network.input_shape)).asnumpy())
    check_equal([outputs[0]], [outputs[1]])


@every_network
def test_shapes_parameters_and_multiply_adds(network, uniform, array_mode):
    # The legacy mode has no scalars: it gives (1,) where NumPy mode gives ().
    expected = network.output_shape or ((1,) if array_mode == "nd" else ())
    net = build(network, init=True)
    actual = summary(net, network.input_shape)
    assert net(uniform(*network.input_shape)).shape == expected
    arrays = {id(parameter): parameter for parameter in net.collect_params().values()}
    count = sum(int(numpy.prod(parameter.shape)) for parameter in arrays.values())
    assert actual.total_params == network.parameters == count
    assert actual.macs == MACS[network.title]
    assert not actual.uncounted
    assert not actual.executed
    assert actual.layers[0].outputs.shape == expected


@every_network
def test_example_input_of_the_registry_fits(network, uniform):
    name, options = parse_model(network.model)
    shape = model_info(name).input_shape
    assert create_model(name, init=True, **options)(uniform(*shape)).shape is not None


@every_network
@pytest.mark.parametrize("static", [False, True])
def test_hybridized_gives_the_same(network, static, uniform):
    net = build(network, init=True)
    x = uniform(*network.input_shape)
    eager = run(net, x)
    net.hybridize(static_alloc=static, static_shape=static)
    for _ in range(2):  # the first call builds, the second reuses
        check_equal(run(net, x), eager, 1e-5)
    half = uniform(*network.input_shape)[: max(1, network.input_shape[0] // 2)]
    hybrid = net(half).asnumpy()
    net.hybridize(False)
    check_equal([hybrid], [net(half).asnumpy()], 1e-5)


@every_network
def test_hybridized_first_draws_alike(network, uniform, seed):
    outputs = []
    for active in (False, True):
        mx.random.seed(seed)
        net = build(network, init=True)
        net.hybridize(active)
        outputs.append(net(uniform(*network.input_shape)).asnumpy())
    check_equal([outputs[1]], [outputs[0]], 1e-6)


@every_network
def test_check_hybrid_finds_nothing(network, array_mode):
    report = check_hybrid(network.model, network.input_shape)
    assert report.findings == ()
    assert {block.status for block in report.coverage} == {"compiled", "part of a graph"}
    assert len(report.compared) >= 3


@every_network
def test_symbols_and_forward_pass_tell_the_same(network, array_mode):
    net = build(network)
    inferred = trace(net, network.input_shape)
    assert not inferred.executed
    with untouched(net):
        executed = trace_forward(net, parse_inputs([network.input_shape]), "to compare")
    assert [call.path for call in inferred.calls] == [call.path for call in executed.calls]
    for one, two in zip(inferred.calls, executed.calls, strict=True):
        assert (one.inputs, one.outputs) == (two.inputs, two.outputs), one.path
    counted = ("FullyConnected", "Convolution", "dot", "_np_dot", "Pooling", "Activation")
    one, two = (
        [(e.name, e.inputs, e.outputs) for _, e in traced.operators if e.name in counted]
        for traced in (inferred, executed)
    )
    assert one == two
    assert inferred.shapes == executed.shapes


@every_network
@pytest.mark.parametrize("hybridize", [False, True])
def test_materializing_draws_what_a_first_call_draws(network, hybridize, uniform, seed):
    nets, x = [], uniform(*network.input_shape)
    for finish in (lambda net: net(x), lambda net: materialize(net, x.shape)):
        mx.random.seed(seed)
        nets.append(build(network, init=True))
        nets[-1].hybridize(hybridize)
        finish(nets[-1])
    called, materialized = nets
    assert not params.diff(called, materialized)
    assert bool(materialized._cached_op) is False
    assert materialized._active == hybridize


@every_network
def test_compiled_gives_the_same(network, uniform):
    net, x = build(network, init=init.Xavier()), uniform(*network.input_shape)
    net(x)
    fast = compile(net, x, seconds=0.02)
    assert not [candidate.problem for candidate in fast.explain().candidates if candidate.problem]
    other = uniform(*network.input_shape)
    check_equal([fast(other).asnumpy()], [net(other).asnumpy()], 1e-5)


def far_from_two(output, label):
    """Return a loss without labels, which a network whose output is one number can have too."""
    return (output - 2) ** 2


@every_network
@pytest.mark.parametrize("compiled", [True, False])
def test_fit_trains_like_a_loop_by_hand(network, compiled, uniform, seed):
    """Plain Gluon's: a recorded pass, the mean's gradient, `Trainer.step(1)`."""
    x, rate, steps = uniform(*network.input_shape), 0.01, 4
    nets = []
    for _ in range(2):
        mx.random.seed(seed)
        nets.append(build(network, init=init.Xavier()))
        nets[-1](x)
    ours, theirs = nets
    before = [parameter.data().asnumpy() for parameter in theirs.collect_params().values()]
    history = fit(
        ours,
        [(x, uniform(len(x)))],
        epochs=steps,
        loss=far_from_two,
        optimizer_params={"learning_rate": rate},
        metrics=[],
        compiled=compiled,
        optimizer="sgd",
    )
    trainer = gluon.Trainer(theirs.collect_params(), "sgd", {"learning_rate": rate}, kvstore=None)
    losses = []
    for _ in range(steps):
        with autograd.record():
            loss = far_from_two(theirs(x), None).mean()
        loss.backward()
        trainer.step(1)
        losses.append(loss.asnumpy().item())
    numpy.testing.assert_allclose(history["loss"], losses, rtol=1e-4)
    results = [[e.data().asnumpy() for e in n.collect_params().values()] for n in nets]
    check_equal(*results, 1e-4)
    constants = [isinstance(e, gluon.Constant) for e in theirs.collect_params().values()]
    for old, new, constant in zip(before, results[0], constants, strict=True):
        assert (old == new).all() == constant


@every_network
@pytest.mark.parametrize("hybridize", [False, True])
def test_save_and_load(network, hybridize, uniform, tmp_path):
    net, x = build(network, init=init.Xavier()), uniform(*network.input_shape)
    net.hybridize(hybridize)
    expected = net(x).asnumpy()
    path = save(net, tmp_path / "net.safetensors")
    assert verify(path).model == network.model
    net.save_parameters(str(tmp_path / "net.params"))  # MXNet's own
    theirs = build(network)
    theirs.load_parameters(str(tmp_path / "net.params"))
    for actual in (
        load(path),
        load(path, net=build(network)),
        load(tmp_path / "net.params", net=build(network)),
        theirs,
    ):
        check_equal([actual(x).asnumpy()], [expected])
        assert not params.diff(actual, net)
        assert params.shared(actual) == params.shared(net)


@every_network
@pytest.mark.filterwarnings("ignore:Cannot decide type")  # MXNet's, of every imported graph
def test_exports_compute_the_same(network, uniform, tmp_path):
    net, x = build(network, init=init.Xavier()), uniform(*network.input_shape)
    expected = net(x).asnumpy()
    done = export(net, tmp_path / "net", x)
    check_equal([load(done.symbol)(x).asnumpy()], [expected], 1e-6)
    net.hybridize()
    net(x)
    net.export(str(tmp_path / "theirs"))  # MXNet's own
    files = [str(tmp_path / f"theirs-{end}") for end in ("symbol.json", "0000.params")]
    theirs = gluon.SymbolBlock.imports(files[0], ["data"], files[1])
    check_equal([theirs(x).asnumpy()], [expected])


@every_network
def test_onnx_runtime_computes_the_same(network, uniform, tmp_path):
    pytest.importorskip("onnx", reason="it is an extra, which the wheel's tests leave out")
    runtime = pytest.importorskip("onnxruntime", reason="as for onnx")
    net, x = build(network, init=init.Xavier()), uniform(*network.input_shape)
    net(x)
    done = export_onnx(net, tmp_path / "net.onnx", x)
    if network.output_shape:
        assert done.outputs["output"][1][0] == "batch"
    session = runtime.InferenceSession(str(done.path))
    rows, *rest = network.input_shape
    for batch in (rows, rows + 2, 1):
        other = uniform(batch, *rest)
        outputs = session.run(None, {"data": other.asnumpy()})
        check_equal(outputs, [net(other).asnumpy()], 1e-4)


@every_network
def test_two_instances_share_nothing(network, uniform):
    first, second = build(network, init=True), build(network, init=True)
    x = uniform(*network.input_shape)
    first(x)
    before = second(x).asnumpy()
    for parameter in first.collect_params().values():
        parameter.set_data(parameter.data() * 0)
    check_equal([second(x).asnumpy()], [before])
    ids = [{id(p) for p in net.collect_params().values()} for net in (first, second)]
    assert not ids[0] & ids[1]


@every_network
def test_shares_exactly_what_the_tutorial_shares(network):
    net = build(network)
    blocks = [block for block in walk(net) if block._reg_params]
    groups = {}
    for block, (name, parameter) in itertools.chain.from_iterable(
        ((block, item) for item in block._reg_params.items()) for block in blocks
    ):
        groups.setdefault(id(parameter), []).append((type(block).__name__, name))
    shared = sorted(names for names in map(sorted, groups.values()) if len(names) > 1)
    tied = [[("Dense", "bias")] * 2, [("Dense", "weight")] * 2]
    assert shared == (tied if network.model == "tied_mlp" else [])


def walk(block):
    yield block
    for child in block._children.values():
        yield from walk(child)


def test_tied_gradients_add_up(uniform):
    net = create_model("tied_mlp", init=True)
    x = uniform(2, 20)
    with autograd.record():
        loss = net(x).sum()
    loss.backward()
    got = net[1].weight.grad().asnumpy()
    apart = create_model("mlp", units=(8, 8, 8))
    apart.initialize()
    apart(x)
    for mine, theirs in zip(apart, net, strict=True):
        mine.weight.set_data(theirs.weight.data())
        mine.bias.set_data(theirs.bias.data())
    with autograd.record():
        loss = apart(x).sum()
    loss.backward()
    separate = [layer.weight.grad().asnumpy() for layer in apart]
    check_equal([got], [separate[1] + separate[2]], 1e-6)


@every_network
def test_forward_equals_numpy(network, uniform):
    net = build(network, init=init.Xavier())
    x = uniform(*network.input_shape)
    output = net(x).asnumpy()
    expected = numpy.asarray(numpy_forward(network.model, net, x.asnumpy()))
    check_equal([output], [expected.reshape(output.shape)], 1e-5)


def test_figure_printed_in_dive_into_deep_learning(python):
    """The book's first draw of a fresh process; any draw by gluonkit before it would show."""
    code = (
        "from gluonkit import create_model, np, npx; npx.set_np();"
        "net = create_model('mlp', init=True);"
        "print(*net(np.random.uniform(size=(2, 20)))[0, :3].asnumpy())"
    )
    done = python("-c", code)
    printed = [float(word) for word in done.stdout.split()]
    numpy.testing.assert_allclose(printed, [0.0624027, -0.0326859, 0.0258265], atol=5e-8)
