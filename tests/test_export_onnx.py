"""What `export_onnx` offers beyond converters: opsets, float16, and which operator differs."""

import sys

import numpy
import pytest
from mxnet.gluon import rnn

import gluonkit
from gluonkit import errors, export_onnx, gluon, mx, nn
from gluonkit.exporting.onnx.conversion import OWN
from tests.networks import Function, sequential
from tests.test_export_operators import agrees, distinct, make, small

onnx = pytest.importorskip("onnx", reason="it is an extra, which the wheel's tests leave out")
runtime = pytest.importorskip("onnxruntime", reason="as for onnx")

NEWEST = min(onnx.defs.onnx_opset_version(), 28)


def in_one_line(record):
    """What is printed of a record, without the breaks that a terminal's width asks for."""
    return " ".join(str(record).split())


def every_change(F, x):
    """Use all operators of ONNX that newer sets write otherwise."""
    return (
        *F.split(x, num_outputs=2, axis=1),
        F.mean(x, axis=(2, 3)),
        F.max(x, axis=1, keepdims=True) - F.min(x, axis=1, keepdims=True),
        F.prod(x, axis=-1),
        F.sum(x, axis=0),
        F.norm(x, axis=1) + F.norm(x, axis=1, ord=1),
        F.L2Normalization(x),
        F.LayerNorm(x, F.ones(9), F.zeros(9)),
        F.contrib.BilinearResize2D(x, height=7, width=5, align_corners=False),
        F.pad(x, mode="reflect", pad_width=(0, 0, 0, 0, 1, 1, 2, 1)),
        F.Pooling(x, kernel=(3, 2), stride=(2, 2), pool_type="avg", pooling_convention="full"),
        F.Pooling(x, kernel=(3, 2), pool_type="max"),
        F.cast(F.cast(x, "int32"), "float32"),
        F.topk(x, k=2, axis=2, ret_typ="mask"),
        F.space_to_depth(F.slice_axis(x, axis=3, begin=0, end=8), block_size=2),
        F.one_hot(F.argmax(x, axis=1), 4),
        F.clip(x, -3, 3),
    )


@pytest.mark.parametrize("opset", range(13, NEWEST + 1))
def test_every_opset(opset, tmp_path):
    x = distinct(2, 4, 6, 9)
    net = Function(every_change)
    done = export_onnx(net, tmp_path / "net.onnx", x / 50, opset=opset)
    assert (done.opset, done.note) == (opset, "")
    model = onnx.load(str(done.path))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", opset)]
    assert f"opset {opset}" in in_one_line(done)


@pytest.mark.parametrize("opset", [14, NEWEST])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_in_newer_opsets(kind, opset, tmp_path):
    net = getattr(rnn, kind)(5, num_layers=2, bidirectional=True)
    net.initialize(mx.init.Uniform(0.5))
    assert export_onnx(net, tmp_path / "net.onnx", (4, 2, 3), opset=opset).difference < 1e-5


