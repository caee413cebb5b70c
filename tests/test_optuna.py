"""Optuna's studies prune runs of `fit`. Optuna is optional: the extra `optuna`."""

import numpy
import pytest

from gluonkit import Callback, fit
from gluonkit.errors import ArgumentError, ArgumentTypeError, MissingPackageError, StateError
from gluonkit.integrations import optuna as integration
from tests.networks import values
from tests.test_fit import mlp, samples

try:
    import optuna
except ImportError:
    optuna = None
needs = pytest.mark.skipif(optuna is None, reason="optuna is optional (the extra `optuna`)")

TRAIN, VAL = samples(60), samples(40, seed=1)


class Fixed:
    """What a callback needs of a run, with figures that are given."""

    epochs, is_shared = 5, False

    def __init__(self, figures):
        self.figures, self.epoch = figures, 0

    def check_monitor(self, name, who):
        pass

    def monitored(self, name):
        return self.figures[self.epoch - 1]


@needs
def test_a_study_prunes_bad_trials_and_keeps_good_ones():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    epochs = []

    def objective(trial):
        rate = trial.suggest_float("rate", 1e-5, 1.0)
        net = mlp()
        before = values(net)

        class Count(Callback):
            def on_epoch_end(self, run):
                epochs[-1] += 1

        epochs.append(0)
        try:
            history = fit(
                net,
                TRAIN,
                val=VAL,
                epochs=6,
                seed=0,
                optimizer_params={"learning_rate": rate},
                callbacks=[Count(), integration.Pruning(trial)],
                optimizer="sgd",
            )
        except optuna.TrialPruned:
            assert (values(net)[0] != before[0]).any()  # the weights of its last step
            raise
        return history.last["val_loss"]

    study = optuna.create_study(
        pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=0)
    )
    for rate in (0.5, 1e-5, 0.6):  # good, bad, as good
        study.enqueue_trial({"rate": rate})
    study.optimize(objective, n_trials=3)
    states = [trial.state.name for trial in study.trials]
    assert states[:2] == ["COMPLETE", "PRUNED"]
    assert epochs[:2] == [6, 1]
    alone = fit(
        mlp(),
        TRAIN,
        val=VAL,
        epochs=6,
        seed=0,
        optimizer_params={"learning_rate": 0.5},
        optimizer="sgd",
    )
    reported = study.trials[0].intermediate_values
    assert list(reported) == [1, 2, 3, 4, 5, 6]
    numpy.testing.assert_allclose(list(reported.values()), alone["val_loss"], rtol=1e-5)
    assert study.trials[0].value == reported[6]


@needs
def test_a_figure_that_does_not_exist_and_what_is_no_trial():
    def objective(trial):
        fit(mlp(), TRAIN, epochs=1, callbacks=[integration.Pruning(trial, "los")])

    study = optuna.create_study()
    with pytest.raises(ArgumentError, match="`monitor` is 'los', which is not known"):
        study.optimize(objective, n_trials=1)
    with pytest.raises(ArgumentTypeError, match="`trial` is a Study; give the trial that Optuna"):
        integration.Pruning(study)
    fixed = optuna.trial.FixedTrial({"rate": 1.0})  # which never prunes
    fit(mlp(), TRAIN, epochs=2, callbacks=[integration.Pruning(fixed, "loss")])


@needs
def test_one_of_several_workers_is_refused():
    run = Fixed([1.0])
    run.is_shared = True
    with pytest.raises(StateError, match="Pruning ends the run of one process, and this is a job"):
        integration.Pruning(optuna.trial.FixedTrial({})).on_fit_begin(run)


def test_without_optuna_it_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingPackageError, match='extra "optuna" brings it'):
        integration.Pruning(object())
