"""Another head for a network, and its features: both array modes, any zoo, nothing else moves."""

import copy

import numpy
import pytest

import gluonkit
from gluonkit import autograd, create_model, features, gluon, mx, nd, nn, np, params, replace_head
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.models import origin
from gluonkit.models.finetuning.head import auxiliary_heads, find_head
from gluonkit.system.modes import converts_arrays, in_both_modes, legacy

OWN = {
    "lenet": ((2, 1, 28, 28), "6"),
    "mlp": ((2, 20), "1"),
    "mix_mlp": ((2, 2), "dense"),
    "rgnet": ((2, 20), "1"),
}
ZOO = {
    "mxnet/alexnet": ((1, 3, 80, 80), "output"),
    "mxnet/squeezenet1.1": ((1, 3, 224, 224), "output.0"),
    "mxnet/mobilenetv2_0.25": ((2, 3, 64, 64), "output.0"),
    "mxnet/resnet18_v1": ((2, 3, 64, 64), "output"),
    "mxnet/densenet121": ((1, 3, 224, 224), "output"),
    "mxnet/vgg11": ((1, 3, 32, 32), "output"),
    "mxnet/inceptionv3": ((1, 3, 299, 299), "output"),
}
MODELS = OWN | ZOO


def draw(shape):
    """Return the same numbers as an array of the active mode."""
    numbers = numpy.random.RandomState(3).rand(*shape).astype("float32")
    return np.array(numbers) if mx.util.is_np_array() else nd.array(numbers)


def contents(net):
    """Return every parameter's object and values by path."""
    return {record.path: (record.parameter, record.parameter.data().asnumpy()) for record in
            params.collect(net)}  # fmt: skip


def ready(name, shape, **options):
    net = create_model(name, init="xavier", **options)
    gluonkit.materialize(net, shape)
    return net


@pytest.mark.parametrize("name", MODELS)
def test_only_the_head_is_replaced(name, array_mode):
    shape, head = MODELS[name]
    net = ready(name, shape)
    net.hybridize()
    net(draw(shape))  # builds the graph that must not be used any longer
    before = contents(net)
    assert find_head(net) == head
    assert replace_head(net, 3) is net
    after = contents(net)
    assert list(after) == list(before)
    for path, (parameter, values) in before.items():
        if path.startswith(f"{head}."):
            assert after[path][0] is not parameter
            assert after[path][0].name == parameter.name
            assert after[path][1].shape == (3, *values.shape[1:])
        else:
            assert after[path][0] is parameter
            assert numpy.array_equal(after[path][1], values)
    compiled = net(draw(shape))
    assert compiled.shape == (shape[0], 3)
    net.hybridize(False)
    expected = net(draw(shape)).asnumpy()
    numpy.testing.assert_allclose(compiled.asnumpy(), expected, rtol=1e-4, atol=1e-5)
    with autograd.record():
        loss = (net(draw(shape)) ** 2).sum()
    loss.backward()
    assert abs(after[f"{head}.weight"][0].grad().asnumpy()).max() > 0


@pytest.mark.parametrize("name", ["mlp", "mxnet/mobilenetv2_0.25"])
def test_a_head_is_as_far_initialized_as_the_old_one(name, array_mode):
    shape, head = MODELS[name]
    net = replace_head(create_model(name), 3)
    assert {record.state for record in params.collect(net)} == {"uninitialized"}
    net.initialize()
    assert net(draw(shape)).shape == (shape[0], 3)
    net = replace_head(create_model(name, init=mx.init.Constant(0.5)), 3)
    assert net(draw(shape)).shape == (shape[0], 3)
    assert (params.values(net)[f"{head}.weight"] == 0.5).all()


def test_devices_types_and_settings_are_kept():
    net = nn.HybridSequential()
    net.add(
        nn.Dense(4),
        nn.Dense(7, activation="tanh", use_bias=False, flatten=False, weight_initializer="ones"),
    )
    net.cast("float64")
    net.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
    net(nd.ones((2, 3), dtype="float64"))
    net[1].weight.lr_mult, net[1].weight.grad_req = 10, "null"
    params.freeze(net, "0.*")
    head = replace_head(net, 5)[1]
    assert head.weight.list_ctx() == [mx.cpu(0), mx.cpu(1)]
    assert head.weight.dtype == "float64"
    assert (head.weight.lr_mult, head.weight.grad_req, head.bias) == (10, "write", None)
    assert (head.weight.data(mx.cpu(1)).asnumpy() == 1).all()
    assert head._flatten is False
    assert head.act._act_type == "tanh"
    assert net[0].weight.grad_req == "null"
    assert net(nd.ones((2, 3), dtype="float64")).dtype == numpy.float64


