"""Docstrings as mkdocstrings reads them.

gluonkit's docstrings have ``name : what it is`` on one line, for the types stand in the signature;
numpydoc, as griffe parses it, takes what follows the colon for the type.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_SECTION = re.compile(r"^(Parameters|Attributes)\n-+\n", re.M)
_ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.+)$")


class OneLine(griffe.Extension):
    """Puts what stands behind a parameter's colon on a line of its own."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite an object's docstring, once it has been read."""
        if obj.docstring is not None:
            obj.docstring.value = rewritten(obj.docstring.value)


def rewritten(text: str) -> str:
    """Return a docstring with each parameter's description on lines of its own."""
    parts = _SECTION.split(text)
    found = [parts[0]]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        section, blank, rest = _ends_at_next(body)
        lines = [_ENTRY.sub(r"\1\n    \2", line) for line in section.splitlines()]
        found.append(f"{title}\n{'-' * len(title)}\n" + "\n".join(lines) + blank + rest)
    return "".join(found)


def _ends_at_next(body: str) -> tuple[str, str, str]:
    """Divide a text where the next section begins."""
    following = re.search(r"\n+(?=\w+\n-+\n)", body)
    if following is None:
        return body, "", ""
    return body[: following.start()], following.group(), body[following.end() :]
