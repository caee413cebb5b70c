"""On GPUs: the same numbers as on the processor. Without a GPU that MXNet can use, nothing runs."""

import numpy
import pytest

from gluonkit import compile as compile_net
from gluonkit import create_model, data, evaluate, fit, load, mx, nd, save


def count():
    """Return how many GPUs MXNet can use; none where CUDA is broken, as none in a CPU build."""
    try:
        return mx.context.num_gpus()
    except mx.MXNetError:
        return 0


GPUS = [mx.gpu(i) for i in range(count())]
pytestmark = pytest.mark.skipif(not GPUS, reason="no GPU that MXNet can use on this machine")

NEAR = {"rtol": 1e-3, "atol": 1e-3}


@pytest.fixture
def digits():
    """Return small images and their labels as NumPy arrays."""
    images, labels = data.digits(8, 8)
    return images[:256], labels[:256]


def network(ctx):
    """Return a small network whose weights are the same on every device."""
    mx.random.seed(3)
    net = create_model("mlp", units=(32,), init="xavier")
    net(nd.ones((1, 1, 8, 8)))
    net.collect_params().reset_ctx(ctx)
    return net


def weights(net):
    return [
        parameter.data(parameter.list_ctx()[0]).asnumpy()
        for parameter in net.collect_params().values()
    ]


def assert_near(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        numpy.testing.assert_allclose(mine, other, **NEAR)


@pytest.mark.parametrize("compiled", [None, False])
def test_training_gives_the_processors_numbers(digits, compiled):
    on_gpu, on_cpu = network(GPUS[0]), network(mx.cpu())
    options = {"epochs": 2, "seed": 0, "compiled": compiled}
    here = fit(on_gpu, digits, ctx=GPUS[0], **options)
    there = fit(on_cpu, digits, ctx=mx.cpu(), **options)
    assert here.last["loss"] == pytest.approx(there.last["loss"], rel=1e-3)
    assert_near(weights(on_gpu), weights(on_cpu))


def test_evaluation_gives_the_processors_numbers(digits):
    here = evaluate(network(GPUS[0]), digits)
    there = evaluate(network(mx.cpu()), digits)
    assert here == pytest.approx(there, rel=1e-3)


def test_a_compiled_network_gives_the_processors_numbers():
    x = nd.random.uniform(shape=(4, 1, 8, 8))
    expected = network(mx.cpu())(x).asnumpy()
    net = network(GPUS[0])
    actual = compile_net(net, x.as_in_context(GPUS[0]), seconds=0.1)(x.as_in_context(GPUS[0]))
    assert actual.context == GPUS[0]
    assert_near([actual.asnumpy()], [expected])


def test_a_file_is_the_same_from_anywhere_to_anywhere(tmp_path):
    net = network(GPUS[0])
    save(net, tmp_path / "net.safetensors")
    for ctx in (mx.cpu(), GPUS[0]):
        again = load(tmp_path / "net.safetensors", ctx=ctx)
        assert [parameter.list_ctx() for parameter in again.collect_params().values()] == [
            [ctx]
        ] * 4
        for mine, other in zip(weights(again), weights(net), strict=True):
            numpy.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("kvstore", ["device", "local"])
def test_all_gpus_together_give_the_numbers_of_one(digits, kvstore):
    together, alone = network(GPUS), network(GPUS[0])
    fit(together, digits, epochs=1, seed=0, ctx=GPUS, kvstore=kvstore)
    fit(alone, digits, epochs=1, seed=0, ctx=GPUS[0], compiled=False)
    assert_near(weights(together), weights(alone))


def test_a_convolution_and_its_gradient_are_those_of_the_processor():
    results = []
    for ctx in (GPUS[0], mx.cpu()):
        mx.random.seed(1)
        x = nd.random.uniform(shape=(2, 3, 8, 8)).as_in_context(ctx)
        w = nd.random.uniform(shape=(4, 3, 3, 3)).as_in_context(ctx)
        w.attach_grad()
        with mx.autograd.record():
            y = nd.Convolution(x, w, kernel=(3, 3), num_filter=4, no_bias=True)
        y.backward()
        results.append([y.asnumpy(), w.grad.asnumpy()])
    assert_near(*results)
