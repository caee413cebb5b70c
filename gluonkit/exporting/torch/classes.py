"""The tree of a network's blocks as the construction of torch's modules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from mxnet import gluon
from mxnet.gluon import contrib, nn

from gluonkit._base.kinds import Array
from gluonkit.exporting.torch.constructs import (
    Construct,
    Forward,
    Instance,
    Item,
    Name,
    Tensor,
    needed,
    option,
)
from gluonkit.exporting.torch.forward import Surroundings, is_usable, write_forward
from gluonkit.exporting.torch.graph import from_graph
from gluonkit.exporting.torch.layers import Layer, is_layer, layer_of
from gluonkit.exporting.torch.parts import Unmapped, UnmappedOperatorError, whole
from gluonkit.exporting.torch.recording import TRAINED_CELLS, Pass
from gluonkit.exporting.torch.steps import Module
from gluonkit.system.modes import own_forward
from gluonkit.tracing.inputs import spec_of
from gluonkit.tracing.tree import join, own_parameters

_SEQUENCES = (nn.HybridSequential, nn.Sequential)
_CONCURRENT = (contrib.nn.HybridConcurrent, contrib.nn.Concurrent)
_TAKEN = {
    *("training", "forward", "modules", "children", "parameters", "buffers", "type", "float"),
    *("half", "double", "bfloat16", "to", "cpu", "cuda", "train", "eval", "apply", "compile"),
    *("state_dict", "zero_grad", "requires_grad_", "share_memory", "extra_repr", "dump_patches"),
}
"""Names that a module of torch's has already."""


_ELEMENTWISE = {
    *("nn.ReLU", "nn.Sigmoid", "nn.Tanh", "nn.Softplus", "nn.Softsign", "nn.LeakyReLU", "nn.ELU"),
    *("nn.SELU", "nn.GELU", "nn.SiLU", "nn.Dropout", "nn.Identity"),
}
"""Modules to which the order of axes is nothing."""


def is_sequence(block: gluon.Block) -> bool:
    """Return whether a block calls its children one after the other, and does nothing else."""
    return _runs_as(block, _SEQUENCES) and _is_numbered(block)


def is_concurrent(block: gluon.Block) -> bool:
    """Return whether a block gives its input to all its children, and joins what they give."""
    return _runs_as(block, _CONCURRENT) and _is_numbered(block)


def _runs_as(block: gluon.Block, kinds: Sequence[type]) -> bool:
    kind = next((kind for kind in reversed(kinds) if isinstance(block, kind)), None)
    names = ("hybrid_forward", "forward", "__call__")
    return (
        own_forward(block) is None
        and any(
            all(getattr(type(block), n, None) is getattr(kind, n, None) for n in names)
            for kind in kinds
        )
        and kind is not None
    )


def _is_numbered(block: gluon.Block) -> bool:
    return list(block._children) == [str(number) for number in range(len(block._children))]


def is_whole(block: gluon.Block) -> bool:
    """Return whether nobody looks into a block: a layer of Gluon's, or a graph."""
    return is_layer(block) or isinstance(block, gluon.SymbolBlock)


