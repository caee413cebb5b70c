"""What the workers of a job settle among themselves in a training run: data, seeds, ends, files."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit.distributed.workers import Workers
from gluonkit.errors import ArgumentError, CheckpointError, StateError
from gluonkit.files.contents import Contents
from gluonkit.system import memory
from gluonkit.system.seeding import derived_seed, next_loader_seed
from gluonkit.tracing.tree import all_paths
from gluonkit.train import state
from gluonkit.train.sources import WHOLE, Part, Source

STREAMS = f"{state.PREFIX}workers.streams"
"""The name, in a checkpoint, of all workers' random streams."""


def part_of(workers: Workers | None) -> Part:
    """Return this worker's part of the data."""
    return WHOLE if workers is None else Part(workers.rank, workers.count)


def shared_seed(workers: Workers, seed: int | None) -> int:
    """Return the seed of worker 0, on all workers."""
    chosen = next_loader_seed() if seed is None else seed
    # In two halves, which float32 holds exactly.
    high, low = workers.of_first(divmod(chosen, 1 << 16)).tolist()
    return int(high) << 16 | int(low)


def part_streams(workers: Workers, seed: int) -> None:
    """Make NumPy's and Python's random streams differ between workers."""
    # Worker 0 draws what a single process would.
    if workers.rank:
        numpy.random.seed(derived_seed(seed, 5, workers.rank))
        random.seed(derived_seed(seed, 6, workers.rank))


def share_weights(workers: Workers, net: gluon.Block) -> None:
    """Copy the network's values from worker 0 to all workers.

    Raises
    ------
    StateError
        When the workers' networks differ.
    """
    held = [(path, p) for path, p in all_paths(net) if p._data is not None]
    numbers = sum(parameter.list_data()[0].size for _, parameter in held)
    size = [len(held), numbers % (1 << 24)]  # what float32 has exactly
    if size != workers.of_first(size).tolist():
        raise StateError(
            f"`net` has {len(held)} parameters on worker {workers.rank}, and others on worker 0; "
            "give all workers the same network"
        )
    # Copies, for oneDNN may have rearranged a weight, which cannot be sent then.
    values = [parameter.list_data()[0].asnumpy() for _, parameter in held]
    arrays = [mx.nd.array(value, dtype=value.dtype) for value in values]
    for (_, parameter), array in zip(held, workers.shared(arrays), strict=True):
        for place in parameter.list_data():
            memory.assign(place, array.asnumpy())


def check_counts(workers: Workers, count: int | None, train: Source) -> None:
    """Refuse data with which workers would wait for one another for ever.

    Raises
    ------
    ArgumentError, StateError
        When the number of batches is unknown, or differs between workers.
    """
    if workers.is_async:
        return
    if count is None:
        raise ArgumentError(
            "`train` does not tell how many batches it has, which must be the same on all workers; "
            f"with kvstore={workers.kind!r} give arrays, a data set, or a loader with a length"
        )
    # A worker with more batches would wait for gradients that nobody sends.
    counts = workers.gather([count])[:, 0].astype(int).tolist()
    if len(set(counts)) > 1:
        hint = "the same data" if train.divided else "as many batches to every worker"
        raise StateError(
            f"`train` has {', '.join(map(str, counts))} batches on workers 0 to "
            f"{workers.count - 1}; give {hint}"
        )


def stopped_by(workers: Workers, reason: str) -> str:
    """Return why the run must stop, on all workers, if any of them stops."""
    wanting = numpy.flatnonzero(workers.gather([float(bool(reason)), 0.0])[:, 0])
    return reason or (f"worker {wanting[0]} has stopped" if len(wanting) else "")


def check_checkpoint(workers: Workers, begun: Contents | None, folder: str | Path) -> None:
    """Refuse a folder of checkpoints that differs between workers.

    Raises
    ------
    CheckpointError
        When workers would resume from different steps.
    """
    step = -1 if begun is None else int(begun.record.get("step", 0))
    # In two halves, as above.
    expected = int(workers.of_first([step >> 16, step & 0xFFFF]) @ [1 << 16, 1])
    if step != expected:
        raise CheckpointError(
            f"worker {workers.rank} finds {_found(step)} in {folder}, but worker 0 "
            f"{_found(expected)}; `resume` must be a folder that all workers see, with the same "
            "files"
        )


def _found(step: int) -> str:
    return "no checkpoint" if step < 0 else f"one of step {step:,}"


def check_count(workers: Workers | None, record: dict[str, Any], path: Path) -> str:
    """Return a note if the number of workers has changed; refuse that within an epoch.

    Raises
    ------
    CheckpointError
        In the middle of an epoch, whose batches were divided differently.
    """
    before = record.get("workers", 1)
    now = 1 if workers is None else workers.count
    if before == now:
        return ""
    if record["step_in_epoch"]:
        raise CheckpointError(
            f"{path} was written in the middle of an epoch by {before} workers, and this run has "
            f"{now}; go on with {before}, or from a checkpoint of an epoch's end"
        )
    return f"the run was begun with {before} workers, and goes on with {now}"


def gathered_streams(workers: Workers, raw: tuple[Any, Any]) -> Array:
    """Return all workers' random streams, ``(count, numbers)``."""
    (_, keys, *rest), (_, words, gauss) = raw
    numbers = [*keys.tolist(), *rest, *words, numpy.nan if gauss is None else gauss]
    return workers.gather(numbers)


def own_streams(workers: Workers, contents: Contents) -> dict[str, Any] | None:
    """Return this worker's streams from a checkpoint; None if the number of workers differs."""
    if STREAMS not in contents.entries:
        return None
    rows = contents.array(STREAMS)
    if len(rows) != workers.count:
        return None
    # A Mersenne Twister has 624 words and a position; Python's has its position as the last of
    # 625.
    keys, position, has_gauss, cached, words, gauss = numpy.split(
        rows[workers.rank], [624, 625, 626, 627, 627 + 625]
    )
    last = None if numpy.isnan(gauss[0]) else float(gauss[0])
    return {
        "numpy": [
            "MT19937",
            keys.astype("uint32").tolist(),
            int(position[0]),
            int(has_gauss[0]),
            float(cached[0]),
        ],
        "python": [3, words.astype(int).tolist(), last],
    }


def effective(workers: Workers, batch_size: int, divided: bool, optimizer: Any) -> str:
    """Describe a step over all workers."""
    rate = f"learning rate {optimizer.learning_rate:g}, as given"
    job = f"{workers.count} {'workers' if workers.count > 1 else 'worker'} ({workers.kind})"
    if workers.is_async:
        return f"{job}: each updates by itself, with up to {batch_size} samples; {rate}"
    own = "" if divided else ", of its own data"
    return (
        f"{job} with up to {batch_size} samples each{own}: effective batch size "
        f"{workers.count * batch_size}; {rate}"
    )
