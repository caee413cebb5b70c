"""Training past one process: `fit(kvstore=...)` in real jobs, started by `gluonkit launch`."""

import json
import os
import re
import signal
import sys
import textwrap
from itertools import chain

import numpy
import pytest

from gluonkit import fit, mx, nn
from gluonkit._base.specs import ArraySpec
from gluonkit.data import BatchLoader, digits
from gluonkit.distributed import workers
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.train.accuracy import task_of
from gluonkit.train.metrics import MeanMeter, MXNetMeter, resolve_metrics
from gluonkit.train.sources import Part, source
from gluonkit.train.step.batch import ReadyBatch
from tests.launched import LONG, launcher

PRELUDE = """
    import json, os, signal, sys
    import numpy
    from gluonkit import Callback, fit, mx, nd, nn, npx
    from gluonkit.callbacks import Checkpoint, CSVLogger
    from gluonkit.data import BatchLoader, digits
    images, labels = digits(8, 8)
    train, val = (images[:193], labels[:193]), (images[193:300], labels[193:300])
    rank = int(os.environ.get("DMLC_RANK", 0))
    count = int(os.environ.get("DMLC_NUM_WORKER", 1))

    def network(dropout=0.0, devices=1):
        net = nn.HybridSequential()
        net.add(nn.Conv2D(4, 3, activation="relu"), nn.Dropout(dropout), nn.Dense(10))
        net.initialize(mx.init.Xavier(), ctx=[mx.cpu(i) for i in range(devices)])
        return net

    def weights(net):
        found = [p.list_data()[0].asnumpy().ravel() for p in net.collect_params().values()]
        return numpy.concatenate(found)

    def keep(name, net, history=None):
        numpy.save(f"{name}.{rank}.npy", weights(net))
        if history is not None:
            with open(f"{name}.{rank}.json", "w") as file:
                json.dump({"epochs": history.epochs, "notes": history.notes}, file)
"""


@pytest.fixture
def launch(tmp_path):
    """Return a function that runs a program in a job, and returns its output and exit status."""
    with launcher(tmp_path) as start:

        def run(program, *args, n=2, options=(), env=None):
            path = tmp_path / f"program{len(list(tmp_path.glob('program*')))}.py"
            path.write_text(textwrap.dedent(PRELUDE) + textwrap.dedent(program))
            command = ["python", str(path), *map(str, args)]
            return start("-n", str(n), "--timeout", f"{LONG}", *options, "--", *command, env=env)

        def run_whole(*args, **options):
            job = run(*args, **options)
            return job.status(), job.output()

        run_whole.start = run
        yield run_whole


def saved(folder, name, rank=0):
    return numpy.load(folder / f"{name}.{rank}.npy")


def record(folder, name, rank=0):
    return json.loads((folder / f"{name}.{rank}.json").read_text())


# `register` holds the class, its method these variables, and MXNet lives longer than any of them.
AT_THE_TOP = """
    import os, sys
    if "by itself" in sys.argv:  # as in a job that another tool has started
        del os.environ["GLUONKIT_LAUNCHED"]
    if "early" in sys.argv:
        import gluonkit
    import mxnet as mx
    from mxnet.gluon import Trainer, nn

    if "held" in sys.argv:
        @mx.init.register
        class Own(mx.init.Initializer):
            def _init_weight(self, name, array):
                array[:] = 1

    net = nn.Dense(1, in_units=2, use_bias=False)
    net.initialize(mx.init.One())
    trainer = Trainer(net.collect_params(), "sgd", {"learning_rate": 0.25}, kvstore="dist_sync")
    with mx.autograd.record():
        loss = net(mx.nd.array([[1, 2]])).sum()
    loss.backward()
    trainer.step(1)
    print("weight", net.weight.data().asnumpy().tolist())
"""


