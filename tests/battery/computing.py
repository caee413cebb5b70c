"""`predict`, `evaluate` and `compile` of a case, against eager Gluon and NumPy."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from typing import Any

import numpy

from gluonkit import compile, evaluate, gluon, interpret, mx, predict
from gluonkit.compiling.engines import MXNET, OTHERS, lacking
from gluonkit.errors import ArgumentError
from gluonkit.tracing.inputs import leaves
from tests.battery.case import Case
from tests.battery.checks import (
    REFUSALS,
    NotForThisCaseError,
    assert_close,
    battery_check,
    can_hybridize,
    eager,
    reference,
)

SCALES = (1e-6, 1e-3, 1e3, 1e6)


def chosen(case: Case, choices: Sequence[Any], what: str) -> Any:
    """Return one of several, always the same for a case."""
    return choices[zlib.crc32(f"{what} {case.source}".encode()) % len(choices)]


def flat(outputs: Any) -> list[Any]:
    """Return outputs as NumPy arrays."""
    return [e if isinstance(e, numpy.ndarray) else e.asnumpy() for e in leaves(outputs)]


@battery_check
def check_predict(case: Case) -> None:
    """`predict` gives what eager Gluon gives, whatever the data come in."""
    arrays = case.arrays(7)
    expected = reference(case, arrays)
    given: Any = arrays if len(arrays) > 1 else arrays[0]
    net = case.build()
    close = lambda got, what: assert_close(  # noqa: E731
        flat(got), expected, what, doubt=lambda: doubt(case, arrays)
    )
    close(predict(net, given, batch_size=3), "predict in batches of 3, the last of 1")
    close(predict(net, given), "predict in one batch")
    labels = numpy.arange(7, dtype="float32")
    data = gluon.data.ArrayDataset(*arrays, labels)
    close(predict(case.build(), gluon.data.DataLoader(data, 4)), "predict of a DataLoader")
    if not case.np_mode:
        named = {f"data{index}": mx.nd.array(a, dtype=a.dtype) for index, a in enumerate(arrays)}
        batches = mx.io.NDArrayIter(named, labels, batch_size=4)
        close(predict(net, batches), "predict of an NDArrayIter")
    assert_close(eager(net, case.given(arrays)), expected, "the network after predict")


def doubt(case: Case, arrays: Sequence[Any]) -> list[Any]:
    """Return by how much float rounding alone may change each number of the outputs.

    Inputs and weights are moved by the last bit; and where the network is one of float32, the same
    is computed in float64.
    """
    exact = reference(case, arrays)
    bounds = [numpy.zeros(output.shape) for output in exact]
    if "float16 part" in case.kinds:  # the next number there may be this far away
        bounds = [numpy.full(output.shape, 1e-3 * abs(output).max(initial=0)) for output in exact]
    for seed in range(3):
        net = case.build()
        net.hybridize(active=False)
        draws = numpy.random.default_rng(seed)
        given = [moved(array, draws) for array in arrays]
        eager(net, case.given(given))
        move_weights(net, draws)
        for index, output in enumerate(eager(net, case.given(given))):
            bounds[index] = numpy.maximum(
                bounds[index], abs(output - exact[index].astype("float64"))
            )
    for index, output in enumerate(_in_float64(case, arrays, exact)):
        bounds[index] = numpy.maximum(bounds[index], abs(output - exact[index]))
    return bounds


def _in_float64(case: Case, arrays: Sequence[Any], exact: list[Any]) -> list[Any]:
    if not float32_only(case):
        return exact
    try:
        net = case.build()
        net.hybridize(active=False)
        eager(net, case.given(list(arrays)))  # finishes a deferred initialization
        net.cast("float64")
        return eager(net, case.given(widened(arrays)))
    except mx.MXNetError:  # parts of it compute in float32 only
        return exact


def float32_only(case: Case) -> bool:
    """Return whether no part of a network chooses its data type."""
    return not any("cast" in kind or kind.startswith("float") for kind in case.kinds)


def widened(arrays: Sequence[Any]) -> list[Any]:
    """Return floats in float64, and whole numbers as they are."""
    return [array.astype("float64") if array.dtype.kind == "f" else array for array in arrays]


def moved(array: Any, draws: numpy.random.Generator) -> Any:
    """Return floats with their last bit changed by chance; whole numbers as they are."""
    if array.dtype.kind != "f" or (array == numpy.round(array)).all():
        return array
    return array + numpy.spacing(array) * draws.choice([-1, 0, 1], array.shape).astype(array.dtype)


def move_weights(net: gluon.Block, draws: numpy.random.Generator) -> None:
    """Change the last bit of the weights by chance."""
    for parameter in net.collect_params().values():
        write(parameter, moved(parameter.data().asnumpy(), draws))


def write(parameter: gluon.Parameter, numbers: Any) -> None:
    """Give a parameter other numbers; `set_data` fails for a Conv1D's weight after a prediction."""
    weight = parameter.data()
    make = mx.np.array if isinstance(weight, mx.np.ndarray) else mx.nd.array
    weight *= 0
    weight += make(numbers, dtype=numbers.dtype)


