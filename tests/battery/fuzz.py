"""`make fuzz`: new networks for as long as one likes, each through the whole battery.

A worker in a process of its own draws and checks, so that a crash is a find like any other.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from hypothesis import Phase, given, seed, settings
from hypothesis.internal.conjecture import engine

from tests.battery.running import CHECKS, QUIETLY, can_run, cases, drawn, finds_of, quiet

IN_A_CHUNK = 20
SMALLER = 40
"""Seconds for making a network that fails smaller."""
STUCK = 300
"""Seconds after which a check hangs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw and check until the time is over; return 1 if something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, help="of the first networks; drawn if not given")
    parser.add_argument("--go-on", action="store_true", help="after a find")
    parser.add_argument("--checks", help=f"only these, with commas: {','.join(CHECKS)}")
    given_now = parser.parse_args(arguments)
    first = random.SystemRandom().randrange(1 << 31) if given_now.seed is None else given_now.seed
    checks = given_now.checks.split(",") if given_now.checks else list(CHECKS)
    print(f"seed {first}: {', '.join(checks)}", flush=True)
    fuzz = Fuzz(first, checks, go_on=given_now.go_on)
    fuzz.run(time.monotonic() + given_now.seconds)
    print(fuzz)
    return 1 if fuzz.finds else 0


class Fuzz:
    """Keeps a worker busy, and counts."""

    def __init__(self, first: int, checks: Sequence[str], *, go_on: bool) -> None:
        self._next, self._checks, self._go_on = first, checks, go_on
        self.networks = self.discarded = self.crashes_of_gluon = 0
        self.kinds: Counter[str] = Counter()
        self.finds: Counter[str] = Counter()

    def run(self, deadline: float) -> None:
        """Go on until the deadline, or the first find."""
        skip = 0
        while time.monotonic() < deadline and (self._go_on or not self.finds):
            skip = self._watch(skip, deadline)

    def _watch(self, skip: int, deadline: float) -> int:
        """Follow one worker to its end; return how many networks of its chunk are done."""
        context = multiprocessing.get_context("spawn")
        mine, other = context.Pipe(duplex=False)
        worker = context.Process(target=work, args=(other, self._next, skip, self._checks))
        worker.start()
        other.close()
        now: dict[str, Any] = {}
        try:
            while time.monotonic() < deadline and (self._go_on or not self.finds):
                if not mine.poll(min(STUCK, max(0.1, deadline - time.monotonic()))):
                    if time.monotonic() >= deadline:
                        return 0
                    now = now | {"hangs": True}
                    break
                now = json.loads(mine.recv())
                self._take(now)
            else:
                return 0
        except EOFError:
            pass
        finally:
            worker.kill()  # it has crashed, or hangs, or there is nothing left to do
            worker.join()
        return self._crashed(now, worker.exitcode)

    def _take(self, told: dict[str, Any]) -> None:
        if told["event"] == "done":
            self.networks += 1
            self.discarded += told["discarded"]
            self.kinds.update(told["kinds"])
        elif told["event"] == "find":
            key = told["key"]
            self.finds[key] += 1
            if self.finds[key] == 1:
                print(f"\n# ---- a find ({told['seed']})\n{told['text']}", flush=True)
        elif told["event"] == "chunk":
            self._next = told["seed"]

    def _crashed(self, now: dict[str, Any], exitcode: int | None) -> int:
        """Count a crash, of gluonkit or of Gluon alone, and go on behind it."""
        if not now:
            raise SystemExit(f"the worker ends at once, with {exitcode}")
        how = "hangs" if now.get("hangs") else f"ends the process with {_named(exitcode)}"
        self.networks += 1
        if now.get("check") in ("", None):
            self.crashes_of_gluon += 1
        else:
            key = f"{now['check']} {how}"
            self.finds[key] += 1
            if self.finds[key] == 1:
                print(f"\n# ---- a find: {key}\n{now['text']}", flush=True)
        return int(now.get("index", 0)) + 1

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.most_common())
        lines = [
            f"\n{self.networks} networks, {self.discarded} refused by Gluon itself, "
            f"{self.crashes_of_gluon} crashed in plain Gluon",
            f"with {kinds}",
            f"{sum(self.finds.values())} finds",
        ]
        return "\n".join(lines + [f"  {count} × {key}" for key, count in self.finds.items()])


def _named(exitcode: int | None) -> str:
    return signal.Signals(-exitcode).name if exitcode and exitcode < 0 else f"exit code {exitcode}"


def work(told: Connection, number: int, skip: int, checks: Sequence[str]) -> None:
    """Draw and check chunk after chunk; tell what is being done before it is done."""
    with quiet():
        while True:
            tell(told, event="chunk", seed=number)
            for index, case in enumerate(drawn(number, IN_A_CHUNK)):
                if index < skip:
                    continue
                about = {"seed": number, "index": index, "text": str(case)}
                tell(told, event="run", check="", **about)
                runs = can_run(case)
                for check in checks if runs else ():
                    tell(told, event="run", check=check, **about)
                    for find in finds_of(case, [check]):
                        text, key = smaller(number, check, find)
                        tell(told, **about | {"event": "find", "text": text, "key": key})
                tell(told, event="done", kinds=sorted(case.kinds), discarded=not runs, index=index)
            number, skip = number + 1, 0


def tell(told: Connection, **what: Any) -> None:
    """Send a message; end where nobody listens any more."""
    try:
        told.send(json.dumps(what))
    except BrokenPipeError:
        os._exit(0)


def smaller(number: int, check: str, find: Any) -> tuple[str, str]:
    """Return the smallest network that hypothesis makes of a find in time, and what to call it."""
    best = find
    key = named(find.message)
    engine.MAX_SHRINKING_SECONDS = SMALLER

    @seed(number)
    @settings(
        QUIETLY,
        max_examples=IN_A_CHUNK,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    @given(cases())
    def fails(case: Any) -> None:
        nonlocal best
        for failure in finds_of(case, [check]):
            if named(failure.message) == key:
                if len(failure.case.source) <= len(best.case.source):
                    best = failure
                raise AssertionError(key)

    with contextlib.suppress(Exception):  # that it fails is known
        fails()
    return str(best), f"{check}: {key}"


def named(message: str) -> str:
    """Return what two finds have in common that are one: the message without its numbers."""
    lines = [line.strip() for line in message.strip().splitlines() if "Error" in line]
    words = (lines or [message])[-1].split()
    return " ".join(word for word in words if not any(c.isdigit() for c in word))[:90]


if __name__ == "__main__":
    sys.exit(main())
