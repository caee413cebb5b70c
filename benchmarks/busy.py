"""Claim: beside two busy programs gluonkit takes at most three times as long as alone.

LeNet on handwritten digits: an epoch by `fit` and by Gluon's own loop, and a compiled call; alone,
beside two programs that only compute, two processes of the same kind at once, and within quotas
of one core and of one and a half, as containers have them (root only). With what gluonkit chooses
(`system/spinning.py`), with OpenMP's and MXNet's own defaults, and with threads that sleep at once;
PyTorch's loop and call (PEERS_PYTHON names its Python) and ONNX Runtime's call. Each in a process
of its own, in turn; predictions and what was learned are compared first.

`--rounds N` takes fewer or more of all.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy

EPOCHS, BLOCKS, CALLS, LIMIT = 4, 7, 100, 5.0
COUNT, BATCH, RATE = 1536, 64, 0.1
RESULTS = Path(__file__).parent / "results" / "busy.json"
HOG = "while True: pass"
QUOTAS = {"quota of 1": 1.0, "quota of 1.5": 1.5}
SITUATIONS = ("alone", "two hogs", "two at once", *QUOTAS)
PERIOD = 100_000
"""Microseconds in which a control group has its quota, as container engines set them."""
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS", "MXNET_CPU_PARALLEL_SIZE")
# Numbers that are the user's keep gluonkit from choosing: these are OpenMP's and MXNet's own.
CONTESTANTS: dict[str, tuple[str, dict[str, str]]] = {
    "gluonkit": ("gluonkit", {}),
    "OpenMP's, MXNet's defaults": (
        "gluonkit",
        {"GOMP_SPINCOUNT": "300000", "MXNET_CPU_PARALLEL_SIZE": "200000"},
    ),
    "gluonkit, passive": ("gluonkit", {"OMP_WAIT_POLICY": "passive"}),
    "PyTorch": ("torch", {}),
    "ONNX Runtime": ("onnx", {}),
}


def write(folder: Path) -> None:
    """Write what all contestants are given: digits as pictures, and one LeNet."""
    from sklearn.datasets import load_digits

    import gluonkit
    from gluonkit import mx, nd

    data = load_digits()
    images = (data.images[:COUNT] / 16).astype("float32")[:, None].repeat(3, 2).repeat(3, 3)
    x = numpy.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    mx.random.seed(0)
    net = gluonkit.create_model("lenet", init="xavier")
    expected = net(nd.array(x[:1])).asnumpy()
    weights = [parameter.data().asnumpy() for parameter in net.collect_params().values()]
    arrays = {f"weight{number}": weight for number, weight in enumerate(weights)}
    y = data.target[:COUNT].astype("int64")
    numpy.savez(folder / "data.npz", x=x, y=y, expected=expected, **arrays)
    net.save_parameters(str(folder / "net.params"))
    gluonkit.export_onnx(net, folder / "net.onnx", x[:1])


def wait_for_go() -> None:
    """Tell the parent that all is warm, and wait until it has made the machine busy."""
    print("ready", flush=True)
    sys.stdin.readline()


def timed(function: Any, blocks: int, calls: int = 1) -> float:
    """Return the median milliseconds of a call, over blocks of calls, within the limit."""
    taken: list[float] = []
    end = perf_counter() + LIMIT
    while len(taken) < blocks and perf_counter() < end:
        start = perf_counter()
        for _ in range(calls):
            function()
        taken.append((perf_counter() - start) / calls * 1e3)
    return statistics.median(taken)


def check(call: Any, data: Any) -> None:
    """Raise unless the contestant's prediction is Gluon's."""
    numpy.testing.assert_allclose(call(), data["expected"], rtol=1e-3, atol=1e-4)


def run_gluonkit(folder: Path, data: Any) -> dict[str, float]:
    import gluonkit
    from gluonkit import autograd, gluon, mx

    x, y = data["x"], data["y"]
    nets = [gluonkit.create_model("lenet") for _ in range(3)]
    for net in nets:
        net.load_parameters(str(folder / "net.params"))
    fitted, looped, compiled = nets
    looped.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(looped.collect_params(), "sgd", {"learning_rate": RATE})
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    images, labels = mx.nd.array(x), mx.nd.array(y)
    options = {"learning_rate": RATE}

    def fit() -> None:
        gluonkit.fit(
            fitted,
            (x, y),
            epochs=1,
            batch_size=BATCH,
            optimizer_params=options,
            progress=False,
            optimizer="sgd",
        )

    def loop() -> None:
        for start in range(0, COUNT, BATCH):
            with autograd.record():
                error = loss(looped(images[start : start + BATCH]), labels[start : start + BATCH])
            error.backward()
            trainer.step(BATCH)
        mx.nd.waitall()

    call = gluonkit.compile(compiled, x[:1], plan="executor")
    check(lambda: call(x[:1]), data)
    fit()
    wait_for_go()
    taken = {"call": timed(lambda: call(x[:1]), BLOCKS, CALLS), "fit": timed(fit, EPOCHS)}
    loop()
    taken["loop"] = timed(loop, EPOCHS)
    taken["call after loop"] = timed(lambda: call(x[:1]), BLOCKS, CALLS)
    for net in (fitted, looped):
        learned(net(images).asnumpy(), y)
    return taken


def learned(scores: Any, y: Any) -> None:
    """Raise unless a network that was trained knows more than chance does."""
    right = (scores.argmax(1) == y).mean()
    assert right > 0.3, f"only {right:.0%} of the digits are told"


def run_torch(folder: Path, data: Any) -> dict[str, float]:
    import torch

    nn = torch.nn
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 3), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    with torch.no_grad():
        for number, parameter in enumerate(net.parameters()):
            parameter.copy_(torch.from_numpy(data[f"weight{number}"]))
    optimizer = torch.optim.SGD(net.parameters(), RATE)
    loss = nn.CrossEntropyLoss()

    def call() -> Any:
        with torch.inference_mode():
            return net(x[:1]).numpy()

    def loop() -> None:
        for start in range(0, COUNT, BATCH):
            optimizer.zero_grad()
            loss(net(x[start : start + BATCH]), y[start : start + BATCH]).backward()
            optimizer.step()

    check(call, data)
    loop()
    wait_for_go()
    taken = {"call": timed(call, BLOCKS, CALLS), "loop": timed(loop, EPOCHS)}
    with torch.no_grad():
        learned(net(x).numpy(), data["y"])
    return taken


def run_onnx(folder: Path, data: Any) -> dict[str, float]:
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "net.onnx", providers=["CPUExecutionProvider"])
    x, name = data["x"], session.get_inputs()[0].name

    def call() -> Any:
        return session.run(None, {name: x[:1]})[0]

    check(call, data)
    wait_for_go()
    return {"call": timed(call, BLOCKS, CALLS)}


WORKERS = {"gluonkit": run_gluonkit, "torch": run_torch, "onnx": run_onnx}


@contextmanager
def quota(cores: float) -> Iterator[list[str]]:
    """Make a control group for the context; yield a command that enters it and runs another."""
    root = Path("/sys/fs/cgroup")
    is_second = (root / "cgroup.controllers").exists()
    group = (root if is_second else root / "cpu") / "gluonkit-busy"
    group.mkdir()
    try:
        limit = int(cores * PERIOD)
        if is_second:
            (group / "cpu.max").write_text(f"{limit} {PERIOD}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(limit))
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]
    finally:
        group.rmdir()


def start(
    kind: str, settings: dict[str, str], folder: Path, before: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start a contestant, with no other wishes about threads than its settings."""
    chosen = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    python = os.environ["PEERS_PYTHON"] if kind == "torch" else sys.executable
    return subprocess.Popen(
        [*before, python, "-W", "ignore", __file__, "--worker", kind, "--folder", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=chosen | settings,
    )


def measure(kind: str, settings: dict[str, str], situation: str, folder: Path) -> dict[str, float]:
    """Return the milliseconds of a contestant in a situation."""
    with ExitStack() as ended:
        cores = QUOTAS.get(situation)
        before = ended.enter_context(quota(cores)) if cores else []
        workers = [start(kind, settings, folder, before)]
        if situation == "two at once":
            workers.append(start(kind, settings, folder))
        for worker in workers:
            ended.callback(worker.wait)
            ended.callback(worker.kill)
            line = worker.stdout.readline() if worker.stdout else ""
            assert line == "ready\n", f"{kind} has not started: {line!r}"
        if situation == "two hogs":
            for _ in range(2):
                # A session of its own, as a program that somebody else has started.
                hog = subprocess.Popen([sys.executable, "-c", HOG], start_new_session=True)
                ended.callback(hog.kill)
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        text, _ = workers[0].communicate()
    taken: dict[str, float] = json.loads(text)
    return taken


def table(runs: dict[str, dict[str, list[dict[str, float]]]]) -> list[dict[str, Any]]:
    """Return a row for each contestant and work: medians, and how much slower when busy."""
    rows = []
    for name, by_situation in runs.items():
        for work in by_situation["alone"][0]:
            median = {
                situation: statistics.median(taken[work] for taken in rounds)
                for situation, rounds in by_situation.items()
            }
            slower = {f"{place} / alone": median[place] / median["alone"] for place in median}
            rows.append({"contestant": name, "work": work} | median | slower)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", choices=WORKERS)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.worker:
        data = numpy.load(options.folder / "data.npz")
        print(json.dumps(WORKERS[options.worker](options.folder, data)))
        return
    situations = SITUATIONS
    try:
        with quota(1.0):
            pass
    except OSError as error:
        print(f"no quotas are tried: {error}", file=sys.stderr)
        situations = tuple(place for place in SITUATIONS if place not in QUOTAS)
    runs: dict[str, dict[str, list[dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        for _ in range(options.rounds):
            for contestant, (kind, settings) in CONTESTANTS.items():
                if kind == "torch" and "PEERS_PYTHON" not in os.environ:
                    continue
                for situation in situations:
                    taken = measure(kind, settings, situation, folder)
                    runs.setdefault(contestant, {}).setdefault(situation, []).append(taken)
                    print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    from gluonkit import environment

    rows = table(runs)
    print(f"ms of an epoch or a call, medians of {options.rounds} processes; and how much slower")
    print(f"{'':28}{'':17}{'alone':>9}" + "".join(f"{place:>20}" for place in situations[1:]))
    for row in rows:
        cells = "".join(
            f"{row[place]:12.2f} ({row[f'{place} / alone']:4.1f}×)" for place in situations[1:]
        )
        print(f"{row['contestant']:28}{row['work']:17}{row['alone']:9.2f}{cells}")
    record = {"table": rows, "runs": runs, "environment": environment().to_dict()}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    print(environment())


if __name__ == "__main__":
    main()
