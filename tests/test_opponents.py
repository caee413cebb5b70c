"""Other engines as opponents in a benchmark: the same outputs, or no time."""

import json

import numpy
import pytest

from gluonkit import bench, mx, nn, npx
from gluonkit.benchmark import opponents
from gluonkit.benchmark.opponents import NotExportedError, Opponents
from gluonkit.errors import ArgumentError, MissingPackageError
from gluonkit.plot import plot_bench
from tests.networks import sequential

INSTALLED = [name for name in opponents._OPENED if __import__("importlib").util.find_spec(name)]
QUICK = {"modes": ["forward"], "seconds": 0.01, "variants": ["hybrid"]}

needs = pytest.mark.skipif(not INSTALLED, reason="neither ONNX Runtime nor OpenVINO is installed")


class Two(nn.HybridBlock):
    """Two inputs in an order that their names do not have, one that is not used, two outputs."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(3)

    def hybrid_forward(self, F, second, unused, first):
        return self.dense(first), second * 2


def made(net, *arrays):
    net.initialize("xavier")
    net(*arrays)
    return net


@pytest.mark.parametrize("name", INSTALLED)
def test_outputs_are_those_of_the_network(name, array_mode):
    make = mx.np.array if array_mode == "np" else mx.nd.array
    draws = numpy.random.default_rng(0)
    arrays = [
        make(draws.normal(size=shape).astype("float32")) for shape in ((4, 2), (4, 5), (4, 7))
    ]
    net = made(Two(), *arrays)
    call = Opponents(net, arrays).open(name)
    for got, wanted in zip(call(), net(*arrays), strict=True):
        numpy.testing.assert_allclose(got, wanted.asnumpy(), rtol=1e-5, atol=1e-6)


@needs
def test_they_stand_in_the_same_table(tmp_path):
    report = bench("mlp(units=(8,))", **QUICK, against=INSTALLED)
    assert [row.variant for row in report.rows] == ["eager", "hybrid", *INSTALLED]
    assert report.ok
    for row in report.rows[2:]:
        assert row.measurement.median > 0
        assert row.speed_up is not None
        assert row.note.startswith(f"{row.variant}: ")
        assert "on the CPU" in row.note
    text = str(report)
    assert all(name in text for name in INSTALLED)
    table = [line for line in text.splitlines() if line.startswith(("eager", "hybrid", *INSTALLED))]
    assert len(table) == 2 + len(INSTALLED)  # each on one line
    assert max(map(len, text.splitlines())) <= 100
    assert json.loads(json.dumps(report.to_dict()))["rows"][2]["variant"] == INSTALLED[0]
    assert plot_bench(report)._repr_png_()
    training = bench("mlp(units=(8,))", seconds=0.01, variants=["hybrid"], against=INSTALLED)
    assert {row.variant for row in training.rows if row.mode == "train"} == {"eager", "hybrid"}


@needs
def test_other_numbers_get_no_time(monkeypatch):
    name = INSTALLED[0]
    opened = opponents._OPENED[name]

    def wrong(*given):
        call = opened(*given)
        return lambda: [call()[0] + 0.1]

    monkeypatch.setitem(opponents._OPENED, name, wrong)
    report = bench("mlp(units=(8,))", **QUICK, against=[name])
    row = report.rows[-1]
    assert row.measurement is None
    assert "output 0" in row.problem
    assert not report.ok


@needs
def test_a_network_that_is_no_onnx_is_no_failure():
    class Custom(nn.HybridBlock):
        def hybrid_forward(self, F, x):
            return F.linalg.potrf(x)

    x = mx.nd.array(numpy.eye(3)[None])
    report = bench(made(Custom(), x), x, **QUICK, against=INSTALLED)
    for row in report.rows[2:]:
        assert row.measurement is None
        assert row.note.startswith(f"{row.variant}: the network cannot be written as ONNX")
    assert report.ok
    with pytest.raises(NotExportedError, match="cannot be written as ONNX"):
        Opponents(made(Custom(), x), [x]).open(INSTALLED[0])


@needs
def test_the_network_is_written_once_and_left_as_it_was(monkeypatch):
    written = []
    export = opponents.export_onnx
    monkeypatch.setattr(
        opponents,
        "export_onnx",
        lambda *given, **more: (written.append(1), export(*given, **more))[1],
    )
    x = mx.nd.ones((2, 4))
    net = made(sequential(nn.Dense(3), nn.BatchNorm()), x)
    before = [p.data().asnumpy() for p in net.collect_params().values()]
    net.hybridize()
    bench(net, x, **QUICK, against=INSTALLED)
    assert len(written) == 1
    after = [p.data().asnumpy() for p in net.collect_params().values()]
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    assert net._active


def test_what_is_refused(monkeypatch):
    with pytest.raises(
        ArgumentError, match=r"`against` is 'onnxrutime'.*Did you mean 'onnxruntime'"
    ):
        bench("mlp", against=["onnxrutime"])
    with pytest.raises(ArgumentError, match="`against` names other engines, which predict only"):
        bench("mlp", modes=["train"], against=["openvino"])
    for without in ({"modes": ["train"]}, {"variants": ["hybrid"]}):
        with pytest.raises(ArgumentError, match="`engines` are those whose plans 'compiled' tries"):
            bench("mlp", engines="mxnet", **without)
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(MissingPackageError, match="openvino is needed for this"):
        bench("mlp", against=["openvino"])


@needs
def test_the_command(gluonkit, tmp_path):
    names = ",".join(INSTALLED)
    options = ["--mode", "forward", "--seconds", "0.01", "--variants", "hybrid", "--threads", "1"]
    done = gluonkit("bench", "mlp", "--against", names, *options, "--json", "a.json")
    assert done.returncode == 0, done.stderr
    assert all(f"\n{name} " in done.stdout for name in INSTALLED)
    assert "1 thread\n" in done.stdout
    assert not npx.is_np_array()
