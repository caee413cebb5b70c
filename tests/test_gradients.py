"""Every operator of Gluon's layers: its gradients eager, in graphs, and by numbers."""

import numpy
import pytest

from gluonkit import autograd, fit, mx, nn, npx
from gluonkit._base.specs import ArraySpec
from gluonkit.graphs.bind import Bound
from gluonkit.graphs.slopes import mend_slopes

from .gradients import LEGACY, NUMPY

CASES = [("nd", name) for name in LEGACY] + [("np", name) for name in NUMPY]

EVERYWHERE = {"eager", "hybridized", "compiled"}
WRONG = {
    ("nd", "LeakyReLU selu"): EVERYWHERE,
    ("nd", "Pooling 3 avg full"): EVERYWHERE,
    ("np", "np.var"): EVERYWHERE,
    ("np", "np.std"): EVERYWHERE,
    ("np", "npx.leaky_relu PReLU"): {"hybridized"},
    **{("nd", name): {"hybridized"} for name in LEGACY if name.startswith("PReLU")},
}
"""What is wrong in MXNet 1.9.1. Nothing mends what is so everywhere: Gluon trains by it, too."""


class Around(nn.HybridBlock):
    """A case with operators around it, so that a graph may reuse the memory of its arrays."""

    def __init__(self, case, surrounded):
        super().__init__()
        self._case, self._surrounded = case, surrounded

    def hybrid_forward(self, F, *arrays):
        if not self._surrounded:
            return self._case.function(F, *arrays)
        between = self._case.between
        arrays = [array * 1.0 if i in between else array for i, array in enumerate(arrays)]
        outputs = self._case.function(F, *arrays)
        if isinstance(outputs, mx.sym.Symbol) and len(outputs.list_outputs()) > 1:
            outputs = [outputs[i] for i in range(len(outputs.list_outputs()))]
        return (
            [output * 1.0 for output in outputs]
            if isinstance(outputs, (list, tuple))
            else outputs * 1.0
        )


def as_list(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def arrays_of(case, mode, dtype, moved=None):
    make = mx.np.array if mode == "np" else mx.nd.array
    values = list(case.arrays)
    if moved is not None:
        values[moved[0]] = moved[1]
    kinds = [dtype if value.dtype == "float64" else value.dtype for value in values]
    return [make(value, dtype=kind) for value, kind in zip(values, kinds, strict=True)]


def weights(shapes):
    draws = numpy.random.RandomState(5)
    return [draws.uniform(0.5, 1.5, shape) for shape in shapes]


def total(case, mode, dtype, moved):
    mx.random.seed(7)
    with autograd.record():
        outputs = as_list(Around(case, False)(*arrays_of(case, mode, dtype, moved)))
    pairs = zip(outputs, weights(output.shape for output in outputs), strict=True)
    return sum(float((output.asnumpy().astype("float64") * w).sum()) for output, w in pairs)


def slopes(case, mode):
    """Return for each array a direction, and the derivative along it, by differences."""
    dtype, step = ("float32", 1e-2) if case.single else ("float64", 1e-4)
    for place in case.wanted:
        along = numpy.random.RandomState(11 + place).choice([-1.0, 1.0], case.arrays[place].shape)
        ends = [case.arrays[place] + sign * step * along for sign in (1, -1)]
        high, low = (total(case, mode, dtype, (place, end)) for end in ends)
        yield along, (high - low) / (2 * step)


def by_gluon(case, mode, hybridized):
    net = Around(case, surrounded=hybridized)
    if hybridized:
        net.hybridize(inline_limit=0)
    arrays = arrays_of(case, mode, "float32")
    for place in case.wanted:
        arrays[place].attach_grad()
    mx.random.seed(7)
    with autograd.record():
        outputs = as_list(net(*arrays))
    make = mx.np.array if mode == "np" else mx.nd.array
    heads = [make(w, dtype="float32") for w in weights(output.shape for output in outputs)]
    autograd.backward(outputs, heads)
    return [arrays[place].grad.asnumpy() for place in case.wanted]


def by_a_compiled_step(case, mode):
    """Bind as the compiled step does."""
    arrays = [array.as_nd_ndarray() for array in arrays_of(case, mode, "float32")]
    names = [f"x{i}" for i in range(len(arrays))]
    values = dict(zip(names, arrays, strict=True))
    known = {name: ArraySpec(array.shape, array.dtype) for name, array in values.items()}
    variables = [mx.sym.var(name, shape=array.shape) for name, array in values.items()]
    if mode == "np":
        variables = [variable.as_np_ndarray() for variable in variables]
    with autograd.train_mode():
        outputs = as_list(Around(case, surrounded=True)(*variables))
    symbol = mend_slopes(mx.sym.Group([output.as_nd_ndarray() for output in outputs]), known)
    gradients = {names[place]: mx.nd.zeros(arrays[place].shape) for place in case.wanted}
    bound = Bound(symbol, mx.cpu(), values, gradients, values)
    shapes = [output.shape for output in bound.outputs]
    bound.set_head_gradients([mx.nd.array(w, dtype="float32") for w in weights(shapes)])
    mx.random.seed(7)
    bound.forward(train=True)
    bound.backward()
    return [gradients[names[place]].asnumpy() for place in case.wanted]


def agree(gradients, expected, tolerance):
    for gradient, (along, slope) in zip(gradients, expected, strict=True):
        scale = max(abs(slope), numpy.linalg.norm(gradient), 1e-3)
        if not abs((gradient * along).sum() - slope) <= tolerance * scale:
            return False
    return True


@pytest.mark.parametrize(("mode", "name"), CASES, ids=lambda value: value)
def test_gradients_of_every_operator(mode, name):
    case = (LEGACY if mode == "nd" else NUMPY)[name]
    if mode == "np":
        npx.set_np()
    expected = list(slopes(case, mode))
    actual = {
        "eager": by_gluon(case, mode, hybridized=False),
        "hybridized": by_gluon(case, mode, hybridized=True),
        "compiled": by_a_compiled_step(case, mode),
    }
    tolerance = 3e-2 if case.single else 2e-3
    wrong = {
        kind for kind, gradients in actual.items() if not agree(gradients, expected, tolerance)
    }
    assert wrong == WRONG.get((mode, name), set())
    if not wrong:  # element by element, too
        for kind in ("hybridized", "compiled"):
            for one, other in zip(actual["eager"], actual[kind], strict=True):
                assert abs(other - one).max() <= 1e-3 * max(1, abs(one).max())


@pytest.mark.parametrize(
    ("mode", "name"), [key for key, kinds in WRONG.items() if "eager" in kinds]
)
@pytest.mark.parametrize("compiled", [True, False])
def test_fit_says_which_gradients_are_wrong_in_mxnet_itself(mode, name, compiled):
    case = (LEGACY if mode == "nd" else NUMPY)[name]
    if mode == "np":
        npx.set_np()

    class Net(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            self.weight = self.params.get("weight", shape=case.arrays[0].shape, init="ones")

        def hybrid_forward(self, F, x, weight):
            return case.function(F, x * weight)

    net = Net()
    net.initialize()
    array = case.arrays[0].astype("float32")
    loss = lambda output, y: output.sum() + 0 * y.sum()  # noqa: E731
    options = {"batch_size": len(array), "metrics": (), "compiled": compiled}
    history = fit(net, (array, array), epochs=1, loss=loss, **options)
    (note,) = history.notes
    assert note.startswith("MXNet's gradients are wrong here, in a loop by hand too: that of")