@battery_check
def check_evaluate(case: Case) -> None:
    """`evaluate` gives the loss and the metrics that NumPy gives for eager outputs."""
    arrays = case.arrays(7)
    outputs = reference(case, arrays)
    net = case.build()
    if len(outputs) != 1 or isinstance(net(*case.given(arrays)), (list, tuple)):
        raise NotForThisCaseError("several outputs")
    (output,) = outputs
    net = case.build()
    wide = output.astype("float64")
    draws = numpy.random.default_rng(5)
    target = (output + draws.normal(size=output.shape)).astype(output.dtype)
    actual = evaluate(
        net, (*arrays, target), loss="l2", metrics=["mae", "mse", "rmse"], batch_size=3
    )
    squares = (wide - target) ** 2
    expected = {
        "loss": squares.mean() / 2,
        "mae": abs(wide - target).mean(),
        "mse": squares.mean(),
        "rmse": numpy.sqrt(squares.mean()),
    }
    _same_figures(actual, expected, "evaluate with l2")
    if min(wide[part].std() for part in PARTS) > 1e-3 * abs(wide).max():
        whole = mx.metric.PearsonCorrelation(name="pearsonr of all", average="micro")
        actual = evaluate(
            net, (*arrays, target), loss=None, metrics=["pearsonr", whole], batch_size=4
        )
        pairs = [(wide[part].ravel(), target[part].ravel()) for part in (*PARTS, slice(None))]
        *parts, all_in_one = [numpy.corrcoef(*pair)[0, 1] for pair in pairs]
        expected = {"pearsonr": numpy.mean(parts), "pearsonr of all": all_in_one}
        _same_figures(actual, expected, "evaluate with correlations", rounding=1e-4)
    if len(output.shape) > 1 and output.shape[1] > 1:
        _check_classes(case, net, arrays, wide)


def _check_classes(case: Case, net: gluon.Block, arrays: list[Any], wide: Any) -> None:
    """Check the figures of class numbers, along the first axis of a sample."""
    classes = wide.shape[1]
    draws = numpy.random.default_rng(6)
    label = draws.integers(0, classes, (len(wide), *wide.shape[2:]))
    ordered = numpy.sort(wide, axis=1)
    if (ordered[:, -1] - ordered[:, -2]).min() < 1e-5 * max(abs(wide).max(), 1e-30):
        label = label.copy()  # equal largest numbers: which of them wins is not said
        metrics: list[Any] = []
    else:
        metrics = ["accuracy"]
    logs = wide - wide.max(1, keepdims=True)
    logs = logs - numpy.log(numpy.exp(logs).sum(1, keepdims=True))
    losses = -numpy.take_along_axis(logs, label[:, None], axis=1)
    expected = {"loss": losses.mean()}
    if metrics:
        expected["accuracy"] = (wide.argmax(1) == label).mean()
    if wide.ndim == 2 and metrics and classes > 2:
        metrics.append(mx.metric.TopKAccuracy(2))
        top = numpy.argsort(-wide, axis=1)[:, :2]
        expected["top_k_accuracy_2"] = (top == label[:, None]).any(1).mean()
        if (numpy.diff(ordered, axis=1).min()) < 1e-5 * abs(wide).max():
            metrics.pop()
            del expected["top_k_accuracy_2"]
    metrics.append(farthest)
    batches = [slice(begin, begin + 3) for begin in range(0, len(wide), 3)]
    expected["farthest"] = numpy.mean([farthest(label[b], wide[b]) for b in batches])
    loss = gluon.loss.SoftmaxCrossEntropyLoss(axis=1)
    given = (*arrays, label.astype(chosen(case, ("float32", "int32"), "labels")))
    actual = evaluate(net, given, loss=loss, metrics=metrics, batch_size=3)
    _same_figures(actual, expected, "evaluate with classes")
    if metrics[0] is not farthest:
        _check_interpretation(net, given, wide.argmax(1), losses[:, 0])
    # Equal largest numbers are left out, and what is beyond the digits that float32 has.
    if wide.ndim == 2 and "accuracy" in expected and case.traceable and abs(wide).max() < 30:
        close = abs(wide[:, 0] - wide[:, 1]).min() < 1e-5 * abs(wide).max()
        if not close:
            _check_probabilities(case, arrays, wide)