@pytest.mark.parametrize("words", [(), ("held",), ("held", "early"), ("held", "by itself")])
def test_a_store_at_the_top_of_a_program_ends_with_it(tmp_path, words):
    (tmp_path / "train.py").write_text(textwrap.dedent(AT_THE_TOP))
    command = [sys.executable, "-m", "_gluonkit_command", "run", "train.py", *words]
    with launcher(tmp_path) as start:
        job = start("-n", "2", "--timeout", f"{LONG}", "--", *command)
        assert job.status() == 0, job.output()
    # Of each worker the gradient is (1, 2).
    assert job.output().count("weight [[0.5, 0.0]]") == 2, job.output()


# Each worker has half of every batch; the last batch of an epoch has one sample for two workers.
SAME = """
    variants = {
        "sgd": dict(optimizer="sgd", optimizer_params={"momentum": 0.9, "learning_rate": 0.1}),
        "clip": dict(optimizer="adam", grad_clip=0.5, accumulate=2),
        "plain": dict(optimizer="adam", compiled=False),
        "devices": dict(optimizer="sgd", ctx=[mx.cpu(0), mx.cpu(1)], grad_clip=0.5),
    }
    kind = sys.argv[1] if len(sys.argv) > 1 else None
    for name, options in variants.items():
        devices = len(options.get("ctx", [1]))
        net = network(devices=devices)
        history = fit(net, train, val=val, epochs=2, batch_size=64 // count, kvstore=kind, seed=3,
                      metrics=("accuracy", mx.metric.TopKAccuracy(3)), **options)
        keep(f"{name}_{kind}", net, history)
"""


def test_two_workers_end_as_one(launch, python, tmp_path):
    (tmp_path / "alone.py").write_text(textwrap.dedent(PRELUDE) + textwrap.dedent(SAME))
    done = python("alone.py")
    assert done.returncode == 0, done.stderr
    status, output = launch(SAME, "dist_device_sync", options=["-s", "2"])
    assert status == 0, output
    for name in ("sgd", "clip", "plain", "devices"):
        alone = saved(tmp_path, f"{name}_None")
        first, second = (saved(tmp_path, f"{name}_dist_device_sync", rank) for rank in (0, 1))
        assert (first == second).all(), name
        assert abs(first - alone).max() < 2e-6, name
        expected = record(tmp_path, f"{name}_None")["epochs"]
        for rank in (0, 1):
            rows = record(tmp_path, f"{name}_dist_device_sync", rank)["epochs"]
            for row, other in zip(rows, expected, strict=True):
                for figure in ("loss", "accuracy", "top_k_accuracy_3", "val_loss", "val_accuracy"):
                    assert row[figure] == pytest.approx(other[figure], rel=1e-5), (name, figure)
    notes = record(tmp_path, "sgd_dist_device_sync")["notes"]
    assert notes == [
        "2 workers (dist_device_sync) with up to 32 samples each: effective batch size 64; "
        "learning rate 0.1, as given"
    ]


EXACT = """
    from gluonkit.distributed.workers import connect
    job = connect("dist_sync")
    numbers = [rank + 0.1, float("nan"), -1e300, float("inf"), 2.0**-1070, -0.0]
    def check():
        rows = job.gather(numbers)
        assert rows.shape == (2, 6), rows.shape
        for each in range(2):
            expected = numpy.array([each + 0.1, *numbers[1:]])
            assert rows[each].tobytes() == expected.tobytes(), (rows[each], expected)
    check()
    check()
    net = network()
    fit(net, train, epochs=1, kvstore="dist_sync", seed=0)
    half = {"type": "2bit", "threshold": 0.5}
    history = fit(net, train, val=val, epochs=12, batch_size=32, kvstore="dist_sync", seed=0,
                  optimizer="sgd", compression_params=half)
    keep("compressed", net, history)
    check()
    check()
    for wrong in ({"type": "2bit", "threshold": 0.25},):
        try:
            fit(net, train, epochs=1, kvstore="dist_sync", compression_params=wrong)
        except RuntimeError as error:
            print("REFUSED", error)
    try:
        fit(net, train, epochs=1, kvstore="dist_async")
    except RuntimeError as error:
        print("REFUSED", error)
    job._next[0] = 209_999
    try:
        job.new_keys(2)
    except RuntimeError as error:
        print("REFUSED", error)
"""


