"""What gluonkit changes in MXNet is listed, and nothing else is changed."""

import importlib
import json
import pydoc

import numpy
import pytest

import gluonkit
from gluonkit import mx, nn
from gluonkit.system.patches import PATCHES, for_good, replaced

# Uses what patches, then prints which attributes of MXNet's are functions or classes of gluonkit's.
FIND = """
import json, sys, types
import gluonkit
from gluonkit import mx, nd

net = gluonkit.create_model("lenet", init="xavier")
x = nd.random.uniform(shape=(2, 1, 28, 28))
net(x)
gluonkit.summary(net, x)
gluonkit.activations(net, x)
gluonkit.check_hybrid(net, x)
gluonkit.fit(net, (x.asnumpy(), x.asnumpy().ravel()[:2] > 1), epochs=1, batch_size=2)
gluonkit.predict(net, x)
gluonkit.compile(net, x, seconds=0.05)
gluonkit.replace_head(net, 3)

def is_ours(value):
    # What NumPy dropped is put back on NumPy; MXNet lists it as its own.
    if getattr(value, "__module__", "") == "gluonkit.system.compat":
        return False
    if isinstance(value, types.FunctionType):
        return "mended_by" in vars(value) or value.__globals__["__name__"].startswith("gluonkit")
    kind = value if isinstance(value, type) else type(value)
    return kind.__module__.startswith("gluonkit")

found = set()
for name, module in list(sys.modules.items()):
    if name.split(".")[0] == "mxnet":
        owners = [(name, module)]
        owners += [
            (f"{name}.{value.__qualname__}", value)
            for value in list(vars(module).values())
            if isinstance(value, type) and value.__module__ == name
        ]
        for where, owner in owners:
            found |= {f"{where}.{key}" for key, value in vars(owner).items() if is_ours(value)}
found |= {f"mxnet.base._LIB.{key}" for key, value in vars(mx.base._LIB).items() if is_ours(value)}
print(json.dumps(sorted(found)))
"""


LASTING = (
    *("tracing.symbolic", "tracing.snapshot", "compiling.views"),
    *("system.plain", "system.numpy2"),
)
"""Modules whose changes of MXNet stay, of those that are used above."""


def test_nothing_but_what_is_listed_stays_changed(python):
    changed = set(json.loads(python("-c", FIND).stdout.splitlines()[-1]))
    lasting = {
        f"{where}.{name}"
        for patch in PATCHES
        for where in patch.where
        for name in patch.names
        if patch.by in LASTING and patch.until.startswith("the process ends")
    }
    if str((numpy.int64(4),)) == "(4,)":  # before NumPy 2
        lasting -= {
            f"{where}.{name}"
            for patch in PATCHES
            for where in patch.where
            for name in patch.names
            if patch.until.endswith("with NumPy 2 only")
        }
    assert changed == lasting


@pytest.mark.parametrize("owner", [mx.nd, mx.nd.NDArray, mx.base._LIB])
def test_what_is_not_listed_is_refused(owner):
    with pytest.raises(KeyError, match=r"mxnet.*\.asscalar is not in gluonkit.system.patches"):
        for_good(owner, "asscalar", None)
    with (
        pytest.raises(KeyError, match="asscalar is not in"),
        replaced(owner, "asscalar", None),
    ):
        pass
    assert getattr(mx.nd.NDArray, "asscalar", None) is not None


def test_a_scoped_patch_is_undone_by_an_error_too():
    original = mx.nd.NDArray.asnumpy
    with pytest.raises(TypeError), replaced(mx.nd.NDArray, "asnumpy", None):
        mx.nd.ones(1).asnumpy()
    assert mx.nd.NDArray.asnumpy is original


def test_every_patch_says_why_and_what_it_names_is_there():
    for patch in PATCHES:
        assert patch.why, patch
        assert patch.until, patch
        importlib.import_module(f"gluonkit.{patch.by.split(', ')[0]}")
        for where in patch.where:
            if where.startswith("mxnet.onnx"):
                continue  # imports onnx
            # Those that MXNet has not, or has in instances only.
            if patch.until.endswith("with NumPy 2 only"):
                continue
            for name in set(patch.names) - {"__iter__"}:
                assert hasattr(pydoc.locate(where), name), f"{where}.{name}"


def test_mxnet_prints_nothing_before_our_errors(capsys):
    """It would stand before the error, and within JSON on standard output."""
    net = nn.Conv2D(2, 3)
    net.initialize()
    sample = mx.nd.zeros((1, 8, 8))
    with pytest.raises(ValueError, match="Deferred initialization failed"):
        net(sample)
    assert capsys.readouterr().out.startswith(
        "infer_shape error. Arguments:"
    )  # the user's own call
    for call in (
        gluonkit.bench,
        gluonkit.compile,
        gluonkit.check_hybrid,
        gluonkit.materialize,
        gluonkit.summary,
        gluonkit.profile,
        gluonkit.predict,
        lambda net, x: gluonkit.export(net, "net", x),
    ):
        with pytest.raises(gluonkit.GluonkitError):
            call(net, sample)
        assert capsys.readouterr().out == "", call
