"""``gluonkit bench``: networks before and after hybridizing and compiling."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.checks import is_number, unknown_name
from gluonkit._base.interrupts import remembered_interrupt
from gluonkit._base.kinds import Context
from gluonkit._base.optional import require
from gluonkit.benchmark import MODES, VARIANTS, BenchReport, bench, merged
from gluonkit.cli.common import (
    add_arrays,
    add_input,
    numbers,
    set_array_mode,
    words,
    writable,
    write_results,
)
from gluonkit.cli.networks import Given, add_of, given_network, is_file
from gluonkit.compiling.engines import ALL, MXNET, OTHERS
from gluonkit.data import digits
from gluonkit.errors import ArgumentError, GluonkitError, MissingPackageError
from gluonkit.models import model_info, parse_model
from gluonkit.models.own.tutorials import TUTORIAL_NETWORKS, TutorialNetwork
from gluonkit.plot import plot_bench
from gluonkit.system import openmp
from gluonkit.system.engine import ENGINES


def add_parser(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add ``bench`` to the command's parser."""
    parser = commands.add_parser(
        "bench",
        parents=parents,
        help="time networks before and after hybridizing and compiling",
        description="Time networks eager, hybridized, hybridized with static memory, and (forward) "
        "compiled. Outputs "
        "(and, when training, gradients) are compared first; the variants are then timed in turn.",
        epilog="Exit status: 0 fine, 1 a variant failed or gave other numbers, 2 wrong call, "
        "130 interrupted (what was measured is shown and written all the same).",
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="NAME_OR_FILE",
        help="a model, with options if need be: 'mlp(units=(256, 128))', or a file that has one; "
        "by default the tutorials' networks",
    )
    add = parser.add_argument
    add("--batch", type=numbers, metavar="N,...", help="batch sizes (default: the example's)")
    add("--mode", type=words, default=list(MODES), metavar="MODE,...", help="forward, train")
    add(
        "--variants",
        type=words,
        default=list(VARIANTS),
        metavar="NAME,...",
        help=f"of {', '.join(VARIANTS)}; eager always runs",
    )
    add(
        "--engines",
        type=words,
        metavar="NAME,...",
        help=f"whose plans the compiled variant tries: of {MXNET}, {', '.join(OTHERS)}; or {ALL} "
        f"({MXNET})",
    )
    add(
        "--against",
        type=words,
        default=[],
        metavar="NAME,...",
        help=f"time other engines too, called as their own documentation does: {', '.join(OTHERS)}",
    )
    add("--seconds", type=float, default=1.0, help="time for each variant of each case (1)")
    add_input(parser)
    add_of(parser)
    add_arrays(parser)
    add("--device", default="cpu", help="cpu, gpu, or gpu(1) (cpu)")
    add("--engine", type=words, metavar="NAME,...", help=f"of {', '.join(ENGINES)}; each in a "
        "process of its own. naive has the quickest single calls, and slow training")  # fmt: skip
    add("--threads", type=numbers, metavar="N,...", help="OpenMP threads; likewise")
    add("--json", type=Path, metavar="F", help="write everything, raw times included")
    add("--csv", type=Path, metavar="F", help="write one line per row")
    add("--plot", type=Path, metavar="F.png", help="draw the times (PNG, SVG or PDF)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit bench`` and return its exit status."""
    _check(options)
    if options.engine or options.threads:
        return _run_settings(options)
    reports, errors, interrupted = _measured(options, _context(options.device))
    # Nothing was measured: the command ends as any other that is interrupted.
    if not reports and interrupted:
        raise KeyboardInterrupt
    if not reports:
        raise errors[0]
    report = merged(reports)
    if interrupted:  # it may come between two networks
        report = replace(report, interrupted=True)
    print(report)
    write_results(report, options)
    # Without a bar there is no picture, though the table and the files are there.
    if options.plot is not None and any(row.measurement for row in report.rows):
        plot_bench(report).savefig(options.plot, dpi=150)
    for failure in errors:
        print(f"gluonkit bench: error: {failure}", file=sys.stderr)
    return 130 if interrupted else 0 if report.ok and not errors else 1


def _measured(
    options: argparse.Namespace, context: Context
) -> tuple[list[BenchReport], list[GluonkitError], bool]:
    """Return the reports, the failures, and whether Ctrl-C ended the run."""
    reports: list[BenchReport] = []
    errors: list[GluonkitError] = []
    with _Progress() as progress, remembered_interrupt() as interrupt:
        try:
            for title, model, inputs, extra in _networks(options):
                interrupt.check()
                try:
                    given = _given(options, model, inputs)
                    report = bench(
                        given.network,
                        *given.inputs,
                        variants=options.variants,
                        modes=options.mode,
                        batches=options.batch,
                        seconds=options.seconds,
                        engines=options.engines,
                        against=options.against,
                        ctx=context,
                        name=title,
                        progress=progress,
                        **extra,
                    )
                except (
                    GluonkitError
                ) as error:  # a failure must not lose the results of other networks
                    errors.append(error)
                    continue
                reports.append(report)
                if report.interrupted:
                    return reports, errors, True
            interrupt.check()
        except KeyboardInterrupt:
            return reports, errors, True
    return reports, errors, False


def _networks(options: argparse.Namespace) -> list[tuple[str, str, list[Any], dict[str, Any]]]:
    """Return title, model, inputs and further arguments of each network to run."""
    if not options.models:
        return [
            (_title(network), network.model, *_data(network.model, network.input_shape))
            for network in TUTORIAL_NETWORKS
        ]
    return [
        (model, model, [], {"data": "random"})
        if options.input or is_file(model)
        else (model, model, *_data(model, model_info(parse_model(model)[0]).input_shape))
        for model in options.models
    ]


def _given(options: argparse.Namespace, model: str, inputs: list[Any]) -> Given:
    """Return the network to time, and its inputs, with array mode switched to its own."""
    if not options.input and not is_file(model):
        set_array_mode(options.arrays, model)
        return Given(model, inputs)
    network, specs = given_network(model, options.of, options.arrays, options.input)
    return Given(network, [_random(shape).astype(dtype) for shape, dtype in specs])


def _title(network: TutorialNetwork) -> str:
    """Return the tutorial's title of a network, with the model's name if that differs."""
    same = network.title.lower().replace(" ", "_") == network.model
    return network.title if same else f"{network.title}: {network.model}"


def _data(model: str, shape: tuple[int, ...]) -> tuple[list[Any], dict[str, Any]]:
    """Return inputs and their description: real digits if the network takes such images.

    A network with ten classes is trained on the digits' labels.
    """
    name, given = parse_model(model)
    side = math.isqrt(math.prod(shape[1:]))
    square = shape[1:] in ((1, side, side), (side * side,)) and side >= 28
    if not square:
        return ([] if shape == model_info(name).input_shape else [_random(shape)]), {
            "data": "random"
        }
    try:
        images, labels = digits(side, side)
    except MissingPackageError as error:
        print(f"gluonkit bench: random images instead of digits: {error}", file=sys.stderr)
        return [_random(shape)], {"data": "random"}
    extra: dict[str, Any] = {"data": "handwritten digits"}
    if {**model_info(name).options, **given}.get("classes") == 10:
        extra |= {"loss": gluon.loss.SoftmaxCrossEntropyLoss(), "label": labels[: shape[0]]}
    return [images[: shape[0]].reshape(shape)], extra


def _random(shape: tuple[int, ...]) -> Any:
    random = require("numpy").random.default_rng(0)
    return random.uniform(size=shape).astype("float32")


def _check(options: argparse.Namespace) -> None:
    """Check the options that would otherwise fail only after minutes of measuring."""
    for engine in options.engine or ():
        if engine not in ENGINES:
            raise unknown_name("--engine", engine, ENGINES, f"Engines: {', '.join(ENGINES)}.")
    for name in options.models:
        if not is_file(name):
            model_info(parse_model(name)[0])
    writable(options, "json", "csv", plot="plot")


def _context(device: str) -> Context:
    kind, _, rest = device.partition("(")
    number = rest.rstrip(")") or "0"
    if kind not in ("cpu", "gpu") or not is_number(number):
        raise ArgumentError(f"`--device` is {device!r}; give cpu, gpu or gpu(1)")
    if kind == "gpu" and int(number) >= mx.context.num_gpus():
        raise ArgumentError(
            f"`--device` is {device!r}, but MXNet can use {mx.context.num_gpus()} GPUs here; "
            "`gluonkit doctor` says why"
        )
    return mx.Context(kind, int(number))


def _run_settings(options: argparse.Namespace) -> int:
    """Run the benchmark in a new process for each engine and thread count."""
    settings = list(itertools.product(options.engine or [None], options.threads or [None]))
    several = len(settings) > 1
    worst, jsons, csvs = 0, [], []
    with tempfile.TemporaryDirectory() as folder:
        for index, (engine, threads) in enumerate(settings):
            base = Path(folder) / str(index)
            # Children write to files: their standard output is the table that the user reads.
            command = [*_command(options), "--json", f"{base}.json", "--csv", f"{base}.csv"]
            if options.plot is not None:
                label = "-".join(str(part) for part in (engine, threads) if part is not None)
                path = options.plot
                # One picture for each setting, or the last would replace the others.
                plot = path.with_stem(f"{path.stem}-{label}") if several else path
                command += ["--plot", str(plot)]
            status = _run_child(command, _child_environment(engine, threads))
            worst = max(worst, status)
            if Path(f"{base}.json").exists():
                jsons.append(json.loads(Path(f"{base}.json").read_text()))
                csvs.append(Path(f"{base}.csv").read_text())
            # A wrong call, or Ctrl-C, ends them all; a variant that failed does not.
            if status not in (0, 1):
                break
    if options.json is not None and jsons:
        options.json.write_text(json.dumps(jsons if several else jsons[0], indent=1) + "\n")
    if options.csv is not None and csvs:
        lines = [text.splitlines(keepends=True) for text in csvs]
        options.csv.write_text("".join([lines[0][0], *(row for line in lines for row in line[1:])]))
    return worst


def _command(options: argparse.Namespace) -> list[str]:
    """Return the command line of a child process that runs the same benchmark."""
    command = [sys.executable, "-m", "gluonkit", "bench", *options.models]
    command += ["--mode", ",".join(options.mode), "--variants", ",".join(options.variants)]
    command += ["--seconds", str(options.seconds)]
    if options.engines:
        command += ["--engines", ",".join(options.engines)]
    if options.against:
        command += ["--against", ",".join(options.against)]
    if options.arrays:
        command += ["--arrays", options.arrays]
    if options.of:
        command += ["--model", options.of]
    for shape, dtype in options.input:
        command += ["--input", f"{'x'.join(map(str, shape))}:{dtype}"]
    command += ["--device", options.device]
    if options.batch:
        command += ["--batch", ",".join(map(str, options.batch))]
    for module in options.imports:
        command += ["--import", module]
    return command


def _child_environment(engine: str | None, threads: int | None) -> dict[str, str]:
    environment = dict(os.environ)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    # What gluonkit itself has set for this process is no wish of the user's: each child counts
    # anew.
    elif openmp.threads_set_by == "gluonkit":
        environment.pop("OMP_NUM_THREADS", None)
    if engine == "threaded":
        environment.pop("MXNET_ENGINE_TYPE", None)
    elif engine is not None:
        environment["MXNET_ENGINE_TYPE"] = ENGINES[engine]
    return environment


def _run_child(command: list[str], environment: dict[str, str]) -> int:
    """Run a child process to its end, also after Ctrl-C, which the child handles itself."""
    with subprocess.Popen(command, env=environment) as child:
        while True:
            try:
                status = child.wait()
                # A negative status is the number of the signal that ended the child.
                return status if status >= 0 else 1
            except KeyboardInterrupt:
                continue


class _Progress:
    """A progress line on standard error; in a terminal it is overwritten."""

    def __init__(self) -> None:
        self._console = require("rich.console").Console(stderr=True)
        # In a log, lines that overwrite each other would be unreadable.
        self._status = self._console.status("starting") if self._console.is_terminal else None
        self._last = ""

    def __enter__(self) -> _Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, text: str) -> None:
        if self._status is not None:
            self._status.update(require("rich.markup").escape(text))
        elif (case := text.rpartition(",")[0]) != self._last:  # no line per round in a log
            self._last = case
            print(case, file=sys.stderr, flush=True)
