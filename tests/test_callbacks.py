"""Callbacks: when each method is called, what the built-in ones do, how runs end and go on."""

import csv
import io
import itertools
import os
import re
import shutil
import signal
import sys
import threading
import types

import numpy
import pytest

from gluonkit import Callback, fit, load, mx, nn
from gluonkit.callbacks import (
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    LearningRate,
    LivePlot,
    Progress,
    TensorBoard,
)
from gluonkit.checkpoint import CheckpointDir
from gluonkit.data import BatchLoader
from gluonkit.errors import (
    ArgumentError,
    ArgumentTypeError,
    CheckpointError,
    NotFiniteError,
    StateError,
)
from gluonkit.files.reading import read_arrays
from gluonkit.train import progress
from gluonkit.train.evaluating import Evaluation
from gluonkit.train.step.update import FoldedUpdate
from tests.networks import sequential, values
from tests.test_fit import CLASSES, FEATURES, mlp, same, samples


class Log(Callback):
    """Notes every call."""

    def __init__(self, every=1):
        self.every = every
        self.calls = []

    def on_fit_begin(self, run):
        self.calls.append("fit begin")

    def on_epoch_begin(self, run):
        self.calls.append(f"epoch {run.epoch} begin")

    def on_step_end(self, run):
        self.calls.append(f"step {run.step}")

    def on_epoch_end(self, run):
        self.calls.append(f"epoch {run.epoch} end")

    def on_fit_end(self, run):
        self.calls.append("fit end")


@pytest.mark.parametrize("compiled", [True, False])
def test_every_method_is_called_when_it_says(compiled):
    log, sparse = Log(), Log(every=3)
    fit(mlp(), samples(), epochs=2, batch_size=20, callbacks=[log, sparse], compiled=compiled)
    epochs = [
        [f"epoch {e} begin", f"step {2 * e - 1}", f"step {2 * e}", f"epoch {e} end"] for e in (1, 2)
    ]
    assert log.calls == ["fit begin", *epochs[0], *epochs[1], "fit end"]
    assert [call for call in sparse.calls if "step" in call] == ["step 3"]


def test_the_base_does_nothing():
    one, two = mlp(), mlp()
    fit(one, samples(), epochs=2, seed=0, callbacks=[Callback()])
    fit(two, samples(), epochs=2, seed=0)
    assert abs(values(one)[0] - values(two)[0]).max() < 1e-6
    assert Callback().state() == {}


@pytest.mark.parametrize("compiled", [True, False])
def test_what_a_run_shows(compiled):
    seen = []

    class Look(Callback):
        def on_step_end(self, run):
            figures = run.figures()
            seen.append((run.step, run.samples, run.learning_rate, set(figures), values(run.net)))
            assert run.steps == 4
            assert run.epochs == 1
            assert run.seconds > 0
            assert run.optimizer.learning_rate == run.learning_rate

    net = mlp()
    before = values(net)
    fit(net, samples(), epochs=1, batch_size=10, callbacks=[Look()], compiled=compiled)
    assert [record[:4] for record in seen] == [
        (n, 10 * n, 0.001, {"loss", "accuracy"}) for n in (1, 2, 3, 4)
    ]
    weights = [before, *(record[4] for record in seen)]
    for one, other in itertools.pairwise(weights):
        assert (one[0] != other[0]).any()
    assert all((a == b).all() for a, b in zip(weights[-1], values(net), strict=True))


@pytest.mark.parametrize("compiled", [True, False])
def test_a_callback_may_change_the_weights_and_the_rate(compiled):
    class Reset(Callback):
        def on_step_end(self, run):
            run.net[0].weight.data()[:] = 7
            run.learning_rate = 0.0

    net = mlp()
    history = fit(net, samples(), epochs=1, batch_size=10, callbacks=[Reset()], compiled=compiled)
    assert (net[0].weight.data().asnumpy() == 7).all()
    assert history.last["lr"] == 0


