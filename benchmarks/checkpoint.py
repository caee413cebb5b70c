"""Claim: saving and loading ResNet-50 takes at most 1.5 times what safetensors alone takes.

safetensors writes and reads the same bytes, from and to NumPy arrays, without checksums, over the
file before, and without waiting for the disk. gluonkit computes and checks a SHA-256 of every
array, writes a new file, waits until it is on the disk, puts it in the old one's place, and fills
a network. So safetensors is also measured with a new file put in place, and with a network filled;
and MXNet's `save_parameters` and `load_parameters`. All files must hold the same numbers.
"""

import hashlib
import json
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy
from provenance import provenance
from safetensors.numpy import load_file, save_file

from gluonkit import create_model, load, materialize, mx, nd, params, save

ROUNDS = 15
RESULTS = Path(__file__).parent / "results" / "checkpoint.json"


def timed(function: Callable[[], Any]) -> float:
    nd.waitall()
    start = perf_counter()
    function()
    nd.waitall()
    return perf_counter() - start


def replaced(arrays: dict[str, Any], path: Path) -> None:
    new = path.with_suffix(".new")
    save_file(arrays, new)
    handle = os.open(new, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
    os.replace(new, path)


def fill(net: Any, arrays: dict[str, Any]) -> None:
    for path, parameter in params.records.all_paths(net):
        parameter.set_data(nd.array(arrays[path]))


def main() -> None:
    with mx.name.NameManager():
        net = create_model("mxnet/resnet50_v1", init="xavier")
        other = create_model("mxnet/resnet50_v1", init="xavier")
    for network in (net, other):
        materialize(network, (1, 3, 224, 224))
    arrays = {path: p.data().asnumpy() for path, p in params.records.all_paths(net)}
    size = sum(array.nbytes for array in arrays.values())
    with tempfile.TemporaryDirectory() as name:
        own, plain, mxnets = (Path(name) / f"{n}.safetensors" for n in ("own", "plain", "mxnet"))
        contents = b"".join(array.tobytes() for array in arrays.values())
        tasks: dict[str, Callable[[], Any]] = {
            "save": lambda: save(net, own),
            "safetensors, writing": lambda: save_file(arrays, plain),
            "safetensors, writing, put in place": lambda: replaced(arrays, plain),
            "save_parameters": lambda: net.save_parameters(str(mxnets)),
            "load": lambda: load(own, net=other),
            "safetensors, reading": lambda: load_file(plain),
            "safetensors, reading into the net": lambda: fill(other, load_file(plain)),
            "load_parameters": lambda: other.load_parameters(str(mxnets)),
            "SHA-256 alone": lambda: hashlib.sha256(contents).digest(),
        }
        times: dict[str, list[float]] = {task: [] for task in tasks}
        for _ in range(ROUNDS + 1):
            for task, function in tasks.items():
                times[task].append(timed(function))
        for path in (own, plain, mxnets):
            load(path, net=other)
            for place, parameter in params.records.all_paths(other):
                assert numpy.array_equal(parameter.data().asnumpy(), arrays[place]), (path, place)
    times = {task: seconds[1:] for task, seconds in times.items()}
    print(f"ResNet-50, {size / 2**20:.0f} MiB; all files hold the same numbers")
    for task, seconds in times.items():
        against = "safetensors, writing" if "sav" in task or "writ" in task else ""
        against = "safetensors, reading" if "load" in task or "read" in task else against
        pairs = zip(seconds, times.get(against, seconds), strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"  {task:34} {statistics.median(seconds) * 1e3:7.1f} ms  {ratio:5.2f}")
    result = {**provenance(), "bytes": size, "seconds": times}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