class Builder:
    """Makes the constructs of a recorded network; what torch does not have goes to `unmapped`."""

    def __init__(self, net: gluon.Block, passes: Sequence[Pass]) -> None:
        self.net = net
        self.unmapped: list[Unmapped] = []
        self.notes: dict[str, None] = {}
        self._passes: dict[int, list[Pass]] = defaultdict(list)
        self._expressions: dict[str, str] = {}
        for made in passes:
            self._passes[id(made.block)].append(made)

    def root(self) -> Construct:
        """Return the construct of the whole network, whose class is `Model`."""
        net = self.net
        if is_sequence(net) and not self._is_kept(net):
            modules = self._sequence(net, "").modules
            items = [Item(str(number), module) for number, module in enumerate(modules)]
            instance = Instance(net, items, None, self._no_forward, base="nn.Sequential")
            return Construct("", instance=instance, block=net)
        return self._instance(net, "")

    def _no_forward(self, absent: frozenset[str]) -> Forward:
        return Forward(("input",), ())

    # What a block is within others

    def _is_used(self, block: gluon.Block) -> bool:
        return bool(self._passes[id(block)]) or any(map(self._is_used, block._children.values()))

    def _is_row(self, block: gluon.Block) -> bool:
        """Return whether a block is a sequence, or only holds blocks that others call."""
        return is_sequence(block) or (_is_numbered(block) and not self._passes[id(block)])

    def _is_kept(self, block: gluon.Block) -> bool:
        """Return whether blocks of a sequence are also called by others, so have to stay."""
        passes = self._passes[id(block)]
        inner = [made for child in block._children.values() for made in self._passes[id(child)]]
        return not passes or any(
            made.parent is None or made.parent.block is not block for made in inner
        )

    def _modules(self, block: gluon.Block, path: str, *, kept: bool) -> tuple[Construct, ...]:
        """Return the modules that stand for a block in a sequence."""
        if not self._is_used(block):
            return (Construct("nn.Identity"),)
        if is_layer(block):
            return self._layers(block, path, kept=kept)
        return (self.construct(block, path),)

    def construct(self, block: gluon.Block, path: str) -> Construct:
        """Return the module of a block."""
        if is_layer(block):
            return replace(self._main(block, path), block=block)
        if self._is_row(block):
            return replace(self._sequence(block, path), block=block)
        if is_concurrent(block):
            return replace(self._concurrent(block, path), block=block)
        return self._instance(block, path)

    def _main(self, block: gluon.Block, path: str) -> Construct:
        made = [self._layer(block, path, one).main for one in self._passes[id(block)]]
        if len({construct.text for construct in made}) > 1:
            self._refuse(block, path, "its calls need different modules")
        return made[0]

    def _layer(self, block: gluon.Block, path: str, at: Pass) -> Layer:
        try:
            layer = layer_of(block, at.specs[0])
        except UnmappedOperatorError as error:
            self._refuse(block, path, str(error))
            return Layer(Construct("nn.Identity"))
        self.notes.update(dict.fromkeys(layer.notes))
        return layer

    def _refuse(self, block: gluon.Block, path: str, reason: str) -> None:
        unmapped = Unmapped(type(block).__name__, path, reason)
        if unmapped not in self.unmapped:
            self.unmapped.append(unmapped)

    def _layers(self, block: gluon.Block, path: str, *, kept: bool) -> tuple[Construct, ...]:
        """Return a layer, and what comes before and after it, as modules."""
        layers = [self._layer(block, path, made) for made in self._passes[id(block)]]
        before = max((layer.before for layer in layers), key=len)
        main = replace(self._main(block, path), block=block)
        if layers[0].states and not layers[0].is_cell and not kept:
            name = main.callee.removeprefix("nn.")
            main = replace(main, callee=name, helpers=(*main.helpers, name))
        wraps = (*(wrap.module for wrap in before), main)
        return (*wraps, *(wrap.module for wrap in layers[0].after))

    def _sequence(self, block: gluon.Block, path: str) -> Construct:
        kept = self._is_kept(block)
        children = [
            self._modules(child, join(path, name), kept=kept)
            for name, child in block._children.items()
        ]
        if not kept:
            flat = [module for modules in children for module in modules]
            return Construct("nn.Sequential", modules=tuple(_joined(flat)))
        callee = "nn.Sequential" if self._passes[id(block)] else "nn.ModuleList"
        return Construct(callee, modules=tuple(map(_one, children)))

    def _concurrent(self, block: Any, path: str) -> Construct:
        children = [
            self._modules(child, join(path, name), kept=False)
            for name, child in block._children.items()
        ]
        axis = option("dim", block.axis, 1)
        modules = tuple(map(_one, children))
        return Construct("Concurrent", (axis,), modules, helpers=("Concurrent",))

    # Blocks with classes of their own

    def _instance(self, block: gluon.Block, path: str) -> Construct:
        if isinstance(block, gluon.SymbolBlock):
            return self._graph(block)
        items = [*self._own(block), *self._constants(block), *self._children(block, path)]

        def write(absent: frozenset[str]) -> Forward:
            return self._forward(block, items, absent)

        forward = write(frozenset()) if self._passes[id(block)] else None
        if isinstance(block, TRAINED_CELLS):
            kind = type(block).__name__
            self.notes[f"what {kind} does in training is not in the model, only its cell"] = None
        instance = Instance(block, items, forward, write)
        return Construct("", instance=instance, block=block)

    def _graph(self, block: gluon.SymbolBlock) -> Construct:
        """Return the class of an imported graph inside of a network."""
        made, notes = from_graph(block, self._passes[id(block)][0].specs, self.unmapped)
        self.notes.update(dict.fromkeys(notes))
        return made

    def _own(self, block: gluon.Block) -> Iterator[Item]:
        """Yield the parameters that a block has itself; constants are buffers.

        A modifier of a cell has the cell's parameters too, but does not use them.
        """
        graphs = (made.graph for made in self._passes[id(block)] if made.graph is not None)
        used = {node.name for graph in graphs for node in graph.nodes if node.is_variable}
        for name, parameter in own_parameters(block).items():
            mine = name in block._reg_params or parameter.name in used
            if parameter._data is None or not mine:
                continue
            # What is not differentiable are running statistics.
            constant = isinstance(parameter, gluon.Constant) or not parameter._differentiable
            trained = parameter.grad_req != "null" and not constant
            spec = spec_of(parameter._data[0])
            sizes = [needed("size", int(size)) for size in spec.shape]
            if spec.dtype != "float32":
                sizes.append(option("dtype", Name(f"torch.{spec.dtype}")))
            tensor = Tensor("", parameter, trained=trained, buffer=constant)
            made = Construct("torch.empty", tuple(sizes), tensors=(tensor,))
            kind = "buffer" if constant else "parameter" if trained else "fixed"
            yield Item(attribute(name), made, kind)

    def _constants(self, block: gluon.Block) -> Iterator[Item]:
        """Yield buffers for the arrays that a block's code makes of numbers, one for equal ones."""
        taken = {attribute(name) for name in (*own_parameters(block), *block._children)}
        known: dict[tuple[bytes, str, tuple[int, ...]], str] = {}
        for made in self._passes[id(block)]:
            for variable, value in made.constants.items():
                key = value.tobytes(), value.dtype.name, value.shape
                name = known.get(key)
                if name is None:
                    hints = [*map(attribute, made.names.get((variable, 0), ())), "constant"]
                    name = next(
                        (hint for hint in hints if hint not in taken), f"{hints[0]}{len(known)}"
                    )
                    taken.add(name)
                    known[key] = name
                    yield _buffer(name, value)
                self._expressions[variable] = f"self.{name}"

    def _children(self, block: gluon.Block, path: str) -> Iterator[Item]:
        for name, child in block._children.items():
            if self._is_used(child):
                yield Item(attribute(name), self.construct(child, join(path, name)))

    def _forward(self, block: gluon.Block, items: list[Item], absent: frozenset[str]) -> Forward:
        parameters = _expressions(items) | self._expressions
        around = Surroundings(self._module, parameters, absent)
        made = [write_forward(at, around, self.unmapped) for at in self._passes[id(block)]]
        if any(other != made[0] for other in made):
            at = self._passes[id(block)][0]
            self._refuse(block, at.path, "its code does different things at different calls")
        return made[0]

    def _module(self, called: Pass) -> Module:
        """Return how a block is reached from the one that calls it."""
        assert called.parent is not None
        outer, inner = called.parent.path, called.path
        block, layer = called.block, None
        if is_layer(block):
            layer = self._layer(block, inner, called)
        if "[" in inner.removeprefix(outer):
            if layer is None or layer.main.tensors:
                self._refuse(block, inner, "it is not registered with the block that calls it")
                return Module("None", layer)
            return Module(layer.main.text, layer)
        if outer and not inner.startswith(f"{outer}."):
            self._refuse(block, inner, f"it is called by {outer}, to which it does not belong")
            return Module("None", layer)
        expression, at = "self", called.parent.block
        names = inner.removeprefix(outer).lstrip(".").split(".")
        for name in names:
            numbered = self._is_row(at)
            expression += f"[{name}]" if numbered else f".{attribute(name)}"
            at = at._children[name]
        if numbered and layer is not None and not layer.states:
            layer = None  # what comes before and after it is in the sequence
        return Module(expression, layer)


