"""`check_hybrid`: whether a network hybridizes, and is still right then."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import mxnet as mx
from mxnet import autograd, gluon

from gluonkit._base.arguments import checked
from gluonkit.check.coverage import Watcher, coverage_findings, coverage_of, covered
from gluonkit.check.frozen import frozen_attributes, frozen_parameters
from gluonkit.check.parity import Parity, Stream
from gluonkit.check.report import Coverage, Finding, HybridReport
from gluonkit.check.source import attribute_line, source_findings
from gluonkit.inspection import resolved
from gluonkit.tracing import Operator, Trace, trace
from gluonkit.tracing.eager import context_of, draws, imperative, is_random, stand_in
from gluonkit.tracing.explain import explained
from gluonkit.tracing.hidden import Hidden, hidden_in
from gluonkit.tracing.inputs import as_array, mapped, parse_inputs
from gluonkit.tracing.tree import kept_values, parameters_of, places, untouched, walk


@checked
def check_hybrid(net: gluon.Block | str, *inputs: Any) -> HybridReport:
    """Check what `hybridize()` would do to a network: how much it compiles, whether it is right.

    Three things are looked at. *Coverage*: which blocks are compiled, and which go on running
    their Python code. *Parity*: outputs, gradients of parameters and inputs, and running
    statistics, hybridized (also with static memory) against eager; in prediction and training
    mode, called again, at a second batch size, and after changing the attributes that the
    graph may have frozen. *Source*: the usual mistakes in `hybrid_forward` and `forward`, with
    file and line.

    The network is left as it was: values, gradients, graphs, hooks. Parameters without values get
    made-up ones for the time of the check. Only a network that draws random numbers (dropout) needs
    MXNet's random stream to be seeded; afterwards the stream continues from a seed that was drawn
    from it.

    Parameters
    ----------
    net : gluon.Block or str
        Any Gluon block, or the name of a registered model, with its options if needed.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, as for `summary`; for a registered model, by default its
        example input.

    Returns
    -------
    HybridReport
        Coverage of each block, and the problems found; `str()` gives the report.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `net` is not a block, or fails with these inputs even without hybridizing.

    Notes
    -----
    Neither MXNet nor Keras has such a check; PyTorch's `torch.jit.trace` compares outputs only.

    Examples
    --------
    >>> import gluonkit as gk
    >>> report = gk.check_hybrid("mlp")
    >>> report.ok
    True
    >>> print(report.verdict)
    mlp: hybridizes as a whole (4 of 4 blocks), no problem found
    """
    net, name, inputs = resolved(net, inputs)
    traced = trace(net, *inputs)  # also checks the inputs
    random = any(draws(operator) for _, operator in traced.operators)
    shuffled = frozenset(train for train in (False, True) if _draws_otherwise(traced, train=train))
    ungraded = next(filter(None, (_ungraded(operator) for _, operator in traced.operators)), "")
    ctx = context_of(inputs, parameters_of(net))
    arrays = mapped(lambda leaf: as_array(leaf, ctx), parse_inputs(inputs))
    with (
        untouched(net),
        # MXNet's stream is touched only if the network draws from it: the user's next numbers stay
        # the same.
        Stream.kept(random) as stream,
        autograd.pause(),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # what MXNet would warn of is in the report
        _prepare(net, arrays, ctx)
        with kept_values(net) as put_back:
            parity = Parity(
                net,
                arrays,
                put_back,
                stream=stream,
                ungraded=ungraded,
                shuffled=shuffled,
                lengths=_lengths(traced),
            )
            parity.run()
            coverage = _coverage(net, parity, arrays)
            frozen = list(frozen_parameters(net, arrays))
            # Where numbers differ anyway, no difference tells of an attribute.
            if not (parity.failed or parity.drifts):
                frozen += frozen_attributes(net, parity)
    findings = [
        *coverage_findings(coverage),
        *parity.findings,
        *_containers(net),
        *_sources(net, traced),
        *frozen,
    ]
    # Stable: problems first, in the order in which they were found, then notes.
    findings.sort(key=lambda finding: finding.note)
    return HybridReport(name, coverage, tuple(findings), tuple(parity.compared))


def _prepare(net: gluon.Block, arrays: Any, ctx: Any) -> None:
    """Remove the user's hooks, which must not be called, and initialize all parameters."""
    for _, block in walk(net):
        # The user's hooks must not be called; `untouched` puts them back.
        vars(block).update(_forward_hooks={}, _forward_pre_hooks={})
    # Parameters without values get some: the check is about code, not about weights.
    stand_in(parameters_of(net), ctx, gradients=True)
    watcher = Watcher(net)
    with explained(watcher), watcher.listening(), imperative(net):
        net(*arrays)
        mx.nd.waitall()  # errors of the engine must appear here


