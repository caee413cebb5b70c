"""An imported graph as a class: layers with parameters are modules, all else is in `forward`."""

from __future__ import annotations

from collections.abc import Sequence

from mxnet import gluon

from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.constructs import Construct, Forward, Instance
from gluonkit.exporting.torch.parts import Unmapped
from gluonkit.exporting.torch.plan import identifier, plan
from gluonkit.exporting.torch.statements import Statements
from gluonkit.system.modes import array_mode
from gluonkit.tracing.symbols import graph_of, shaped, symbol_of


def from_graph(
    net: gluon.SymbolBlock, inputs: Sequence[ArraySpec], unmapped: list[Unmapped]
) -> tuple[Construct, list[str]]:
    """Return the class for an imported graph, and what its user should know.

    Modules and parameters have the names of the graph's nodes and variables. The graph is read in
    the array mode in which it was made, whatever mode is active.

    Parameters
    ----------
    net : gluon.SymbolBlock
        The graph, with values.
    inputs : sequence of ArraySpec
        Shape and data type of each of its inputs.
    unmapped : list of Unmapped
        What torch does not have is added to it; with any, the class is not to be used.

    Raises
    ------
    NotInferableError
        When shapes cannot be inferred.
    """
    variables, symbol = net._cached_graph
    specs = {v.name: spec for v, spec in zip(variables, inputs, strict=True)}
    graph = graph_of(symbol)
    is_numpy = any(node.operator.startswith("_np") for node in graph.operators)
    with array_mode(numpy_mode=is_numpy):
        graph = shaped(symbol_of(graph), specs)
    parameters = {parameter.name: parameter for parameter in net.collect_params().values()}
    planned = plan(graph, parameters, unmapped)
    names = {name: identifier(name) for name in specs}
    made = Statements(graph, planned, names, unmapped)
    lines = tuple(made.lines())
    arguments, outputs = tuple(names.values()), len(graph.heads)
    forward = Forward(arguments, lines, frozenset(made.helpers), tuple(inputs), outputs)
    instance = Instance(net, planned.items, forward, lambda _: forward, name="Graph")
    notes = [note for module in planned.modules.values() for note in module.layer.notes]
    return Construct("", instance=instance, block=net), list(dict.fromkeys(notes))
