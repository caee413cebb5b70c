"""`fit` of a case, against a loop written by hand with Gluon's `Trainer`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy

from gluonkit import Callback, autograd, fit, gluon, mx, nn
from gluonkit.callbacks import ExponentialMovingAverage
from gluonkit.errors import GluonkitError
from gluonkit.tracing.inputs import leaves
from tests.battery.case import Case
from tests.battery.checks import ROUNDING, NotForThisCaseError, battery_check, reference
from tests.battery.computing import (
    Probabilities,
    chosen,
    float32_only,
    move_weights,
    moved,
    widened,
    write,
)

OPTIMIZERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("sgd", {"learning_rate": 0.05, "momentum": 0.9, "wd": 0.01}),
    ("nag", {"learning_rate": 0.05, "momentum": 0.9}),
    ("adam", {"learning_rate": 0.01, "wd": 0.01}),
    ("adagrad", {"learning_rate": 0.05}),
    ("rmsprop", {"learning_rate": 0.01, "centered": True}),
    ("rmsprop", {"learning_rate": 0.01, "clip_gradient": 0.1}),
    ("adadelta", {"rho": 0.9}),
    ("ftrl", {"learning_rate": 0.1}),
    ("adamax", {"learning_rate": 0.01}),
    ("signum", {"learning_rate": 0.01, "wd_lh": 0.01}),
    ("ftml", {"learning_rate": 0.01}),
    ("dcasgd", {"learning_rate": 0.05}),
    ("lars", {"learning_rate": 0.05, "momentum": 0.9}),
    ("lamb", {"learning_rate": 0.01}),
    ("nadam", {"learning_rate": 0.01}),
    ("sgd", {"learning_rate": 0.05, "clip_gradient": 0.2}),
)
"""Beside plain SGD, which every case is trained with."""

PLAIN = ("sgd", {"learning_rate": 0.05})
SIZES = (4, 4, 3)
"""Samples in each step."""

Batches = list[tuple[Any, ...]]
Loss = Callable[..., Any]


def squares(output: Any, label: Any) -> Any:
    """Return a loss of all outputs, however nested, for each sample."""
    total = 0
    for leaf in leaves(output):
        wide = leaf.astype(label.dtype).reshape((len(label), -1))
        total = total + (wide * wide - wide * label.reshape((-1, 1))).mean(axis=1)
    return total


class Made(gluon.loss.Loss):
    """A loss whose backward pass ignores the gradient that it is given."""

    def __init__(self) -> None:
        super().__init__(None, 0)

    def hybrid_forward(self, F: Any, output: Any, label: Any) -> Any:
        """Return the mean of squares for each sample."""
        return F.MakeLoss(F.mean(F.square(output - label), axis=0, exclude=True))


def loss_of(case: Case, outputs: list[Any], *, nested: bool) -> tuple[Loss, str]:
    """Return a loss for a case's outputs, and what its labels are like."""
    if nested or len(outputs) > 1:
        return squares, "number"
    shape = outputs[0].shape
    ways: list[tuple[Loss, str]] = [(gluon.loss.L2Loss(), "same"), (squares, "number")]
    if len(shape) > 1 and shape[1] > 1:
        ways += [(gluon.loss.SoftmaxCrossEntropyLoss(axis=1), "classes")] * 3
    ways.append((gluon.loss.SigmoidBCELoss(), "yes or no"))
    if not case.np_mode:  # MXNet has these for legacy arrays only
        ways += [(gluon.loss.HuberLoss(), "same"), (Made(), "same")]
    way: tuple[Loss, str] = chosen(case, ways, "loss")
    return way


def labels_for(kind: str, output: Any, seed: int) -> Any:
    """Return labels for an output of one batch."""
    draws = numpy.random.default_rng([seed, 11])
    if kind == "classes":
        size = (len(output), *output.shape[2:])
        return draws.integers(0, output.shape[1], size).astype("float32")
    if kind == "yes or no":
        return draws.integers(0, 2, output.shape).astype(output.dtype)
    if kind == "number":
        return draws.normal(size=len(output)).astype("float32")
    return draws.normal(size=output.shape).astype(output.dtype)