class Deformable(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.weight = self.params.get("weight", shape=(2, 4, 3, 3))
        self.initialize(mx.init.Uniform(1))

    def hybrid_forward(self, F, x, offsets, factors, weight):
        options = {"num_filter": 2, "kernel": (3, 3), "pad": (1, 1), "no_bias": True}
        return F.contrib.ModulatedDeformableConvolution(x, offsets, factors, weight, **options)


def test_deformable_convolutions(tmp_path):
    makes = [make(small, size, 5, 6) for size in (4, 18, 9)]
    net = Deformable()
    with pytest.raises(errors.ExportError, match=r"DeformableConvolution needs opset=19"):
        export_onnx(net, tmp_path / "net.onnx", *(make_one(2) for make_one in makes))
    agrees(net, tmp_path, *makes, opset=19)


def test_deformable_convolutions_without_factors(tmp_path):
    def function(F, x):
        weight = F.ones((1, 2, 3, 3))
        return F.contrib.DeformableConvolution(
            x, F.zeros((2, 18, 3, 4)), weight, kernel=(3, 3), num_filter=1, no_bias=True
        )

    with pytest.raises(errors.ExportError, match=r"DeformableConvolution \(without factors, MXNet"):
        export_onnx(Function(function), tmp_path / "net.onnx", (2, 2, 5, 6), dynamic_batch=False)


@pytest.mark.parametrize("aligned", [False, True])
def test_regions_in_newer_opsets(aligned, tmp_path):
    def function(F, x):
        rois = F.reshape(F.arange(5), (1, 5))
        return F.contrib.ROIAlign(x, rois, pooled_size=(2, 3), spatial_scale=1, aligned=aligned)

    net = Function(function)
    if aligned:
        with pytest.raises(errors.ExportError, match=r"ROIAlign \(aligned=True needs opset=16\)"):
            export_onnx(net, tmp_path / "net.onnx", (1, 2, 8, 8))
    assert export_onnx(net, tmp_path / "net.onnx", (1, 2, 8, 8), opset=16).difference < 1e-5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"opset": 12}, errors.ArgumentError, r"`opset` is 12; give a number from 13 to \d\d, as"),
        ({"opset": -1}, errors.ArgumentError, r"`opset` is -1; give a whole number"),
        (
            {"opset": 999},
            errors.ArgumentError,
            r"`opset` is 999; .* from 13 to \d\d, as onnx .* up",
        ),
        ({"opset": "13"}, errors.ArgumentTypeError, "`opset` is '13', a str"),
        ({"opset": True}, errors.ArgumentTypeError, "`opset` is True, a bool"),
        ({"dtype": "float64"}, errors.ArgumentError, "`dtype` is 'float64'; give 'float32' or"),
        ({"dtype": None}, errors.ArgumentTypeError, "`dtype` is None; give text"),
    ],
)
def test_options_that_are_refused(options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        export_onnx(Function(lambda F, x: x * 2), tmp_path / "net.onnx", (2, 3), **options)
    assert not list(tmp_path.iterdir())


def test_an_opset_that_only_onnx_runtime_lacks(tmp_path, monkeypatch):
    net = Function(lambda F, x: x * 2)
    monkeypatch.setattr("gluonkit.exporting.onnx.opsets._newest_run", lambda _: 15)
    with pytest.raises(errors.ArgumentError, match=r"13 to 15, as .*Runtime \S+ knows up to 15"):
        export_onnx(net, tmp_path / "net.onnx", (2, 3), opset=16)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert export_onnx(net, tmp_path / "net.onnx", (2, 3), opset=16).opset == 16


def network():
    net = sequential(nn.Conv2D(8, 3), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(5))
    net.initialize(mx.init.Xavier())
    return net


def test_half_precision(tmp_path):
    net, x = network(), small(3, 3, 9, 9)
    whole = export_onnx(net, tmp_path / "net.onnx", x)
    done = export_onnx(net, tmp_path / "half.onnx", x, dtype="float16")
    assert done.inputs == whole.inputs
    assert done.outputs == whole.outputs
    assert done.bytes < 0.7 * whole.bytes
    assert (whole.dtype, done.dtype) == ("float32", "float16")
    assert "opset 13, float16)" in in_one_line(done)
    assert "opset 13)" in in_one_line(whole)
    assert 0 < done.difference < 2e-2
    tensors = onnx.load(str(done.path)).graph.initializer
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in tensors}
    expected = net[0].weight.data().asnumpy().astype("float16")
    numpy.testing.assert_array_equal(weights["0.weight"], expected)
    (actual,) = runtime.InferenceSession(str(done.path)).run(None, {"data": x})
    numpy.testing.assert_allclose(actual, net(mx.nd.array(x)).asnumpy(), atol=1e-2)


def test_half_precision_that_does_not_suffice(tmp_path):
    net = Function(lambda F, x: (x * 1e-9) * 1e9)
    with pytest.raises(errors.ExportError, match=r"output 0 differs.*more than float16's rounding"):
        export_onnx(net, tmp_path / "net.onnx", (2, 3), dtype="float16")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["inputs", "weights"])
