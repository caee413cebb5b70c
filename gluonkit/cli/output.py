"""What the command writes: results as text or JSON, the files it wrote, and colors in terminals."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from gluonkit._base.atomic import write_atomically
from gluonkit._base.tables import paragraph
from gluonkit.cli.values import STANDARD_OUTPUT

_BOLD, _DIM, _RED, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[1;31m", "\x1b[0m"
# A table's header, and the rule below it.
_HEADER = re.compile(r"^(.*\S.*)\n(\s*─[─ ]*)$", re.M)


def is_colored(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows colors, and the user has not refused them.

    NO_COLOR is what https://no-color.org asks for.
    """
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def write_any_sign() -> None:
    """Have a terminal that has no × or – get a ? instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def show(text: object) -> None:
    """Print a result; in a terminal, tables have a bold header."""
    shown = str(text)
    if is_colored(sys.stdout):
        shown = _HEADER.sub(rf"{_BOLD}\1{_PLAIN}\n{_DIM}\2{_PLAIN}", shown)
    print(shown)


def say_error(name: str, text: str) -> None:
    """Print what went wrong."""
    word = f"{_RED}error:{_PLAIN}" if is_colored(sys.stderr) else "error:"
    print(f"{name}: {word} {text}", file=sys.stderr)


@contextmanager
def warnings_once(name: str) -> Iterator[None]:
    """Print warnings in a context without their place in Python's sources, and each once.

    Those that differ in figures only are the same.
    """
    seen = set()

    def show_once(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        said = (category, re.sub(r"\d+", "", str(message)))
        if said not in seen:
            seen.add(said)
            print(paragraph(f"{name}: warning: {message}", indent=""), file=sys.stderr)

    before = warnings.showwarning
    warnings.showwarning = show_once
    try:
        yield
    finally:
        warnings.showwarning = before


def wants_json_only(path: Path | None) -> bool:
    """Return whether standard output is for JSON."""
    return path == STANDARD_OUTPUT


def report(result: Any, path: Path | None, data: Any = None, *, told: bool = True) -> None:
    """Show a result, or its data as JSON on standard output; or write these to a file, too.

    `data` is what becomes JSON, by default ``result.to_dict()``. `told` is whether the file that
    was written is told.
    """
    if not wants_json_only(path):
        show(result)
    if path is not None:
        write_json(result.to_dict() if data is None else data, path, told=told)


def write_json(data: Any, path: Path, *, told: bool = True) -> None:
    """Write data as JSON to a file, or to standard output."""
    text = json.dumps(data, indent=2)
    if wants_json_only(path):
        print(text)
        return
    write_text(path, f"{text}\n")
    if told:
        written([path])


def write_text(path: Path, text: str) -> None:
    """Write a text to a file, whole or not at all; to a device or a pipe as it comes."""
    _write(path, text.encode())


def write_picture(path: Path, figure: Any, dpi: int = 100) -> None:
    """Write a figure of matplotlib's to a file, whole or not at all, as its name ends."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix.removeprefix(".").lower(), dpi=dpi)
    _write(path, drawn.getvalue())


def _write(path: Path, contents: bytes) -> None:
    try:
        if path.exists() and not path.is_file():  # such as /dev/stdout
            path.write_bytes(contents)
        else:
            write_atomically(path, contents)
    except OSError as error:
        # A full disk's error does not say of which file.
        error.filename = str(path)
        raise


def written(paths: Iterable[Path | None], json_path: Path | None = None) -> None:
    """Say which files were written, JSON too; not on standard output where that is for JSON."""
    told = (path for path in (*paths, json_path) if path not in (None, STANDARD_OUTPUT))
    names = ", ".join(map(str, told))
    if names:
        stream = sys.stderr if wants_json_only(json_path) else sys.stdout
        print(f"Written: {names}", file=stream)
