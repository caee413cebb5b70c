"""`audit` and `gluonkit run --audit`: every wait for the engine at its line, and nothing stays."""

import inspect
import json
import linecache

import numpy
import pytest

from gluonkit import audit, autograd, gluon, mx, nd
from gluonkit.errors import ArgumentTypeError
from gluonkit.profiling import Audit, Wait
from gluonkit.system.patches import WAITING


def line_of(function, text):
    """Return the number of the line of a function that has a text."""
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


READS = {
    "asnumpy": (lambda x: x.asnumpy(), "asnumpy", "array"),
    "asscalar": (lambda x: x.sum().asscalar(), "asscalar", "scalar"),
    "bool": (lambda x: bool(x.sum() > 0), "bool()", "scalar"),
    "repr": (lambda x: repr(x.T), "repr()", "text"),
    "format": (lambda x: f"{x}", "repr()", "text"),
    "wait_to_read": (lambda x: x.wait_to_read(), "wait_to_read", "wait"),
    "waitall": (lambda _: mx.nd.waitall(), "waitall", "wait"),
    "to NumPy": (lambda x: numpy.asarray(x.T), "to NumPy", "mode"),
    "by NumPy": (lambda x: numpy.linalg.cond(x.as_np_ndarray()), "by NumPy", "mode"),
    "made": (lambda _: nd.array([1, 2]), "array", "made"),
    "into": (lambda x: x.__setitem__(slice(None), numpy.ones((2, 2))), "x[...] =", "write"),
    "metric": (lambda x: mx.metric.MSE().update([x], [x]), "MSE.update", "metric"),
}


@pytest.mark.parametrize("name", READS)
def test_every_way_to_wait(name):
    read, call, kind = READS[name]
    x = nd.ones((2, 2))
    report = audit(lambda: [read(x) for _ in range(3)])
    assert report.steps == 0
    waits = [wait for wait in report.waits if wait.kind == kind and wait.call == call]
    assert len(waits) == 1, report
    assert waits[0].file == __file__
    assert waits[0].line == read.__code__.co_firstlineno
    assert waits[0].source == linecache.getline(__file__, waits[0].line).strip()
    # MSE reads both of its arrays.
    assert waits[0].count == (6 if name == "metric" else 3)
    assert 0 <= waits[0].seconds <= report.waited <= report.seconds


def test_in_numpy_mode():
    x = mx.np.ones((2, 2))
    sums = x.sum(), x.mean()
    report = audit(
        lambda: (sums[0].item(), float(sums[0]), int(sums[1]), x.tolist(), f"{sums[0]:.1f}")
    )
    assert {wait.call: wait.count for wait in report.waits} == {
        "item": 1,
        "float()": 1,
        "int()": 1,
        "tolist": 1,
        "format()": 1,
    }


def test_copies_between_devices():
    x = nd.ones((5, 4))
    report = audit(lambda: [x.as_in_context(mx.cpu(1)) for _ in range(2)])
    (copy,) = (wait for wait in report.waits if wait.kind == "device")
    assert (copy.count, copy.bytes, copy.seconds) == (2, 2 * 5 * 4 * 4, 0)
    assert copy.call == "as_in_context: cpu(0) to cpu(1)"
    assert "160 B" in str(report)
    assert audit(lambda: x.as_in_context(mx.cpu(0))).waits == ()


def learner():
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(8, activation="relu"), gluon.nn.Dense(3))
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    return net, trainer, gluon.loss.SoftmaxCrossEntropyLoss()


def tutorial(steps):
    """Train as the crash course's MNIST loop does."""
    net, trainer, loss_of = learner()
    images, label = nd.ones((4, 5)), nd.zeros((4,))
    metric, train_loss = mx.metric.Accuracy(), 0.0
    for _ in range(steps):
        with autograd.record():
            output = net(images)
            loss = loss_of(output, label)
        loss.backward()
        trainer.step(4)
        metric.update([label], [output])
        train_loss += loss.mean().asscalar()


