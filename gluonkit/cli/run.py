"""``gluonkit run``: an unmodified MXNet program, on today's Python. Needs no MXNet itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from gluonkit.cli import parsers_alone
from gluonkit.system import script


def main(args: Sequence[str]) -> int:
    """Run ``gluonkit run ARGS``; the program's exit passes through as SystemExit."""
    parser = parsers_alone.run()
    audits = list(args[:1]) == ["--audit"]
    program = args[1:] if audits else args
    if program and program[0] in ("-h", "--help"):
        parser.print_help()
        return 0
    # What follows is the program's: its options are not gluonkit's.
    if not program or not program[0].strip():
        parser.error("name the program to run")
    if program[0] == "-m" and not "".join(program[1:2]).strip():
        parser.error("-m needs a module's name")
    if program[0].startswith("-") and program[0] != "-m":
        parser.error(f"unknown option {program[0]}")
    (_audit if audits else _run)(program)
    return 0


def _run(program: Sequence[str]) -> None:
    if program[0] == "-m":
        script.run_module(program[1], program[2:])
    else:
        script.run_script(program[0], program[1:])


def _audit(program: Sequence[str]) -> None:
    """Run the program, and print where it waited for MXNet's engine, however it ends."""
    heard: list[Any] = []

    def begin() -> None:
        # Now: before the program's own import of MXNet none of gluonkit that needs it can be.
        listener = importlib.import_module("gluonkit.profiling.listening").Listener()
        listener.begin()
        heard.append(listener)

    script.when_imported.append(begin)
    try:
        _run(program)
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
