"""Exporting a network as MXNet does: a graph and its parameters, for any of MXNet's bindings."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet import autograd, gluon

from gluonkit._base.arguments import checked
from gluonkit._base.atomic import move_durably
from gluonkit._base.checks import checked_path, last_line, whole_number
from gluonkit._base.kinds import Array
from gluonkit._base.tables import Facts
from gluonkit.errors import ArgumentError, CheckpointError, ExportError
from gluonkit.exporting.network import (
    Network,
    Traced,
    compare,
    gap_text,
    one_more,
    prepared,
    with_graph,
)
from gluonkit.files.contents import Tensor
from gluonkit.files.graph import Graph, Node
from gluonkit.files.mxnet import write_mxnet
from gluonkit.files.writing import check_targets
from gluonkit.system import memory
from gluonkit.tracing.inputs import as_array, leaves
from gluonkit.tracing.symbols import graph_of


@dataclass(frozen=True, repr=False)
class ExportedSymbol(Facts):
    """The files that `export` has written.

    Attributes
    ----------
    symbol, parameters : Path
        The files.
    inputs : tuple of str
        Names of the graph's inputs, for `SymbolBlock.imports`.
    difference : float
        Largest difference between outputs of the loaded files and of the network, relative to the
        largest number of an output.
    """

    symbol: Path
    parameters: Path
    inputs: tuple[str, ...]
    difference: float

    def facts(self) -> dict[str, str]:
        """Return what is shown of it."""
        return {
            "Graph": str(self.symbol),
            "Parameters": str(self.parameters),
            "Inputs": ", ".join(self.inputs),
            "Checked": f"loaded back with SymbolBlock.imports: {gap_text(self.difference)}",
        }


@checked
def export(
    net: gluon.Block, prefix: str | os.PathLike[str], *inputs: Any, epoch: int = 0
) -> ExportedSymbol:
    """Write a network as graph and parameters, for all language bindings of MXNet.

    The files are ``PREFIX-symbol.json`` and ``PREFIX-0000.params``, as for `HybridBlock.export`.
    The graph is that of prediction mode, with legacy operators if possible. Before the files are
    put in place, they are loaded by `gluon.SymbolBlock.imports`, and their outputs for `inputs`,
    and for one more row if the network accepts that, are compared with the network's. The network
    does not change; it need not be hybridized, or called before.

    Parameters
    ----------
    net : gluon.Block
        A network of HybridBlocks with values.
    prefix : str or os.PathLike
        Path of the files, without their endings; the folder must exist.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, as for `gluonkit.summary`.
    epoch : int, default 0
        The number in the parameters' name.

    Returns
    -------
    ExportedSymbol
        Both files, the names of the inputs, and the largest difference that was measured.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        For an invalid prefix, epoch or input; for a network without values.
    ExportError
        When the network cannot be traced, or the files would compute something else.
    CheckpointError
        When the files cannot be written.

    Notes
    -----
    `gluon.HybridBlock.export` needs a network that was hybridized and called; it does not check the
    files. This traces by itself, and compares outputs before the files take their place.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> net = gk.create_model("lenet", init="xavier")
    >>> done = gk.export(net, tempfile.mkdtemp() + "/lenet", (1, 1, 28, 28))
    >>> done.symbol.name, done.parameters.name, done.inputs
    ('lenet-symbol.json', 'lenet-0000.params', ('data',))
    """
    target = _checked_prefix(prefix)
    number = whole_number("epoch", epoch, 0)
    names = (f"{target.name}-symbol.json", f"{target.name}-{number:04d}.params")
    check_targets(*(target.with_name(name) for name in names))
    network = prepared(net, inputs)
    runs = _runs(network)

    def written(traced: Traced) -> ExportedSymbol:
        beside = f".{target.name[:100]}."
        with tempfile.TemporaryDirectory(prefix=beside, dir=target.parent) as folder:
            files = (Path(folder) / names[0], Path(folder) / names[1])
            _write(network, traced, *files)
            difference = _check(network, traced, files, runs)
            _put(files, target.parent)
        graph, parameters = (target.with_name(name) for name in names)
        return ExportedSymbol(graph, parameters, tuple(traced.inputs), difference)

    try:
        return with_graph(network, written)
    except OSError as error:
        raise CheckpointError(
            f"{target}-symbol.json cannot be written: {error.strerror or error}"
        ) from error


def _checked_prefix(prefix: str | os.PathLike[str]) -> Path:
    target = checked_path("prefix", prefix)
    if target.name in ("", ".", "..") or os.path.isdir(target) or str(prefix).endswith(os.sep):
        raise ArgumentError(
            f"`prefix` is {str(prefix)!r}, a folder; give the begin of the files' names too: "
            f"{target / 'net'}"
        )
    if target.name.endswith((".json", ".params", ".safetensors", ".onnx")):
        raise ArgumentError(
            f"`prefix` is {str(prefix)!r}; give it without ending, as -symbol.json and "
            "-0000.params are added to it"
        )
    return target


def _write(network: Network, traced: Traced, graph: Path, parameters: Path) -> None:
    first = _inputs_first(graph_of(traced.symbol), list(traced.inputs))
    graph.write_text(first.to_json(indent=2), encoding="utf-8")
    kinds = dict.fromkeys(traced.symbol.list_arguments(), "arg")
    kinds |= dict.fromkeys(traced.symbol.list_auxiliary_states(), "aux")
    tensors = {
        f"{kind}:{name}": Tensor.of(network.parameters[name].list_data()[0], memory.numbers)
        for name, kind in kinds.items()
        if name not in traced.inputs
    }
    with parameters.open("wb") as file:
        write_mxnet(file, tensors, numpy_mode=traced.numpy_mode)


def _inputs_first(graph: Graph, inputs: Sequence[str]) -> Graph:
    """Return a graph that begins with all inputs in their order, including unused ones.

    MXNet orders nodes by their use, from which a reader of the file cannot tell the order of
    inputs.
    """
    names = [node.name if node.is_variable else "" for node in graph.nodes]
    unused = tuple(Node("null", name) for name in inputs if name not in names)
    whole = replace(graph, nodes=graph.nodes + unused)
    names += [node.name for node in unused]
    rest = [place for place, name in enumerate(names) if name not in inputs]
    return whole.ordered([*map(names.index, inputs), *rest])


def _check(
    network: Network,
    traced: Traced,
    files: tuple[Path, Path],
    runs: Sequence[tuple[Sequence[Any], Sequence[Array]]],
) -> float:
    """Load the files by MXNet itself, and compare the outputs with the expected ones."""
    ctx = network.inputs[0].ctx
    worst, failed = 0.0, "MXNet cannot load the exported graph"
    try:
        with _quiet(), traced.mode(), mx.name.NameManager(), autograd.pause(train_mode=False):
            names = list(traced.inputs)
            loaded = gluon.SymbolBlock.imports(str(files[0]), names, str(files[1]), ctx=ctx)
            for number, (inputs, expected) in enumerate(runs):
                what = "the exported graph, given one row more," if number else "the exported graph"
                given = [as_array(array, ctx) for array in inputs]
                computed = [leaf.asnumpy() for leaf in leaves(loaded(*given))]
                worst = max(worst, compare(what, expected, computed))
                failed = "the exported graph, unlike the network, does not take one row more"
    except ExportError:
        raise
    except (mx.MXNetError, ValueError, TypeError, AssertionError, RuntimeError) as error:
        raise ExportError(f"{failed}: {last_line(error)}") from error
    return worst


def _runs(network: Network) -> list[tuple[Sequence[Any], Sequence[Array]]]:
    """Return inputs and the network's outputs, also for one more row if it accepts that."""
    runs: list[tuple[Sequence[Any], Sequence[Array]]] = []
    runs.append((network.inputs, network.outputs(network.inputs)))
    more = one_more(network.inputs)
    with suppress(ExportError):
        runs.append((more, network.outputs(more)))
    return runs


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Cannot decide type", UserWarning)
        warnings.filterwarnings("ignore", ".* input to HybridBlock is not used", UserWarning)
        yield


def _put(files: tuple[Path, Path], folder: Path) -> None:
    """Move both files into a folder; if that fails halfway, restore the old pair."""
    graph, parameters = files
    place = Path(os.path.realpath(folder / parameters.name))
    kept = parameters.with_name("before")
    if place.exists():
        try:
            os.link(place, kept)
        except OSError:  # not every file system has such links
            shutil.copy2(place, kept)
    move_durably(parameters, folder / parameters.name)
    try:
        move_durably(graph, folder / graph.name)
    except BaseException:
        if kept.exists():
            os.replace(kept, place)
        else:
            place.unlink()
        raise
