"""Claim: an epoch of JPEG images costs `BatchLoader` less than Gluon's `ImageRecordDataset`.

A record file of 224 x 224 JPEG images, read in order in batches of 64 as float32, nothing trained.
That is read by a `DataLoader` without workers. Also against `mx.io.ImageRecordIter`; the same where
a small network is run on each batch, while the next one may be decoded; and records read without
being decoded, against `MXIndexedRecordIO`. All must give the same pixels and labels first; MXNet's
iterator uses as many threads as gluonkit, one for each core.
"""

import io
import json
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy
from PIL import Image
from provenance import provenance

from gluonkit import gluon, mx
from gluonkit._base.cpu import model_name, usable_cores
from gluonkit.data import BatchLoader, RecordFile, RecordWriter, pack_record

SAMPLES, BATCH, ROUNDS, SIDE = 512, 64, 7, 224
RESULTS = Path(__file__).parent / "results" / "records.json"


def written(path: Path) -> Path:
    draws = numpy.random.default_rng(0)
    with RecordWriter(path) as writer:
        for number in range(SAMPLES):
            coarse = draws.integers(0, 256, (28, 28, 3), dtype="uint8")
            image = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            file = io.BytesIO()
            image.save(file, "JPEG", quality=90)
            writer.write(pack_record((0, number % 10, number, 0), file.getvalue()))
    return path


def readers(path: Path) -> dict[str, Callable[[], Iterable[Any]]]:
    """Return functions that begin an epoch, of batches ``(data, label)`` in [0, 1]."""
    iterator = mx.io.ImageRecordIter(
        path_imgrec=str(path),
        data_shape=(3, SIDE, SIDE),
        batch_size=BATCH,
        preprocess_threads=usable_cores(),
        scale=1 / 255,
        verbose=False,
    )

    def by_iterator() -> Iterator[Any]:
        iterator.reset()
        for batch in iterator:
            yield batch.data[0], batch.label[0]

    dataset = gluon.data.vision.ImageRecordDataset(str(path)).transform_first(
        gluon.data.vision.transforms.ToTensor()
    )
    loader = BatchLoader(RecordFile(path), BATCH)
    return {
        "BatchLoader of a RecordFile": lambda: loader,
        "mx.io.ImageRecordIter": by_iterator,
        "ImageRecordDataset in a DataLoader": lambda: gluon.data.DataLoader(dataset, BATCH),
    }


def contents(batches: Iterable[Any]) -> tuple[Any, Any]:
    data, label = zip(*((x.asnumpy(), y.asnumpy()) for x, y in batches), strict=True)
    return numpy.concatenate(data), numpy.concatenate(label)


def check(made: dict[str, Callable[[], Iterable[Any]]]) -> None:
    first, *others = (contents(begin()) for begin in made.values())
    assert first[0].shape == (SAMPLES, 3, SIDE, SIDE)
    for data, label in others:
        assert numpy.array_equal(label, first[1])
        assert numpy.abs(data - first[0]).max() < 1e-6


def epoch(begin: Callable[[], Iterable[Any]], net: gluon.HybridBlock | None = None) -> float:
    start = perf_counter()
    for batch in begin():
        for array in batch:
            array.wait_to_read()
        if net is not None:
            net(batch[0].as_in_context(mx.cpu())).wait_to_read()  # MXNet's are in pinned memory
    return perf_counter() - start


def network() -> gluon.HybridBlock:
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Conv2D(16, 7, strides=4, activation="relu"), gluon.nn.Dense(10))
    net.initialize()
    net.hybridize()
    net(mx.nd.zeros((BATCH, 3, SIDE, SIDE))).wait_to_read()
    return net


def records_alone(path: Path) -> dict[str, Callable[[], int]]:
    """Return functions that read all records, and give their bytes."""

    def by_gluonkit() -> int:
        return sum(map(len, RecordFile(path)))

    def by_mxnet() -> int:
        reader = mx.recordio.MXIndexedRecordIO(str(path.with_suffix(".idx")), str(path), "r")
        return sum(len(reader.read_idx(key)) for key in reader.keys)

    made = {"RecordFile": by_gluonkit, "MXIndexedRecordIO": by_mxnet}
    assert len({read() for read in made.values()}) == 1
    return made


def timed(read: Callable[[], int]) -> float:
    start = perf_counter()
    read()
    return perf_counter() - start


def show(times: dict[str, list[float]], reference: str) -> None:
    for name, seconds in times.items():
        ratios = [ours / theirs for ours, theirs in zip(seconds, times[reference], strict=True)]
        low, ratio, high = statistics.quantiles(ratios, n=4)
        speed = SAMPLES / statistics.median(seconds)
        print(
            f"{name:36} {speed:9,.0f} a second, {ratio:.2f} ({low:.2f} to {high:.2f}) of the time"
        )
    print(f"  that {reference} takes; quartiles of the ratios")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder, "images.rec"))
        made, alone = readers(path), records_alone(path)
        check(made)
        epochs: dict[str, list[float]] = {name: [] for name in made}
        busy: dict[str, list[float]] = {name: [] for name in made}
        reads: dict[str, list[float]] = {name: [] for name in alone}
        net = network()
        for _ in range(ROUNDS):
            for name, begin in made.items():
                epochs[name].append(epoch(begin))
                busy[name].append(epoch(begin, net))
            for name, read in alone.items():
                reads[name].append(timed(read))
    print(f"{model_name()}, {usable_cores()} cores")
    show(epochs, "mx.io.ImageRecordIter")
    print("with a network:")
    show(busy, "mx.io.ImageRecordIter")
    show(reads, "MXIndexedRecordIO")
    written_down = {
        **provenance(),
        "processor": model_name(),
        "cores": usable_cores(),
        "samples": SAMPLES,
        "seconds": epochs,
        "seconds, with a network": busy,
        "seconds, records alone": reads,
    }
    RESULTS.write_text(json.dumps(written_down, indent=1) + "\n")


if __name__ == "__main__":
    main()
