"""What TensorBoard shows of a run: figures, histograms, the network as a graph, pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy

from gluonkit._base.arguments import checked
from gluonkit._base.checks import checked_path, described, whole_number
from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ArgumentTypeError
from gluonkit.plot.interpretation import as_picture
from gluonkit.tracing.record import Operator, Trace
from gluonkit.tracing.tracer import trace
from gluonkit.tracing.tree import all_paths
from gluonkit.train.callbacks import Callback

_EXTRA = "logs"


class TensorBoard(Callback):
    """Write for TensorBoard: figures after each epoch, and the loss after some of the steps.

    And, where they are asked for, histograms, the network as a graph, and pictures. Needs the
    package tensorboardX; pictures need Pillow.

    Parameters
    ----------
    folder : str or Path
        Folder of the event files.
    every : int, default 50
        Steps between two points of the training loss.
    histograms : bool, default False
        Whether to write, after each epoch, how the values of each parameter are distributed, under
        ``weights/`` and its path.
    graph : bool, default False
        Whether to write, at the beginning, the network's operators as a graph, with the layers that
        call them as its scopes.
    pictures : int, default 0
        How many samples of the first batch to write at the beginning, if they are pictures, as the
        network gets them.
    figures : callable, optional
        A function of the run that returns matplotlib figures by name, called after each epoch:
        ``lambda run: {"confusion": interpret(run.net, test).plot_confusion()}``.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For arguments out of range; in `fit`, where samples are no pictures.
    MissingPackageError
        In `fit`, when a package is missing.
    """

    first_only: ClassVar[bool] = True
    changes_net = False
    observes: ClassVar[bool] = False
    reads_weights: ClassVar[bool] = False

    @checked
    def __init__(
        self,
        folder: str | Path,
        *,
        every: int = 50,
        histograms: bool = False,
        graph: bool = False,
        pictures: int = 0,
        figures: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> None:
        self.folder = checked_path("folder", folder)
        self.every = whole_number("every", every)
        self.pictures = whole_number("pictures", pictures, least=0)
        self.histograms, self.graph, self.figures = histograms, graph, figures
        self.changes_net = figures is not None  # which may do anything
        self._writer: Any = None

    def on_fit_begin(self, run: Any) -> None:
        """Create an event file, with graph and pictures."""
        self._writer = require("tensorboardX", extra=_EXTRA).SummaryWriter(str(self.folder))
        batch = run.first_batch
        if self.graph:
            specs = batch.specs[: batch.inputs]
            traced = trace(run.net, *((spec.shape, spec.dtype) for spec in specs))
            event = require("tensorboardX.proto.event_pb2", extra=_EXTRA).Event
            made = event(graph_def=graph_of_trace(traced, specs).SerializeToString())
            self._writer._get_file_writer().add_event(made)
        if self.pictures:
            require("PIL.Image", extra=_EXTRA)
            samples = [_colored(sample) for sample in batch.numbers(0)[: self.pictures]]
            self._writer.add_images("samples", numpy.stack(samples), run.step, dataformats="NHWC")

    def on_step_end(self, run: Any) -> None:
        """Write the epoch's loss so far."""
        self._writer.add_scalar("step/loss", run.figures()["loss"], run.step)

    def on_epoch_end(self, run: Any) -> None:
        """Write the epoch's figures, and histograms."""
        epoch = run.history.last["epoch"]
        for name, value in run.history.last.items():
            # TensorBoard has it as the horizontal axis.
            if name != "epoch":
                self._writer.add_scalar(name, value, epoch)
        if self.histograms:
            for path, parameter in all_paths(run.net):
                if parameter._data is not None:  # not of layers that nothing calls
                    values = parameter.list_data()[0].asnumpy()
                    self._writer.add_histogram(f"weights/{path}", values, epoch)
        figures = {} if self.figures is None else self.figures(run)
        if not isinstance(figures, Mapping):
            raise ArgumentTypeError(
                f"`figures` returned {described(figures)}; return a dict of figures by name"
            )
        for name, figure in figures.items():
            self._writer.add_figure(name, figure, epoch)

    def on_fit_end(self, run: Any) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _colored(sample: Array) -> Array:
    """Return a picture of three channels: tensorboardX takes no other by height and width."""
    picture = as_picture(sample)
    return picture if picture.ndim == 3 else numpy.repeat(picture[..., None], 3, axis=-1)


def graph_of_trace(traced: Trace, inputs: tuple[ArraySpec, ...]) -> Any:
    """Return a TensorFlow GraphDef of a pass: its operators, in the scopes of their layers."""
    protos = {
        name: require(f"tensorboardX.proto.{name}_pb2", extra=_EXTRA)
        for name in ("graph", "node_def", "attr_value")
    }
    pairs = sorted(traced.operators, key=lambda pair: pair[1].number)
    names = {operator.number: _node_name(call.path, operator) for call, operator in pairs}
    names |= {-1 - index: f"input{index}" for index in range(len(inputs))}
    node = protos["node_def"].NodeDef
    nodes = [
        node(name=names[-1 - i], op="Placeholder", attr=dict(_attributes(protos, {}, (spec,))))
        for i, spec in enumerate(inputs)
    ]
    nodes += [
        node(
            name=names[operator.number],
            op=operator.name,
            input=[names[source] for source in operator.sources if source is not None],
            attr=dict(_attributes(protos, operator.attributes, operator.outputs)),
        )
        for _, operator in pairs
    ]
    return protos["graph"].GraphDef(node=nodes)


def _node_name(path: str, operator: Operator) -> str:
    """Return a name in the scope of a layer: TensorBoard divides names at slashes."""
    scope = path.replace(".", "/").translate({ord("["): None, ord("]"): None})
    return (
        f"{scope}/{operator.name}_{operator.number}"
        if scope
        else f"{operator.name}_{operator.number}"
    )


def _attributes(
    protos: Mapping[str, Any], attributes: Mapping[str, str], outputs: tuple[ArraySpec, ...]
) -> Iterator[tuple[str, Any]]:
    """Yield a node's attributes, and the shapes of its outputs as TensorBoard draws them."""
    value = protos["attr_value"].AttrValue
    for name, text in attributes.items():
        yield name, value(s=text.encode())
    made = value()
    for output in outputs:
        shape = made.list.shape.add()
        for size in output.shape:
            shape.dim.add(size=size)
    yield "_output_shapes", made