@pytest.mark.parametrize("init", [mx.init.Constant(2), True, "xavier"])
def test_an_initializer_is_for_the_weights(init, array_mode):
    net = replace_head(ready("mlp", (2, 20)), 3, init=init)
    weight = net[1].weight.data().asnumpy()
    assert (weight == 2).all() == isinstance(init, mx.init.Constant)
    assert abs(weight).max() > 0
    assert not net[1].bias.data().asnumpy().any()


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.Conv1D(6, 3, strides=2, padding=1, dilation=2, groups=2, activation="relu"),
        lambda: nn.Conv1D(6, 3, use_bias=False),
        lambda: gluonkit.models.layers.TransposedDense(6),
    ],
)
def test_layers_that_are_named(layer, array_mode):
    net = nn.HybridSequential()
    net.add(layer(), nn.Activation("tanh"))
    net.initialize()
    data = draw((2, 8) if isinstance(net[0], gluonkit.models.layers.TransposedDense) else (2, 8, 9))
    before, text = net(data).shape, repr(net[0])
    assert replace_head(net, 4, at="0")[0] is net[0]
    after = tuple(4 if size == 6 else size for size in before)
    assert net(data).shape == after
    assert repr(net[0]) == text.replace("-> 6", "-> 4")


def test_every_block_around_forgets_its_graph(array_mode):
    inner = nn.HybridSequential()
    inner.add(nn.Dense(4), nn.Dense(6))
    net, outer = nn.HybridSequential(), nn.HybridSequential()
    net.add(nn.Dense(5), inner)
    outer.add(net)
    outer.initialize()
    for block in (outer, net, inner):
        block.hybridize()
    shape = {id(outer): 3, id(net): 3, id(inner): 5}
    for block in (outer, net, inner):
        assert block(draw((2, shape[id(block)]))).shape == (2, 6)
        assert block._cached_graph
    replace_head(outer, 7)
    for block in (outer, net, inner):
        assert block(draw((2, shape[id(block)]))).shape == (2, 7)
        assert block._active


def test_a_head_by_its_path_and_several(array_mode):
    net = ready("mlp", (2, 20), units=(5, 6))
    replace_head(net, 3, at="2")
    assert net[2].weight.shape == (3, 6)
    assert origin(net) == "mlp(units=(5, 6), classes=3)"
    body = nn.HybridSequential()
    body.add(nn.Dense(4, in_units=2), nn.Dense(4, in_units=2))
    replace_head(body, 9, at=["0", "1"])
    assert [layer.weight.shape for layer in body] == [(9, 2), (9, 2)]


def test_files(array_mode, tmp_path):
    net = replace_head(ready("mxnet/mobilenetv2_0.25", (1, 3, 32, 32)), 3)
    assert origin(net) == "mxnet/mobilenetv2_0.25(classes=3)"
    expected = net(draw((1, 3, 32, 32))).asnumpy()
    path = gluonkit.save(net, tmp_path / "net.safetensors")
    again = gluonkit.load(path)
    assert numpy.array_equal(again(draw((1, 3, 32, 32))).asnumpy(), expected)
    net.save_parameters(str(tmp_path / "net.params"))
    other = create_model("mxnet/mobilenetv2_0.25", classes=3)
    other.load_parameters(str(tmp_path / "net.params"))
    assert numpy.array_equal(other(draw((1, 3, 32, 32))).asnumpy(), expected)
    assert gluonkit.summary(net, (1, 3, 32, 32)).total_params == sum(
        parameter.data().size for parameter in other.collect_params().values()
    )