def test_numbers_arrive_as_they_are_and_gradients_compressed(launch, tmp_path):
    status, output = launch(EXACT)
    assert status == 0, output
    epochs = record(tmp_path, "compressed")["epochs"]
    assert epochs[-1]["accuracy"] > 0.6, epochs
    assert (saved(tmp_path, "compressed") == saved(tmp_path, "compressed", 1)).all()
    assert "compressed by {'type': '2bit', 'threshold': 0.5} already" in output
    assert "connected by 'dist_sync' already; one job has one kind" in output
    assert "has exchanged 110,000 different arrays" in output


ASYNC = """
    class Setting(Callback):
        def on_epoch_begin(self, run):
            try:
                run.learning_rate = 0.5
            except RuntimeError as error:
                print("REFUSED", error)

    from gluonkit.distributed.workers import connect
    for name, options in {"flat": {}, "plain": {"compiled": False}}.items():
        net = network()
        net.add(nn.BatchNorm())
        net[-1].initialize()
        history = fit(net, train, val=val, epochs=12, optimizer="adam", kvstore="dist_async",
                      seed=1, callbacks=[Setting()], batch_size=16, resume=f"kept_{name}",
                      **options)
        keep(name, net, history)
    half = {"type": "2bit", "threshold": 0.5}
    net = network()
    fit(net, train, epochs=2, kvstore="dist_async", compression_params=half, seed=1)
    keep("compressed", net)
    numbers = connect("dist_async").gather([0.1 + rank, float("nan")])
    assert numbers[:, 0].tolist() == [0.1, 1.1] and numpy.isnan(numbers[:, 1]).all(), numbers
"""


def test_asynchronous(launch, tmp_path):
    status, output = launch(ASYNC, options=["-s", "2"])
    assert status == 0, output
    for name in ("flat", "plain", "compressed"):
        assert (saved(tmp_path, name) == saved(tmp_path, name, 1)).all(), name
    for name in ("flat", "plain"):
        result = record(tmp_path, name)
        assert result["epochs"][-1]["val_accuracy"] > 0.6, result["epochs"]
        assert result["notes"][0].startswith("2 workers (dist_async): each updates by itself")
        assert (tmp_path / f"kept_{name}" / "last.safetensors").exists()
    assert "with kvstore='dist_async' the servers update" in output


# What happens to a run in the middle of its second epoch, and what it ends with all the same.
PREDICTING = """
    net = nn.HybridSequential()
    net.add(nn.Conv2D(16, 3, activation="relu"), nn.Conv2D(32, 3), nn.Dense(10))
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True, static_shape=True)

    class Predicting(Callback):  # whereupon oneDNN rearranges the weights, in place
        def on_step_end(self, run):
            net(nd.array(images[:8])).asnumpy()

    fit(net, train, val=val, epochs=2, batch_size=64 // count, compiled=False, seed=0,
        callbacks=[Predicting()], kvstore=sys.argv[1] if len(sys.argv) > 1 else None)
    keep(f"predicting_{count}", net)
"""


def test_weights_that_have_been_predicted_with(launch, python, tmp_path):
    (tmp_path / "alone.py").write_text(textwrap.dedent(PRELUDE) + textwrap.dedent(PREDICTING))
    done = python("alone.py")
    assert done.returncode == 0, done.stderr
    status, output = launch(PREDICTING, "dist_sync")
    assert status == 0, output
    alone, *both = (saved(tmp_path, name) for name in ("predicting_1", "predicting_2"))
    both.append(saved(tmp_path, "predicting_2", 1))
    assert (both[0] == both[1]).all()
    assert abs(both[0] - alone).max() < 1e-6


