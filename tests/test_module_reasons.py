"""Files that are not loaded: what they are is said, and the call that reads them."""

import json
import shutil
import warnings

import mxnet as mx
import numpy
import pytest
from mxnet import gluon, nd

from gluonkit import convert, create_model, export, inspect, load, save
from gluonkit.errors import ArgumentError, CheckpointError
from tests.legacy import draws, graph, node, variable, written

DENSE = node("FullyConnected", "fc", 0, 1, 2, attrs={"num_hidden": "3"})
TEXT = graph(variable("data"), variable("fc_weight"), variable("fc_bias"), DENSE, version=10901)
PARAMETERS = {"arg:fc_weight": draws(3, 4), "arg:fc_bias": draws(3)}


@pytest.mark.parametrize(("version", "said"), [(None, "0.8 or older"), (1200, "0.12.0")])
def test_the_attribute_of_a_fork(version, said, tmp_path):
    attributes = {"fix_linear_trans": "True", "eps": "0.001"}
    norm = node("BatchNorm", "b", 0, 1, 2, 3, 4, attrs=attributes)
    names = ("b_gamma", "b_beta", "b_moving_mean", "b_moving_var")
    text = graph(variable("data"), *map(variable, names), norm, version=version)
    path = written(tmp_path, text, {f"arg:{name}": draws(3) for name in names})
    words = rf"node 'b' \(BatchNorm\) has fix_linear_trans='True', .* is of MXNet {said}: a fork"
    with pytest.raises(CheckpointError, match=words):
        load(path)


def fused(folder, *, quantized):
    data = mx.sym.Variable("data")
    layer = mx.sym.Convolution(data, num_filter=4, kernel=(3, 3), name="conv")
    symbol = mx.sym.Activation(layer, "relu", name="relu")
    parameters = {"conv_weight": nd.array(draws(4, 3, 3, 3)), "conv_bias": nd.zeros(4)}
    symbol = symbol.get_backend_symbol("MKLDNN_QUANTIZE" if quantized else "MKLDNN")
    if quantized:
        batches = mx.io.NDArrayIter(draws(4, 3, 8, 8), batch_size=4)
        options = {"calib_mode": "naive", "calib_data": batches, "num_calib_examples": 4}
        options |= {"quantized_dtype": "auto", "label_names": None, "ctx": mx.cpu()}
        quantize = mx.contrib.quantization.quantize_model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symbol, parameters, _ = quantize(symbol, parameters, {}, **options)
        symbol = symbol.get_backend_symbol("MKLDNN_QUANTIZE")
    mx.model.save_checkpoint(str(folder / "net"), 0, symbol, parameters, {})
    return folder / "net-symbol.json"


def test_a_fused_graph_has_no_control_flow(tmp_path):
    words = (
        r"fused for prediction on one kind of processor \(_sg_mkldnn_conv\).*before optimize_for"
    )
    with pytest.raises(CheckpointError, match=words) as error:
        load(fused(tmp_path, quantized=False))
    assert "control flow" not in str(error.value)


def test_a_quantized_graph_is_called_one(tmp_path):
    words = (
        r"quantized \(int8\) and fused .*before quantize_net, and call compile\(net, x, int8=True"
    )
    with pytest.raises(CheckpointError, match=words):
        load(fused(tmp_path, quantized=True))


@pytest.mark.parametrize(
    ("operator", "attributes", "words"),
    [
        ("_Native", {"info": "0x7f"}, "is Python of the process that wrote the file"),
        ("_NDArray", {"info": "0x7f"}, "is Python of the process that wrote the file"),
        ("_cvimread", {"filename": "x.png"}, "opens images by the OpenCV inside MXNet"),
        ("_cvimdecode", {}, "opens images by the OpenCV inside MXNet"),
        ("_backward_BatchNorm_v1", {}, "belongs to a backward pass"),
        ("_sg_mkldnn_fully_connected", {}, "that a backend has fused, and the file does not have"),
    ],
)
@pytest.mark.parametrize("read", [load, inspect])
def test_operators_that_are_never_built(operator, attributes, words, read, tmp_path):
    text = graph(variable("data"), node(operator, "odd", 0, attrs=attributes), version=900)
    with pytest.raises(CheckpointError, match=rf"'odd' \({operator}\) .*{words}"):
        read(written(tmp_path, text, PARAMETERS))


def test_no_other_operator_ends_the_process(python):
    """MXNet describes every operator that a file may have, without any attribute."""
    code = (
        "import mxnet as mx\n"
        "from gluonkit.checkpoint.graph import _never, described\n"
        "for operator in mx.operator.get_all_registered_operators():\n"
        "    if not _never({'op': operator}): described(operator, {})\n"
        "print('done')"
    )
    done = python("-c", f"import gluonkit\n{code}")
    assert done.stdout == "done\n", done.stderr


def test_control_flow_is_still_told(tmp_path):
    data = mx.sym.Variable("data")
    looped, _ = mx.sym.contrib.foreach(lambda x, s: (x + s, s), data, mx.sym.Variable("state"))
    path = written(tmp_path, looped.tojson(), PARAMETERS)
    with pytest.raises(CheckpointError, match="it has control flow"):
        load(path)