def test_how_it_was_made_is_forgotten_where_no_option_says_it(tmp_path):
    net = replace_head(ready("mix_mlp", (2, 2)), 3)
    assert origin(net) is None
    path = gluonkit.save(net, tmp_path / "net.safetensors")
    with pytest.raises(gluonkit.errors.CheckpointError, match="give it as net="):
        gluonkit.load(path)
    net = replace_head(ready("mlp", (2, 20), units=(6, 5)), 5, at="0")  # not the classifier
    assert origin(net) is None
    inner = create_model("mlp")
    outer = nn.HybridSequential()
    outer.add(inner)
    replace_head(outer, 3)
    assert origin(inner) is None


class Segmenter(gluon.HybridBlock):
    """As GluonCV's: classifiers in `head` and `auxlayer`, and attributes that count."""

    def __init__(self):
        super().__init__()
        self.nclass, self.classes, self.num_class = 4, ("a", "b", "c", "d"), 5
        self.body = nn.Conv2D(4, 1, in_channels=3)  # as wide as there are classes
        for name in ("head", "auxlayer"):
            part = nn.HybridSequential()
            part.add(nn.Conv2D(4, 1, in_channels=4), nn.BatchNorm(), nn.Conv2D(4, 1))
            setattr(self, name, part)

    def hybrid_forward(self, F, x):
        x = self.body(x)
        return self.head(x), self.auxlayer(x)


def test_auxiliary_heads_and_the_number_of_classes(array_mode):
    net = Segmenter()
    net.initialize()
    assert [output.shape for output in net(draw((1, 3, 8, 8)))] == [(1, 4, 8, 8)] * 2
    assert auxiliary_heads(net, "head.2") == ["auxlayer.2"]
    replace_head(net, ["cat", "dog"])
    assert [output.shape for output in net(draw((1, 3, 8, 8)))] == [(1, 2, 8, 8)] * 2
    assert (net.nclass, net.classes, net.num_class) == (2, ("cat", "dog"), 5)
    assert (net.body._channels, net.head[0]._channels) == (4, 4)
    replace_head(net, 3)
    assert net.classes == ("0", "1", "2")


