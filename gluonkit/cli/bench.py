"""``gluonkit bench``: networks before and after hybridizing and compiling."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.checks import is_number
from gluonkit._base.interrupts import remembered_interrupt
from gluonkit._base.kinds import Context
from gluonkit._base.optional import require
from gluonkit.benchmark import MODES, VARIANTS, BenchReport, bench, merged
from gluonkit.cli.common import set_array_mode
from gluonkit.cli.networks import Given, given_network, is_file
from gluonkit.cli.output import (
    report,
    say_error,
    wants_json_only,
    write_json,
    write_picture,
    write_text,
    written,
)
from gluonkit.cli.wording import as_options
from gluonkit.data import digits
from gluonkit.distributed.launch.kernel import end_with
from gluonkit.errors import ArgumentError, GluonkitError, MissingPackageError
from gluonkit.models import model_info, parse_model
from gluonkit.models.own.tutorials import TUTORIAL_NETWORKS, TutorialNetwork
from gluonkit.plot import plot_bench
from gluonkit.system import openmp
from gluonkit.system.engine import ENGINES


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit bench`` and return its exit status."""
    if options.engine or options.threads:
        return _run_settings(options)
    if options.of_several:
        end_with(options.of_several)
    reports, errors, interrupted = _measured(options, _context(options.ctx))
    # Nothing was measured: the command ends as any other that is interrupted.
    if not reports and interrupted:
        raise KeyboardInterrupt
    if not reports:
        raise errors[0]
    made = merged(reports)
    if interrupted:  # it may come between two networks
        made = replace(made, interrupted=True)
    report(made, options.json, told=False)
    if options.csv is not None:
        write_text(options.csv, made.to_csv())
    # Without a bar there is no picture, though the table and the files are there.
    is_drawn = options.plot is not None and any(row.measurement for row in made.rows)
    if is_drawn:
        write_picture(options.plot, plot_bench(made), dpi=150)
    plot = options.plot if is_drawn else None
    if options.of_several:  # whose other files are put together
        written([plot])
    else:
        written([options.csv, plot], options.json)
    for failure in errors:
        say_error("gluonkit bench", as_options(str(failure), options.chosen))
    return 130 if interrupted else 0 if made.ok and not errors else 1


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
                    measured = bench(
                        given.network,
                        *given.inputs,
                        variants=options.variants or tuple(VARIANTS),
                        modes=options.modes or MODES,
                        batches=options.batches,
                        seconds=options.seconds,
                        engines=options.engines,
                        against=options.against or (),
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
                reports.append(measured)
                if measured.interrupted:
                    return reports, errors, True
            interrupt.check()
        except KeyboardInterrupt:
            return reports, errors, True
    return reports, errors, False


def _networks(options: argparse.Namespace) -> list[tuple[str, str, list[Any], dict[str, Any]]]:
    """Return title, model, inputs and further arguments of each network to run."""
    if not options.networks:
        return [
            (_title(network), network.model, *_data(network.model, network.input_shape))
            for network in TUTORIAL_NETWORKS
        ]
    return [
        (model, model, [], {"data": "random"})
        if options.inputs or is_file(model)
        else (model, model, *_data(model, model_info(parse_model(model)[0]).input_shape))
        for model in options.networks
    ]


def _given(options: argparse.Namespace, model: str, inputs: list[Any]) -> Given:
    """Return the network to time, and its inputs, with array mode switched to its own."""
    if not options.inputs and not is_file(model):
        set_array_mode(options.arrays, model)
        return Given(model, inputs)
    network, specs = given_network(model, options.net, options.arrays, options.inputs)
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


def _context(device: str) -> Context:
    kind, _, rest = device.partition("(")
    number = rest.rstrip(")") or "0"
    if kind not in ("cpu", "gpu") or not is_number(number):
        raise ArgumentError(f"`--ctx` is {device!r}; give cpu, gpu or gpu(1)")
    if kind == "gpu" and int(number) >= mx.context.num_gpus():
        raise ArgumentError(
            f"`--ctx` is {device!r}, but MXNet can use {mx.context.num_gpus()} GPUs here; "
            "`gluonkit doctor` says why"
        )
    return mx.Context(kind, int(number))


def _run_settings(options: argparse.Namespace) -> int:
    """Run the benchmark in a new process for each engine and thread count."""
    settings = list(itertools.product(options.engine or [None], options.threads or [None]))
    several = len(settings) > 1
    json_only = wants_json_only(options.json)
    worst, jsons, csvs = 0, [], []
    with tempfile.TemporaryDirectory() as folder:
        for index, (engine, threads) in enumerate(settings):
            base = Path(folder) / str(index)
            # Children write to files: their standard output is the table that the user reads.
            command = [*_command(options), "--json", f"{base}.json", "--csv", f"{base}.csv"]
            label = "-".join(str(part) for part in (engine, threads) if part is not None)
            if options.plot is not None:
                path = options.plot
                # One picture for each setting, or the last would replace the others.
                plot = path.with_stem(f"{path.stem}-{label}") if several else path
                command += ["--plot", str(plot)]
            environment = _child_environment(engine, threads)
            status = _run_child(command, environment, label, silent=json_only)
            worst = max(worst, status)
            if Path(f"{base}.json").exists():
                jsons.append(json.loads(Path(f"{base}.json").read_text()))
                csvs.append(Path(f"{base}.csv").read_text())
            # A wrong call, or Ctrl-C, ends them all; a variant that failed does not.
            if status not in (0, 1):
                break
    if options.json is not None and jsons:
        write_json(jsons if several else jsons[0], options.json, told=False)
    if options.csv is not None and csvs:
        lines = [text.splitlines(keepends=True) for text in csvs]
        rows = [row for line in lines for row in line[1:]]
        write_text(options.csv, "".join([lines[0][0], *rows]))
    if jsons:
        written([options.csv], options.json)
    return worst


def _command(options: argparse.Namespace) -> list[str]:
    """Return the command line of a child process that runs the same benchmark."""
    command = [sys.executable, "-m", "_gluonkit_command", "bench", *options.networks]
    command += ["--seconds", str(options.seconds), "--ctx", options.ctx]
    command += ["--of-several", str(os.getpid())]
    for option in ("modes", "variants", "engines", "against", "batches"):
        if getattr(options, option):
            command += [f"--{option}", ",".join(map(str, getattr(options, option)))]
    for option in ("arrays", "net"):
        if getattr(options, option):
            command += [f"--{option}", getattr(options, option)]
    for shape, dtype in options.inputs:
        command += ["--inputs", f"{'x'.join(map(str, shape))}:{dtype}"]
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


def _run_child(command: list[str], environment: dict[str, str], label: str, *, silent: bool) -> int:
    """Run a child process to its end, also after Ctrl-C, which the child handles itself."""
    output = subprocess.DEVNULL if silent else None
    with subprocess.Popen(command, env=environment, stdout=output) as child:
        while True:
            try:
                status = child.wait()
                break
            except KeyboardInterrupt:
                continue
    if status < 0:  # the number of the signal that ended it
        name = signal.Signals(-status).name
        say_error("gluonkit bench", f"the process with the setting {label} was ended by {name}")
    return status if status >= 0 else 1


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
