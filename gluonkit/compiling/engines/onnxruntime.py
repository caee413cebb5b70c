"""ONNX Runtime: sessions that compute from arrays to arrays which stay where they are."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit.compiling.engines.binding import Bind
from gluonkit.compiling.engines.timing import Nodes, Ran, Timed

_SPINNING = 200
"""Microseconds that threads look for more work before they sleep.

Within a call the next work comes sooner. By default they go on for milliseconds after it, and take
a core from whatever runs then, as MXNet's own threads.
"""

_KERNEL = "_kernel_time"
"""With what the names of events of operators end."""


def opened(contents: bytes, threads: int) -> Bind:
    """Return what binds a session, which all calling threads share, to arrays."""
    return _binding(_session(contents, _options(threads)))


def timed(contents: bytes, threads: int) -> Timed:
    """Return the same for a session that records its operators, and what returns these."""
    folder = Path(tempfile.mkdtemp())
    optimized = folder / "optimized.onnx"
    options = _options(threads)
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    options.optimized_model_filepath = str(optimized)
    try:
        session = _session(contents, options)
    except BaseException:
        shutil.rmtree(folder)
        raise
    # Which writes into it as long as it is there.
    weakref.finalize(session, shutil.rmtree, folder, ignore_errors=True)
    begun: list[int] = []

    def ran() -> list[Ran]:
        events = json.loads(Path(session.end_profiling()).read_text())
        graph = require("onnx", extra="onnx").load(str(optimized)).graph
        names = [[*node.output, node.name] for node in graph.node]
        computed = Nodes(contents).computed(names)
        owned = {node.name: nodes for node, nodes in zip(graph.node, computed, strict=True)}
        return list(_ran(events, begun, owned))

    return _binding(session, lambda: begun.append(time.time_ns() // 1000)), ran


def _options(threads: int) -> Any:
    options = require("onnxruntime", extra="onnx").SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its errors are raised as well
    # Older versions do not know it, and do not mind.
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(_SPINNING))
    return options


def _session(contents: bytes, options: Any) -> Any:
    package = require("onnxruntime", extra="onnx")
    return package.InferenceSession(contents, options, providers=["CPUExecutionProvider"])


def _binding(session: Any, begin: Callable[[], Any] | None = None) -> Bind:
    """Return what binds a session to arrays; `begin` is called before each run."""
    used = {given.name for given in session.get_inputs()}
    # Which does not copy.
    wrapped = require("onnxruntime", extra="onnx").OrtValue.ortvalue_from_numpy

    def bind(inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> Callable[[], Any]:
        binding = session.io_binding()
        for name, array in inputs.items():
            if name in used:
                binding.bind_ortvalue_input(name, wrapped(array))
        for name, array in outputs.items():
            binding.bind_ortvalue_output(name, wrapped(array))
        run = session.run_with_iobinding
        if begin is None:
            return lambda: run(binding)
        return lambda: (begin(), run(binding))

    return bind


def _ran(
    events: Sequence[Any], begun: Sequence[int], owned: Mapping[str, tuple[str, ...]]
) -> Iterator[Ran]:
    """Yield the operators of runs that began at some times, in microseconds since 1970."""
    runs = iter(begun)
    kernels: list[Any] = []
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith(_KERNEL):
            kernels.append(event)
        # The event of a run follows those of its operators; their clock is another one.
        elif event["name"] == "model_run":
            shift = next(runs) - event["ts"]
            for kernel in kernels:
                began = kernel["ts"] + shift
                nodes = owned.get(kernel["name"].removesuffix(_KERNEL), ())
                operator = kernel["args"]["op_name"]
                yield Ran(operator, nodes, began, began + kernel["dur"])
            kernels = []