def test_one_layer_with_two_names(array_mode):
    class Net(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.output = nn.Dense(4)
            self.head = nn.HybridSequential()
            self.head.add(nn.Dropout(0.5), self.output)

        def hybrid_forward(self, F, x):
            return self.head(x)

    net = Net()
    net.initialize()
    net(draw((2, 3)))
    replace_head(net, 7)
    assert net.output is net.head[1]
    assert net(draw((2, 3))).shape == (2, 7)


def twice():
    net, layer = nn.HybridSequential(), nn.Dense(4)
    net.add(layer, layer)
    return net


def tied():
    net = nn.HybridSequential()
    net.add(nn.Embedding(5, 4))
    net.add(nn.Dense(5, flatten=False, params=net[0].params))
    return net


def headless():
    net = nn.HybridSequential()
    net.add(nn.Dense(4), nn.BatchNorm())
    return net


@pytest.mark.parametrize(
    ("net", "arguments", "options", "error", "text"),
    [
        (lambda: "net", (3,), {}, ArgumentTypeError, "`net` is 'net', a name; make the"),
        (None, (0,), {}, ArgumentError, "`classes` is 0; give a whole number from 1"),
        (None, (2.5,), {}, ArgumentTypeError, "`classes` is 2.5, a float; give a whole"),
        (None, (True,), {}, ArgumentTypeError, "`classes` is True, a bool"),
        (None, ("cat",), {}, ArgumentTypeError, "`classes` is 'cat', a str; give a number, or a"),
        (None, (["a", 1],), {}, ArgumentTypeError, "`classes` has 1 in it; give a number, or"),
        (None, (["a", "a"],), {}, ArgumentError, "`classes` names one twice"),
        (None, ([],), {}, ArgumentError, "`classes` is empty"),
        (None, (3,), {"at": "5"}, ArgumentError, "`at` is '5', which is not known"),
        (None, (3,), {"at": "0.akt"}, ArgumentError, "Did you mean '0.act'"),
        (None, (3,), {"at": 1}, ArgumentTypeError, "`at` is 1, an int; give a path as text"),
        (None, (3,), {"at": []}, ArgumentError, "`at` is empty; give the path"),
        (None, (3,), {"at": ["1", "1"]}, ArgumentError, r"`at` is \['1', '1'\], which names one"),
        (None, (3,), {"at": "0.act"}, ArgumentError, "`at` is '0.act', an Activation; give the"),
        (None, (3,), {"at": ""}, ArgumentError, "a HybridSequential.*; in it is '1'"),
        (None, (3,), {"init": "xavir"}, ArgumentError, "`init` is 'xavir', which is not known"),
        (headless, (3,), {}, ArgumentError, r"does not end in .* with weights is 1 \(BatchNorm\)"),
        (lambda: nn.Dropout(0.5), (3,), {}, ArgumentError, "does not end.*it has no weights; name"),
        (twice, (3,), {}, ArgumentError, "`net` uses the layer 0 once more, as 1"),
        (tied, (3,), {}, ArgumentError, "`net` shares 1.weight with 0.weight"),
        (
            lambda: nn.Conv2D(4, 1, groups=2, in_channels=4),
            (3,),
            {},
            ArgumentError,
            "`classes` is 3, but the convolution has 2 groups",
        ),
    ],
)
def test_what_is_refused_changes_nothing(net, arguments, options, error, text):
    net = (net or (lambda: create_model("mlp")))()
    before = repr(net)
    with pytest.raises(error, match=text):
        replace_head(net, *arguments, **options)
    assert repr(net) == before


class Detector(gluon.HybridBlock):
    """As GluonCV's: its `reset_class` asks each parameter where it is."""

    def __init__(self):
        super().__init__()
        self.classes = ["x", "y", "z", "w"]
        self.body, self.head = nn.Dense(6, in_units=3), nn.Dense(5, in_units=6)

    def reset_class(self, classes):
        self.classes = classes
        ctx = self.head.weight.list_ctx()
        if classes == ["bad", "luck"]:
            raise ValueError("no luck")
        self.head = nn.Dense(len(classes) + 1, in_units=6, prefix=self.head.prefix)
        self.head.initialize(ctx=ctx)

    def hybrid_forward(self, F, x):
        return self.head(self.body(x))


@pytest.mark.parametrize("converts", [False, True])
def test_detectors_reset_their_classes(converts, array_mode):
    net = Detector()
    net = in_both_modes(net) if converts else net
    replace_head(net, 3)
    assert {record.state for record in params.collect(net)} == {"uninitialized"}
    assert net.classes == ["0", "1", "2"]
    net.head.weight.lr_mult = 10
    net.initialize()
    net.hybridize()
    assert net(draw((2, 3))).shape == (2, 4)
    body, head = params.values(net, "body.*"), net.head
    replace_head(net, ["a", "b"], init=mx.init.Constant(3))
    assert converts_arrays(net.head) == converts
    assert net.head.weight.lr_mult == 10
    assert (net.head.weight.data().asnumpy() == 3).all()
    assert not net.head.bias.data().asnumpy().any()
    assert net(draw((2, 3))).shape == (2, 3)
    for path, values in params.values(net, "body.*").items():
        assert numpy.array_equal(values, body[path])
    head = net.head
    with pytest.raises(ValueError, match="no luck"):
        replace_head(net, ["bad", "luck"])
    assert net.head is head
    assert net.classes == ["a", "b"]


def gluoncv(name, **options):
    """Return a network of GluonCV's, in either array mode."""
    zoo = pytest.importorskip("gluoncv.model_zoo", reason="GluonCV is not installed")
    with legacy():
        return in_both_modes(zoo.get_model(name, **options))


@pytest.mark.filterwarnings("ignore")  # GluonCV's own
@pytest.mark.parametrize(
    ("name", "side", "heads"),
    [
        ("resnet18_v1b", 32, ["fc"]),
        ("mobilenetv3_small", 224, ["output.0"]),
        ("googlenet", 224, ["output", "aux1.6", "aux2.6"]),
        ("fcn_resnet50_voc", 480, ["head.block.4", "auxlayer.block.4"]),
        ("danet_resnet50_citys", None, ["head.conv8.0", "head.conv6.0", "head.conv7.0"]),
        ("i3d_resnet50_v1_kinetics400", None, ["fc"]),
    ],
)
def test_gluoncvs_networks(name, side, heads, array_mode):
    more = {"aux_logits": True} if name == "googlenet" else {}
    more |= {} if name == "mobilenetv3_small" else {"pretrained_base": False}
    net = gluoncv(name, **more)
    assert [find_head(net), *auxiliary_heads(net, find_head(net))] == heads
    replace_head(net, 3)
    weights = params.collect(net, [f"{head}.weight" for head in heads])
    assert {weight.shape[0] for weight in weights} == {3}
    if side:
        net.initialize()
        outputs = net(draw((1, 3, side, side)))
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        assert {output.shape[1] for output in outputs} == {3}


@pytest.mark.filterwarnings("ignore")  # GluonCV's own
@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("ssd_300_vgg16_atrous_voc", 300),
        ("yolo3_mobilenet1.0_voc", 64),
        ("center_net_resnet18_v1b_voc", 64),
    ],
)
@pytest.mark.parametrize("state", ["uninitialized", "hybridized"])
def test_gluoncvs_detectors(name, side, state, array_mode):
    net = gluoncv(name, pretrained_base=False)
    if state == "hybridized":
        net.initialize()
        net.hybridize()
        net(draw((1, 3, side, side)))
    kept = {id(parameter) for parameter in net.collect_params().values()}
    replace_head(net, ["cat", "dog"])
    assert net.classes == ["cat", "dog"]
    fresh = [parameter for parameter in net.collect_params().values() if id(parameter) not in kept]
    assert fresh
    if state == "uninitialized":
        net.initialize()
    ids = net(draw((1, 3, side, side)))[0].asnumpy()
    assert ids.max() < 2


