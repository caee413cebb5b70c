"""ONNX Runtime: sessions that compute from arrays to arrays which stay where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit.compiling.engines.binding import Bind

_SPINNING = 200
"""Microseconds that threads look for more work before they sleep.

Within a call the next work comes sooner. By default they go on for milliseconds after it, and take
a core from whatever runs then, as MXNet's own threads.
"""


def opened(contents: bytes, threads: int) -> Bind:
    """Return what binds a session, which all calling threads share, to arrays."""
    package = require("onnxruntime", extra="onnx")
    options = package.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its errors are raised as well
    # Older versions do not know it, and do not mind.
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(_SPINNING))
    session = package.InferenceSession(contents, options, providers=["CPUExecutionProvider"])
    used = {given.name for given in session.get_inputs()}
    wrapped = package.OrtValue.ortvalue_from_numpy  # which does not copy

    def bind(inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> Callable[[], Any]:
        binding = session.io_binding()
        for name, array in inputs.items():
            if name in used:
                binding.bind_ortvalue_input(name, wrapped(array))
        for name, array in outputs.items():
            binding.bind_ortvalue_output(name, wrapped(array))
        run = session.run_with_iobinding
        return lambda: run(binding)

    return bind
