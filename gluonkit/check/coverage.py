"""Which blocks a hybridized network compiles, seen by watching it run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit.check.report import Coverage, Finding, Status
from gluonkit.tracing import Call
from gluonkit.tracing.inputs import spec_of
from gluonkit.tracing.recorder import Recorder
from gluonkit.tracing.tree import places


class Watcher(Recorder):
    """Records the blocks whose own code is called with arrays."""

    kind = mx.nd.NDArray

    def keep(self, array: Any) -> Any:
        """Return an array's shape and data type."""
        return spec_of(array)


def coverage_of(net: gluon.Block, arrays: Sequence[Any]) -> tuple[Coverage, ...]:
    """Return how each block of a hybridized network runs, whose graphs have been built."""
    watcher = Watcher(net)
    with watcher.listening():
        net(*arrays)
    status: dict[str, Status] = {"": _status(net)}
    status.update({call.path: _status(call.block) for call in watcher.calls})
    coverage = []
    for path, block in places(net):
        above = _parent_status(path, status) if path else None
        if path not in status:
            inside = above in ("compiled", "part of a graph")
            status[path] = "part of a graph" if inside else "not reached"
        coverage.append(
            Coverage(path, type(block).__name__, path.count(".") + bool(path), status[path])
        )
    known = {record.path for record in coverage}
    coverage += [_stranger(call, status) for call in watcher.calls if call.path not in known]
    return tuple(coverage)


def _stranger(call: Call, status: dict[str, Status]) -> Coverage:
    depth = call.path.count(".") + 1
    return Coverage(call.path, type(call.block).__name__, depth, status[call.path])


def _parent_status(path: str, status: dict[str, Status]) -> Status:
    return status[path.rpartition(".")[0]]


def _status(block: gluon.Block) -> Status:
    if isinstance(block, gluon.SymbolBlock):
        return "compiled"
    if not isinstance(block, gluon.HybridBlock):
        return "imperative"
    if block._cached_op is not None:  # also if its own `forward` calls Gluon's
        return "compiled"
    own = type(block).forward is not gluon.HybridBlock.forward
    return "never traced" if own else "not hybridized"


def coverage_findings(coverage: Sequence[Coverage]) -> list[Finding]:
    """Return a finding for each block whose Python code goes on running at every call.

    MXNet's own `Sequential` is a note only: it costs little, and `HybridSequential` replaces it.
    """
    findings = []
    for record in coverage:
        if record.status == "never traced":
            findings.append(
                Finding(
                    "never-traced",
                    record.path,
                    f"{record.kind} defines `forward`, as MXNet 2.0 wants it; MXNet 1.9.1 calls it "
                    "at every call, never traces it, and cannot export it.",
                    "write hybrid_forward(self, F, x, ...) with operators from F instead",
                )
            )
        elif record.status == "imperative":
            sequential = record.kind == "Sequential"
            findings.append(
                Finding(
                    "imperative",
                    record.path,
                    f"{record.kind} is a Block: only the blocks below it are compiled, each by "
                    "itself, and it cannot be exported.",
                    "use HybridSequential"
                    if sequential
                    else "derive it from HybridBlock and write hybrid_forward(self, F, x, ...)",
                )
            )
        elif record.status == "not reached":
            findings.append(
                Finding(
                    "not-reached",
                    record.path,
                    f"{record.kind} is never called with these inputs, so nothing is known of it.",
                    "give inputs that reach it, or remove it",
                    note=True,
                )
            )
    return _outermost_unreached(findings)


def _outermost_unreached(findings: list[Finding]) -> list[Finding]:
    """Drop blocks that are inside of a block which is not reached itself."""
    paths = {finding.where for finding in findings if finding.kind == "not-reached"}
    return [
        finding
        for finding in findings
        if finding.kind != "not-reached" or finding.where.rpartition(".")[0] not in paths
    ]