def test_half_precision_of_float64(part, tmp_path):
    def function(F, x):
        return x * 2 if part == "inputs" else F.cast(F.cast(x, "float64") + 1, "float32")

    x = numpy.ones((2, 3), "float64" if part == "inputs" else "float32")
    with pytest.raises(errors.ExportError, match=r"inputs or weights of float64, .*\.cast\("):
        export_onnx(Function(function), tmp_path / "net.onnx", x, dtype="float16")
    assert not list(tmp_path.iterdir())


def test_half_precision_that_cannot_be_made(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ValueError("an operator is unknown")

    monkeypatch.setattr("onnxruntime.transformers.float16.convert_float_to_float16", fail)
    with pytest.raises(errors.ExportError, match=r"to float16 fails: .*an operator is unknown"):
        export_onnx(network(), tmp_path / "net.onnx", (1, 3, 9, 9), dtype="float16")
    assert not list(tmp_path.iterdir())


def test_half_precision_needs_onnx_runtime(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "onnxruntime.transformers.float16", None)
    with pytest.raises(errors.MissingPackageError, match="onnxruntime"):
        export_onnx(network(), tmp_path / "net.onnx", (1, 3, 9, 9), dtype="float16")


# ---------------------------------------------------------------- which operator differs


def wrong(step):
    step.add("Mul", [step.inputs[0], step.constant("wrong", 1.01, "float32")])


@pytest.mark.parametrize("mode", ["nd", "np"])
def test_the_first_operator_that_differs_is_named(mode, tmp_path, monkeypatch):
    monkeypatch.setitem(OWN, "tanh", wrong)
    monkeypatch.setitem(OWN, "_npi_tanh", wrong)
    monkeypatch.setitem(OWN, "sigmoid", wrong)
    if mode == "np":
        gluonkit.npx.set_np()

    def function(F, x):
        if mode == "np":
            return F.npx.sigmoid(F.np.rint(F.np.tanh(x * 2 + 1) * 8))
        return F.sigmoid(F.tanh(F.relu(x * 2) + 1) - 3)

    text = r"output 0 differs by .*; the first operator .* is \w*tanh \(\S*tanh\S*\), by \d"
    with pytest.raises(errors.ExportError, match=text):
        export_onnx(Function(function), tmp_path / "net.onnx", (2, 3))


def test_in_parts_where_results_are_large(tmp_path, monkeypatch):
    monkeypatch.setattr("gluonkit.exporting.onnx.parting._AT_ONCE", 50)
    monkeypatch.setitem(OWN, "tanh", wrong)
    net = Function(lambda F, x: F.tanh(F.abs(F.relu(x) + 2) * 3))
    with pytest.raises(errors.ExportError, match=r"is tanh \("):
        export_onnx(net, tmp_path / "net.onnx", (2, 3))


def test_ties_are_told(tmp_path):
    """MXNet's topk leaves the order of equal numbers to an unstable sort."""
    x = numpy.zeros((2, 400), "float32")
    x[:, 7] = 1
    net = Function(lambda F, x: (F.topk(x, k=9, axis=1), F.argsort(x, axis=1)))
    done = export_onnx(net, tmp_path / "net.onnx", x)
    assert done.difference > 0.01
    assert "topk (" in done.note or "argsort (" in done.note
    assert done.note.endswith("puts equal numbers in another order")
    assert done.note in in_one_line(done)
    (actual, _) = runtime.InferenceSession(str(done.path)).run(None, {"data": x})
    numpy.testing.assert_array_equal(actual, [[7, *range(7), 8]] * 2)


def regions_of(*indices):
    def function(F, x):
        places = F.reshape(F.concat(*(F.full((1,), n) for n in indices), dim=0), (-1, 1))
        corners = F.broadcast_add(F.zeros_like(places), F.reshape(F.arange(4), (1, 4)))
        regions = F.concat(places, corners * 2, dim=1)
        features = F.contrib.ROIAlign(x, regions, pooled_size=(2, 2), spatial_scale=1)
        mask = F.reshape(F.broadcast_greater_equal(places, F.zeros((1, 1))), (-1, 1, 1, 1))
        return F.where(F.broadcast_like(mask, features), features, F.zeros_like(features))

    return function


def test_a_fault_of_mxnets_is_told(tmp_path):
    """At a negative index MXNet writes one zero among the features of another region."""
    x = small(1, 2, 8, 8) + 1
    done = export_onnx(Function(regions_of(0, -1, -1, 0)), tmp_path / "net.onnx", x)
    assert "ROIAlign (" in done.note
    assert done.note.endswith("at which MXNet writes where it should not")
    (actual,) = runtime.InferenceSession(str(done.path)).run(None, {"data": x})
    assert (actual[0] == actual[3]).all()
    assert (actual[0] > 0).all()
    assert not actual[1:3].any()


def test_no_fault_of_mxnets_hides_another(tmp_path, monkeypatch):
    convert = OWN["_contrib_ROIAlign"]

    def shifted(step):
        convert(step)
        last = step.target.nodes[-1]
        last.output[0] += "right"
        shift = step.constant("shift", 0.5, "float32")
        step.add("Add", [last.output[0], shift])

    monkeypatch.setitem(OWN, "_contrib_ROIAlign", shifted)
    with pytest.raises(errors.ExportError, match=r"the first operator .* is _contrib_ROIAlign \("):
        export_onnx(Function(regions_of(0, -1)), tmp_path / "net.onnx", small(1, 2, 8, 8) + 1)


def test_no_tie_hides_a_wrong_order(tmp_path, monkeypatch):
    def backwards(step):
        count = step.constant("count", [9], "int64")
        step.add_several(
            "TopK", [*step.inputs, count], [f"{step.name}v", f"{step.name}p"], largest=0
        )
        step.add("Cast", [f"{step.name}p"], to=1)

    monkeypatch.setitem(OWN, "topk", backwards)
    net = Function(lambda F, x: F.topk(x, k=9))
    with pytest.raises(errors.ExportError, match=r"the first operator .* is topk \("):
        export_onnx(net, tmp_path / "net.onnx", distinct(2, 400))


def test_rounding_that_decides_is_told(tmp_path):
    """A network that turns its last bits into digits is as far from itself as from its file."""

    def function(F, x):
        for _ in range(6):
            x = F.sin(F.tan(x * 1e3) * 1e3)
        return x

    done = export_onnx(Function(function), tmp_path / "net.onnx", (20, 30))
    assert "rounding decides: inputs moved by a millionth" in done.note


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_outputs_that_show_nothing_are_told(dtype, tmp_path):
    """In float16 these are all zero, which is as near to them as anything."""
    net = Function(lambda F, x: x * 1e-20)
    done = export_onnx(net, tmp_path / "net.onnx", numpy.ones((2, 3), "float32"), dtype=dtype)
    assert done.note.startswith("the network's own outputs are no larger than 1.0e-20, with which")
    assert done.note in in_one_line(done)


def test_chance_is_told(tmp_path):
    net = Function(lambda F, x: F.broadcast_add(x, F.random.uniform(shape=(1, 3))))
    with pytest.raises(errors.ExportError, match="so does the network itself from run to run"):
        export_onnx(net, tmp_path / "net.onnx", (2, 3))


def test_rounding_that_decides_an_order_is_told(tmp_path, monkeypatch):
    """Of scores that differ in their last bits, and would were all inputs larger by a factor."""

    def rounded_otherwise(step):
        exact = step.add("Tanh", step.inputs, "exact")
        factors = step.constant("factors", [[1 - 1e-6, 1 + 1e-6]], "float32")
        step.add("Mul", [exact, factors])

    def order(F, x):
        scores = F.tanh(x)
        return F.sign(scores.slice_axis(1, 0, 1) - scores.slice_axis(1, 1, 2))

    monkeypatch.setitem(OWN, "tanh", rounded_otherwise)
    lower = numpy.linspace(0.1, 0.5, 20, dtype="float32")[:, None]
    x = numpy.concatenate([lower * numpy.float32(1 + 3e-7), lower], axis=1)
    done = export_onnx(Function(order), tmp_path / "net.onnx", x)
    assert "rounding decides: inputs moved by a millionth" in done.note


class Full(nn.HybridSequential):
    """The order of scores that are 1 but for the last bit, whatever becomes of the inputs."""

    def hybrid_forward(self, F, x):
        for layer in self:
            x = layer(x)
        scores = F.sigmoid(x)
        more = scores.slice_axis(1, 0, 1) - scores.slice_axis(1, 1, 2)
        return F.broadcast_add(F.sign(more), F.zeros((1, 1)))


@pytest.mark.parametrize("layers", [[], [nn.BatchNorm(scale=False)]])
def test_rounding_of_full_scores_is_told(layers, tmp_path, monkeypatch):
    def rounded_otherwise(step):
        full = step.add("Sigmoid", step.inputs, "full")
        step.add("Mul", [full, step.constant("factors", [[1 - 2**-23, 1]], "float32")])

    monkeypatch.setitem(OWN, "sigmoid", rounded_otherwise)
    net = Full()
    net.add(*layers)
    net.initialize()
    done = export_onnx(net, tmp_path / "net.onnx", numpy.full((3, 2), 40, "float32"))
    assert done.difference == 1
    assert done.note.startswith("each operator computes the same (largest difference 1.2e-07), but")
    assert done.note.endswith("what they round otherwise changes the outputs by more")


def test_ids_are_not_moved_to_learn_of_rounding(tmp_path, monkeypatch):
    def wrong_row(step):
        shifted = step.add("Sub", [step.inputs[0], step.constant("one", 1, "int32")], "shifted")
        step.add("Gather", [step.inputs[1], shifted])

    net = nn.Embedding(8, 2)
    net.initialize(mx.init.Uniform(1))
    monkeypatch.setitem(OWN, "Embedding", wrong_row)
    monkeypatch.setattr("gluonkit.exporting.onnx.parting.ALLOWED", 9)
    with pytest.raises(errors.ExportError, match="though no operator does by more than rounding"):
        export_onnx(net, tmp_path / "net.onnx", numpy.array([[3, 5]], "int32"))


def test_what_no_operator_explains(tmp_path, monkeypatch):
    net = Function(lambda F, x: F.tanh(x + 1))
    monkeypatch.setitem(OWN, "tanh", wrong)
    monkeypatch.setattr("gluonkit.exporting.onnx.parting.ALLOWED", 1)
    with pytest.raises(errors.ExportError, match="though no operator does by more than rounding"):
        export_onnx(net, tmp_path / "net.onnx", (2, 3))


def test_flags_of_the_command(python, tmp_path):
    def command(*options):
        return python("-m", "gluonkit", "export", "lenet", *options, cwd=tmp_path)

    result = command("--format", "onnx", "--opset", "17", "--dtype", "float16")
    assert result.returncode == 0, result.stderr
    assert "opset 17" in result.stdout
    (model,) = tmp_path.glob("*.onnx")
    types = {tensor.data_type for tensor in onnx.load(str(model)).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in types
    result = command("--format", "onnx", "--opset", "99")
    assert (result.returncode, "`--opset` is 99" in result.stderr) == (2, True)
    for other in ("symbol", "torch"):
        result = command("--format", other, "--dtype", "float16")
        assert (result.returncode, "`--dtype` is for ONNX" in result.stderr) == (2, True)


class Shaped(gluon.Block):
    """A plain Block, which takes numbers from shapes, and has a constant."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(6)

    def forward(self, x):
        y = self.dense(x).reshape((x.shape[0], 2, 3))
        y = y[:, 1] * mx.nd.array([[1.0, 2.0, 4.0]])
        return y, mx.nd.relu(y).sum(axis=1)


def looped():
    """Return a network with `foreach`, which with arrays is a loop."""
    cell = rnn.LSTMCell(4, input_size=3)

    def forward(F, x):
        begin = [F.zeros((2, 4)), F.zeros((2, 4))]
        return F.contrib.foreach(cell, x, begin)[0]

    net = Function(forward)
    net.cell = cell
    return net


@pytest.mark.parametrize(("create", "shape"), [(Shaped, (2, 5)), (looped, (5, 2, 3))])
def test_code_that_takes_arrays_only_is_exported_for_one_batch(create, shape, tmp_path):
    net = create()
    net.initialize(mx.init.Uniform(0.5))
    with pytest.raises(errors.ExportError, match=r"\. dynamic_batch=False exports what its code"):
        export_onnx(net, tmp_path / "net.onnx", shape)
    done = export_onnx(net, tmp_path / "net.onnx", shape, dynamic_batch=False)
    assert done.difference < 1e-5
    (size,) = {sizes for _, sizes in done.inputs.values()}
    assert size == shape
    x = numpy.random.default_rng(1).normal(size=shape).astype("float32")
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    computed = session.run(None, {session.get_inputs()[0].name: x})
    expected = net(mx.nd.array(x))
    expected = expected if isinstance(expected, tuple) else [expected]
    for one, other in zip(computed, expected, strict=True):
        numpy.testing.assert_allclose(one, other.asnumpy(), rtol=1e-5, atol=1e-6)


def normalized(x, groups, scale, offset):
    """Group norm as GluonCV has it: batch norm as in training, of samples laid side by side."""
    with mx.autograd.train_mode():
        rows = len(x) * groups
        ones, zeros = mx.nd.ones(rows), mx.nd.zeros(rows)
        moving = mx.nd.zeros(rows), mx.nd.ones(rows)
        y = x.expand_dims(0).reshape(0, 0, groups, -1).reshape(1, -3, -1)
        y = mx.nd.BatchNorm(
            y, ones * scale, zeros + offset, *moving, eps=1e-5, fix_gamma=scale == 1
        )
    return y.reshape_like(x), moving[0]


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (3, -0.5)])
def test_batch_norm_as_in_training_is_exported_where_it_changes_nothing(scale, offset, tmp_path):
    class GroupNorm(gluon.Block):
        def forward(self, x):
            return normalized(x, 2, scale, offset)[0]

    done = export_onnx(GroupNorm(), tmp_path / "net.onnx", (3, 4, 5), dynamic_batch=False)
    assert done.difference < 1e-5
    x = numpy.random.default_rng(1).normal(2, 3, (3, 4, 5)).astype("float32")
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    (computed,) = session.run(None, {session.get_inputs()[0].name: x})
    grouped = x.astype("float64").reshape(3, 2, 10)
    deviation = numpy.sqrt(grouped.var(2, keepdims=True) + 1e-5)
    expected = (grouped - grouped.mean(2, keepdims=True)) / deviation * scale + offset
    numpy.testing.assert_allclose(computed, expected.reshape(x.shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda mean: mean * 2, "computes as in training"),
        (lambda mean: mean.sum().asscalar(), "computes as in training"),
        (lambda mean: mean.asnumpy(), "reads the numbers of an array"),
    ],
)
def test_the_moving_mean_of_such_a_batch_norm_is_not_to_be_used(use, said, tmp_path):
    class Moving(gluon.Block):
        def forward(self, x):
            y, mean = normalized(x, 2, 1, 0)
            use(mean)
            return y

    with pytest.raises(errors.ExportError, match=f"line .* of test_export_onnx.py {said}"):
        export_onnx(Moving(), tmp_path / "net.onnx", (3, 4, 5), dynamic_batch=False)


def test_code_that_reads_numbers_is_refused_by_its_line(tmp_path):
    class Reading(gluon.Block):
        def forward(self, x):
            return x if x.sum().asscalar() > 0 else -x

    with pytest.raises(errors.ExportError, match=r"line \d+ of test_export_onnx.py reads the num"):
        export_onnx(Reading(), tmp_path / "net.onnx", (2, 3), dynamic_batch=False)
