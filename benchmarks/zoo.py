"""Claim: every model of the zoos is made, and runs in both array modes, hybridized or not, alike.

`make zoo` tries all of them (hours of two cores for the largest); a pattern tries some:
``python benchmarks/zoo.py 'gluoncv/ssd*'``. Each is created, initialized, run on its example input
in legacy mode, in NumPy mode, hybridized in NumPy mode and in legacy mode, and summarized; the
outputs are compared before anything else is said. What fails is listed with the reason.
"""

import argparse
import json
import multiprocessing
import queue
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy
from provenance import provenance

import gluonkit
from gluonkit import create_model, list_models, model_info, mx, npx, summary
from gluonkit._base.checks import last_line
from gluonkit.tracing.inputs import leaves

RESULTS = Path(__file__).parent / "results" / "zoo.json"
TOLERANCE = 1e-5  # relative to the largest value of an output
FRESH = 20  # models after which a process is replaced: MXNet and GluonCV keep memory
SORTED = "ok, but boxes of equal scores come in another order"
EAGER = "ok, but not to be hybridized"
ROUNDED = (
    "ok, but rounding decides which boxes: an input larger by a millionth changes them as much"
)


def tried(name):
    """Return a row about one model."""
    row = {"model": name, "stage": "create"}
    try:
        _try(name, row)
        row.setdefault("verdict", "ok")
    except Exception as error:
        row["verdict"] = f"{row['stage']}: {type(error).__name__}: {last_line(error)}"[:300]
    finally:
        npx.reset_np()
    return row


def _try(name, row):
    info = model_info(name)
    mx.random.seed(0)
    began = time.perf_counter()
    net = create_model(name, init=True)
    row["seconds to create"] = time.perf_counter() - began
    row["stage"] = "legacy mode"
    expected, _ = _run(net, info)
    actual = {}
    npx.set_np()
    row["stage"] = "NumPy mode"
    actual["NumPy mode"], _ = _run(net, info)
    if info.hybridizable:
        row["stage"] = "hybridized in NumPy mode"
        net.hybridize(static_alloc=True, static_shape=True)
        _run(net, info)
    actual[row["stage"]], row["ms"] = _run(net, info, rounds=3)
    npx.reset_np()
    if info.hybridizable:
        row["stage"] = "hybridized in legacy mode"
        actual[row["stage"]], _ = _run(net, info)
        net.hybridize(False)
    for row["stage"], outputs in actual.items():
        _compare(outputs, expected, row, lambda: _run(net, info, factor=1 + 1e-6)[0])
    row["stage"] = "summary"
    total = summary(net, *info.specs)
    row |= {"parameters": total.total_params, "multiply-adds": total.macs}
    if not info.hybridizable:
        row.setdefault("verdict", EAGER)


def _run(net, info, rounds=1, factor=1):
    """Return the outputs, and the fewest ms."""
    create = mx.np.array if mx.util.is_np_array() else mx.nd.array
    inputs = [
        create((array * factor).astype(array.dtype), dtype=array.dtype) for array in info.example()
    ]
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        outputs = [leaf.asnumpy() for leaf in leaves(net(*inputs))]
        times.append(time.perf_counter() - began)
    return outputs, min(times) * 1e3


def _compare(outputs, expected, row, nudged):
    """Compare outputs; where they differ, with those for an input a millionth larger."""
    if [output.shape for output in outputs] != [output.shape for output in expected]:
        raise AssertionError("outputs of other shapes")
    if all(map(_is_close, outputs, expected)):
        return
    if all(map(_is_close, _sorted(outputs), _sorted(expected))):
        row["verdict"] = SORTED
        return
    worst = max(map(_difference, outputs, expected))
    if max(map(_difference, nudged(), expected)) > worst / 2:
        row["verdict"] = ROUNDED
        return
    raise AssertionError(f"outputs differ by {worst:.1e} of the largest value")


def _sorted(arrays):
    return [numpy.sort(array.ravel()) for array in arrays]