FAULTS = """
    class Fault(Callback):
        first_only = False

        def on_step_end(self, run):
            if (run.step, run.rank) != (11, 1):
                return
            if sys.argv[2] == "stopped":
                print("PID", os.getpid(), flush=True)
                os.kill(os.getpid(), signal.SIGSTOP)
            elif sys.argv[2] == "worker":
                os.kill(os.getpid(), signal.SIGKILL)
            elif sys.argv[2] in ("server", "scheduler"):
                os.kill(pid_of(sys.argv[2]), signal.SIGKILL)
                signal.pause()

    def pid_of(role):
        mark = f"LAUNCH_MARK={os.environ['LAUNCH_MARK']}".encode()
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    variables = file.read().split(b"\\0")
            except OSError:
                continue
            if mark in variables and f"DMLC_ROLE={role}".encode() in variables:
                return int(name)

    def noisy(data, label):
        return data + numpy.random.normal(scale=0.1, size=data.shape).astype("float32"), label

    net = network(dropout=0.3)
    loader = BatchLoader(train, 16, shuffle=True, transform=noisy)
    history = fit(net, loader, epochs=3, optimizer="adam", seed=5, kvstore="dist_sync",
                  callbacks=[Checkpoint(sys.argv[1], every_steps=4), Fault()], resume=sys.argv[1])
    keep(f"end_{sys.argv[1]}", net, history)
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    with launcher(folder) as start:
        (folder / "whole.py").write_text(textwrap.dedent(PRELUDE) + textwrap.dedent(FAULTS))
        job = start("-n", "2", "--timeout", f"{LONG}", "--", "python", "whole.py", "whole", "none")
        assert job.status() == 0, job.output()
    return saved(folder, "end_whole")


@pytest.mark.parametrize("victim", ["worker", "server", "scheduler", "stopped"])
def test_what_happens_in_an_epoch_changes_nothing(launch, tmp_path, uninterrupted, victim):
    job = launch.start(FAULTS, "kept", victim)
    if victim == "stopped":
        job.wait_for("gluonkit launch: worker 1 on this machine is stopped", "[1] PID ")
        os.kill(int(re.search(r"^\[1\] PID (\d+)$", job.output(), re.M)[1]), signal.SIGCONT)
    status, output = job.status(), job.output()
    if victim != "stopped":
        assert status == 137, output
        name = {"worker": "worker 1", "server": "server 0"}.get(victim, "scheduler")
        assert name in output.rpartition("gluonkit launch: ")[2] or name in output
        status, output = launch(FAULTS, "kept", "none")
        assert record(tmp_path, "end_kept")["epochs"][0]["epoch"] == 1
    assert status == 0, output
    for rank in (0, 1):
        assert (saved(tmp_path, "end_kept", rank) == uninterrupted).all()


def test_two_jobs_at_once(launch, tmp_path, uninterrupted):
    jobs = [launch.start(FAULTS, folder, "none") for folder in ("a", "b")]
    for job in jobs:
        assert job.status() == 0, job.output()
    for folder in ("a", "b"):
        assert (saved(tmp_path, f"end_{folder}") == uninterrupted).all()


ANOTHER_NUMBER = """
    net = network()
    epochs, steps = map(int, sys.argv[1:])
    class End(Callback):
        def on_step_end(self, run):
            if run.step == steps:
                os.kill(os.getpid(), signal.SIGKILL)
    history = fit(net, train, epochs=epochs, seed=5, kvstore="dist_sync", batch_size=16,
                  resume="kept", callbacks=[Checkpoint("kept", every_steps=4), End()])
    keep("end", net, history)