def _check_interpretation(
    net: gluon.Block, given: tuple[Any, ...], predicted: Any, losses: Any
) -> None:
    """Check what `interpret` counts: confusions, the loss of each sample, and the highest ones."""
    report = interpret(net, given, loss=gluon.loss.SoftmaxCrossEntropyLoss(axis=1), batch_size=3)
    label = given[-1].astype(int)
    counts = numpy.zeros((len(report.names),) * 2, int)
    numpy.add.at(counts, (label.ravel(), predicted.ravel()), 1)
    numpy.testing.assert_array_equal(report.confusion, counts)
    by_sample = losses.reshape(len(losses), -1).mean(1)
    _same_figures(
        dict(enumerate(report.losses)), dict(enumerate(by_sample)), "interpret", rounding=1e-4
    )
    for sample in report.worst:
        assert sample.loss == report.losses[sample.index]
        for got, array in zip(sample.inputs, given[:-1], strict=True):
            numpy.testing.assert_array_equal(got, array[sample.index])
    highest = numpy.sort(report.losses)[::-1][: len(report.worst)]
    assert [sample.loss for sample in report.worst] == list(highest)


class Probabilities(gluon.HybridBlock):
    """A network with a softmax behind it: of all columns, or of the first two."""

    def __init__(self, net: gluon.HybridBlock, columns: int | None) -> None:
        super().__init__()
        self.net, self.columns = net, columns

    def hybrid_forward(self, F: Any, *inputs: Any) -> Any:
        """Return probabilities of classes."""
        output, numpy_mode = self.net(*inputs), mx.util.is_np_array()
        if self.columns and numpy_mode:
            output = F.np.split(output, (self.columns,), axis=1)[0]
        elif self.columns:
            output = F.slice_axis(output, axis=1, begin=0, end=self.columns)
        return (F.npx if numpy_mode else F).softmax(output, axis=1)


PARTS = (slice(0, 4), slice(4, 7))
"""The batches that metrics are computed of; some are averaged over batches."""


def _check_probabilities(case: Case, arrays: list[Any], wide: Any) -> None:
    """Check MXNet's metrics of probabilities, and those of two classes."""
    columns, draws = wide.shape[1], numpy.random.default_rng(8)
    label = draws.integers(0, columns, len(wide))
    actual = evaluate(
        Probabilities(case.build(), None), (*arrays, label.astype("float32")),
        metrics=["ce", "nll_loss", mx.metric.Perplexity(None), "pcc"], batch_size=4,
    )  # fmt: skip
    logs = wide - wide.max(1, keepdims=True)
    logs = (logs - numpy.log(numpy.exp(logs).sum(1, keepdims=True)))[numpy.arange(len(wide)), label]
    chances = numpy.exp(logs)
    surprise = -numpy.log(chances + 1e-12).mean()
    expected = {
        "loss": -logs.mean(),
        "cross-entropy": surprise,
        "nll-loss": surprise,
        "perplexity": numpy.exp(-numpy.log(numpy.maximum(chances, 1e-10)).mean()),
        "pcc": _agreement(wide.argmax(1), label, columns),
    }
    _same_figures(actual, expected, "evaluate with probabilities", rounding=1e-4)
    label, guess = label % 2, wide[:, :2].argmax(1)
    metrics = ["f1", mx.metric.F1(name="f1 of all", average="micro")]
    metrics += ["mcc", mx.metric.MCC(name="mcc of all", average="micro")]
    actual = evaluate(
        Probabilities(case.build(), 2), (*arrays, label.astype("float32")), loss=None,
        metrics=metrics, batch_size=4,
    )  # fmt: skip
    expected = {
        "f1": numpy.mean([_f1(guess[part], label[part]) for part in PARTS]),
        "f1 of all": _f1(guess, label),
        "mcc": numpy.mean([_agreement(guess[part], label[part], 2, 0.0) for part in PARTS]),
        "mcc of all": _agreement(guess, label, 2, 0.0),
    }
    _same_figures(actual, expected, "evaluate of two classes")


