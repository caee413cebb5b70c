"""OpenVINO: requests that compute from arrays to arrays which stay where they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit.compiling.engines.binding import Bind
from gluonkit.compiling.engines.timing import Nodes, Ran, Timed


def opened(contents: bytes, threads: int) -> Bind:
    """Return what compiles a model, for each calling thread its own, and binds it to arrays."""
    return _binding(contents, threads)


def timed(contents: bytes, threads: int) -> Timed:
    """Return the same, its operators recorded, and what returns these.

    OpenVINO tells of each operator the mean of all runs. Its first run is left out of that, and the
    mean of the others stands for each.
    """
    recorded: list[_Recorded] = []

    def heard(compiled: Any, request: Any, began: int) -> None:
        if not recorded or recorded[-1].request is not request:
            recorded.append(_Recorded(compiled, request))
        recorded[-1].add(began)

    def ran() -> list[Ran]:
        nodes = Nodes(contents)
        return [one for record in recorded for one in record.ran(nodes)]

    return _binding(contents, threads, heard), ran


class _Recorded:
    """The runs of one request."""

    def __init__(self, compiled: Any, request: Any) -> None:
        self._compiled, self.request = compiled, request
        self._runs: list[tuple[int, int]] = []
        self._first: dict[str, float] = {}

    def add(self, began: int) -> None:
        """Take down a run that has just ended; times are in microseconds since 1970."""
        self._runs.append((began, time.time_ns() // 1000))
        if len(self._runs) == 1:
            self._first = {info.node_name: _took(info) for info in self._infos()}

    def ran(self, nodes: Nodes) -> Iterator[Ran]:
        """Yield the operators of all runs."""
        infos, joined, count = self._infos(), _joined(self._compiled), len(self._runs)
        computed = nodes.computed(joined.get(info.node_name, [info.node_name]) for info in infos)
        for run_began, run_ended in self._runs:
            began = float(run_began)
            for info, names in zip(infos, computed, strict=True):
                took = _took(info)
                if count > 1:
                    took = max(0.0, (count * took - self._first[info.node_name]) / (count - 1))
                # One after another; a mean may be more than this run took.
                began = min(began, run_ended)
                yield Ran(info.node_type, names, began, began + took)
                began += took

    def _infos(self) -> list[Any]:
        return [info for info in self.request.profiling_info if info.status == info.Status.EXECUTED]


def _took(info: Any) -> float:
    """Return the mean time of an operator, in microseconds."""
    return float(info.real_time.total_seconds()) * 1e6


def _joined(compiled: Any) -> dict[str, list[str]]:
    """Return the names of what each operator of a compiled model was made of."""
    return {
        operator.get_friendly_name(): operator.get_rt_info()["originalLayersNames"]
        .astype(str)
        .split(",")
        for operator in compiled.get_runtime_model().get_ordered_ops()
    }


def _binding(contents: bytes, threads: int, heard: Callable[..., None] | None = None) -> Bind:
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
        "PERF_COUNT": heard is not None,
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
        if heard is None:
            return lambda: infer(share_outputs=True)

        def run() -> None:
            began = time.time_ns() // 1000
            infer(share_outputs=True)
            heard(compiled, request, began)

        return run

    return bind