"""


def test_another_number_of_workers_goes_on(launch, tmp_path):
    status, output = launch(ANOTHER_NUMBER, 1, 0)
    assert status == 0, output
    status, output = launch(ANOTHER_NUMBER, 2, 0, n=3)
    assert status == 0, output
    notes = record(tmp_path, "end")["notes"]
    assert "the run was begun with 2 workers, and goes on with 3" in notes
    assert (saved(tmp_path, "end") == saved(tmp_path, "end", 2)).all()
    status, output = launch(ANOTHER_NUMBER, 4, 17, n=3)
    assert status == 137, output
    status, output = launch(ANOTHER_NUMBER, 4, 0)
    assert status == 1
    assert "in the middle of an epoch by 3 workers, and this run has 2; go on with 3" in output


UNLIKE = """
    what = sys.argv[1]
    if what == "network":
        net = nn.Dense(10 + rank, in_units=64)
        net.initialize()
        fit(net, train, epochs=1, kvstore="dist_sync")
    elif what == "folder":
        kept = f"kept{rank}"
        net = network()
        if rank == 0:
            fit(net, train, epochs=1, resume=kept)
        fit(net, train, epochs=2, kvstore="dist_sync", resume=kept)
    elif what == "batches":
        batches = [(nd.array(images[:8]), nd.array(labels[:8]))] * (3 + rank)
        fit(network(), batches, epochs=1, kvstore="dist_sync")
    elif what == "samples":
        few = 64 * (2 + rank)
        fit(network(), (images[:few], labels[:few]), epochs=1, kvstore="dist_sync")
"""


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("network", "parameters on worker 1, and others on worker 0; give all workers the same"),
        ("folder", "worker 1 finds no checkpoint in kept1, but worker 0 one of step 4"),
        ("batches", "`train` has 3, 4 batches on workers 0 to 1; give as many batches to every"),
        ("samples", "`train` has 1, 2 batches on workers 0 to 1; give the same data"),
    ],
)
def test_workers_that_are_not_alike(launch, what, message):
    status, output = launch(UNLIKE, what)
    assert status == 1, output
    assert message in output


ALONE = """
    from gluonkit.distributed.workers import resolve_kvstore
    kv = mx.kv.create("dist_sync")
    def refused(data=train, net=None, **options):
        try:
            fit(net or network(), data, epochs=1, kvstore=kv, **options)
        except (ValueError, RuntimeError) as error:
            print("REFUSED", error)
        else:
            raise AssertionError("it was taken")

    class Unknown:
        def __iter__(self):
            return iter([(nd.array(images[:8]), nd.array(labels[:8]))])

    refused(Unknown())
    refused((images[:1], labels[:1]))
    embedding = nn.HybridSequential()
    embedding.add(nn.Embedding(10, 4, sparse_grad=True), nn.Dense(10))
    embedding.initialize()
    refused((labels[:8, None].astype("float32"), labels[:8]), embedding)
    half = network()
    half.cast("float64")
    refused(net=half, compression_params={"type": "2bit"})
    refused(net=half)
    # batches of one's own: workers have other numbers of samples, which are counted at each step
    parts = [(nd.array(images[a:b]), nd.array(labels[a:b])) for a, b in
             ([(0, 20), (40, 50)], [(20, 40), (50, 64)])[rank]]
    net = network()
    class Who(Callback):
        def on_epoch_end(self, run):
            print("RANK", run.rank, run.samples)
            if run.rank == 1:
                run.stop("enough")
    callbacks = [Who(), CSVLogger(f"{rank}.csv")]
    history = fit(net, parts, epochs=2, seed=2, kvstore=kv, callbacks=callbacks)
    keep("parts", net, history)
    print("STOPPED", history.stopped)
    dataset = mx.gluon.data.SimpleDataset([(nd.array(images[i]), labels[i]) for i in range(64)])
    history = fit(net, dataset, epochs=1, batch_size=16, kvstore=kv)
    print("ALL", history.notes, round(history.last["samples_per_second"] * history.last["seconds"]))
    assert resolve_kvstore("dist_sync")[1].kv is kv
    fit(net, train, epochs=1, progress=True)
