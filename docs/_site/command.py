"""The command line's reference, as the command itself tells it."""

from __future__ import annotations

import os
import subprocess
import sys

from gluonkit.cli.main import parser

_INTRO = """# Command line

`gluonkit NAME --help` prints what follows. The exit status is 0 when all is well, 1 when the
command found something wrong, 2 when it was called wrongly, 130 after Ctrl-C.
"""


def page() -> str:
    """Return the help of each command as a page."""
    (commands,) = (action for action in parser()._actions if isinstance(action.choices, dict))
    parts = [_INTRO]
    for name in commands.choices or ():
        done = subprocess.run(
            [sys.executable, "-m", "_gluonkit_command", name, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"COLUMNS": "88"},
        )
        parts.append(f"## gluonkit {name}\n\n```text\n{done.stdout.rstrip()}\n```\n")
    return "\n".join(parts)
