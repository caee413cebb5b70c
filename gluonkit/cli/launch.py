"""``gluonkit launch``: a distributed MXNet job, here or elsewhere. Needs no MXNet itself."""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from io import TextIOWrapper

from gluonkit._base.checks import whole_number
from gluonkit.cli import parsers_alone
from gluonkit.cli.ending import ended
from gluonkit.cli.output import say_error
from gluonkit.cli.parsers_alone import LAUNCH_USAGE
from gluonkit.distributed.launch.hosts import HERE, exposed, read_hosts
from gluonkit.distributed.launch.job import Job
from gluonkit.distributed.launch.plan import Settings, deal
from gluonkit.distributed.launch.verdicts import JobError
from gluonkit.errors import ArgumentError
from gluonkit.system import openmp

_MOST = 1024  # more is a slip of the keys, and starts as many processes


def main(args: Sequence[str]) -> int:
    """Run ``gluonkit launch ARGS`` and return the exit status."""
    before, command = _divided(list(args))
    # Not `parse_args`, whose message about what is left over does not tell of the `--`.
    options, strange = parsers_alone.launch().parse_known_args(before)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Line by line, as lines of several processes are printed one below the other.
            stream.reconfigure(errors="replace", line_buffering=True)
    return ended("gluonkit launch", partial(_run, options, strange, command))


def _run(options: argparse.Namespace, strange: Sequence[str], command: Sequence[str]) -> int:
    if strange:
        raise ArgumentError(
            f"{shlex.join(strange)} is not understood; COMMAND goes behind a --, as in: "
            f"{LAUNCH_USAGE}"
        )
    settings = _settings(options, command)
    if warning := exposed([place.host for place in settings.places]):
        _say(warning)
    try:
        Job(settings, _show, _say).run()
    except JobError as error:
        say_error("gluonkit launch", str(error))
        return error.status
    return 0


def _divided(args: list[str]) -> tuple[list[str], list[str]]:
    """Split arguments at the first ``--``."""
    if "--" not in args:
        return args, []
    place = args.index("--")
    return args[:place], args[place + 1 :]


def _settings(options: argparse.Namespace, command: Sequence[str]) -> Settings:
    workers = _whole("-n", options.workers, 1, _MOST)
    servers = None if options.servers is None else _whole("-s", options.servers, 1, _MOST)
    hosts = (HERE,) if options.hosts is None else read_hosts(options.hosts)
    port = _whole("--port", options.port, 0, 65535)
    if not options.python.strip():
        raise ArgumentError("`--python` is empty; give the path of the other hosts' Python")
    if not command or not command[0].strip():
        raise ArgumentError(f"there is no COMMAND; put it behind a --, as in: {LAUNCH_USAGE}")
    user = dict(os.environ)
    if openmp.threads_set_by == "gluonkit":  # as `python -m gluonkit launch`
        user.pop("OMP_NUM_THREADS", None)
    return Settings(
        places=deal(workers, servers, hosts),
        argv=tuple(command),
        timeout=_seconds(options.timeout),
        port=port,
        ssh=_ssh(options.ssh),
        here=sys.executable,
        there=options.python,
        folder=os.getcwd(),
        user=user,
    )


def _whole(argument: str, text: str, least: int, most: int | None = None) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ArgumentError(f"`{argument}` is {text!r}; give a whole number") from None
    return whole_number(argument, number, least, most)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        # NaN fails the comparison below.
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ArgumentError(f"`--timeout` is {text!r}; give a positive number of seconds")
    return seconds


def _ssh(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ArgumentError(f"`--ssh` is {text!r}, which is no command: {error}") from None
    if not words:
        raise ArgumentError("`--ssh` is empty; give the command that runs another one on a host")
    return words


def _show(stream: str, label: str, text: str) -> None:
    print(f"[{label}] {text}", file=sys.stdout if stream == "stdout" else sys.stderr)


def _say(text: str) -> None:
    print(f"gluonkit launch: {text}", file=sys.stderr)
