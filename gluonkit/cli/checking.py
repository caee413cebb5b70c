"""What can be known to be wrong with a call before MXNet is imported: names, and files to write."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gluonkit._base.lookup import check_choice
from gluonkit.cli import known
from gluonkit.cli.values import STANDARD_OUTPUT
from gluonkit.errors import ArgumentError, MissingPackageError

FILES = (".safetensors", ".params", ".json", ".tar.gz", ".tgz", ".tar")
"""How files end that have a network."""

_ENDS = {"weights": ".safetensors", "array": ".npy", "records": ".rec"}
"""How files of a kind end."""

_WRITTEN = ("picture", "csv", "trace", *_ENDS)
"""Kinds of files that are written."""

PLACES = ("folder", "source", "input", *_WRITTEN)
"""Kinds of values that are places on a disk; all others are names."""

_PICTURES = (".png", ".svg", ".pdf")


def check_command(word: str, commands: list[str]) -> None:
    """Refuse a command that there is not."""
    if word not in commands:
        near = difflib.get_close_matches(word, commands, n=2, cutoff=0.5)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ArgumentError(
            f"there is no command {word!r}.{hint} `gluonkit help` lists all commands."
        )


def check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what is wrong with the values of options, by the `kind` noted on each."""
    for action in parser._actions:
        kind = getattr(action, "kind", None)
        value = getattr(options, action.dest, None)
        if kind is not None and value is not None:
            title = title_of(action)
            for part in value if isinstance(value, list) else [value]:
                _check(title, kind, part, options)
    for module in getattr(options, "imports", ()):
        _check_module(module)
    if getattr(options, "json", None) is not None:
        check_file("--json", options.json)
        _check_text("--json", options.json, ".json")
    if getattr(options, "format", None) is not None and options.output is not None:
        _check_exported(options.format, options.output)
    _check_apart(options, parser)


def _check_exported(kind: str, path: Path) -> None:
    if kind == "torch":
        check_folder("--output", path)
    elif kind == "onnx":
        check_file("--output", path)
        _check_ending("--output", path, ".onnx")
    elif not path.is_dir():  # else `export` says what is missing
        check_file("--output", path)