def _is_close(one, other):
    return _difference(one, other) <= TOLERANCE


def _difference(one, other):
    if not numpy.array_equal(numpy.isfinite(one), numpy.isfinite(other)):
        return float("inf")
    one, other = numpy.nan_to_num(one), numpy.nan_to_num(other)
    largest = numpy.abs(other).max(initial=0)
    return float(numpy.abs(one - other).max(initial=0) / (largest or 1))


def work(connection, try_one):
    """Try the models that come through a pipe."""
    while name := connection.recv():
        connection.send(try_one(name))


class Worker:
    """A process of its own, so that a crash, or one that takes forever, costs one model only."""

    def __init__(self, try_one, fresh=FRESH):
        self.process, self._try, self._fresh = None, try_one, fresh

    def row(self, name, timeout):
        """Have a model tried."""
        if self.process is None:
            self.connection, other = multiprocessing.Pipe()
            self.process = multiprocessing.get_context("spawn").Process(
                target=work, args=(other, self._try)
            )
            self.process.start()
            other.close()
            self.done = 0
        self.connection.send(name)
        verdict = f"more than {timeout:.0f} s"
        try:
            if self.connection.poll(timeout):
                row = self.connection.recv()
                self.done += 1
                if self.done == self._fresh:
                    self.stop()
                return row
        except EOFError:
            self.process.join()
            verdict = f"the process ended with status {self.process.exitcode}"
        self.stop()
        return {"model": name, "verdict": verdict}

    def stop(self):
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def row_of(workers, timeout, name):
    """Return a model's row, by a worker that is free."""
    problem = model_info(name).problem
    if problem:
        return {"model": name, "verdict": f"not tried: {problem}"}
    worker = workers.get()
    try:
        return worker.row(name, timeout)
    finally:
        workers.put(worker)


def line(row):
    """Return a row of the table."""
    ms = f"{row['ms']:,.1f}" if "ms" in row else ""
    numbers = [f"{row[key]:,}" if row.get(key) else "" for key in ("parameters", "multiply-adds")]
    return f"{row['model']:52} {numbers[0]:>13} {numbers[1]:>17} {ms:>10}  {row['verdict']}"


def table(rows):
    """Return the rows as a table in Markdown."""
    keys = ("model", "parameters", "multiply-adds", "ms", "verdict")
    lines = [f"| {' | '.join(keys)} |", "|---|---:|---:|---:|---|"]
    for row in rows:
        ms = f"{row['ms']:,.1f}" if "ms" in row else ""
        numbers = [f"{row[key]:,}" if row.get(key) else "" for key in keys[1:3]]
        verdict = row["verdict"].replace("|", "\\|")
        lines.append(f"| {' | '.join([row['model'], *numbers, ms, verdict])} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pattern", nargs="?", default="*/*")
    parser.add_argument("--source", help="only this zoo")
    parser.add_argument("--jobs", type=int, default=1, help="models at a time")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for each model")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = [name for name in list_models(options.pattern, source=options.source) if "/" in name]
    print(f"{'model':52} {'parameters':>13} {'multiply-adds':>17} {'ms':>10}  verdict")
    rows = []
    workers: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    for _ in range(options.jobs):
        workers.put(Worker(tried))
    with ThreadPoolExecutor(options.jobs) as pool:
        for row in pool.map(partial(row_of, workers, options.timeout), names):
            rows.append(row)
            print(line(row), flush=True)
            result = {"claim": __doc__, "jobs": options.jobs, "rows": rows}
            result |= provenance()
            options.json.write_text(json.dumps(result, indent=1) + "\n")
            options.json.with_suffix(".md").write_text(table(rows))
    while not workers.empty():
        workers.get().stop()
    good = sum(row["verdict"].startswith("ok") for row in rows)
    print(f"\n{good} of {len(rows)} models ok, gluonkit {gluonkit.__version__}")


if __name__ == "__main__":
    main()