@pytest.mark.parametrize("compiled", [True, False])
def test_an_attribute_of_ones_own_decides_nothing(compiled):
    class Own(Log):
        every_steps = None  # as `Checkpoint` has it

    log = Own()
    fit(mlp(), samples(), epochs=1, batch_size=20, callbacks=[log], compiled=compiled)
    assert log.calls == ["fit begin", "epoch 1 begin", "step 1", "step 2", "epoch 1 end", "fit end"]


def test_a_callback_without_steps_is_not_called_after_them():
    log = Log(every=None)
    fit(mlp(), samples(), epochs=1, callbacks=[log])
    assert log.calls == ["fit begin", "epoch 1 begin", "epoch 1 end", "fit end"]


def test_a_subclass_observes_unless_it_says_itself_that_it_does_not():
    class Steering(EarlyStopping):
        """May do what its base does not."""

    class Looking(Steering):
        observes = False

    assert (Steering.observes, Looking.observes, Callback.observes) == (True, False, True)
    own = (Checkpoint, CSVLogger, EarlyStopping, LearningRate, LivePlot, Progress, TensorBoard)
    assert not any(callback.observes for callback in own)


@pytest.mark.parametrize("base", [Callback, EarlyStopping])
@pytest.mark.parametrize("told", [None, True, False])
def test_updates_are_part_of_the_backward_pass_where_nobody_observes(base, told):
    class Look(base):
        def on_fit_begin(self, run):
            self.folded = isinstance(run._step.update, FoldedUpdate)

    class Says(Look):
        observes = told

    look = Look() if told is None else Says()
    # Of plain SGD only the update is linear in the gradients.
    options = {"optimizer": "sgd", "callbacks": [look], "compiled": True}
    fit(mlp(), samples(), val=samples(), epochs=1, **options)
    assert look.folded == (told is False)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_callback_may_stop_a_run_at_once(compiled):
    class Stop(Callback):
        def on_step_end(self, run):
            if run.step == 6:
                run.stop("enough")

    log = Log()
    history = fit(
        mlp(), samples(), epochs=5, batch_size=10, callbacks=[Stop(), log], compiled=compiled
    )
    assert history.stopped == "enough"
    assert not history.interrupted
    assert len(history) == 1
    assert "step 6" in log.calls
    assert "step 7" not in log.calls
    assert log.calls[-1] == "fit end"
    assert "stopped: enough" in str(history)


def test_an_error_in_a_callback_is_passed_on_and_the_run_is_ended():
    class Fail(Callback):
        def on_epoch_end(self, run):
            raise KeyError("mine")

    log = Log()
    with pytest.raises(KeyError, match="mine"):
        fit(mlp(), samples(), epochs=2, callbacks=[Fail(), log])
    assert log.calls[-1] == "fit end"


def scripted(monkeypatch, losses):
    """Have every epoch's evaluation give the next of some figures."""
    following = iter(losses)
    monkeypatch.setattr(Evaluation, "__call__", lambda *a, **k: {"loss": next(following)})


def test_early_stopping(monkeypatch):
    scripted(monkeypatch, [3, 2, 2.5, 1.95, 2.2, 1.96, 9, 9])
    stop = EarlyStopping(patience=2, min_delta=0.1)
    history = fit(mlp(), samples(), val=samples(), epochs=8, callbacks=[stop])
    assert len(history) == 4
    assert history.stopped == "val_loss has not become better than 2 for 2 epochs"


def test_early_stopping_puts_the_best_weights_back(monkeypatch):
    scripted(monkeypatch, [3, 1, 2, 2])
    kept = []

    class Keep(Callback):
        def on_epoch_end(self, run):
            kept.append(values(run.net))

    net = mlp()
    options = {
        "val": samples(),
        "epochs": 9,
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.1},
    }
    fit(net, samples(), callbacks=[Keep(), EarlyStopping(patience=2, restore_best=True)], **options)
    assert len(kept) == 4
    assert all((a == b).all() for a, b in zip(values(net), kept[1], strict=True))


