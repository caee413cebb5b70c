"""``gluonkit run``: an unmodified MXNet program, on today's Python. Needs no MXNet itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gluonkit.system import script

USAGE = """\
usage: gluonkit run SCRIPT [ARGUMENT ...]
       gluonkit run -m MODULE [ARGUMENT ...]

Run a program that imports mxnet by itself, as `python` would, with gluonkit's
compatibility in place: MXNet imports on this Python and NumPy, and uses all cores.
Arguments, exit status and tracebacks are the program's own."""


def main(args: Sequence[str]) -> int:
    """Run ``gluonkit run ARGS``; the program's exit passes through as SystemExit."""
    if not args or args[0] in ("-h", "--help"):
        # Help that was asked for is output; after a wrong call it is part of the error.
        print(USAGE, file=sys.stdout if args else sys.stderr)
        return 0 if args else 2
    if args[0] == "-m":
        if len(args) < 2:
            print(f"gluonkit run: error: -m needs a module's name\n{USAGE}", file=sys.stderr)
            return 2
        script.run_module(args[1], args[2:])
    elif args[0].startswith("-"):
        print(f"gluonkit run: error: unknown option {args[0]}\n{USAGE}", file=sys.stderr)
        return 2
    else:
        script.run_script(args[0], args[1:])
    return 0