@pytest.mark.parametrize("hybridize", [False, True])
@pytest.mark.parametrize("name", ZOO)
def test_what_enters_the_head(name, hybridize, array_mode):
    shape, head = ZOO[name]
    net = create_model(name, init="xavier")
    net.hybridize(hybridize)
    feats = features(net)
    feats.hybridize(hybridize)
    actual = feats(draw(shape))  # finishes deferred initialization, the head's left out
    if name in ("mxnet/alexnet", "mxnet/vgg11"):  # the others tell their heads the shape
        assert params.collect(net, f"{head}.weight")[0].state == "deferred"
    expected = net.features(draw(shape))
    assert type(actual) is type(expected)
    scale = abs(expected.asnumpy()).max()
    numpy.testing.assert_allclose(actual.asnumpy(), expected.asnumpy(), atol=1e-5 * scale)
    before = net(draw(shape)).asnumpy()
    assert numpy.array_equal(feats(draw(shape)).asnumpy(), actual.asnumpy())
    assert numpy.array_equal(net(draw(shape)).asnumpy(), before)
    theirs = [record.path for record in params.collect(feats)]
    assert theirs == [
        f"net.{record.path}"
        for record in params.collect(net)
        if not record.path.startswith(head.split(".")[0])
    ]


class Spy(gluon.HybridBlock):
    """Counts the calls with arrays, and can refuse them."""

    def __init__(self, *, deaf=False):
        super().__init__()
        self.deaf, self.calls = deaf, []

    def hybrid_forward(self, F, x):
        assert not self.deaf, "beyond the last layer that is wanted"
        self.calls.append(type(x))
        return x