@pytest.mark.parametrize("compiled", [True, False])
def test_weights_that_onednn_rearranged_are_put_back(array_mode, compiled):
    """Predictions leave convolutions' weights in a layout into which MXNet writes no numbers."""
    net = sequential(
        nn.Conv2D(16, 3, activation="relu"), nn.MaxPool2D(), nn.Conv2D(32, 3), nn.Dense(3)
    )
    net.initialize()
    draws = numpy.random.default_rng(0)
    train = draws.normal(size=(16, 4, 12, 12)).astype("float32"), draws.integers(0, 3, 16)
    seen = []

    class Predicts(Callback):
        def on_epoch_end(self, run):
            x = (mx.np if array_mode == "np" else mx.nd).array(train[0])
            for _ in range(3):
                run.net(x).wait_to_read()
            seen.append(run.weights.copy())

    stop = EarlyStopping("val_accuracy", patience=5, restore_best=True, min_delta=1.0)
    options = {"val": train, "epochs": 3, "batch_size": 8, "compiled": compiled}
    fit(net, train, callbacks=[Predicts(), stop], optimizer="adam", **options)
    for name, parameter in enumerate(net.collect_params().values()):
        assert numpy.array_equal(parameter.data().asnumpy(), seen[0][name])
        assert not numpy.array_equal(seen[0][name], seen[2][name])


def test_early_stopping_on_a_figure_that_should_grow():
    stop = EarlyStopping("accuracy", patience=1)
    rate = {"learning_rate": 0.0}
    history = fit(
        mlp(), samples(), epochs=9, callbacks=[stop], optimizer_params=rate, optimizer="sgd"
    )
    assert len(history) == 2
    with pytest.raises(
        ArgumentError, match=r"`monitor` is 'val_loss', .* let EarlyStopping watch one of: loss"
    ):
        fit(mlp(), samples(), epochs=1, callbacks=[EarlyStopping()])
    with pytest.raises(ArgumentError, match="`mode` is 'up'; give 'auto', 'min' or 'max'"):
        EarlyStopping(mode="up")
    with pytest.raises(ArgumentError, match="`patience` is 0"):
        EarlyStopping(patience=0)


@pytest.mark.parametrize("schedule", [lambda epoch: 0.5 / epoch, [0.5, 0.25, 0.5 / 3]])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_learning_rates_by_epoch(schedule, optimizer):
    history = fit(
        mlp(), samples(), epochs=3, callbacks=[LearningRate(schedule)], optimizer=optimizer
    )
    assert history["lr"] == pytest.approx([0.5, 0.25, 0.5 / 3])


def test_learning_rates_and_mxnets_schedules():
    schedule = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.4)
    options = {"learning_rate": 0.4, "lr_scheduler": schedule}
    history = fit(
        mlp(), samples(), epochs=3, batch_size=20, optimizer_params=options, optimizer="sgd"
    )
    assert history["lr"] == pytest.approx([0.4, 0.2, 0.1])
    with pytest.raises(StateError, match=r"the optimizer has a schedule \(lr_scheduler\)"):
        fit(
            mlp(),
            samples(),
            epochs=1,
            callbacks=[LearningRate([1.0])],
            optimizer_params=options,
            optimizer="sgd",
        )
    for bad in (3, []):
        with pytest.raises(ArgumentTypeError, match=r"`schedule` is .*; give a function"):
            LearningRate(bad)