"""


def test_batches_of_ones_own_and_what_is_refused(launch, tmp_path):
    status, output = launch(ALONE)
    assert status == 0, output
    assert "`train` does not tell how many batches it has" in output
    assert "`train` has 1 samples for 2 workers" in output
    assert "`net` has sparse gradients (embedding0_weight)" in output
    assert "MXNet compresses float32 only" in output
    assert "`kvstore` is 'dist_sync', but MXNet's servers compute in float32, and conv" in output
    assert "[0] RANK 0 30" in output
    assert "[1] RANK 1 34" in output
    assert "[0] STOPPED worker 1 has stopped" in output
    assert "[1] STOPPED enough" in output
    assert "effective batch size 32" in output
    assert output.count("] ALL") == 2
    assert output.count("as given'] 64") == 2
    assert "note: this process is a worker of a job, but `kvstore` is not given" in output
    assert (tmp_path / "0.csv").exists()
    assert not (tmp_path / "1.csv").exists()
    assert len(record(tmp_path, "parts")["epochs"]) == 1
    # The same, computed by hand: one step with 40 samples, one with 24.
    mx.random.seed(2)
    images, labels = digits(8, 8)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, activation="relu"), nn.Dropout(0.0), nn.Dense(10))
    net.initialize(mx.init.Xavier())
    order = [[*range(40)], [*range(40, 64)]]
    batches = [(mx.nd.array(images[i]), mx.nd.array(labels[i])) for i in order]
    fit(net, batches, epochs=1, seed=2)
    values = [p.data().asnumpy().ravel() for p in net.collect_params().values()]
    assert abs(numpy.concatenate(values) - saved(tmp_path, "parts")).max() < 1e-6


def test_the_command_trains_in_a_job(tmp_path):
    with launcher(tmp_path) as start:
        train = ["gluonkit", "train", "mlp", "--data", "digits", "--epochs", "2", "--size", "8"]
        files = ["--save", "mlp.safetensors", "--json", "mlp.json", "--resume", "kept"]
        job = start("-n", "2", "--", *train, *files)
        assert job.status() == 0, job.output()
        output = job.output()
    assert "[1]" not in output
    assert output.count("[0] Written: mlp.safetensors, mlp.json") == 1
    assert "effective batch size 128" in output
    assert len(json.loads((tmp_path / "mlp.json").read_text())["epochs"]) == 2
    assert (tmp_path / "kept" / "last.safetensors").exists()


# Without a job


def small():
    net = nn.Dense(10)
    net.initialize()
    images, labels = digits(8, 8)
    return net, (images[:64], labels[:64])


def test_several_devices_of_one_process():
    weights = []
    for kvstore in (None, "local", "device", mx.kv.create("device")):
        mx.random.seed(1)
        net, data = small()
        net.collect_params().reset_ctx([mx.cpu(0), mx.cpu(1)])
        fit(net, data, epochs=2, seed=0, kvstore=kvstore)
        weights.append(net.weight.data(mx.cpu(1)).asnumpy())
    for other in weights[1:]:
        assert abs(other - weights[0]).max() < 1e-6


@pytest.mark.parametrize(
    ("kvstore", "kind", "message"),
    [
        ("dist_synk", ArgumentError, "`kvstore` is 'dist_synk', which is not known. Did you mean"),
        (3, ArgumentTypeError, "`kvstore` is an int; give a name, such as 'dist_sync'"),
        ("dist_sync", ArgumentError, r"no worker of a job \(DMLC_PS_ROOT_URI is not set\). Start"),
    ],
)
def test_a_store_that_is_not_there(kvstore, kind, message, monkeypatch):
    monkeypatch.delenv("DMLC_PS_ROOT_URI", raising=False)
    net, data = small()
    with pytest.raises(kind, match=message):
        fit(net, data, epochs=1, kvstore=kvstore)


@pytest.mark.parametrize(
    "params", [{"type": "1bit"}, {"type": "2bit", "threshold": 0}, {"threshold": 0.5}]
)
def test_compression_that_mxnet_has_not(params):
    net, data = small()
    with pytest.raises(ArgumentError, match=r"`compression_params` is .*; MXNet has \{'type'"):
        fit(net, data, epochs=1, kvstore="device", compression_params=params)


@pytest.mark.parametrize("devices", [1, 2])
def test_compression_of_nothing(devices):
    """Between several processors' contexts MXNet would write beyond its buffers."""
    net, data = small()
    net.collect_params().reset_ctx([mx.cpu(number) for number in range(devices)])
    with pytest.raises(ArgumentError, match="but no gradients are exchanged that MXNet can"):
        fit(net, data, epochs=1, kvstore="device", compression_params={"type": "2bit"})


