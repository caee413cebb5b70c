"""OpenVINO: requests that compute from arrays to arrays which stay where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit.compiling.engines.binding import Bind


def opened(contents: bytes, threads: int) -> Bind:
    """Return what compiles a model, for each calling thread its own, and binds it to arrays."""
    package = require("openvino", extra="openvino")
    core = package.Core()
    model = core.read_model(contents)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        # By default bfloat16 where the processor has it, whose outputs would differ.
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        # The cores are MXNet's, too.
        "ENABLE_CPU_PINNING": False,
    }

    shared = partial(package.Tensor, shared_memory=True)

    def bind(inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> Callable[[], Any]:
        # The requests of one compiled model would wait for each other. With several streams they
        # do not, and each takes longer.
        compiled = core.compile_model(model, "CPU", settings)
        request = compiled.create_infer_request()
        for place in compiled.inputs:  # without those that are not used
            (name,) = place.names & inputs.keys()
            request.set_tensor(place, shared(inputs[name]))
        # By position: of one that is given out twice, both places have both names.
        for place, array in zip(compiled.outputs, outputs.values(), strict=True):
            request.set_tensor(place, shared(array))
        infer = request.infer
        return lambda: infer(share_outputs=True)

    return bind
