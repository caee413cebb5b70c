"""Messages of Python's functions, in the words of the command: options instead of arguments."""

from __future__ import annotations

import argparse
import re

from gluonkit.cli.checking import title_of

# What Python's functions call what the command calls otherwise, or has as one of these.
_ALIKE = {
    "name": ("model", "network", "networks"),
    "net": ("network", "networks", "net"),
    "path": ("checkpoint", "network", "file", "src"),
    "folder": ("folder", "dst", "output"),
    "images": ("images", "src"),
    "arrays": ("data", "src"),
    "train": ("data",),
    "prefix": ("output",),
}
_PHRASES = (
    ("list_models() gives all names", "`gluonkit models` lists all names"),
    ("list_models()", "`gluonkit models`"),
)
# Where the command has the option.
_INSTEAD = (
    (
        "call net.cast('float32'), and give amp=True to train in mixed precision",
        "load_dtype",
        "give --load-dtype float32",
    ),
)


def as_options(text: str, parser: argparse.ArgumentParser) -> str:
    """Return a message with the command's options in place of Python's arguments."""
    titles = {action.dest: title_of(action) for action in parser._actions}

    def title(argument: str) -> str | None:
        names = _ALIKE.get(argument, (argument,))
        return next((titles[name] for name in names if name in titles), None)

    def quoted(match: re.Match[str]) -> str:
        named = title(match[1])
        if match[2] is None or named is None:
            return f"`{named or match[1]}{match[2] or ''}`"
        return f"`{named}` (number {int(match[3]) + 1})"

    def assigned(match: re.Match[str]) -> str:
        option = title(match[1])
        if option is None or not option.startswith("--"):
            return match[0]
        return f"{option} {match[2]}" if match[2] else option

    for python, command in _PHRASES:
        text = text.replace(python, command)
    for python, option, command in _INSTEAD:
        if option in titles:
            text = text.replace(python, command)
    text = re.sub(r"`(\w+)(\[(\d+)\])?`", quoted, text)
    return re.sub(r"(?<![\w(.-])(\w+)=(?:'([^']*)'|(?=[\s.,;]|$))", assigned, text)
