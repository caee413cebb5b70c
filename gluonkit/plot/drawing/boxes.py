"""The boxes and edges of a network's drawing, from a trace of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from mxnet import gluon

from gluonkit._base import tables
from gluonkit.inspection.layers import detail_of, known_size
from gluonkit.inspection.report import shapes
from gluonkit.plot.drawing.kinds import BEHIND, WEIGHTED, kind_of
from gluonkit.plot.drawing.layout import Box, Frame
from gluonkit.plot.drawing.repeats import Repeat, Repeats, parameters_below
from gluonkit.tracing import Call, Operator, Trace
from gluonkit.tracing.tree import array_key, own_parameters


@dataclass(frozen=True)
class Piece:
    """What a box is made of, before it is written as lines.

    Attributes
    ----------
    title : str
        The path of the layer, or the names of operators.
    words : tuple of str
        Lines on what it is.
    shape : str
        Shape of its output.
    kind : str
        Its kind: 'convolution', 'operator', ...
    params : int or None
        Number of elements of its parameters; None if a shape is unknown.
    shared : int or None
        The group of layers that share their parameters.
    times : int
        How often it comes, one after the other.
    """

    title: str
    words: tuple[str, ...]
    shape: str
    kind: str
    params: int | None = 0
    shared: int | None = None
    times: int = 1

    def box(self, key: str) -> Box:
        """Return the box to draw."""
        params = []
        if self.params != 0:
            count = "?" if self.params is None else tables.scaled(self.params)
            params = [f"{count} parameters{' each' if self.times > 1 else ''}"]
        title = self.title + (f"  × {self.times}" if self.times > 1 else "")
        return Box(key, title, (*self.words, self.shape, *params), self.kind, self.shared)


@dataclass
class Drawing:
    """Boxes by key, edges between them, and frames around parts that are repeated."""

    pieces: dict[str, Piece]
    edges: set[tuple[str, str]]
    frames: list[Frame]

    def boxes(self) -> list[Box]:
        """Return the boxes to draw."""
        return [piece.box(key) for key, piece in self.pieces.items()]


def drawing_of(
    traced: Trace,
    inputs: Iterable[str],
    depth: float,
    repeats: Repeats,
    *,
    merged: bool,
    stacked: bool = False,
) -> Drawing:
    """Draw a trace: layers down to a depth, repeated parts once.

    `inputs` are the shapes of the network's inputs; with `merged`, normalization and activation are
    in the box of the layer before them; with `stacked`, layers of a kind side by side are one box.
    """
    builder = _Builder(traced, depth, repeats)
    drawing = builder.drawing(inputs)
    if merged:
        _merge(drawing)
    if stacked:
        _stack(drawing)
    _name_repeats(drawing)
    return drawing


class _Builder:
    """Every operator of a trace, contracted to the layer that is drawn."""

    def __init__(self, traced: Trace, depth: float, repeats: Repeats) -> None:
        self._traced, self._depth, self._repeats = traced, depth, repeats
        self._parents = {id(call.parent) for call in traced.calls}
        self._arrays: dict[int, int] = {}  # array -> number of the group that holds it
        self._pieces: dict[str, Piece] = {}
        self._edges: set[tuple[str, str]] = set()
        self._box_of: dict[int, str] = {}  # operator -> key of its box
        self._call_of: dict[str, Call] = {}  # key of a box -> the call that it draws
        # -2 is followed by no operator: the first has the number 0.
        self._last: tuple[Call | None, int, str] = (None, -2, "")
        # In the order in which they ran: an operator's sources have their boxes before it.
        for call, operator in sorted(traced.operators, key=lambda pair: pair[1].number):
            self._add(call, operator)

    def drawing(self, inputs: Iterable[str]) -> Drawing:
        """Return what is drawn, with boxes for the inputs and the output."""
        pieces = {
            f"input{-1 - index}": Piece("input", (), shape, "input")
            for index, shape in enumerate(inputs)
        }
        # In front, since the layout breaks ties by the order of boxes.
        pieces |= self._pieces
        used = {source for source, _ in self._edges}
        edges = self._edges | {(key, "output") for key in pieces if key not in used}
        outputs = shapes(self._traced.calls[0].outputs)
        pieces["output"] = Piece("output", (), outputs, "output")
        return Drawing(pieces, edges, list(self._frames()))

    def _add(self, call: Call, operator: Operator) -> None:
        same = self._repeats.of(operator.number)
        if same is not None:  # drawn where it comes first
            self._box_of[operator.number] = self._box_of[same]
            return
        drawn = self._drawn(call)
        own = self._is_split(drawn)
        key = self._own_key(drawn, operator) if own else f"{id(drawn)}"
        if key not in self._pieces:
            self._pieces[key] = self._own(drawn, operator) if own else self._layer(drawn)
        elif own:
            self._extend(key, operator)
        self._box_of[operator.number], self._call_of[key] = key, drawn
        for source in operator.sources:
            maker = f"input{source}" if (source or 0) < 0 else self._box_of.get(source or 0)
            if source is not None and maker is not None and maker != key:
                self._edges.add((maker, key))

    def _drawn(self, call: Call) -> Call:
        """Return the call in whose box a call is drawn: itself, or its ancestor at the depth limit.

        MXNet's own layers are one box with their activation.
        """
        line = [call, *_ancestors(call)][::-1]
        for depth, inner in enumerate(line):
            if depth >= self._depth or _is_layer(inner):
                return inner
        return call

    def _is_split(self, call: Call) -> bool:
        """Return whether the layers below a call are drawn, so that its operators need a box."""
        return (
            id(call) in self._parents
            and self._drawn(call) is call
            and len(list(_ancestors(call))) < self._depth
            and not _is_layer(call)
        )

    def _own_key(self, call: Call, operator: Operator) -> str:
        """Return the box for a block's own operators, one for each uninterrupted sequence."""
        last, number, key = self._last
        if last is not call or number != operator.number - 1:
            key = f"{id(call)}:{operator.number}"
        self._last = (call, operator.number, key)
        return key

    def _own(self, call: Call, operator: Operator) -> Piece:
        name, shape = _plain(operator.name), shapes(operator.outputs[:1])
        sizes = [
            known_size(parameter, self._traced.shapes)
            for parameter in own_parameters(call.block).values()
        ]
        # At the first of the block's operators, wherever it uses them.
        first = not any(key.startswith(f"{id(call)}:") for key in self._pieces)
        params = sum(size or 0 for size in sizes) if first else 0
        return Piece(name, (), shape, "operator", params)

    def _extend(self, key: str, operator: Operator) -> None:
        """Add an operator to a box: the second is named, further ones are counted."""
        piece, shape = self._pieces[key], shapes(operator.outputs[:1])
        if "," not in piece.title and not piece.words:
            title = f"{piece.title}, {_plain(operator.name)}"
            self._pieces[key] = replace(piece, title=title, shape=shape)
            return
        more = int(piece.words[0].split()[1]) if piece.words else 0
        self._pieces[key] = replace(piece, words=(f"and {more + 1} more",), shape=shape)

    def _layer(self, call: Call) -> Piece:
        detail = detail_of(call.block)
        return Piece(
            call.path or "(network)",
            (type(call.block).__name__ + (f" {detail}" if detail else ""),),
            shapes(call.outputs),
            kind_of(call.block),
            parameters_below(call, self._traced),
            self._group(call.block),
        )

    def _group(self, block: gluon.Block) -> int | None:
        """Return a number for a layer's arrays, equal for layers that share them."""
        keys = [array_key(parameter) for parameter in own_parameters(block).values()]
        if not keys:
            return None
        # One array in common is enough: tied embeddings share the weight and not the bias.
        number = next((self._arrays[key] for key in keys if key in self._arrays), len(self._arrays))
        self._arrays.update(dict.fromkeys(keys, number))
        return number

    def _frames(self) -> Iterator[Frame]:
        """Yield a frame for each repeated part that has boxes of its own."""
        for unit in self._repeats.units:
            inside = {self._box_of[number] for number in unit.first}
            own = set(map(id, unit.calls))
            # Below the depth limit a box holds more than the unit.
            calls = [self._call_of[key] for key in inside]
            if all(own & {id(call), *map(id, _ancestors(call))} for call in calls):
                keys = tuple(key for key in self._pieces if key in inside)
                yield Frame(keys, unit.times, _span(unit))