def _f1(guess: Any, label: Any) -> float:
    both = (guess & label).sum()
    return float(2 * both / (guess.sum() + label.sum())) if both else 0.0


def _agreement(guess: Any, label: Any, classes: int, none: float = numpy.nan) -> float:
    """Return the correlation of two rows of classes, each class being an axis of its own."""
    one, other = numpy.eye(classes)[guess], numpy.eye(classes)[label]
    one, other = one - one.mean(0), other - other.mean(0)
    size = numpy.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / size) if size > 1e-9 else none


def farthest(label: Any, output: Any) -> float:
    """Return a number of a batch that is no mean over its samples: a user's own metric."""
    return float(abs(output).max() + label.max())


def _same_figures(
    actual: dict[Any, float], expected: dict[Any, float], what: str, rounding: float = 1e-5
) -> None:
    assert list(actual) == list(expected), f"{what}: {list(actual)}, expected {list(expected)}"
    for name, value in expected.items():
        if numpy.isnan(value) and numpy.isnan(actual[name]):
            continue
        assert abs(actual[name] - value) <= rounding * abs(value) + rounding / 100, (
            f"{what}: {name} is {actual[name]:.7g}, expected {value:.7g}"
        )


@battery_check
def check_compile(case: Case) -> None:
    """Every plan gives what eager Gluon gives: other batches, weights, sizes, orders in memory."""
    if not case.traceable:
        raise NotForThisCaseError("a custom Block")
    batch = chosen(case, (4, 2, 16, 3, 17), "batch")
    arrays = case.arrays(batch)
    try:
        first = compile(case.build(), *arrays, seconds=1e-3, dynamic_batch=True)
    except ArgumentError as error:
        if "cannot be compiled" in str(error) and not can_hybridize(case, arrays):
            raise NotForThisCaseError("Gluon cannot hybridize it either") from error
        raise
    _check_calls(case, first, arrays, f"compile, {first.plan}")
    for candidate in first.explain().candidates:
        if candidate.problem:
            _check_problem(case, arrays, str(candidate.plan), candidate.problem)
            continue
        net = case.build()
        plan = compile(net, *arrays, plan=candidate.plan, dynamic_batch=True, seconds=1e-3)
        _check_calls(case, plan, arrays, f"plan {candidate.plan}")
        _check_other_weights(case, net, plan, arrays, f"plan {candidate.plan}")


@battery_check
def check_engines(case: Case) -> None:
    """A plan of another engine gives what eager Gluon gives, as for `check_compile`; or is lost."""
    installed = [name for name in OTHERS if not lacking(name)]
    if {"DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA"} & {*os.environ} and "openvino" in installed:
        # Its kernels that are compiled as they are used mix what is allowed with what the processor
        # has, and crash: OpenVINO 2026.4, drawn(0, 10)[2].
        installed.remove("openvino")
    # Of some networks only, for each takes a second; what ONNX says of them all have checked.
    if not (case.traceable and installed and chosen(case, (True, False, False), "engines")):
        raise NotForThisCaseError("a custom Block, or no other engine is installed")
    name = chosen(case, installed, "engine")
    arrays = case.arrays(chosen(case, (4, 2, 3), "batch of engines"))
    try:
        first = compile(case.build(), *arrays, engines=[MXNET, name], seconds=1e-3)
    except ArgumentError as error:
        if "cannot be compiled" in str(error) and not can_hybridize(case, arrays):
            raise NotForThisCaseError("Gluon cannot hybridize it either") from error
        raise
    for candidate in first.explain().candidates:
        if candidate.plan.engine == MXNET:
            continue
        if candidate.problem:
            # OpenVINO has faults of its own, which the comparison is for; `check_export_onnx` holds
            # what it is given against ONNX Runtime.
            lost = name == "openvino" and "differs from eager" in candidate.problem
            if not lost and not any(text in candidate.problem for text in REFUSALS):
                _check_problem(case, arrays, str(candidate.plan), candidate.problem)
            raise NotForThisCaseError(candidate.problem)
        net = case.build()
        plan = compile(net, *arrays, plan=candidate.plan, dynamic_batch=True)
        # ONNX Runtime's ELU subtracts 1 from an exponential: of small numbers little is left.
        scales = SCALES[1:] if "ELU" in case.source else SCALES
        _check_calls(case, plan, arrays, f"plan {candidate.plan}", scales)
        _check_other_weights(case, net, plan, arrays, f"plan {candidate.plan}")
        return


