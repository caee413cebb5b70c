"""Rates of each update: those of MXNet and of PyTorch's formula, of a loop by hand, in parts."""

import math

import numpy
import pytest

from gluonkit import autograd, find_lr, fit, gluon, mx
from gluonkit.callbacks import Checkpoint, LearningRate
from gluonkit.data import BatchLoader
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.train import OneCycle, WarmupCosine
from tests.networks import values
from tests.test_fit import mlp, same, samples


@pytest.mark.parametrize(("steps", "warmup"), [(100, 20), (7, 0), (50, 49)])
def test_the_rates_of_mxnets_cosine(steps, warmup):
    own = WarmupCosine(0.3, steps, warmup=warmup, start=0.1, end=0.01)
    its = mx.lr_scheduler.CosineScheduler(
        steps, 0.3, final_lr=0.003, warmup_steps=warmup, warmup_begin_lr=0.03
    )
    for update in range(1, steps + 1):
        assert own(update) == pytest.approx(its(update), rel=1e-12)
    assert own(steps + 100) == own(steps) == pytest.approx(0.003)
    assert own(0) == own(1)


def test_the_rates_of_one_cycle():
    """As in PyTorch: from peak / 25 in 0.3 * steps to the peak, to peak / 250,000 at the last."""
    steps, peak = 40, 0.5
    rates = [OneCycle(peak, steps)(update) for update in range(1, steps + 1)]

    def wave(begin, end, part):
        return end + (begin - end) / 2 * (1 + math.cos(math.pi * part))

    top, last = 0.3 * steps - 1, steps - 1
    for step, rate in enumerate(rates):
        if step <= top:
            wanted = wave(peak / 25, peak, step / top)
        else:
            wanted = wave(peak, peak / 250000, (step - top) / (last - top))
        assert rate == pytest.approx(wanted, rel=1e-12)
    assert max(rates) == rates[11] == peak
    assert rates == [OneCycle(peak, steps)(update) for update in range(1, steps + 1)]


def batches():
    x, y = samples(40)
    return [(mx.nd.array(x[i : i + 8]), mx.nd.array(y[i : i + 8])) for i in range(0, 40, 8)]


MADE = {
    "one cycle": lambda steps=None: OneCycle(0.2, steps),
    "cosine": lambda steps=None: WarmupCosine(0.2, steps, warmup=3),
}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", MADE)
def test_a_loop_by_hand_has_the_same_weights(kind, optimizer):
    hand, net = mlp(), mlp()
    schedule = MADE[kind](20)
    rates = [schedule(update) for update in range(1, 21)]
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(hand.collect_params(), optimizer)
    for step in range(20):
        x, y = batches()[step % 5]
        with autograd.record():
            value = loss(hand(x), y)
        value.backward()
        trainer.set_learning_rate(rates[step])
        trainer.step(len(x))
    given = MADE[kind]()
    history = fit(net, batches(), epochs=4, optimizer=optimizer, compiled=False, record_steps=True,
                  optimizer_params={"lr_scheduler": given})  # fmt: skip
    assert given.steps == 20
    assert [row["lr"] for row in history.steps] == rates
    assert all((a == b).all() for a, b in zip(values(net), values(hand), strict=True))
    compiled = mlp()
    fit(compiled, batches(), epochs=4, optimizer=optimizer,
        optimizer_params={"lr_scheduler": MADE[kind]()})  # fmt: skip
    for one, other in zip(values(compiled), values(hand), strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("compiled", [True, False])
def test_a_run_in_parts_is_the_run_in_one(tmp_path, kind, compiled):
    def run(folder, epochs):
        net, schedule = mlp(), MADE[kind](30)  # of the whole run, unknown to its first part
        loader = BatchLoader(samples(44), 8, shuffle=True)
        saving = [Checkpoint(folder)] if folder else []
        history = fit(net, loader, epochs=epochs, seed=1, optimizer="adam", callbacks=saving,
                      resume=folder, compiled=compiled,
                      optimizer_params={"lr_scheduler": schedule})  # fmt: skip
        return net, history

    whole, history = run(None, 5)
    run(tmp_path, 2)
    net, second = run(tmp_path, 5)
    assert second.resumed == 3
    assert second["lr"] == history["lr"]
    assert same(net, whole)


def test_the_steps_are_those_of_each_run(tmp_path):
    schedule = OneCycle(0.1)
    params = {"lr_scheduler": schedule}
    for epochs in (3, 6):  # the second goes on with the first
        fit(
            mlp(),
            batches(),
            epochs=epochs,
            optimizer_params=params,
            resume=tmp_path,
            optimizer="sgd",
        )
        assert schedule.steps == 5 * epochs
    given = {"lr_scheduler": OneCycle(0.1, 7)}
    fit(mlp(), batches(), epochs=3, optimizer_params=given, optimizer="sgd")
    assert given["lr_scheduler"].steps == 7


def test_updates_are_counted_not_batches():
    schedule = OneCycle(0.1)
    params = {"lr_scheduler": schedule}
    fit(mlp(), batches(), epochs=3, accumulate=2, optimizer_params=params, optimizer="sgd")
    assert schedule.steps == 9  # of five batches the last is an update by itself


def test_a_rate_of_the_optimizer_is_the_peak(capsys):
    schedule = OneCycle(0.1, 100)
    fit(mlp(), batches(), epochs=1, optimizer="adam", optimizer_params={"lr_scheduler": schedule})
    assert schedule.base_lr == 0.1  # not 0.001, which Adam has by default
    assert "UserWarning" not in capsys.readouterr().out
    factor = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.4)
    history = fit(mlp(), batches(), epochs=1, optimizer="adam", record_steps=True,
                  optimizer_params={"lr_scheduler": factor})  # fmt: skip
    assert history.steps[0]["lr"] == 0.4
    both = {"lr_scheduler": OneCycle(0.1, 100), "learning_rate": 0.3}
    fit(mlp(), batches(), epochs=1, optimizer_params=both, optimizer="sgd")
    assert both["lr_scheduler"].base_lr == 0.3