def _check_apart(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse a file that would be written twice, or is read, too."""
    read: list[Path] = []
    written: dict[Path, str] = {}
    for action in parser._actions:
        value, kind = getattr(options, action.dest, None), getattr(action, "kind", "")
        if action.dest in _READ or kind in ("network", "input"):
            parts = value if isinstance(value, list) else [value]
            # A prefix, too, by which a graph is given.
            read += [Path(f"{part}{end}") for part in parts if part for end in ("", ".json")]
        elif value is not None and (kind in _WRITTEN or action.dest == "json"):
            title, path = title_of(action), Path(value).absolute()
            if path.exists() and not path.is_file():  # such as /dev/null
                continue
            if path in written:
                raise ArgumentError(
                    f"`{written[path]}` and `{title}` are the same file, {str(value)!r}; give two"
                )
            written[path] = title
    for path, title in written.items():
        if path.exists() and any(place.exists() and path.samefile(place) for place in read):
            raise ArgumentError(f"`{title}` is {path.name!r}, which is an input; give another")


_READ = ("checkpoint", "file", "src")


def title_of(action: argparse.Action) -> str:
    """Return what the user calls an option: ``--batch-size``, or the word in the usage."""
    if action.option_strings:
        return max(action.option_strings, key=len)
    return action.metavar if isinstance(action.metavar, str) else action.dest


def _check(title: str, kind: str, value: Any, options: argparse.Namespace) -> None:
    if kind in PLACES:
        _check_place(title, kind, value)
    elif kind in ("model", "network"):
        if not value.strip():
            raise ArgumentError(f"`{title}` is empty; give a model's name, such as 'lenet'")
        # Only MXNet's registry has the user's own models.
        if not options.imports and not (kind == "network" and _may_be_file(value)):
            _check_model(title, value, or_file=kind == "network")
        if kind == "network" and options.net and known.is_model(value):
            raise ArgumentError(f"`--net` is for files, and {value!r} is a model itself")
    elif kind in ("optimizer", "init"):
        # MXNet's registries mind no case, and a module of the user's may have added some.
        if not options.imports:
            _check_name(title, value.lower(), kind)
    else:
        _check_name(title, value, kind)


def _check_model(title: str, value: str, *, or_file: bool) -> None:
    try:
        known.check_model(value, or_file=or_file)
    except ArgumentError as error:  # in the words of functions that know no options
        raise ArgumentError(str(error).replace("`name`", f"`{title}`")) from None


def _check_place(title: str, kind: str, path: Path) -> None:
    if kind == "folder":
        check_folder(title, path)
    elif kind == "source":
        _check_no_file(title, path)
    elif kind == "input":
        _check_input(title, path)
    else:
        check_file(title, path)
        if kind in _ENDS:
            _check_ending(title, path, _ENDS[kind])
        elif kind == "picture":
            _check_picture(title, path)
        elif kind == "trace":
            _check_text(title, path, ".json")
            _check_ending(title, path, ".json")
        else:
            _check_text(title, path, ".csv")


def _check_name(title: str, value: str, kind: str) -> None:
    check_choice(title, value, known.names(kind), "Choose of")


def _may_be_file(given: str) -> bool:
    """Return whether a text may be a file, or the prefix of files: their own readers tell."""
    if given.endswith(FILES) or os.path.exists(given):
        return True
    place = Path(given)
    is_path = os.sep in given and "(" not in given and not known.is_model(given)
    return is_path or any(place.with_name(f"{place.name}{end}").exists() for end in _GRAPHS)


_GRAPHS = ("-symbol.json", ".json")


def check_file(title: str, path: Path) -> None:
    """Refuse a file that cannot be written."""
    if path == STANDARD_OUTPUT:
        return
    shown = f"`{title}` is {str(path)!r}"
    if not path.parent.is_dir():
        raise ArgumentError(f"{shown}, in a folder that does not exist")
    if path.is_dir():
        raise ArgumentError(f"{shown}, which is a folder; give a file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ArgumentError(f"{shown}, which cannot be written: permission is denied")


def _check_ending(title: str, path: Path, ending: str) -> None:
    if path.suffix != ending:
        raise ArgumentError(f"`{title}` is {str(path)!r}; let it end in {ending}")


def _check_text(title: str, path: Path, ending: str) -> None:
    """Refuse a name of what is no text of that kind, such as the network's own file."""
    if path.name.endswith((*_NO_TEXT, "-symbol.json")):
        raise ArgumentError(
            f"`{title}` is {str(path)!r}, which is no name for such a file; let it end in {ending}"
        )


_NO_TEXT = (
    *(end for end in FILES if end != ".json"),
    *(".npy", ".npz", ".rec", ".idx", ".onnx", ".py", ".ipynb", *_PICTURES),
)


def check_folder(title: str, path: Path) -> None:
    """Refuse a folder that cannot be made, or written into."""
    there = _check_no_file(title, path)
    if not os.access(there, os.W_OK):
        raise ArgumentError(
            f"`{title}` is {str(path)!r}, which cannot be written: permission is denied"
        )


def _check_no_file(title: str, path: Path) -> Path:
    """Refuse a file where a folder has to be; return what there is of the folder."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise ArgumentError(
            f"`{title}` is {str(path)!r}, and {str(there)!r} is a file; give a folder"
        )
    return there


def _check_input(title: str, path: Path) -> None:
    """Refuse a file that cannot be read."""
    shown = f"`{title}` is {str(path)!r}"
    if not path.exists():
        raise ArgumentError(f"{shown}, and there is no such file")
    if path.is_dir():
        raise ArgumentError(f"{shown}, which is a folder; give a file")


def _check_module(name: str) -> None:
    """Refuse a module of the user's that there is not."""
    top = name.partition(".")[0]
    # It may lie beside the user.
    sys.path.insert(0, os.getcwd())
    try:
        known_module = bool(top) and find_spec(top) is not None
    finally:
        sys.path.pop(0)
    if name.endswith(".py") and os.path.isfile(name):
        module = name.removesuffix(".py").replace(os.sep, ".")
        raise ArgumentError(f"`--import` is {name!r}, a file; give the module's name: {module}")
    if not known_module:
        raise ArgumentError(
            f"`--import` is {name!r}, and there is no such module in {os.getcwd()} or on Python's "
            "path"
        )


def _check_picture(title: str, path: Path) -> None:
    if path.suffix.lower() not in _PICTURES:
        raise ArgumentError(
            f"`{title}` is {str(path)!r}; give a file that ends in .png, .svg or .pdf"
        )
    if find_spec("matplotlib") is None:
        raise MissingPackageError(
            f"matplotlib is needed for `{title}` and is not installed (gluonkit's extra "
            '"plot" brings it). Install it with: pip install matplotlib'
        )