def _draws_otherwise(traced: Trace, *, train: bool) -> bool:
    """Return whether the graph draws random numbers in another order than the eager network."""
    drawn = {
        operator.number
        for _, operator in traced.operators
        if (draws(operator) if train else is_random(operator.name, operator.attributes))
    }
    order = [number for number in traced.graph_order if number in drawn]
    return order != sorted(order)


def _lengths(traced: Trace) -> frozenset[int]:
    """Return the positions of the inputs from which lengths of sequences are computed.

    MXNet's `SequenceMask`, `SequenceLast` and `SequenceReverse` do not write their gradient.
    """
    operators = {operator.number: operator for _, operator in traced.operators}
    waiting = [
        source
        for operator in operators.values()
        if operator.name in ("SequenceMask", "SequenceLast", "SequenceReverse")
        # Their first input is the data, the second has the lengths.
        for source in operator.sources[1:]
    ]
    reached: set[int] = set()
    while waiting:
        source = waiting.pop()
        if source is not None and source not in reached:
            reached.add(source)
            waiting += operators[source].sources if source in operators else ()
    # A trace numbers the network's inputs -1, -2, and so on.
    return frozenset(-1 - source for source in reached if source < 0)


def _ungraded(operator: Operator) -> str:
    """Return why gradients in prediction mode are not compared; "" if they are."""
    if operator.name == "Pooling" and operator.attributes.get("pool_type", "max") == "max":
        return "there MXNet 1.9.1's max pooling gives wrong ones, hybridized or not"
    if operator.name == "RNN":
        return "there MXNet 1.9.1's recurrent layers fail with static memory (_M_range_check)"
    return ""


def _coverage(net: gluon.Block, parity: Parity, arrays: Any) -> tuple[Coverage, ...]:
    """Return the coverage; a network that fails once hybridized has no covered block."""
    try:
        # Builds the graph, so that what runs afterwards is what stays Python.
        parity.outputs("hybrid")
        return coverage_of(net, arrays)
    except Exception:  # which is among the parity findings
        return tuple(covered(block, path, "fails") for path, block in places(net))


def _sources(net: gluon.Block, traced: Trace) -> Iterator[Finding]:
    """Yield the mistakes in the source of the network's classes, once for each class."""
    lists: dict[type, set[int]] = {type(block): set() for _, block in walk(net)}
    for call in traced.calls:
        places_of = {
            i for i, argument in enumerate(call.inputs) if isinstance(argument, (list, tuple))
        }
        lists.setdefault(type(call.block), set()).update(places_of)
    for kind in sorted(lists, key=lambda kind: (kind.__module__, kind.__qualname__)):
        for slip in source_findings(kind, frozenset(lists[kind])):
            where = f"{slip.file}:{slip.line}"
            yield Finding(slip.kind, where, f"`{slip.code}`: {slip.problem}", slip.fix)


def _containers(net: gluon.Block) -> Iterator[Finding]:
    """Yield the blocks that MXNet does not know of, such as those in plain lists."""
    by_holder: dict[str, list[Hidden]] = {}
    for hidden in hidden_in(net):
        # A private block without parameters loses nothing by not being registered.
        if hidden.parameters or not hidden.attribute.startswith("_"):
            by_holder.setdefault(hidden.place, []).append(hidden)
    for place, several in by_holder.items():
        first = several[0]
        yield Finding(
            "plain-container",
            attribute_line(type(first.holder), first.attribute) or place,
            f"`{place}`: {len(several)} of its blocks are kept in a plain {first.container}, where "
            "MXNet does not see them: they are not initialized, trained, saved or hybridized with "
            "the network.",
            "keep them in a HybridSequential, or call self.register_child(block) for each",
        )