def test_progress_in_plain_lines(capsys):
    class Plain(nn.HybridSequential):
        pass

    net = mlp()
    net[0].register_forward_hook(lambda *args: None)
    fit(net, samples(), val=samples(), epochs=2, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "note: the steps are not compiled: `0` (Dense) has forward hooks"
    assert lines[1].startswith("epoch 1/2: loss ")
    assert "val accuracy" in lines[2]
    assert "samples/s" in lines[2]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("columns", "shown"), [(50, "loss"), (80, "accuracy"), (130, "samples/s, data wait")]
)
def test_progress_in_a_terminal(columns, shown, monkeypatch):
    def drawn(self, run, original=progress.Progress.on_step_end):
        original(self, run)
        self._bar.refresh()

    monkeypatch.setattr(progress.Progress, "on_step_end", drawn)
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "_REFRESHED_EVERY", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    fit(mlp(), samples(200), epochs=2, batch_size=10)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    assert "epoch 2/2: loss" in text
    bars = [line for line in re.split(r"[\r\n]+", text) if re.search(r"━ +\d+/20 \w", line)]
    assert bars
    assert all(shown in line and len(line) <= columns for line in bars), bars
    assert "…" not in text


def test_no_progress_unless_somebody_watches(capsys):
    fit(mlp(), samples(), epochs=1)
    assert capsys.readouterr() == ("", "")


def test_live_plot(monkeypatch):
    shown = []
    handle = types.SimpleNamespace(update=shown.append)
    fake = types.ModuleType("IPython.display")
    fake.display = lambda figure, display_id: shown.append(figure) or handle
    package = types.ModuleType("IPython")
    package.version_info, package.get_ipython = (8, 0), lambda: None
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    fit(mlp(), samples(), epochs=3, callbacks=[LivePlot()])
    assert len(shown) == 3
    assert [axes.get_title() for axes in shown[-1].axes] == ["loss", "accuracy"]
    assert len(shown[-1].axes[0].lines[0].get_xdata()) == 3


def test_csv_log(tmp_path):
    path = tmp_path / "log.csv"
    history = fit(mlp(), samples(), val=samples(), epochs=3, callbacks=[CSVLogger(path)])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == history["val_loss"]
    with pytest.raises(ArgumentError, match="in a folder that does not exist"):
        fit(mlp(), samples(), epochs=1, callbacks=[CSVLogger(tmp_path / "no" / "log.csv")])


def test_a_csv_log_keeps_the_rows_of_a_resumed_run(tmp_path):
    path, folder = tmp_path / "log.csv", tmp_path / "run"
    fit(mlp(), samples(), epochs=2, callbacks=[CSVLogger(path), Checkpoint(folder)])
    before = path.read_text()

    class Killed(Callback):
        def on_epoch_begin(self, run):
            assert path.read_text() == before
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fit(mlp(), samples(), epochs=3, resume=folder, callbacks=[CSVLogger(path), Killed()])
    assert path.read_text() == before


# Ctrl-C


class Interrupt(Callback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, run):
        if run.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("compiled", [True, False])
def test_ctrl_c_ends_the_run_and_returns_what_there_is(compiled):
    log = Log()
    history = fit(
        mlp(),
        samples(),
        epochs=9,
        batch_size=10,
        callbacks=[Interrupt(6), log],
        compiled=compiled,
    )
    assert history.stopped == "interrupted by Ctrl-C"
    assert history.interrupted
    assert len(history) == 1
    assert log.calls[-2:] == ["step 6", "fit end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_after_an_epochs_last_step_keeps_the_epoch():
    history = fit(mlp(), samples(), epochs=9, batch_size=10, callbacks=[Interrupt(8)])
    assert len(history) == 2


def test_a_second_ctrl_c_is_obeyed_at_once():
    class Twice(Callback):
        def on_step_end(self, run):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(mlp(), samples(), epochs=9, callbacks=[Twice()])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_training_in_a_thread():
    histories = []
    thread = threading.Thread(target=lambda: histories.append(fit(mlp(), samples(), epochs=2)))
    thread.start()
    thread.join()
    assert len(histories[0]) == 2


# Checkpoints


def network():
    mx.random.seed(1)
    net = sequential(
        nn.Dense(8, in_units=FEATURES),
        nn.BatchNorm(),
        nn.Dropout(0.3),
        nn.Dense(CLASSES, in_units=8),
    )
    net.initialize("xavier")
    return net


OPTIMIZERS = {
    "sgd": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.1, "momentum": 0.9},
    "adam": {"learning_rate": 0.01},
    "nadam": {"learning_rate": 0.01},
    "scheduled": {"learning_rate": 0.5, "lr_scheduler": (3, 0.8)},
}