def spied():
    """Return a network with a layer after each of whose calls nothing may be called."""

    class Net(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.one, self.spy = nn.Dense(4, activation="relu"), Spy()
            self.parts = nn.HybridSequential()
            self.parts.add(nn.Dense(3), nn.Dense(5), Spy(deaf=True))
            self.two, self.output = nn.Dense(6), nn.Dense(2)

        def hybrid_forward(self, F, x):
            return self.output(self.two(self.parts(self.spy(self.one(x)))))

    return Net()


@pytest.mark.parametrize("hybridize", [False, True])
def test_nothing_beyond_is_computed(hybridize, array_mode):
    net = spied()
    net.initialize()
    net.hybridize(hybridize)
    feats = features(net, ["parts.0", "spy", "parts.1"])
    feats.hybridize(hybridize)
    assert isinstance(feats, gluon.HybridBlock)
    net.spy.calls.clear()
    actual = feats(draw((2, 7)))
    assert [output.shape for output in actual] == [(2, 3), (2, 4), (2, 5)]
    symbol = mx.sym.np._Symbol if array_mode == "np" else mx.sym.Symbol
    assert net.spy.calls == ([symbol] if hybridize else [type(actual[0])])
    assert net.two.weight.shape[1] in (0, -1)  # never reached
    weights = [record.path for record in params.collect(feats, "*.weight")]
    assert weights == ["net.one.weight", "net.parts.0.weight", "net.parts.1.weight"]
    assert list(feats.collect_params()) == [record.name for record in params.collect(feats)]
    with pytest.raises(AssertionError, match="beyond"):
        net(draw((2, 7)))
    # By hand, in NumPy.
    w = {record.path[4:]: record.parameter.data().asnumpy() for record in params.collect(feats)}
    one = numpy.maximum(draw((2, 7)).asnumpy() @ w["one.weight"].T + w["one.bias"], 0)
    zero = one @ w["parts.0.weight"].T + w["parts.0.bias"]
    expected = [zero, one, zero @ w["parts.1.weight"].T + w["parts.1.bias"]]
    for one, other in zip(actual, expected, strict=True):
        numpy.testing.assert_allclose(one.asnumpy(), other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hybridize", [False, True])
def test_gradients_reach_the_shared_parameters(hybridize, array_mode):
    net = ready("lenet", (2, 1, 28, 28))
    feats = features(net, "4")
    feats.hybridize(hybridize)
    trainer = gluon.Trainer(feats.collect_params(), "sgd", {"learning_rate": 0.1})
    with autograd.record():
        loss = (feats(draw((2, 1, 28, 28))) ** 2).sum()
    loss.backward()
    actual = {record.path: record.parameter.grad().asnumpy() for record in params.collect(net)}
    with autograd.record():
        x = draw((2, 1, 28, 28))
        for layer in list(net)[:5]:
            x = layer(x)
        loss = (x**2).sum()
    loss.backward()
    for record in params.collect(net):
        expected = record.parameter.grad().asnumpy()
        numpy.testing.assert_allclose(actual[record.path], expected, rtol=1e-4, atol=1e-5)
    before = params.values(net)
    trainer.step(2)  # MXNet refuses parameters without a new gradient
    moved = {path for path, old in params.values(net).items() if (old != before[path]).any()}
    assert moved == {f"{index}.{kind}" for index in (0, 2, 4) for kind in ("weight", "bias")}


def test_the_network_is_as_it_was(array_mode):
    net = ready("mxnet/resnet18_v1", (2, 3, 64, 64))
    net.hybridize(static_alloc=True)
    expected = net(draw((2, 3, 64, 64))).asnumpy()
    graphs = net._cached_op, net.features._cached_op
    feats = features(net, ["features.5", "features.3", "", "features.5"])
    first, second, whole, again = feats(draw((2, 3, 64, 64)))
    assert (first.shape, second.shape) == ((2, 128, 8, 8), (2, 64, 16, 16))
    numpy.testing.assert_allclose(whole.asnumpy(), expected, rtol=1e-4, atol=1e-5)
    assert numpy.array_equal(again.asnumpy(), first.asnumpy())
    assert (net._cached_op, net.features._cached_op) == graphs
    assert net._active
    assert net.features[5]._active
    replace_head(net, 3)
    assert feats(draw((2, 3, 64, 64)))[2].shape == (2, 1000)


def test_a_layer_that_is_called_or_stands_several_times(array_mode):
    class Thrice(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.layer, self.after = nn.Dense(3, in_units=3), nn.Dense(2)

        def hybrid_forward(self, F, x):
            return self.after(self.layer(self.layer(self.layer(x))))

    net = Thrice()
    net.initialize()
    x = draw((2, 3))
    expected = net.layer(x)
    assert numpy.array_equal(features(net, "layer")(x).asnumpy(), expected.asnumpy())
    net = twice()
    net.add(nn.Dense(2))
    net.initialize()
    x = draw((2, 4))
    once, two = features(net, ["0", "1"])(x)
    assert numpy.array_equal(once.asnumpy(), net[0](x).asnumpy())
    assert numpy.array_equal(two.asnumpy(), net[0](net[0](x)).asnumpy())
    assert numpy.array_equal(features(net)(x).asnumpy(), two.asnumpy())


def test_several_inputs_and_nested_outputs(array_mode):
    class Net(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.rnn, self.output = gluon.rnn.LSTM(4, layout="NTC"), nn.Dense(2)

        def hybrid_forward(self, F, x, state, cell, scale=None):
            return self.output(self.rnn(x, [state, cell])[0])

    net = Net()
    net.initialize()
    inputs = draw((2, 3, 5)), draw((1, 2, 4)), draw((1, 2, 4))
    expected = net.rnn(inputs[0], list(inputs[1:]))
    feats = features(net, "rnn")
    for hybridize in (False, True):
        feats.hybridize(hybridize)
        actual, states = feats(*inputs)
        for one, other in zip([actual, *states], [expected[0], *expected[1]], strict=True):
            numpy.testing.assert_allclose(one.asnumpy(), other.asnumpy(), rtol=1e-5, atol=1e-6)
    assert features(net)(*inputs).shape == (2, 3, 4)


class Plain(gluon.Block):
    """No HybridBlock, and not to be traced."""

    def __init__(self):
        super().__init__()
        self.body, self.fc = nn.HybridSequential(), nn.Dense(2)
        self.body.add(nn.Dense(5), nn.Dense(4))
        self.other = nn.Dense(3)

    def forward(self, x):
        if x.asnumpy().sum() < 0:
            return self.fc(self.other(x))
        return self.fc(self.body(x))


def test_a_plain_block(array_mode):
    net = Plain()
    net.initialize()
    net.hybridize()
    x = draw((2, 3))
    expected = net.body(x).asnumpy()
    feats = features(net)
    feats.hybridize()
    assert not isinstance(feats, gluon.HybridBlock)
    assert numpy.array_equal(feats(x).asnumpy(), expected)
    assert features(net, "body.0")(x).shape == (2, 5)
    assert features(net, ["other"])(-x)[0].shape == (2, 3)
    with pytest.raises(StateError, match=r"'other' of Plain is not called in this forward pass"):
        features(net, ["other", "fc"])(x)
    assert not feats._route.passes


@pytest.mark.parametrize(
    ("at", "error", "text"),
    [
        ("2", ArgumentError, "`at` is '2', which is not known"),
        (["0", "0.akt"], ArgumentError, "Did you mean '0.act'"),
        (3, ArgumentTypeError, "`at` is 3, an int; give text or a list of texts"),
        ([], ArgumentError, "`at` is empty; give the path of a layer, or None"),
    ],
)
def test_layers_that_there_are_not(at, error, text):
    with pytest.raises(error, match=text):
        features(create_model("mlp"), at)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (headless, ArgumentError, "does not end in a Dense layer"),
        (Detector, ArgumentError, "`at` is None, but Detector is a detector, which has"),
        (lambda: "mlp", ArgumentTypeError, "`net` is 'mlp', a name; make the network first"),
    ],
    ids=["no head", "detector", "text"],
)
def test_networks_without_one_head(make, error, message):
    with pytest.raises(error, match=message):
        features(make())


def test_features_of_features(array_mode):
    net = ready("lenet", (2, 1, 28, 28))
    inner = features(net)
    outer = features(inner, ["net.3", "net.4"])
    for hybridize in (False, True):
        inner.hybridize(hybridize)
        outer.hybridize(hybridize)
        assert [output.shape for output in outer(draw((2, 1, 28, 28)))] == [(2, 16, 5, 5), (2, 120)]
        assert inner(draw((2, 1, 28, 28))).shape == (2, 84)


def test_copies(array_mode):
    net = ready("lenet", (2, 1, 28, 28))
    feats = features(net)
    other = copy.deepcopy(feats)
    x = draw((2, 1, 28, 28))
    expected = feats(x).asnumpy()
    feats.net[0].weight.set_data(feats.net[0].weight.data() * 2)
    assert numpy.array_equal(other(x).asnumpy(), expected)
    assert not numpy.array_equal(feats(x).asnumpy(), expected)
    assert numpy.array_equal(feats(x).asnumpy(), features(net)(x).asnumpy())


def test_everything_of_gluonkits_works_on_them(array_mode, tmp_path):
    shape = (2, 3, 64, 64)
    net = create_model("mxnet/mobilenetv2_0.25", init="xavier", classes=10)
    feats = features(net, "features.4")
    gluonkit.materialize(feats, shape)
    summary = gluonkit.summary(feats, shape)
    expected = feats(draw(shape))
    assert summary.total_params == sum(parameter.data().size for parameter in
                                       feats.collect_params().values())  # fmt: skip
    assert f"{expected.shape}" in str(summary)
    assert gluonkit.activations(feats, draw(shape))[-1].shape == expected.shape
    assert gluonkit.check_hybrid(feats, draw(shape)).ok
    path = gluonkit.save(feats, tmp_path / "feats.safetensors")
    other = features(create_model("mxnet/mobilenetv2_0.25", classes=10), "features.4")
    assert gluonkit.load(path, net=other) is other
    assert numpy.array_equal(other(draw(shape)).asnumpy(), expected.asnumpy())
    feats.save_parameters(str(tmp_path / "feats.params"))
    other.load_parameters(str(tmp_path / "feats.params"))
    assert gluonkit.export(feats, tmp_path / "feats", shape).difference < 1e-5


@pytest.mark.filterwarnings("ignore")  # GluonCV's own
@pytest.mark.parametrize(
    ("name", "at", "side"),
    [
        ("resnet18_v1b", ["layer2", "layer4.1.relu2"], 64),
        ("googlenet", None, 224),
        ("ssd_300_vgg16_atrous_voc", "class_predictors.1", 300),
        ("yolo3_mobilenet1.0_voc", ["stages.0", "yolo_blocks.0"], 64),
        ("fcn_resnet50_voc", None, 480),
    ],
)
def test_features_of_gluoncvs_networks(name, at, side, array_mode):
    net = gluoncv(name, pretrained_base=False)
    net.initialize()
    feats = features(net, at)
    first = feats(draw((1, 3, side, side)))
    feats.hybridize()
    second = feats(draw((1, 3, side, side)))
    pairs = [(first, second)] if not isinstance(first, tuple) else zip(first, second, strict=True)
    for one, other in pairs:
        for left, right in zip(*(x if isinstance(x, (list, tuple)) else [x] for x in (one, other)),
                               strict=True):  # fmt: skip
            scale = abs(left.asnumpy()).max()
            numpy.testing.assert_allclose(left.asnumpy(), right.asnumpy(), atol=1e-4 * scale)


def test_fine_tuning(array_mode):
    """A network that knows five digits learns the others by its head alone."""
    images, labels = gluonkit.data.digits(8, 8)
    train, test = (images[:1400], labels[:1400]), (images[1400:], labels[1400:])
    known = train[1] < 5
    net = create_model("mlp", units=(64, 32), classes=5, init="xavier")
    old = train[0][known], train[1][known]
    gluonkit.fit(net, old, epochs=8, batch_size=32, seed=1, callbacks=[], optimizer="adam")
    frozen = params.freeze(net)
    replace_head(net, 10, init="xavier")
    body = {path: values for path, values in params.values(net).items() if path[0] != "2"}
    assert set(body) < set(frozen)
    before = gluonkit.evaluate(net, test)["accuracy"]
    history = gluonkit.fit(
        net, train, epochs=8, batch_size=32, seed=1, callbacks=[], optimizer="adam",
        optimizer_params={"learning_rate": 0.01},
    )  # fmt: skip
    assert not history.notes
    after = gluonkit.evaluate(net, test)["accuracy"]
    assert before < 0.3
    assert after > 0.7
    for path, values in body.items():
        assert numpy.array_equal(params.values(net)[path], values)
    # The same with a network of features and a head beside it: all is trained.
    feats = features(net)
    tuned = nn.HybridSequential()
    tuned.add(feats, nn.Dense(10))
    tuned[1].initialize()
    params.unfreeze(feats)
    history = gluonkit.fit(
        tuned, train, epochs=20, batch_size=32, seed=1, callbacks=[], optimizer="adam"
    )
    assert not history.notes
    assert gluonkit.evaluate(tuned, test)["accuracy"] > 0.85
    assert (net[0].weight.data().asnumpy() != body["0.weight"]).any()
