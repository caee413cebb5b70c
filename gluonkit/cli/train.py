"""``gluonkit train`` and ``gluonkit evaluate``: a network by name, on data by name."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gluonkit import data
from gluonkit._base.optional import require
from gluonkit._base.tables import Column, text_table
from gluonkit.checkpoint.loading import load
from gluonkit.checkpoint.saving import save
from gluonkit.cli.common import (
    add_arrays,
    checkpoint_file,
    model_of,
    set_array_mode,
    writable,
    write_results,
)
from gluonkit.distributed.workers import is_worker, resolve_kvstore
from gluonkit.errors import ArgumentError
from gluonkit.models import create_model, model_info, parse_model
from gluonkit.system.seeding import seed_everything
from gluonkit.train.callbacks import Callback, EarlyStopping
from gluonkit.train.evaluating import evaluate
from gluonkit.train.fitting import fit
from gluonkit.train.history import figure_text, title
from gluonkit.train.progress import Progress
from gluonkit.train.tensorboard import TensorBoard


def add_parser(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add ``train`` to the command's parser."""
    parser = commands.add_parser(
        "train",
        parents=parents,
        help="train a network on a data set",
        description="Train a network, and show how: progress, a table of all epochs, a plot.",
    )
    add = parser.add_argument
    add("model", metavar="NAME", help="model, with options if need be: 'mlp(units=(256, 128))'")
    _add_data(parser)
    add("--epochs", type=int, default=20, metavar="N", help="times through the data (20)")
    add("--batch", type=int, default=64, metavar="N", help="samples in a worker's batch (64)")
    add("--optimizer", default="adam", metavar="NAME", help="one of MXNet's (adam)")
    add("--lr", type=float, metavar="RATE", help="learning rate (the optimizer's own default)")
    add("--init", default="xavier", metavar="NAME", help="initializer of the weights (xavier)")
    add("--seed", type=int, default=0, metavar="N", help="seed of everything that draws (0)")
    add("--patience", type=int, metavar="N", help="stop N epochs after the test loss was best")
    add("--resume", type=Path, metavar="DIR", help="keep checkpoints there, and go on from them")
    add("--save", type=Path, metavar="F.safetensors", help="write the weights at the end")
    add("--plot", type=Path, metavar="F.png", help="where to draw the epochs (NAME_DATA.png)")
    add("--no-plot", action="store_true", help="draw nothing")
    add("--csv", type=Path, metavar="F", help="write the epochs as CSV")
    add("--json", type=Path, metavar="F", help="write everything as JSON")
    add("--tensorboard", type=Path, metavar="DIR", help="write TensorBoard's event files")
    add(
        "--kvstore",
        metavar="KIND",
        help="how several workers train together: dist_sync (under `gluonkit launch`), dist_async",
    )
    parser.set_defaults(command=run)


def add_evaluate_parser(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add ``evaluate`` to the command's parser."""
    parser = commands.add_parser(
        "evaluate",
        parents=parents,
        help="evaluate a trained network on a data set",
        description="Evaluate a checkpoint of `gluonkit train` or `fit(resume=...)`.",
    )
    parser.add_argument("checkpoint", type=Path, help="a file, or the folder of --resume")
    _add_data(parser)
    parser.add_argument(
        "--split", choices=("train", "test", "all"), default="test", help="of the data (test)"
    )
    parser.set_defaults(command=run_evaluate)


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    names = ", ".join(data.list_datasets())
    add("--data", default="digits", metavar="NAME", help=f"one of {names} (digits)")
    add("--root", type=Path, metavar="DIR", help="where the data's files are")
    add("--size", type=int, metavar="N", help="of the digits: height and width (28)")
    add_arrays(parser)


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit train`` and return its exit status."""
    if options.save is not None and options.save.suffix != ".safetensors":
        raise ArgumentError(f"`--save` is {str(options.save)!r}; let it end in .safetensors")
    name, choices = parse_model(options.model)
    info = model_info(name)
    if not options.no_plot and options.plot is None:
        options.plot = Path(f"{info.name.replace('/', '_')}_{options.data}.png")
    writable(options, "csv", "json", "save", plot="plot" if options.plot else None)
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
        print(f"{options.model} on {train}, tested on {len(test):,}")
    history = fit(
        net,
        train,
        val=test,
        epochs=options.epochs,
        optimizer=options.optimizer,
        optimizer_params=None if options.lr is None else {"learning_rate": options.lr},
        callbacks=_callbacks(options),
        seed=options.seed,
        resume=options.resume,
        batch_size=options.batch,
        kvstore=kvstore,
    )
    if is_first:
        _conclude(options, net, history)
    # By convention: 128, and 2 for SIGINT.
    return 130 if history.interrupted else 0


def _conclude(options: argparse.Namespace, net: Any, history: Any) -> None:
    """Print the result, and write the requested files."""
    print(f"\n{history}")
    if history.epochs:
        best = history.best("val_accuracy")
        print(
            f"\nTest accuracy {history.last['val_accuracy']:.2%} at the end, "
            f"{best['val_accuracy']:.2%} at best (epoch {best['epoch']})."
        )
    _write(options, net, history)


def run_evaluate(options: argparse.Namespace) -> int:
    """Run ``gluonkit evaluate`` and return its exit status."""
    path = checkpoint_file(options.checkpoint)
    model = model_of(path)
    if model:
        set_array_mode(options.arrays, model)
    net = load(path)
    dataset = _load(options, options.split)
    figures = evaluate(net, dataset)
    print(f"{model or net.name} from {path} on {dataset}")
    columns = [Column(title(name), _figure(name), "right") for name in figures]
    print(text_table([figures], columns))
    return 0


def _figure(name: str) -> Any:
    return lambda row: figure_text(name, row[name])


def _load(options: argparse.Namespace, split: str) -> data.Dataset:
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


def _write(options: argparse.Namespace, net: Any, history: Any) -> None:
    """Write the requested files, and print their names."""
    plot = options.plot if history.epochs else None
    if plot is not None:
        require("matplotlib", extra="plot")
        history.plot().savefig(plot, dpi=100)
    if options.save is not None:
        save(net, options.save)
    write_results(history, options)
    written = [path for path in (plot, options.save, options.csv, options.json) if path is not None]
    if written:
        print(f"Written: {', '.join(map(str, written))}")