def _span(unit: Repeat) -> str:
    """Return the paths of all calls of a repeat: ``features.5.1 – 3``."""
    first, last = unit.calls[0].path, unit.last.path
    folder, _, name = last.rpartition(".")
    return f"{first} – {name if folder == first.rpartition('.')[0] else last}"


def _merge(drawing: Drawing) -> None:
    """Move normalizations and activations into the box of the layer that feeds them alone."""
    pieces, edges = drawing.pieces, drawing.edges
    groups = Counter(piece.shared for piece in pieces.values())
    for key in list(pieces):
        piece = pieces[key]
        sources = [source for source, target in edges if target == key]
        if piece.kind not in BEHIND or (groups[piece.shared] > 1 and piece.shared is not None):
            continue
        if len(sources) != 1 or sum(source == sources[0] for source, _ in edges) != 1:
            continue
        before = pieces[sources[0]]
        frames = [
            frame for frame in drawing.frames if (key in frame.keys) != (sources[0] in frame.keys)
        ]
        if before.kind not in WEIGHTED or frames:
            continue
        pieces[sources[0]] = _joined(before, piece)
        del pieces[key]
        edges -= {(sources[0], key)}
        for source, target in [edge for edge in edges if edge[0] == key]:
            edges -= {(source, target)}
            edges |= {(sources[0], target)}
        drawing.frames[:] = [
            replace(frame, keys=tuple(name for name in frame.keys if name != key))
            for frame in drawing.frames
        ]