def test_the_tutorials_loop():
    report = audit(tutorial, 5)
    assert report.steps == 5
    waits = {wait.call: wait for wait in report.in_each_step}
    assert set(waits) == {"Accuracy.update", "asscalar"}
    assert waits["Accuracy.update"].line == line_of(tutorial, "metric.update")
    assert waits["Accuracy.update"].count == 2 * 5  # labels and answers
    assert waits["asscalar"].line == line_of(tutorial, "asscalar")
    assert waits["asscalar"].count == waits["asscalar"].steps == 5
    assert not report.fine
    text = " ".join(str(report).split())
    assert "The loop waits 3 times in a step" in text
    assert "`train_loss += loss.mean()`, and `train_loss.asscalar()` once" in text
    assert "`right = right + (output.argmax(axis=1) == label.astype" in text
    assert max(map(len, str(report).splitlines())) <= 80


def test_what_is_offered_in_place_computes_the_same():
    """The offered lines give the metric's and the sum's own numbers."""
    output, metric = nd.random.uniform(shape=(20, 3)), mx.metric.Accuracy()
    label = (nd.random.uniform(shape=(20,)) * 3).floor()
    metric.update([label], [output])
    right, total = nd.zeros((1,)), 0.0
    right = right + (output.argmax(axis=1) == label.astype("float32")).sum()
    total += output.mean()
    assert right.asscalar() / 20 == metric.get()[1]
    assert total.asscalar() == output.mean().asscalar()


def once_a_step(steps):
    net, trainer, loss_of = learner()
    images, label = nd.ones((4, 5)), nd.zeros((4,))
    for _ in range(steps):
        with autograd.record():
            loss = loss_of(net(images), label)
        loss.backward()
        trainer.step(4)
        loss.mean().asscalar()


def never(steps):
    net, trainer, loss_of = learner()
    images, label = nd.ones((4, 5)), nd.zeros((4,))
    for _ in range(steps):
        with autograd.record():
            loss = loss_of(net(images), label)
        loss.backward()
        trainer.step(4)


def test_a_loop_that_waits_once_is_fine():
    report = audit(once_a_step, steps=4)
    assert report.fine
    assert report.to_dict()["fine"]
    assert "Fine: the loop waits once in a step (asscalar at test_audit.py" in report.verdict
    assert "→" not in str(report)
    assert report.beside == ()


def test_what_waits_beside_the_steps():
    """An evaluation between the steps, as the tutorials have it."""
    waits = (wait("train.py", 1, "asscalar", "scalar", 10, 1.0), wait("train.py", 9, "A.update"))
    report = Audit(waits, 10, 6.0)
    assert [one.line for one in report.beside] == [9]
    assert report.verdict.endswith("without bound. Beside its steps: A.update at train.py:9.")
    assert "train.py:9  the source" in str(report)
    assert "→ another line" in str(report)
    assert "train.py:1  the source" not in str(report)


def wait(file, line, call, kind="metric", steps=3, seconds=2.0):  # noqa: PLR0917
    return Wait(
        file,
        line,
        "the source",
        call,
        kind,
        10,
        seconds,
        steps=steps,
        bytes=0,
        instead="another line",
    )


def test_a_loop_that_never_waits():
    report = audit(never, 4)
    assert not report.fine
    assert report.verdict.startswith("None of the 4 steps waits. Python may run ahead")


def from_numpy(steps):
    net, trainer, loss_of = learner()
    for _ in range(steps):
        images, label = nd.array(numpy.ones((4, 5))), nd.array(numpy.zeros(4))
        with autograd.record():
            loss = loss_of(net(images), label)
        loss.backward()
        trainer.step(4)


def test_arrays_made_from_numpy_wait_too():
    report = audit(from_numpy, 4)
    assert report.fine
    (made,) = report.in_each_step
    assert (made.kind, made.count) == ("made", 8)
    assert "nd.from_numpy(x, zero_copy=True)" in made.instead


LINES = {
    "losses.append(loss.asscalar())": "`losses.append(loss)`, and read the numbers once",
    "value = bool(loss.sum())": "`value = loss.sum()`, and `bool(value)` where the number",
    "show(loss.asnumpy())": "keep `loss`, and read it once, behind the loop: `kept.asnumpy()`",
    "while loss.asscalar() > 5: break": "decide in every hundredth step only",
    "return loss.asscalar()": "keep `loss`, and read it once, behind the loop: `kept.asscalar()`",
    "metric = mx.metric.MSE(); metric.update(label, loss)": "`kept.append((label, loss))`, and "
    "`metric.update` for all of them every hundredth",
    "total = mx.metric.Loss(); total.update(None, preds=loss)": "`total = total + loss.sum()`",
    "metric = mx.metric.MSE(); metric.get(); loss.wait_to_read()": "leave it out",
    "print(loss)": "print every hundredth step only",
    "nd.save(path, loss)": "save at the end of an epoch",
}