def batches_for(case: Case, kind: str, sizes: tuple[int, ...] = SIZES) -> Batches:
    """Return the batches of a short training, as NumPy arrays."""
    batches = []
    for seed, size in enumerate(sizes):
        arrays = case.arrays(size, 20 + seed)
        output = reference(case, arrays)[0]
        batches.append((*arrays, labels_for(kind, output, seed)))
    return batches


def training_of(case: Case) -> tuple[Loss, str, Batches]:
    """Return a loss for a case, what its labels are like, and the batches of a short training."""
    arrays = case.arrays(4, 20)
    outputs = reference(case, arrays)
    nested = isinstance(case.build()(*case.given(arrays)), (list, tuple))
    loss, kind = loss_of(case, outputs, nested=nested)
    batches = batches_for(case, kind)
    if all(p.grad_req == "null" for p in case.build().collect_params().values()):
        raise NotForThisCaseError("no parameters")
    return loss, kind, batches


def ready(case: Case, batches: Batches) -> gluon.Block:
    """Return the network to train: dropout is left out, for it draws by chance."""
    net = case.build()
    for block in _tree(net):
        if isinstance(block, nn.Dropout):
            block._rate = 0
    return net


def _tree(net: gluon.Block) -> Iterator[gluon.Block]:
    yield net
    for child in net._children.values():
        yield from _tree(child)


