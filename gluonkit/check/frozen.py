"""Attributes and parameters that a graph has frozen: changing them changes eager, not the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mxnet import gluon

from gluonkit.agreement import disagreement
from gluonkit.check.parity import Parity
from gluonkit.check.report import Finding
from gluonkit.params.records import all_paths
from gluonkit.step.graph import numbers_read
from gluonkit.trace.inputs import mapped, spec_of
from gluonkit.trace.tree import walk


def frozen_attributes(net: gluon.Block, parity: Parity) -> Iterator[Finding]:
    """Yield a note for each attribute that a graph, once built, no longer follows.

    Looked at are numbers and truth values that a `hybrid_forward` from outside of MXNet reads.
    Each is changed for the time of two calls.
    """
    before = parity.outputs("eager")
    parity.outputs("hybrid")  # builds the graph with the attributes as they are
    for path, block in walk(net):
        for name in _read_attributes(block):
            value = vars(block)[name]
            vars(block)[name] = (not value) if isinstance(value, bool) else value * 2 + 1
            try:
                changed = disagreement(before, parity.outputs("eager"))
                followed = disagreement(before, parity.outputs("hybrid"))
            except Exception:  # the network does not work with that value: nothing to compare
                continue
            finally:
                vars(block)[name] = value
            if changed and not followed:
                yield Finding(
                    "frozen-attribute",
                    path,
                    f"`{name}` is {value!r} for good once the graph is built: changing it "
                    "afterwards changes the eager network, and not the hybridized one.",
                    f"call net.hybridize() again after changing `{name}`, or pass it as an input",
                    note=True,
                )


def frozen_parameters(net: gluon.Block, arrays: Sequence[Any]) -> Iterator[Finding]:
    """Yield a finding for each parameter whose numbers the network's code reads when it is traced.

    A `gluon.Constant` is only noted: nobody changes it but by loading another.
    """
    read = {id(each) for each in numbers_read(net, mapped(spec_of, tuple(arrays)))}
    for path, parameter in all_paths(net):
        if id(parameter) in read:
            read.remove(id(parameter))  # told once, by its first path
            yield Finding(
                "frozen-parameter",
                path,
                f"the network's code reads `{path}` as numbers, and its graph, once built, keeps "
                "its numbers: training, loading or set_data changes the eager network, and not the "
                "hybridized one.",
                "register it in the block that uses it, and compute with the argument that "
                "hybrid_forward gets for it, by operators from F",
                note=isinstance(parameter, gluon.Constant),
            )


def _read_attributes(block: gluon.Block) -> list[str]:
    """Return the attributes holding a number that the block's own code may read.

    Those with an underscore are nobody's to change.
    """
    method: Any = getattr(type(block), "hybrid_forward", None)
    if method is None or method.__module__.startswith("mxnet."):
        return []
    names = set()
    for kind in type(block).__mro__:
        if not kind.__module__.startswith("mxnet."):
            functions = (each for each in vars(kind).values() if hasattr(each, "__code__"))
            names |= {name for each in functions for name in each.__code__.co_names}
    return [
        name
        for name, value in vars(block).items()
        if name in names and name[0] != "_" and isinstance(value, (bool, int, float))
    ]
