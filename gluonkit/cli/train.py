"""``gluonkit train`` and ``gluonkit evaluate``: a network by name, on data by name."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import Any, TextIO

from gluonkit import data
from gluonkit._base.tables import Column, paragraph, text_table
from gluonkit.checkpoint.loading import load
from gluonkit.checkpoint.saving import save
from gluonkit.cli.common import checkpoint_file, model_of, set_array_mode
from gluonkit.cli.output import report, wants_json_only, write_picture, write_text, written
from gluonkit.distributed.workers import is_worker, resolve_kvstore
from gluonkit.errors import ArgumentError
from gluonkit.models import create_model, model_info, parse_model
from gluonkit.system.seeding import seed_everything
from gluonkit.train.callbacks import Callback, EarlyStopping
from gluonkit.train.evaluating import evaluate
from gluonkit.train.fitting import fit
from gluonkit.train.history import History, figure_text, title
from gluonkit.train.progress import Progress
from gluonkit.train.tensorboard import TensorBoard


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit train`` and return its exit status."""
    name, choices = parse_model(options.model)
    info = model_info(name)
    set_array_mode(options.arrays, options.model)
    train, test = _load(options, "train"), _load(options, "test")
    # A network made for other classes than the data have could not be trained.
    if "classes" not in choices and info.options.get("classes", len(train.classes)) != len(
        train.classes
    ):
        choices["classes"] = len(train.classes)
    # Before the network is made: initializers draw, too.
    seed_everything(options.seed)
    net = create_model(name, init=options.init, **choices)
    # Under `gluonkit launch` workers that trained each for itself are never what is wanted.
    kvstore = options.kvstore or ("dist_sync" if is_worker() else None)
    # Connected here to know who prints; `fit` uses the same connection.
    _, workers = resolve_kvstore(kvstore)
    is_first = workers is None or workers.rank == 0
    if is_first:
        heading = paragraph(f"{options.model} on {train}, tested on {len(test):,}", indent="")
        print(heading, file=_aside(options), flush=True)
    history = fit(
        net,
        train,
        val=test,
        epochs=options.epochs,
        optimizer=options.optimizer,
        optimizer_params=None
        if options.learning_rate is None
        else {"learning_rate": options.learning_rate},
        callbacks=_callbacks(options),
        seed=options.seed,
        resume=options.resume,
        batch_size=options.batch_size,
        kvstore=kvstore,
    )
    if is_first:
        _conclude(options, net, history)
    # By convention: 128, and 2 for SIGINT.
    return 130 if history.interrupted else 0


def _aside(options: argparse.Namespace) -> TextIO:
    """Return where sentences go: standard error where standard output is for JSON."""
    return sys.stderr if wants_json_only(options.json) else sys.stdout


def _conclude(options: argparse.Namespace, net: Any, history: History) -> None:
    """Print the result, and write the requested files."""
    # First what took longest to make: another file may find the disk full.
    if options.save is not None:
        save(net, options.save)
    report(_concluded(history), options.json, history.to_dict(), told=False)
    if options.csv is not None:
        write_text(options.csv, history.to_csv())
    plot = options.plot if history.epochs else None
    if plot is not None:
        write_picture(plot, history.plot())
    written([options.save, options.csv, plot], options.json)
    if history.epochs:
        print(paragraph(_next(options), indent=""), file=_aside(options))


def _next(options: argparse.Namespace) -> str:
    """Return what can be done with the weights, or how they would have been kept."""
    kept = options.save or options.resume
    if kept is None:
        return "The weights are not kept; --save F.safetensors writes them."
    chosen = {name: getattr(options, name) for name in ("data", "size", "root", "arrays")}
    words = [f"--{name}={value}" for name, value in chosen.items() if value is not None]
    words += [f"--import={module}" for module in options.imports]
    return f"To evaluate them again: {shlex.join(['gluonkit', 'evaluate', str(kept), *words])}"


def _concluded(history: History) -> str:
    parts = []
    # Where lines of progress and the result come together, each epoch has been shown already.
    if not history.epochs or not _is_one_place():
        parts.append(f"\n{history}")
    if history.epochs:
        best = history.best("val_accuracy")
        parts.append(
            f"\nTest accuracy {history.last['val_accuracy']:.2%} at the end, "
            f"{best['val_accuracy']:.2%} at best (epoch {best['epoch']})."
        )
    return "\n".join(parts)


def _is_one_place() -> bool:
    """Return whether standard output and standard error go to the same terminal, file or pipe."""
    try:
        first, second = (os.fstat(stream.fileno()) for stream in (sys.stdout, sys.stderr))
    except (OSError, ValueError):  # no file at all, as under pytest
        return False
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def run_evaluate(options: argparse.Namespace) -> int:
    """Run ``gluonkit evaluate`` and return its exit status."""
    path = checkpoint_file(options.checkpoint)
    model = model_of(path)
    if model:
        set_array_mode(options.arrays, model)
    net = load(path)
    dataset = _load(options, options.split)
    figures = evaluate(net, dataset)
    columns = [Column(title(name), _figure(name), "right") for name in figures]
    heading = paragraph(f"{model or 'the network'} from {path} on {dataset}", indent="")
    about = {"model": model, "file": str(path), "data": dataset.name, "split": dataset.split}
    report(
        f"{heading}\n{text_table([figures], columns)}",
        options.json,
        about | {"samples": len(dataset), "figures": figures},
    )
    return 0


def _figure(name: str) -> Any:
    return lambda row: figure_text(name, row[name])


def _load(options: argparse.Namespace, split: str) -> data.Dataset:
    if options.size is not None and options.data != "digits":
        raise ArgumentError(f"`--size` is for digits; those of {options.data!r} have one size")
    chosen = {} if options.size is None else {"size": options.size}
    return data.load(options.data, split=split, root=options.root, **chosen)


def _callbacks(options: argparse.Namespace) -> list[Callback]:
    # Given explicitly, so that lines appear in a log, too.
    callbacks: list[Callback] = [Progress()]
    if options.patience is not None:
        callbacks.append(EarlyStopping(patience=options.patience, restore_best=True))
    if options.tensorboard is not None:
        callbacks.append(TensorBoard(options.tensorboard))
    return callbacks