@pytest.mark.parametrize("line", LINES)
def test_the_line_that_waits_less(line, tmp_path):
    source = f"def run(loss, label, losses, show, path, mx, nd):\n    {line}\n"
    path = tmp_path / "loop.py"
    path.write_text(source)
    space = {}
    exec(compile(source, str(path), "exec"), space)
    loss, label = nd.ones((1,)), nd.ones((1,))
    report = audit(space["run"], loss, label, [], lambda _: None, str(tmp_path / "x"), mx, nd)
    assert [wait.place for wait in report.waits] == ["loop.py:2"]
    assert report.waits[0].instead.startswith(LINES[line])


def test_nothing_stays_patched_and_errors_pass():
    before = [getattr(mx.base._LIB, name) for name in (*WAITING, "MXAutogradBackwardEx")]
    copies = mx.nd.NDArray.copyto, mx.np.ndarray.copyto
    with pytest.raises(ZeroDivisionError):
        audit(lambda: nd.ones(1).asscalar() and 1 / 0)
    assert before == [getattr(mx.base._LIB, name) for name in (*WAITING, "MXAutogradBackwardEx")]
    assert copies == (mx.nd.NDArray.copyto, mx.np.ndarray.copyto)


def test_it_is_given_a_function():
    with pytest.raises(ArgumentTypeError, match="`fn` is 3, an int; give a function"):
        audit(3)
    with pytest.raises(ArgumentTypeError, match="`fn` is None; give a function"):
        audit(None)
    with pytest.raises(ArgumentTypeError, match=r"`fn` is missing: audit\(fn, \*args\)"):
        audit(epochs=3)

    def train(net, *, epochs):
        raise AssertionError("it is not called")

    with pytest.raises(ArgumentTypeError) as caught:
        audit(train, 1, epoch=2)
    assert str(caught.value) == (
        "`fn` does not take the arguments behind it: missing a required argument: 'epochs'; give "
        "those of train(net, *, epochs)"
    )
    with pytest.raises(ArgumentTypeError, match="got an unexpected keyword argument 'steps'"):
        audit(train, 1, epochs=2, steps=3)
    assert audit(max, 1, 2).waits == ()  # which tells no signature


def test_the_record():
    nothing = audit(lambda: nd.ones((2,)) + 1)
    assert nothing.verdict == "Nothing waited for the engine."
    report = audit(tutorial, 3)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["steps"] == 3
    assert data["waited"] == pytest.approx(sum(wait["seconds"] for wait in data["waits"]))
    assert data["bound"] <= min(data["waited"], data["seconds"])
    assert repr(report) == str(report)
    html = report._repr_html_()
    assert "<table>" in html
    assert "loss.mean()" in html
    once = audit(lambda: nd.ones(1).asscalar())
    assert once.verdict.startswith("1 wait, and no training loop of two steps or more was seen")


PROGRAM = """
import mxnet as mx
from mxnet import autograd, nd
import sys

w = nd.ones((2,))
w.attach_grad()
for _ in range(3):
    with autograd.record():
        loss = (w * w).sum()
    loss.backward()
    print(loss.asscalar(), *sys.argv[1:])
sys.exit(7)
"""


def test_a_program(gluonkit, tmp_path):
    (tmp_path / "train.py").write_text(PROGRAM)
    done = gluonkit("run", "--audit", "train.py", "a")
    assert (done.returncode, done.stdout) == (7, "2.0 a\n" * 3)
    assert "train.py:12  asscalar" in done.stderr
    assert "Fine: the loop waits once in a step" in done.stderr
    (tmp_path / "none.py").write_text("print(1)")
    done = gluonkit("run", "--audit", "none.py")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr == "gluonkit run: nothing to audit, as MXNet was not imported\n"
    done = gluonkit("run", "--audit")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: gluonkit run [--audit] SCRIPT")
    assert "nothing to audit" not in done.stderr