def _buffer(name: str, value: Array) -> Item:
    """Return what makes a buffer of a class, for an array."""
    sizes = [needed("size", int(size)) for size in value.shape]
    if value.dtype != "float32":
        sizes.append(option("dtype", Name(f"torch.{value.dtype.name}")))
    tensor = Tensor("", None, trained=False, value=value, buffer=True)
    return Item(name, Construct("torch.empty", tuple(sizes), tensors=(tensor,)), "buffer")


def attribute(name: str) -> str:
    """Return the name of an attribute for a child or parameter of a block."""
    name = f"layer{name}" if name.isdigit() else name
    return name if is_usable(name) and name not in _TAKEN else f"{name}_"


def _one(modules: Sequence[Construct]) -> Construct:
    if len(modules) == 1:
        return modules[0]
    return Construct("nn.Sequential", modules=tuple(_joined(modules)))


def _joined(modules: Sequence[Construct]) -> list[Construct]:
    """Return modules without moves of an axis there and back, with but activations in between."""
    kept: list[Construct] = []
    for module in modules:
        place = len(kept) - 1
        while place >= 0 and kept[place].callee in _ELEMENTWISE:
            place -= 1
        if place >= 0 and _undoes(module, kept[place]):
            del kept[place]
        else:
            kept.append(module)
    return kept


def _undoes(module: Construct, last: Construct) -> bool:
    places, before = ([a.value for a in made.arguments] for made in (module, last))
    return module.callee == last.callee == "Moved" and places == before[::-1]


def _expressions(items: Sequence[Item]) -> dict[str, str]:
    """Return how the parameters in a block are reached, by MXNet's names."""
    known: dict[str, str] = {}

    def look(construct: Construct, path: str) -> None:
        for tensor in construct.tensors:
            if tensor.parameter is not None and tensor.part is whole:
                text = f"{path}.{tensor.name}" if tensor.name else path
                known.setdefault(tensor.parameter.name, text)
        for number, module in enumerate(construct.modules):
            look(module, f"{path}[{number}]")
        if construct.instance is not None:
            for item in construct.instance.items:
                look(item.construct, f"{path}.{item.name}")

    for item in items:
        look(item.construct, f"self.{item.name}")
    return known