def noisy(x, y):
    """Draw from NumPy's global stream, which must be put back too."""
    return x + numpy.random.normal(size=x.shape).astype("float32") * 0.1, y


def run(
    folder,
    epochs,
    *,
    optimizer="adam",
    compiled=None,
    callbacks=(),
    every_steps=None,
    saving=None,
    net=None,
    **more,
):
    params = dict(OPTIMIZERS[optimizer])
    if "lr_scheduler" in params:
        step, factor = params["lr_scheduler"]
        params["lr_scheduler"] = mx.lr_scheduler.FactorScheduler(step, factor, base_lr=0.5)
    net = net or network()
    loader = BatchLoader(samples(50), 8, shuffle=True, transform=noisy, last="rollover")
    history = fit(
        net,
        loader,
        val=samples(seed=1),
        epochs=epochs,
        seed=7,
        optimizer={"momentum": "sgd", "scheduled": "sgd"}.get(optimizer, optimizer),
        optimizer_params=params,
        compiled=compiled,
        callbacks=[*callbacks, saving or Checkpoint(folder, every_steps=every_steps)]
        if folder
        else callbacks,
        resume=folder,
        **more,
    )
    return net, history


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_in_parts_is_the_run_in_one(tmp_path, array_mode, optimizer, compiled):
    whole, history = run(None, 5, optimizer=optimizer, compiled=compiled)
    run(tmp_path, 2, optimizer=optimizer, compiled=compiled)
    net, second = run(tmp_path, 5, optimizer=optimizer, compiled=compiled)
    assert same(net, whole)
    assert second.resumed == 3
    for name in ("loss", "accuracy", "val_loss", "lr"):
        assert second[name] == history[name]


def network_after(layers):
    """Return the network as a process makes it that has made so many dense layers before."""
    with mx.name.NameManager() as names:
        names._counter["dense"] = layers
        return network()


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("optimizer", ["momentum", "adam", "nadam"])
def test_a_run_goes_on_however_many_networks_were_made_before(tmp_path, optimizer, compiled):
    options = {"optimizer": optimizer, "compiled": compiled, "grad_clip": 0.5}
    whole, _ = run(None, 5, net=network_after(0), **options)
    run(tmp_path, 2, net=network_after(8), **options)  # dense8, dense9
    later = network_after(9)  # dense9, dense10, of which "dense10" is the first in text
    net, history = run(tmp_path, 5, net=later, **options)
    assert history.resumed == 3
    assert same(net, whole)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("compiled", [True, False])
def test_the_optimizer_of_other_parameters_is_refused(tmp_path, optimizer, compiled):
    run(tmp_path, 2, optimizer=optimizer, compiled=compiled)
    net = network()
    net[0].weight.grad_req = "null"
    before = net[0].weight.data().asnumpy()
    with pytest.raises(CheckpointError, match="an optimizer state for other parameters than this"):
        run(tmp_path, 5, optimizer=optimizer, compiled=compiled, net=net)
    assert (net[0].weight.data().asnumpy() == before).all()


def test_resuming_a_run_that_is_over_changes_nothing(tmp_path):
    net, _ = run(tmp_path, 2)
    again, history = run(tmp_path, 2)
    assert same(net, again)
    assert len(history) == 2


def test_interrupted_in_the_middle_of_an_epoch(tmp_path):
    whole, _ = run(tmp_path / "a", 3, every_steps=4)
    _, first = run(tmp_path / "b", 3, every_steps=4, callbacks=[Interrupt(10)])
    assert first.stopped
    net, _ = run(tmp_path / "b", 3, every_steps=4, callbacks=[Interrupt(99)])
    assert same(net, whole)