def test_nobody_answers(python):
    """A worker of a job without a scheduler, started by hand, does not wait for ever."""
    variables = {f"DMLC_NUM_{role}": "1" for role in ("WORKER", "SERVER")} | {
        "DMLC_ROLE": "worker",
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": "1",
        "DMLC_NODE_HOST": "127.0.0.1",
    }
    code = (
        "from gluonkit.distributed import workers; workers._CONNECTED_WITHIN = 1; "
        "workers.connect('dist_sync')"
    )
    done = python("-c", code, env=variables)
    assert done.returncode not in (0, None)
    assert "the job is not complete after 1 s: its scheduler (127.0.0.1:1) waits" in done.stderr


def test_parts_are_without_overlap_and_complete():
    plan = [slice(0, 10), numpy.array([7, 3, 5]), slice(4, 5)]
    for count in (1, 2, 3, 4):
        for indices in plan:
            whole = numpy.arange(100)[indices].tolist()
            parts = [numpy.arange(100)[Part(rank, count).of(indices)] for rank in range(count)]
            assert numpy.concatenate(parts).tolist() == whole
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_another_order_in_each_epoch_the_same_on_all_workers():
    data = (numpy.arange(20.0)[:, None], numpy.arange(20))
    seen = []
    for rank in range(2):
        mx.random.seed(0)
        loader = BatchLoader(data, 4, shuffle=True, seed=3)
        part = source(loader, "train", part=Part(rank, 2))
        epochs = [[batch.numbers(1).tolist() for batch in part.batches()] for _ in range(2)]
        seen.append(epochs)
        assert part.count() == 3
    first, second = (sorted(chain(*seen[0][e], *seen[1][e])) for e in range(2))
    assert first == second == list(range(20))
    assert seen[0][0] != seen[0][1]


def test_figures_over_workers():
    """Sums of two halves give the figures of the whole."""
    rng = numpy.random.default_rng(0)
    outputs, labels = rng.normal(size=(10, 3)).astype("float32"), rng.integers(0, 3, 10)
    for name in ("rmse", "accuracy"):
        target = labels if name == "accuracy" else rng.normal(size=(10, 3)).astype("float32")
        batch = ReadyBatch([outputs, target], 1)
        task = task_of(None, [ArraySpec((10, 3))], batch, "data")
        (whole,), *halves = (resolve_metrics([name], task) for _ in range(3))
        whole.update([outputs], [target])
        for (half,), cut in zip(halves, (slice(0, 4), slice(4, 10)), strict=True):
            assert isinstance(half, MeanMeter)
            half.update([outputs[cut]], [target[cut]])
        total, weight = numpy.sum([half.sums()[0] for (half,) in halves], axis=0)
        assert whole.figure(total, weight) == pytest.approx(whole.values()[0])
    (meter,) = resolve_metrics([mx.metric.TopKAccuracy(2)], task)
    assert isinstance(meter, MXNetMeter)
    assert meter.sums()[0][1] == 0
    meter.update([outputs], [labels])
    assert meter.sums() == [(pytest.approx(meter.values()[0] * 10), 10.0)]


def test_a_worker_is_known_by_its_environment(monkeypatch):
    monkeypatch.setenv("DMLC_ROLE", "worker")
    monkeypatch.delenv("DMLC_PS_ROOT_URI", raising=False)
    assert not workers.is_worker()
    monkeypatch.setenv("DMLC_PS_ROOT_URI", "127.0.0.1")
    assert workers.is_worker()
    with pytest.raises(ArgumentError, match="DMLC_PS_ROOT_PORT is not set"):
        workers.connect("dist_sync")
    monkeypatch.setattr(workers, "_connected", type("Job", (), {"kind": "dist_async"})())
    with pytest.raises(StateError, match="connected by 'dist_async' already"):
        workers.connect("dist_sync")
    assert "DMLC_ROLE" in os.environ
