"""A benchmark's other side: PyTorch, in a process of its own.

`pytorch` copies this file beside model.py and runs it there by the Python that has torch, where
neither gluonkit nor MXNet is. It reads requests from its standard input, a line of JSON each, and
answers each by a line. It alone looks at the clock, so that what passes between the processes is in
no time.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy

INPUTS, OUTPUTS = "inputs.npz", "outputs.npz"
MODEL, WEIGHTS = "model", "model.safetensors"
COMPILED = "torch.compile"

Call = Callable[[], list[Any]]


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what torch prints is no answer
    calls: dict[str, Call] = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = _answered(calls, request)
        except Exception as error:  # whatever torch raises is the answer
            words = str(error).strip().splitlines()
            answer = {"error": f"{type(error).__name__}: {words[0] if words else ''}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


def _answered(calls: dict[str, Call], request: dict[str, Any]) -> dict[str, Any]:
    name = request["name"]
    if "calls" in request:
        return {"seconds": _timed(calls[name], request["calls"])}
    torch = importlib.import_module("torch")
    # Imported before the clock is looked at, as ONNX Runtime is.
    importlib.import_module("safetensors.torch")
    torch.set_num_threads(request["threads"])
    began = time.perf_counter()
    calls[name] = _opened(torch, compiled=name == COMPILED)
    outputs = calls[name]()
    took = time.perf_counter() - began
    numpy.savez(OUTPUTS, *outputs)
    return {"seconds": took, "version": torch.__version__, "outputs": len(outputs)}


def _opened(torch: Any, *, compiled: bool) -> Call:
    """Return what predicts, from NumPy's arrays to NumPy's arrays."""
    sys.modules.pop(MODEL, None)
    model = importlib.import_module(MODEL).Model()
    model.load_state_dict(importlib.import_module("safetensors.torch").load_file(WEIGHTS))
    model.eval()
    called = torch.compile(model) if compiled else model
    with numpy.load(INPUTS) as file:
        arrays = [file[f"arr_{place}"] for place in range(len(file.files))]

    def call() -> list[Any]:
        with torch.inference_mode():
            return [leaf.numpy() for leaf in _leaves(called(*map(torch.from_numpy, arrays)))]

    return call


def _timed(call: Call, calls: int) -> float:
    gc.disable()
    began = time.perf_counter()
    for _ in range(calls):
        call()
    took = time.perf_counter() - began
    gc.enable()
    return took


def _leaves(nested: Any) -> list[Any]:
    if isinstance(nested, (list, tuple)):
        return [leaf for part in nested for leaf in _leaves(part)]
    return [nested]


if __name__ == "__main__":
    main()