def test_early_stopping_goes_on_counting(tmp_path, monkeypatch):
    def stopper():
        return [EarlyStopping(patience=3, restore_best=True)]

    figures = [3, 1, 2, 2, 2, 9]
    scripted(monkeypatch, figures)
    whole, history = run(tmp_path / "a", 6, callbacks=stopper())
    assert len(history) == 5
    scripted(monkeypatch, figures)
    _, first = run(tmp_path / "b", 3, callbacks=stopper())
    scripted(monkeypatch, figures[3:])
    net, second = run(tmp_path / "b", 6, callbacks=stopper())
    assert len(first) == 3
    assert len(second) == 5
    assert second.stopped == history.stopped
    assert same(net, whole)


def test_best_and_last(tmp_path, monkeypatch):
    scripted(monkeypatch, [3, 1, 2])
    kept = []

    class Keep(Callback):
        def on_epoch_end(self, run):
            kept.append(values(run.net)[0])

    fit(mlp(), samples(), val=samples(), epochs=3, callbacks=[Keep(), Checkpoint(tmp_path)])
    best, last = (read_arrays(tmp_path / f"{n}.safetensors") for n in ("best", "last"))
    assert (best.array("0.weight") == kept[1]).all()
    assert (last.array("0.weight") == kept[2]).all()
    names = sorted(path.name.partition("-")[0] for path in tmp_path.iterdir())
    assert names == ["best.safetensors", "last.safetensors", "step", "step"]
    net = load(tmp_path / "best.safetensors", net=mlp())
    assert (values(net)[0] == kept[1]).all()


def test_more_of_the_last_and_the_best(tmp_path, monkeypatch):
    scripted(monkeypatch, [5, 1, 4, 2, 3, 6])
    saving = Checkpoint(tmp_path, keep_last=2, keep_best=3)
    fit(mlp(), samples(), val=samples(), epochs=6, callbacks=[saving])
    kept = CheckpointDir(tmp_path)
    assert [checkpoint.value for checkpoint in kept.checkpoints] == [1, 2, 3, 6]
    assert (kept.best.value, kept.last.value) == (1, 6)


def test_the_folder_of_another_run_is_refused(tmp_path):
    fit(mlp(), samples(), epochs=1, callbacks=[Checkpoint(tmp_path)])
    with pytest.raises(ArgumentError, match="which has the checkpoints of another run, up to step"):
        fit(mlp(), samples(), epochs=1, callbacks=[Checkpoint(tmp_path)])


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    saving = Checkpoint(tmp_path, keep_last=2)
    whole, _ = run(None, 3)
    run(tmp_path, 2, saving=saving)
    newest = max(tmp_path.glob("step-*"))
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="the checkpoint before it is taken"):
        net, history = run(tmp_path, 3, saving=Checkpoint(tmp_path, keep_last=2))
    assert history.resumed == 2
    assert same(net, whole)


def test_a_run_goes_on_from_a_copy_of_its_last_checkpoint(tmp_path):
    whole, _ = run(None, 3)
    run(tmp_path / "a", 2)
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / "last.safetensors", tmp_path / "b")
    net, _ = run(tmp_path / "b", 3)
    assert same(net, whole)


def test_other_callbacks_begin_anew_and_it_is_said(tmp_path):
    run(tmp_path, 1)
    _, history = run(tmp_path, 2, callbacks=[EarlyStopping()])
    assert "they begin anew" in history.notes[0]