def test_steps_stay_compiled_and_are_not_followed():
    from gluonkit.system.optimizers import runs_code

    assert not runs_code(mx.optimizer.SGD(lr_scheduler=OneCycle(0.1, 5)))

    class Own(OneCycle):
        pass

    assert runs_code(mx.optimizer.SGD(lr_scheduler=Own(0.1, 5)))


REFUSED = [
    (ArgumentError, "`peak` is 0; give a learning rate above 0", lambda: OneCycle(0)),
    (ArgumentError, "`steps` is 0; give a whole number from 1", lambda: OneCycle(0.1, 0)),
    (ArgumentError, "`warmup` is 1; give a part of the steps", lambda: OneCycle(0.1, warmup=1)),
    (ArgumentError, "`start` is 2; give a part of the peak", lambda: OneCycle(0.1, start=2)),
    (ArgumentError, "`end` is -1; give a part of the peak", lambda: WarmupCosine(0.1, end=-1)),
    (ArgumentTypeError, "`warmup` is 0.1, a float", lambda: WarmupCosine(0.1, warmup=0.1)),
    (
        ArgumentError,
        "`warmup` is 9, but there are 9 steps; give fewer than that",
        lambda: WarmupCosine(0.1, 9, warmup=9),
    ),
    (StateError, "`steps` is not known to the schedule", lambda: OneCycle(0.1)(1)),
]


@pytest.mark.parametrize(("kind", "text", "make"), REFUSED)
def test_what_is_refused(kind, text, make):
    with pytest.raises(kind, match=text):
        make()


def test_what_fit_cannot_tell_is_refused():
    class Endless:
        def __iter__(self):
            return iter(batches())

    params = {"lr_scheduler": OneCycle(0.1)}
    with pytest.raises(ArgumentError, match="has a OneCycle without `steps`, and `train` does not"):
        fit(mlp(), Endless(), epochs=1, optimizer_params=params, optimizer="sgd")
    params = {"lr_scheduler": WarmupCosine(0.1, warmup=10)}
    with pytest.raises(ArgumentError, match="`warmup` is 10, but there are 5 steps"):
        fit(mlp(), batches(), epochs=1, optimizer_params=params, optimizer="sgd")
    with pytest.raises(StateError, match="the optimizer has a schedule"):
        fit(mlp(), batches(), epochs=1, callbacks=[LearningRate([0.1])],
            optimizer_params={"lr_scheduler": OneCycle(0.1)}, optimizer="sgd")  # fmt: skip
    with pytest.raises(ArgumentError, match="`optimizer_params` has 'lr_scheduler', which is what"):
        find_lr(mlp(), batches(), optimizer_params={"lr_scheduler": OneCycle(0.1)}, optimizer="sgd")