def _check_problem(case: Case, arrays: list[Any], plan: str, problem: str) -> None:
    """Only rounding keeps a plan from being used."""
    if "differs from eager by" in problem:
        exact = reference(case, arrays)
        index = int(problem.split()[1])
        by = float(problem.split("differs from eager by ")[1].split(",", maxsplit=1)[0])
        largest = abs(exact[index]).max()
        if by <= max(2e-4 * largest, 16 * doubt(case, arrays)[index].max()):
            return
    raise AssertionError(f"plan {plan} is lost: {problem}")


def _check_calls(
    case: Case,
    compiled: Any,
    arrays: list[Any],
    what: str,
    scales: Sequence[float] = SCALES,
) -> None:
    """Call with what is given, and as it may lie in memory; with other batches and sizes."""

    def check(given: list[Any], how: str) -> None:
        plain = [numpy.ascontiguousarray(array) for array in given]
        expected = _cached_reference(case, plain)
        if not all(numpy.isfinite(output).all() for output in expected):
            return
        got = flat(compiled(*given))
        assert_close(got, expected, f"{what}, {how}", doubt=lambda: doubt(case, plain))

    check(arrays, "as compiled")
    check(list(case.arrays(len(arrays[0]), 1)), "other inputs")
    check([numpy.asfortranarray(array) for array in arrays], "Fortran order")
    check([array[::-1] for array in arrays], "negative strides")
    fixed = [array.copy() for array in arrays]
    for array in fixed:
        array.flags.writeable = False
    check(fixed, "read-only")
    # Beyond float16's numbers there is NaN inside, of which a relu makes 0 or not.
    for scale in scales[:-1] if "float16 part" in case.kinds else scales:
        check(case.arrays(len(arrays[0]), 2, scale), f"inputs of {scale:g}")
    for size in (1, len(arrays[0]) + 1):
        check(case.arrays(size, 3), f"a batch of {size}")
    got = flat(compiled(*case.given(arrays)))
    expected = _cached_reference(case, arrays)
    assert_close(got, expected, f"{what}, MXNet's arrays", doubt=lambda: doubt(case, arrays))


_REFERENCES: dict[Any, list[Any]] = {}


def _cached_reference(case: Case, arrays: list[Any]) -> list[Any]:
    """Return the reference, which is the same for all plans of a case."""
    key = case, tuple((array.shape, array.tobytes()) for array in arrays)
    if key not in _REFERENCES:
        if len(_REFERENCES) > 50:
            _REFERENCES.clear()
        _REFERENCES[key] = reference(case, arrays)
    return _REFERENCES[key]


def _check_other_weights(
    case: Case, net: gluon.Block, compiled: Any, arrays: list[Any], what: str
) -> None:
    """Follow new weights at the next call."""
    other = case.build(seed=1)
    eager(other, case.given(arrays))
    pairs = zip(net.collect_params().values(), other.collect_params().values(), strict=True)
    for mine, new in pairs:
        if not isinstance(mine, gluon.Constant):
            (numbers,) = case.given([new.data().asnumpy()])
            weight = mine.data()  # `set_data` can fail for weights in oneDNN's order
            weight *= 0
            weight += numbers
    expected = eager(net, case.given(arrays))
    got = flat(compiled(*arrays))
    assert_close(got, expected, f"{what}, with other weights", rounding=1e-3)
