"""Finding out what a file or folder is, without running anything of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gluonkit._base.arguments import checked
from gluonkit._base.checks import checked_path
from gluonkit.checkpoint.exported import is_exported, networks_in, parameters_path
from gluonkit.diagnosis.arrays import diagnosed_arrays
from gluonkit.diagnosis.networks import Place, diagnosed_network
from gluonkit.diagnosis.others import diagnosed_other
from gluonkit.diagnosis.parts import Use
from gluonkit.diagnosis.record import Diagnosis
from gluonkit.diagnosis.uses import call, program, quoted
from gluonkit.files.archive import is_archive, unpacked
from gluonkit.files.reading import is_arrays, read_arrays, read_header
from gluonkit.files.source import opened

_LISTED = 12
"""Files of a folder or archive that are named."""


@checked
def inspect(path: str | os.PathLike[str]) -> Diagnosis:
    """Return what a file or folder is, what it holds, and what can be done with it.

    Nothing of a file is run, no array is read, and all is checked as `load` checks it.

    Parameters
    ----------
    path : str or os.PathLike
        A file that `load` reads; the prefix of a checkpoint of `Module`; a tar archive such as
        SageMaker's ``model.tar.gz``; a folder; or any other file, which is then said to be one.

    Returns
    -------
    Diagnosis
        What it is and which MXNet wrote it, names, shapes and data types of arrays, inputs and
        outputs, the Python and the commands that use it, and what stands in the way.

    Raises
    ------
    CheckpointError
        When the file is missing or damaged.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> net = gk.create_model("lenet", init="xavier")
    >>> done = gk.export(net, tempfile.mkdtemp() + "/lenet", (1, 1, 28, 28))
    >>> diagnosis = gk.inspect(done.symbol)
    >>> diagnosis.what, diagnosis.mxnet, diagnosis.inputs[0].shape, diagnosis.outputs[0].shape
    ('exported Gluon network', '1.9.1', ('batch', 1, 28, 28), ('batch', 10))
    """
    place, given = checked_path("path", path), os.fspath(path)
    given = given if isinstance(given, str) else os.fsdecode(given)
    if os.path.isdir(place):  # also False for names that are not allowed for files
        return _folder(place, given)
    if is_archive(place):
        return _archive(place, given)
    if is_exported(place):
        return diagnosed_network(Place(place, given))
    with opened(parameters_path(place)) as source:
        if not is_arrays(source):
            return diagnosed_other(source, given)
    return diagnosed_arrays(read_header(place), given)


@checked
def verify(path: str | os.PathLike[str]) -> Diagnosis:
    """Read a whole file, verify its checksums, and return what is in it.

    Files that gluonkit did not write have no checksums; only their structure is checked, and
    ``.checksums`` is False.

    Parameters
    ----------
    path : str or os.PathLike
        A file that `load` reads; for an exported ``-symbol.json``, its parameters are looked at.

    Returns
    -------
    Diagnosis
        As `inspect` gives it.

    Raises
    ------
    CheckpointError
        When the file is missing, or damaged anywhere.
    """
    place = checked_path("path", path)
    if not (os.path.isdir(place) or is_archive(place)):
        read_arrays(parameters_path(place))
        return inspect(path)
    if os.path.isdir(place):
        for file in networks_in(place):
            read_arrays(parameters_path(file))
        return inspect(path)
    with unpacked(place) as archive:
        for file in networks_in(archive.folder):
            read_arrays(parameters_path(file))
    return inspect(path)


def _one(file: Path, given: str, *, is_archive: bool = False) -> Diagnosis:
    """Return what the one network of a folder or archive is."""
    if is_exported(file):
        return diagnosed_network(Place(file, given, is_archive))
    return diagnosed_arrays(read_header(file), given, is_archive=is_archive)


def _folder(place: Path, given: str) -> Diagnosis:
    names = sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
    files = networks_in(place)
    size = sum(_sizes(place))
    if len(files) != 1:
        facts = Diagnosis(given, "folder", "folder", size, tuple(_listed(names)))
        return replace(facts, hindrances=(_several(files, "inspect"),))
    file = files[0]
    shown = os.path.join(given, file.name)
    facts = _one(file, shown)
    if file.name not in ("best.safetensors", "last.safetensors"):
        return replace(facts, path=given, kind="folder", bytes=size)
    uses = dict(facts.uses)
    if uses["predict"].python and not uses["predict"].hindrance:
        uses["resume"] = _resume(shown, given)
    what = "training folder"
    notes = (f"what can be done is told of {file.name}, which is a {facts.what}", *facts.notes)
    listed = tuple(_listed(names))
    return replace(
        facts,
        path=given,
        kind="folder",
        what=what,
        bytes=size,
        files=listed,
        uses=uses,
        notes=notes,
    )


def _resume(file: str, folder: str) -> Use:
    loaded = call("load", quoted(file), result="net")
    options = ("epochs=100", f"resume={quoted(folder)}")
    trained = call("fit", "net", "(x, y)", *options, result="history")
    return Use(program(loaded, trained), hindrance="epochs is the total; all else as before")


def _archive(place: Path, given: str) -> Diagnosis:
    with unpacked(place) as archive:
        names, left = archive.names, archive.left
        files = networks_in(archive.folder)
        if len(files) == 1:
            facts = _one(files[0], given, is_archive=True)
        else:
            how = f"inspect what `tar -xf {place.name}` unpacks"
            facts = Diagnosis(given, "archive", "tar archive", hindrances=(_several(files, how),))
    notes = facts.notes
    if left:
        notes += (f"never unpacked, as links, devices or names that lead out: {_some(left)}",)
    return replace(
        facts,
        path=given,
        kind="archive",
        files=tuple(_listed(names)),
        notes=notes,
        bytes=place.stat().st_size,
    )


def _several(files: Sequence[Path], how: str) -> str:
    if not files:
        return "there is no network in it"
    return f"it has several networks: {how} {_some([file.name for file in files])}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(_listed(names))


def _listed(names: Sequence[str]) -> Iterator[str]:
    """Yield the first names, and how many more there are."""
    yield from names[:_LISTED]
    if len(names) > _LISTED:
        yield f"and {len(names) - _LISTED} more"


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink():
            yield path.stat().st_size
