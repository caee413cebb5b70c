"""``gluonkit doctor``: what is installed and what is wrong. Needs no working MXNet."""

from __future__ import annotations

import argparse
import importlib
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import partial

from gluonkit.cli import parsers_alone
from gluonkit.cli.checking import check
from gluonkit.cli.ending import ended
from gluonkit.cli.output import report, write_any_sign
from gluonkit.cli.values import parse
from gluonkit.system.doctor import doctor
from gluonkit.system.findings import DoctorReport


def main(args: Sequence[str]) -> int:
    """Run ``gluonkit doctor ARGS`` and return the exit status: 1 when something is broken."""
    write_any_sign()
    parser = parsers_alone.doctor()
    options = parse(parser, args)
    if options.yes and not options.fix:
        parser.error("--yes answers the questions of --fix: add --fix")
    if options.json and options.fix:
        parser.error("--fix prints what its commands do, which is no JSON: take one of the two")
    return ended("gluonkit doctor", partial(_run_doctor, options, parser), parser)


def _run_doctor(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    check(options, parser)
    checked = doctor()
    report(checked, options.json)
    if options.fix:
        checked = _mend(checked, ask=not options.yes)
    return 0 if checked.ok else 1


def _mend(checked: DoctorReport, *, ask: bool) -> DoctorReport:
    """Run the report's commands, and those of what is found after them; return the last report."""
    offered: set[str] = set()
    while commands := [command for command in checked.commands if command not in offered]:
        offered.update(commands)
        runs = [_run(command, ask=ask) for command in commands]
        if not any(runs):
            return checked
        importlib.invalidate_caches()  # what pip has installed is seen by this process, too
        checked = doctor()
        print(f"\n{checked}")
    if not offered:
        print("\nNothing that a command would mend.")
    return checked


def _run(command: str, *, ask: bool) -> bool:
    """Run one command, if that is wanted; return whether anything was run."""
    print(f"\n$ {command}", flush=True)
    pips = command.startswith(sys.executable)
    if not pips and os.geteuid() != 0:
        print("Not run: the system's packages are root's to install.")
        return False
    if ask and not _agreed():
        print("Not run.")
        return False
    for part in command.split(" && "):
        arguments = shlex.split(part.removeprefix(sys.executable))
        if pips:
            arguments.insert(0, sys.executable)
        status = subprocess.run(arguments, check=False).returncode
        if status != 0:
            name = "pip" if pips else arguments[0]
            print(f"It failed: {name} ended with {status}. Its own message is above.")
            break
    return True


def _agreed() -> bool:
    try:
        return input("Run it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # nobody is there to answer
        print("no answer; with --yes nothing is asked")
        return False