def _joined(before: Piece, behind: Piece) -> Piece:
    first = before.title.partition(" – ")[0]
    folder, _, name = behind.title.rpartition(".")
    title = f"{first} – {name if folder == first.rpartition('.')[0] else behind.title}"
    more = behind.words[0].removeprefix("Activation ")
    words = (*before.words[:1], ", ".join([*before.words[1:], more]))
    known = before.params is not None and behind.params is not None
    params = (before.params or 0) + (behind.params or 0) if known else None
    return replace(before, title=title, words=words, shape=behind.shape, params=params)


def _stack(drawing: Drawing) -> None:
    """Draw layers that are fed alike, and are of one kind and one list, as one box."""
    pieces, edges = drawing.pieces, drawing.edges
    first_of: dict[str, str] = {}
    alike: dict[object, list[str]] = {}
    for key, piece in pieces.items():
        sources = frozenset(first_of.get(a, a) for a, b in edges if b == key)
        named = piece.title if piece.kind == "operator" else piece.title.rpartition(".")[0]
        kind = piece.words if piece.kind == "operator" else _class_of(piece)
        framed = any(key in frame.keys for frame in drawing.frames)
        group = alike.setdefault((named, kind, sources, key if framed else ""), [])
        group.append(key)
        first_of[key] = group[0]
    for keys in alike.values():
        if len(keys) > 1 and pieces[keys[0]].kind not in ("input", "output"):
            together = [pieces.pop(key) for key in keys]
            pieces[keys[0]] = _side_by_side(together)
    drawing.edges = {(first_of[a], first_of[b]) for a, b in edges}
    # In the order of the network, which breaks ties in the layout.
    drawing.pieces = {key: pieces[key] for key in first_of if key in pieces}


def _class_of(piece: Piece) -> str:
    """Return the class of a layer, without its kernel or units."""
    return piece.words[0].partition(" ")[0] if piece.words else ""


def _side_by_side(together: list[Piece]) -> Piece:
    first, last = together[0], together[-1]
    title = first.title
    if first.kind != "operator":
        title = f"{title} – {last.title.rpartition('.')[2]}"
    sizes = [piece.params for piece in together]
    params = None if None in sizes else sum(size or 0 for size in sizes)
    alike = all(piece.words == first.words for piece in together)
    words = (*(first.words if alike else (_class_of(first),)), f"{len(together)} side by side")
    return replace(first, title=title, words=words, shape=f"{first.shape}, …", params=params)


def _name_repeats(drawing: Drawing) -> None:
    """Say in its title that a single box is repeated; a frame is for several."""
    for frame in drawing.frames:
        if len(frame.keys) == 1:
            (key,) = frame.keys
            piece = drawing.pieces[key]
            drawing.pieces[key] = replace(piece, title=frame.span, times=piece.times * frame.times)
    drawing.frames[:] = [frame for frame in drawing.frames if len(frame.keys) > 1]


def deepest(traced: Trace) -> int:
    """Return the depth of the deepest call."""
    return max(len(list(_ancestors(call))) for call in traced.calls)


def _ancestors(call: Call) -> Iterator[Call]:
    while call.parent is not None:
        call = call.parent
        yield call


def _is_layer(call: Call) -> bool:
    """Return whether a call is one of MXNet's own layers, which are one box."""
    kind = type(call.block)
    is_container = kind.__name__ in ("HybridSequential", "Sequential")
    return kind.__module__.startswith("mxnet.gluon.nn") and not is_container


def _plain(name: str) -> str:
    """Return an operator's readable name: 'add' for ``_npi_add``."""
    for prefix in ("_npi_", "_np_", "_npx_", "elemwise_", "broadcast_", "_contrib_"):
        name = name.removeprefix(prefix)
    return name.strip("_").lower()
