"""``gluonkit help`` and ``gluonkit completion``: what the command says of itself."""

from __future__ import annotations

import argparse

from gluonkit._base.optional import require
from gluonkit.cli import parsers
from gluonkit.cli.checking import check_command
from gluonkit.cli.values import commands_of


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit help`` and return its exit status."""
    made: argparse.ArgumentParser = parsers.parser()
    commands = commands_of(made)
    if options.topic is not None:
        check_command(options.topic, list(commands))
        made = commands[options.topic]
    made.print_help()
    return 0


def run_completion(options: argparse.Namespace) -> int:
    """Run ``gluonkit completion`` and return its exit status."""
    print(require("argcomplete").shellcode(["gluonkit"], shell=options.shell))
    return 0
