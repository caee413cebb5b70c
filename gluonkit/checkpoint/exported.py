"""Which files belong to an exported network: its graph, and its parameters."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from gluonkit._base.checks import some
from gluonkit.errors import CheckpointError

_SYMBOL = "-symbol.json"
_PARAMETERS = re.compile(r"(.*)-(\d{4,18})\.params")
_LISTED = 5


def is_exported(path: Path) -> bool:
    """Return whether a path is that of an exported graph, of its parameters, or their prefix."""
    if path.name.endswith(_SYMBOL) or (path.suffix == ".json" and os.path.exists(path)):
        return True
    is_part = _PARAMETERS.fullmatch(path.name) is not None or not os.path.exists(path)
    return is_part and graph_beside(path) is not None


def symbol_path(path: Path) -> Path:
    """Return the path of an exported graph, given that of its parameters, or their prefix."""
    return graph_beside(path) or path


def graph_wanted(path: Path) -> str:
    """Return what exported parameters without a graph lack to be a network, as in 'with ...'."""
    if path.suffix == ".params":
        return f"its graph beside it, {_prefix(path)}{_SYMBOL}"
    return f"its graph, {path.stem}{_SYMBOL}, beside {path.stem}-0000.params, converted from it"


def graph_beside(path: Path) -> Path | None:
    """Return the path of the graph that belongs to parameters or a prefix; None without one."""
    if path.suffix == ".json":
        return path
    if path.suffix != ".params" and os.path.isfile(path):
        return None  # a graph is read with .params beside it only
    prefix = _prefix(path)
    files = [path.with_name(f"{prefix}{ending}") for ending in (_SYMBOL, ".json") if prefix]
    return next((file for file in files if os.path.exists(file)), None)


def _prefix(path: Path) -> str:
    """Return how the names of an exported network's files begin."""
    match = _PARAMETERS.fullmatch(path.name)
    if match is not None:
        return match[1]
    return path.name.removesuffix(_SYMBOL).removesuffix(".json").removesuffix(".params")


def parameters_path(path: Path) -> Path:
    """Return the path of an exported network's parameters, given that of its graph, or a prefix.

    Any other path is returned as it is.

    Raises
    ------
    CheckpointError
        When there is no such file, or several, or when the graph is missing.
    """
    if (
        os.path.exists(path) and path.suffix != ".json"
    ):  # also False for names that are not allowed for files
        return path
    graph = graph_beside(path)
    if graph is None or not os.path.exists(graph):
        raise CheckpointError(f"{path} does not exist{_alike(path)}")
    prefix, files = _prefix(graph), parameter_files(graph)
    if len(files) != 1:
        several = ", ".join(file.name for file in files[:_LISTED])
        raise CheckpointError(
            f"{graph} has no parameters beside it; {prefix}-0000.params is missing"
            if not files
            else f"{graph} has the parameters of several epochs beside it ({several}); give the "
            ".params file that you mean"
        )
    return files[0]


def parameter_files(graph: Path) -> list[Path]:
    """Return the files of parameters beside an exported graph, by epoch."""
    prefix = _prefix(graph)
    return [
        file
        for file in sorted(graph.parent.glob("*.params"))
        if (match := _PARAMETERS.fullmatch(file.name)) and match[1] == prefix
    ] or [file for file in [graph.with_name(f"{prefix}.params")] if os.path.exists(file)]


def epoch_of(path: Path) -> int | None:
    """Return the epoch in the name of exported parameters; None without one."""
    match = _PARAMETERS.fullmatch(path.name)
    return int(match[2]) if match is not None else None


def networks_in(folder: Path) -> list[Path]:
    """Return the files in a folder that hold a network, or its parameters alone.

    Of an exported network that is its graph; of the checkpoints of a run the best, or else the
    last.
    """
    for name in ("best", "last"):
        if os.path.exists(path := folder / f"{name}.safetensors"):
            return [path]
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    graphs = [
        path
        for path in files
        if path.name.endswith(_SYMBOL)
        or (path.suffix == ".json" and path.with_suffix(".params") in files)
    ]
    alone = (path for path in files if path.suffix in (".params", ".safetensors"))
    return graphs + [path for path in alone if graph_beside(path) is None]


def only_network(folder: Path, given: Path) -> Path:
    """Return the file of the one network that a folder holds, or an archive unpacked to it.

    Raises
    ------
    CheckpointError
        When it holds none, or several.
    """
    files = networks_in(folder)
    if len(files) == 1:
        return files[0]
    what = "an archive" if given != folder else "a folder"
    if not files:
        raise CheckpointError(f"{given} is {what} in which there is no network")
    names = some(file.name for file in files)
    how = "give one of them"
    if given != folder:
        how = f"unpack it with `tar -xf {given.name}`, and give one of them"
    raise CheckpointError(f"{given} is {what} with several networks ({names}); {how}")


def _alike(path: Path) -> str:
    """Return which files there are whose names begin like one that does not exist."""
    names: list[str] = []
    with suppress(OSError, ValueError):
        names = sorted(name for name in os.listdir(path.parent) if name.startswith(path.name))
    return f"; there is {', '.join(names[:_LISTED])}" if names and path.name else ""