def test_a_graph_beside_a_file_of_another_format(tmp_path):
    """A graph is read with ``.params`` only; what is advised leads to a network."""
    written(tmp_path, TEXT, PARAMETERS, name="x")
    convert(tmp_path / "x-0001.params", tmp_path / "y.safetensors")
    shutil.copy(tmp_path / "x-symbol.json", tmp_path / "y.safetensors-symbol.json")
    wanted = "its graph, y-symbol.json, beside y-0000.params, converted from it"
    with pytest.raises(CheckpointError, match=f"load it with {wanted}, or give"):
        load(tmp_path / "y.safetensors")
    assert f"with {wanted}, it would be a network" in inspect(tmp_path / "y.safetensors").notes
    convert(tmp_path / "y.safetensors", tmp_path / "y-0000.params")
    shutil.copy(tmp_path / "x-symbol.json", tmp_path / "y-symbol.json")
    x = draws(2, 4)
    expected = x @ PARAMETERS["arg:fc_weight"].T + PARAMETERS["arg:fc_bias"]
    for name in ("y-symbol.json", "y-0000.params"):
        net = load(tmp_path / name)
        numpy.testing.assert_allclose(net(nd.array(x)).asnumpy(), expected, rtol=1e-5)


def test_files_that_belong_together_by_other_names(tmp_path):
    path = written(tmp_path, TEXT, PARAMETERS, name="x")
    graph_only, arrays = tmp_path / "x.json", tmp_path / "x.params"
    path.rename(graph_only)
    (tmp_path / "x-0001.params").rename(arrays)
    x = draws(2, 4)
    expected = x @ PARAMETERS["arg:fc_weight"].T + PARAMETERS["arg:fc_bias"]
    numpy.testing.assert_allclose(load(graph_only)(nd.array(x)).asnumpy(), expected, rtol=1e-5)
    with pytest.raises(
        CheckpointError, match=r"x\.json is beside it, load\('.*x\.json'\) reads both"
    ):
        load(arrays)
    assert len(inspect(graph_only).parameters) == 2
    arrays.rename(tmp_path / "x-0012.params")
    numpy.testing.assert_allclose(
        load(tmp_path / "x-0012.params")(nd.array(x)).asnumpy(), expected, rtol=1e-5
    )


def test_a_prefix_is_enough(tmp_path):
    net = load(written(tmp_path, TEXT, PARAMETERS))
    again = load(tmp_path / "old")
    x = nd.array(draws(2, 4))
    assert (again(x) == net(x)).asnumpy().all()
    assert len(inspect(tmp_path / "old").parameters) == 2
    assert len(convert(tmp_path / "old", tmp_path / "new.params").arrays) == 2
    (tmp_path / "old-symbol.json").unlink()
    with pytest.raises(CheckpointError, match=r"old does not exist; there is old-0001\.params"):
        load(tmp_path / "old")
    words = r"parameters of an exported network, but no graph is beside it; load it with its "
    words += r"graph beside it, old-symbol\.json"
    with pytest.raises(CheckpointError, match=words):
        load(tmp_path / "old-0001.params")
    with pytest.raises(CheckpointError, match=r"other does not exist$"):
        load(tmp_path / "other")


def test_json_that_is_not_called_so(tmp_path):
    path = tmp_path / "graph"
    path.write_text(json.dumps({"nodes": []}) + " " * 99)
    with pytest.raises(CheckpointError, match=r"it is JSON; let the graph .* end in \.json"):
        load(path)


def half(folder):
    """Save a network in float16, by MXNet; return its values as float32, too."""
    net = create_model("mlp", units=(5,), classes=3, init=True)
    net(nd.ones((2, 4)))
    numbers = [
        parameter.data().asnumpy().astype("float16") for parameter in net.collect_params().values()
    ]
    net.cast("float16")
    net.save_parameters(str(folder / "half.params"))
    return [number.astype("float32") for number in numbers]


def test_a_file_of_another_data_type(tmp_path):
    expected = half(tmp_path)
    net = create_model("mlp", units=(5,), classes=3)
    words = r"dtype='float32' converts the file's numbers:\s+another dtype: 0\.weight is"
    with pytest.raises(CheckpointError, match=words):
        load(tmp_path / "half.params", net=net)
    load(tmp_path / "half.params", net=net, dtype="float32")
    for parameter, array in zip(net.collect_params().values(), expected, strict=True):
        assert parameter.data().dtype == numpy.float32
        assert (parameter.data().asnumpy() == array).all()
    with pytest.raises(ArgumentError, match="`dtype` is 'int8'; give one of float16, float32"):
        load(tmp_path / "half.params", net=net, dtype="int8")


def test_an_exported_network_in_another_data_type(tmp_path):
    parameters = {name: array.astype("float16") for name, array in PARAMETERS.items()}
    path = written(tmp_path, TEXT, parameters)
    net = load(path, dtype="float32")  # which processors compute with
    x = draws(2, 4)
    weight, bias = (parameter.astype("float32") for parameter in parameters.values())
    numpy.testing.assert_allclose(net(nd.array(x)).asnumpy(), x @ weight.T + bias, rtol=1e-5)


def test_numbers_that_a_data_type_does_not_have(tmp_path):
    path = written(tmp_path, TEXT, PARAMETERS | {"arg:fc_bias": numpy.float32([1e6, 0, 1])})
    with pytest.raises(CheckpointError, match=r"'arg:fc_bias' has numbers as large as 1e\+06"):
        load(path, dtype="float16")


def test_what_gluonkit_saved_in_another_data_type(tmp_path):
    net = create_model("mlp", units=(5,), classes=3, init=True)
    net(nd.ones((2, 4)))
    path = save(net, tmp_path / "net.safetensors")
    other = load(path, dtype="float64")
    for name, parameter in other._collect_params_with_prefix().items():
        assert parameter.data().dtype == numpy.float64, name
    assert isinstance(other, gluon.Block)
    export(net, tmp_path / "net", (2, 4))
