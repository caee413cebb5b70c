"""Which blocks a hybridized network compiles, seen by watching it run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit.check.report import Coverage, Finding, Status
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
    # Parents come first, so that a block's status is known before its parts ask for it.
    for path, block in places(net):
        if path not in status:
            # Within a graph no Python runs, so the recorder sees nothing of its parts.
            inside = status[path.rpartition(".")[0]] in ("compiled", "part of a graph")
            status[path] = "part of a graph" if inside else "not reached"
        coverage.append(covered(block, path, status[path]))
    known = {record.path for record in coverage}
    coverage += [
        covered(call.block, call.path, status[call.path])
        for call in watcher.calls
        if call.path not in known
    ]
    return tuple(coverage)


def covered(block: gluon.Block, path: str, status: Status) -> Coverage:
    """Return the record of a block at a path."""
    return Coverage(path, type(block).__name__, path.count(".") + bool(path), status)


def _status(block: gluon.Block) -> Status:
    # It is a graph from the beginning, hybridized or not.
    if isinstance(block, gluon.SymbolBlock):
        return "compiled"
    if not isinstance(block, gluon.HybridBlock):
        return "imperative"
    if block._cached_op is not None:  # also if its own `forward` calls Gluon's
        return "compiled"
    own = type(block).forward is not gluon.HybridBlock.forward
    return "never traced" if own else "not hybridized"


_OF_STATUS: dict[Status, tuple[str, str, str]] = {
    "never traced": (
        "never-traced",
        "{} defines `forward`, as MXNet 2.0 wants it; MXNet 1.9.1 calls it at every call, never "
        "traces it, and cannot export it.",
        "write hybrid_forward(self, F, x, ...) with operators from F instead",
    ),
    "imperative": (
        "imperative",
        "{} is a Block: only the blocks below it are compiled, each by itself, and it cannot be "
        "exported.",
        "derive it from HybridBlock and write hybrid_forward(self, F, x, ...)",
    ),
    "not reached": (
        "not-reached",
        "{} is never called with these inputs, so nothing is known of it.",
        "give inputs that reach it, or remove it",
    ),
}
"""The kind, the problem and the fix of the finding about a block of this status."""


def coverage_findings(coverage: Sequence[Coverage]) -> list[Finding]:
    """Return a finding for each block that is not compiled, and a note for each not reached."""
    findings = []
    for record in coverage:
        if record.status in _OF_STATUS:
            kind, problem, fix = _OF_STATUS[record.status]
            if kind == "imperative" and record.kind == "Sequential":
                fix = "use HybridSequential"
            note = kind == "not-reached"
            findings.append(Finding(kind, record.path, problem.format(record.kind), fix, note=note))
    return _outermost_unreached(findings)


def _outermost_unreached(findings: list[Finding]) -> list[Finding]:
    """Drop blocks that are inside of a block which is not reached itself."""
    paths = {finding.where for finding in findings if finding.kind == "not-reached"}
    return [
        finding
        for finding in findings
        if finding.kind != "not-reached" or finding.where.rpartition(".")[0] not in paths
    ]