def by_hand(
    case: Case,
    loss: Loss,
    batches: Batches,
    optimizer: tuple[str, dict[str, Any]],
    *,
    jitter: int | None = None,
    before_step: Callable[[gluon.Block], None] = lambda net: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all parameters before and after, trained as Gluon's tutorials do.

    `jitter` moves weights and inputs by their last bit, to see what rounding does. `before_step`
    is called between each backward pass and the optimizer's step.
    """
    net = ready(case, batches)
    net.hybridize(active=False)
    with autograd.pause():
        net(*case.given(list(batches[0][:-1])))
    draws = None if jitter is None else numpy.random.default_rng(jitter)
    if draws is not None:
        move_weights(net, draws)
    before = numbers(net)
    name, options = optimizer
    trainer = gluon.Trainer(net.collect_params(), name, dict(options), kvstore=None)
    for batch in batches:
        arrays = list(batch)
        if draws is not None:
            arrays[:-1] = [moved(array, draws) for array in arrays[:-1]]
        *inputs, label = case.given(arrays)
        with autograd.record():
            value = loss(net(*inputs), label)
        value.backward()
        before_step(net)
        trainer.step(len(batch[-1]), ignore_stale_grad=True)
        value.asnumpy()  # where MXNet cannot compute it, this raises
    return before, numbers(net)


def numbers(net: gluon.Block) -> dict[str, Any]:
    """Return all parameters by name, statistics included."""
    return {name: p.data().asnumpy() for name, p in net.collect_params().items()}


@battery_check
def check_fit(case: Case) -> None:
    """Three steps end where a loop by hand ends, compiled and plain, whatever the optimizer."""
    loss, kind, batches = training_of(case)
    for optimizer in (PLAIN, chosen(case, OPTIMIZERS, "optimizer")):
        try:
            before, expected = by_hand(case, loss, batches, optimizer)
        except mx.MXNetError as error:
            if "!is_view" in str(error) and {"batch norm"} <= case.kinds:
                reason = "plain Gluon cannot train a batch norm behind a Conv1D or Conv3D"
                raise NotForThisCaseError(reason) from error
            if optimizer is PLAIN:
                raise
            continue  # several of MXNet's keep float32 for whatever network
        if not all(numpy.isfinite(value).all() for value in expected.values()):
            raise NotForThisCaseError("the training by hand diverges")
        named = loss, f"{type(loss).__name__} {kind}"
        ways: list[tuple[Any, str, bool | None]] = [(*named, None), (*named, False)]
        if kind == "classes" and case.traceable:
            # With a softmax behind the network, `fit` has to find the same loss by itself.
            ways += [("auto", "auto, of probabilities", compiled) for compiled in (None, False)]
        for given, called, compiled in ways:
            net = ready(case, batches)
            name, options = optimizer
            history = fit(
                Probabilities(net, None) if given == "auto" else net, batches, epochs=1,
                loss=given, optimizer=name, optimizer_params=options, compiled=compiled,
                metrics=(), progress=False,
            )  # fmt: skip
            what = f"fit with {name} {options}, {called}, {history.engine}"
            doubts = Doubt(case, loss, batches, optimizer, expected)
            for path, got in numbers(net).items():
                run = before[path], expected[path], partial(doubts.of, path)
                same_steps(got, *run, f"{what}: {path}")


class Seen(Callback):
    """Keeps all parameters after each step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def on_step_end(self, run: Any) -> None:
        """Keep them."""
        self.steps.append(numbers(run.net))


@battery_check
def check_average(case: Case) -> None:
    """`ExponentialMovingAverage` ends with the average of the weights that a callback sees."""
    loss, _, batches = training_of(case)
    seen, decay = Seen(), chosen(case, (0.0, 0.5, 0.9), "decay")
    net = ready(case, batches)
    try:
        fit(
            net, batches, epochs=1, loss=loss, optimizer="sgd", metrics=(), progress=False,
            optimizer_params={"learning_rate": 0.05},
            callbacks=[seen, ExponentialMovingAverage(decay, warmup=False)],
        )  # fmt: skip
    except (mx.MXNetError, GluonkitError) as error:  # whether it may be one, `check_fit` knows
        raise NotForThisCaseError(str(error)) from error
    assert len(seen.steps) == len(batches)
    for path, average in seen.steps[0].items():
        expected = average.astype("float64")
        for step in seen.steps[1:]:
            expected += float(numpy.float32(1 - decay)) * (step[path] - expected)
        got, parts = numbers(net)[path], [average, *(step[path] for step in seen.steps)]
        assert got.shape == expected.shape, path
        assert got.dtype == average.dtype, path
        largest = max((abs(part).max() for part in parts if part.size), default=0.0)
        difference = abs(got - expected).max(initial=0.0)
        allowed = ROUNDING[average.dtype.name] * largest
        assert difference <= allowed, f"the average of {path} is off by {difference:.3g}"


class Doubt:
    """By how much rounding may change each parameter; found out when somebody asks.

    What moving inputs and weights by the last bit does is not enough. Adaptive optimizers divide a
    gradient by its own size, or take its sign: where the terms of a gradient cancel, its rounding,
    which is a part of the terms, decides on the step. And an operator can round to one side always:
    MXNet's `log_softmax` is off by 30 last bits. So the gradients are moved, too, by several times
    what rounding was seen to make of any number of them, and the optimizer is asked.
    """

    def __init__(self, *run: Any) -> None:
        *self._run, self._expected = run
        self._found: dict[str, float] = {}

    def of(self, path: str) -> float:
        """Return a bound for one parameter."""
        if not self._found:
            self._found = dict.fromkeys(self._expected, 0.0)
            for jitter in range(3):
                self._add(16, by_hand(*self._run, jitter=jitter)[1])
            steps = self._steps()
            for draw in range(4):
                for factor in (4, -4):  # a sign that either way may turn is turned by one of them
                    nudge = Nudge(steps, factor, draw)
                    # Twice: either of the two that are compared may be so far away.
                    self._add(2, by_hand(*self._run, before_step=nudge)[1])
        return self._found[path]

    def _add(self, factor: int, after: dict[str, Any]) -> None:
        for name, difference in _largest_differences(after, self._expected).items():
            self._found[name] = max(self._found[name], factor * difference)

    def _steps(self) -> list[dict[str, Any]]:
        """Return by how much rounding moves each gradient, for each step."""
        case, loss, batches, _ = self._run
        seen: list[tuple[dict[str, Any], dict[str, Any]]] = []
        by_hand(*self._run, before_step=lambda net: seen.append((numbers(net), gradients(net))))
        return [
            gradient_rounding(case, loss, batch, *now)
            for batch, now in zip(batches, seen, strict=True)
        ]


class Nudge:
    """Moves the gradients of each step by so many times as much, up or down by chance."""

    def __init__(self, steps: list[dict[str, Any]], factor: int, seed: int) -> None:
        self._steps, self._factor = iter(steps), factor
        self._draws = numpy.random.default_rng([seed, 13])

    def __call__(self, net: gluon.Block) -> None:
        """Move the gradients of the next step."""
        by = next(self._steps)
        for name, parameter in net.collect_params().items():
            if name in by:
                gradient = parameter.grad()
                numbers = gradient.asnumpy()
                signs = self._draws.choice([-1, 1], numbers.shape)
                gradient[:] = numbers + self._factor * by[name] * signs


def gradients(net: gluon.Block) -> dict[str, Any]:
    """Return the gradients of all parameters that are trained, by name."""
    trained = {name: p for name, p in net.collect_params().items() if p.grad_req != "null"}
    return {name: p.grad().asnumpy() for name, p in trained.items()}


def gradient_rounding(
    case: Case, loss: Loss, batch: tuple[Any, ...], weights: dict[str, Any], exact: dict[str, Any]
) -> dict[str, Any]:
    """Return by how much float rounding may move each number of the gradients.

    All numbers of a gradient are sums of like terms, so the largest difference that is seen is
    taken for all of them. It is that to float64, which shows what an operator always makes wrong,
    and that which the last bits of weights and inputs make. What is exactly zero each time is no
    sum that cancels: nothing reaches it, and no rounding moves it.
    """
    variants = [_gradients_at(case, loss, batch, weights, jitter=jitter) for jitter in range(3)]
    if float32_only(case):
        with contextlib.suppress(mx.MXNetError):  # parts of it compute in float32 only
            variants.append(_gradients_at(case, loss, batch, weights, dtype="float64"))
    largest = dict.fromkeys(exact, 0.0)
    for variant in variants:
        for name, difference in _largest_differences(variant, exact).items():
            largest[name] = max(largest[name], difference)
    return {
        name: largest[name]
        * numpy.any([variant[name] != 0 for variant in (exact, *variants)], axis=0)
        for name in exact
    }


def _gradients_at(
    case: Case,
    loss: Loss,
    batch: tuple[Any, ...],
    weights: dict[str, Any],
    *,
    jitter: int | None = None,
    dtype: str = "",
) -> dict[str, Any]:
    """Return the gradients of one batch for these weights, moved by the last bit or widened."""
    net = ready(case, [batch])
    net.hybridize(active=False)
    with autograd.pause(train_mode=True):  # `set_data` can fail after a prediction
        net(*case.given(list(batch[:-1])))
    arrays, values = list(batch), list(weights.values())
    if dtype:
        net.cast(dtype)
        arrays, values = widened(arrays), widened(values)
    if jitter is not None:
        draws = numpy.random.default_rng([jitter, 17])
        arrays[:-1] = [moved(array, draws) for array in arrays[:-1]]
        values = [moved(weight, draws) for weight in values]
    for parameter, value in zip(net.collect_params().values(), values, strict=True):
        write(parameter, value)
    *inputs, label = case.given(arrays)
    with autograd.record():
        value = loss(net(*inputs), label)
    value.backward()
    return gradients(net)


def _largest_differences(some: dict[str, Any], others: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(abs(gradient.astype("float64") - others[name]).max(initial=0))
        for name, gradient in some.items()
    }


NOTHING = 1e-8
"""Steps that are rounding alone, as of a bias before a batch norm, whose gradient is 0."""


def same_steps(got: Any, before: Any, expected: Any, doubt: Callable[[], float], what: str) -> None:
    """Compare what a parameter has become, as a part of the steps that it has taken."""
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    assert got.dtype == expected.dtype, f"{what}: dtype {got.dtype}, expected {expected.dtype}"
    wide = expected.astype("float64")
    difference = abs(got.astype("float64") - wide).max(initial=0)
    step = abs(wide - before).max(initial=0)
    last_bit = float(numpy.spacing(abs(expected).max(initial=0).astype(expected.dtype)))
    if difference <= 2e-5 * step + 4 * last_bit:
        return
    if max(difference, step) <= NOTHING:
        return
    allowed = doubt() + 2e-5 * step + 4 * last_bit
    assert difference <= allowed, (
        f"{what} differs by {difference:.3g} after steps of {step:.3g}; rounding may make "
        f"{doubt():.3g}"
    )