def test_checkpoints_of_another_network_are_refused(tmp_path):
    run(tmp_path, 1)
    net = mlp()
    before = values(net)
    with pytest.raises(CheckpointError, match=r"(?s)does not fit the network.*not in the network"):
        fit(net, samples(), epochs=2, optimizer="adam", resume=tmp_path)
    assert all((a == b).all() for a, b in zip(values(net), before, strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "sgd"}, "was trained with the optimizer Adam, this run has SGD"),
        ({"compiled": False}, "was trained by compiled steps, this run has"),
    ],
    ids=["optimizer", "steps"],
)
def test_checkpoints_of_another_run_are_refused(tmp_path, options, message):
    run(tmp_path, 1)
    with pytest.raises(CheckpointError, match=message):
        run(tmp_path, 2, **options)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda contents: contents[:100],
        lambda contents: b"",
        lambda contents: contents[: len(contents) // 2],
        lambda contents: b"x" * 1000,
    ],
    ids=["begin", "empty", "half", "other"],
)
def test_damaged_checkpoints_are_refused(tmp_path, spoil):
    run(tmp_path, 1)
    path = max(tmp_path.glob("step-*"))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(CheckpointError, match=rf"{path.name} cannot be used: "):
        run(tmp_path, 2)


def test_a_schedule_must_be_there_in_both_runs(tmp_path):
    run(tmp_path, 1, optimizer="sgd")
    with pytest.raises(CheckpointError, match="was trained without a learning rate schedule"):
        run(tmp_path, 2, optimizer="scheduled")


def test_files_of_others_are_no_checkpoints(tmp_path):
    from safetensors.numpy import save_file

    save_file({"a": numpy.ones(3)}, tmp_path / "last.safetensors")
    with pytest.raises(CheckpointError, match="was not written by gluonkit's training"):
        run(tmp_path, 1)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match=r"`folder` is .*, which is a file; give a folder"):
        fit(mlp(), samples(), epochs=1, callbacks=[Checkpoint(tmp_path / "file")])


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    run(tmp_path, 1)
    contents = (tmp_path / "last.safetensors").read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"cannot be written: .*No space left on device"):
        run(tmp_path, 2)
    assert (tmp_path / "last.safetensors").read_bytes() == contents
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]


def test_a_failed_step_leaves_the_last_checkpoint(tmp_path):
    def batches(spoil):
        class Batches:
            count = 0

            def __iter__(self):
                self.count += 1
                x, y = samples(8)
                yield x, y
                yield (x * numpy.nan if spoil and self.count == 2 else x), y

        return Batches()

    with pytest.raises(NotFiniteError):
        fit(mlp(), batches(True), epochs=3, seed=1, resume=tmp_path)
    one, two = mlp(), mlp()
    fit(one, batches(False), epochs=3, seed=1, resume=tmp_path)
    fit(two, batches(False), epochs=3, seed=1)
    assert same(one, two)


KILLED = """
import os, signal, sys
import numpy
from gluonkit import Callback, fit, mx, nn
from gluonkit.callbacks import Checkpoint
from gluonkit.data import load

class Kill(Callback):
    def on_step_end(self, run):
        if run.step == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

mx.random.seed(1)
net = nn.HybridSequential()
net.add(nn.Conv2D(6, 5, activation="relu"), nn.MaxPool2D(4), nn.Dropout(0.3), nn.Dense(10))
net.initialize("xavier")
callbacks = [Kill(), Checkpoint(sys.argv[1], every_steps=5)]
fit(net, load("digits").take(320), epochs=4, seed=3, optimizer="adam", resume=sys.argv[1],
    callbacks=callbacks)
print(repr([hash(p.data().asnumpy().tobytes()) for p in net.collect_params().values()]))
"""


def test_killed_at_any_moment(python, tmp_path):
    env = {"PYTHONHASHSEED": "0"}

    def train(folder, step):
        return python("-c", KILLED, str(tmp_path / folder), str(step), env=env)

    whole = train("whole", -1)
    assert whole.returncode == 0, whole.stderr
    for step in (3, 8, 13):  # before a first checkpoint, in an epoch's middle, in the next one
        killed = train("parts", step)
        assert killed.returncode == -signal.SIGKILL
    resumed = train("parts", -1)
    assert resumed.stdout == whole.stdout
