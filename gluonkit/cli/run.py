"""``gluonkit run``: an unmodified MXNet program, on today's Python. Needs no MXNet itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from gluonkit.system import script

USAGE = """\
usage: gluonkit run [--audit] SCRIPT [ARGUMENT ...]
       gluonkit run [--audit] -m MODULE [ARGUMENT ...]

Run a program that imports mxnet by itself, as `python` would, with gluonkit's
compatibility in place: MXNet imports on this Python and NumPy, and uses all cores.
Arguments, exit status and tracebacks are the program's own.

--audit tells, on the standard error when the program has ended, at which of its
lines Python waited for MXNet's engine, for how long, and what would wait less:

       gluonkit run --audit train.py --epochs 1"""


def main(args: Sequence[str]) -> int:
    """Run ``gluonkit run ARGS``; the program's exit passes through as SystemExit."""
    if not args or args[0] in ("-h", "--help"):
        # Help that was asked for is output; after a wrong call it is part of the error.
        print(USAGE, file=sys.stdout if args else sys.stderr)
        return 0 if args else 2
    if args[0] == "--audit":
        return _audited(args[1:])
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


def _audited(args: Sequence[str]) -> int:
    """Run the program, and print where it waited for MXNet's engine, however it ends."""
    if not args or args[0] in ("-h", "--help"):
        return main(args)
    heard: list[Any] = []

    def begin() -> None:
        # Now: before the program's own import of MXNet none of gluonkit that needs it can be.
        listener = importlib.import_module("gluonkit.profiling.listening").Listener()
        listener.begin()
        heard.append(listener)

    script.when_imported.append(begin)
    try:
        return main(args)
    finally:
        _report(heard)


def _report(heard: Sequence[Any]) -> None:
    if not heard:
        print("gluonkit run: nothing to audit, as MXNet was not imported", file=sys.stderr)
        return
    listener = heard[0]
    listener.end()
    auditing = importlib.import_module("gluonkit.profiling.auditing")
    print(f"\n{auditing.audit_of(listener)}", file=sys.stderr)
