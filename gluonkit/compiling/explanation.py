"""What `Compiled.explain` says: the plans that were tried, their times, and the reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from gluonkit._base import tables
from gluonkit._base.tables import Column, Shown
from gluonkit.compiling.choosing import Candidate
from gluonkit.compiling.engines import MXNET
from gluonkit.compiling.int8 import Loss
from gluonkit.compiling.plan import Plan
from gluonkit.system.contention import Contention
from gluonkit.system.environment import Environment

_WIDTH = 80  # columns of text, of its sentences and of a table with plans of usual names


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """Why a network is run as it is; `print` shows it as a table.

    Attributes
    ----------
    plan : Plan
        The plan that is used.
    reason : str
        How it was chosen.
    engine : str
        The engine that runs it, with its version.
    candidates : tuple of Candidate
        All plans that were tried, and with its problem each engine without a plan; empty if the
        plan was given or loaded.
    signature : tuple of str
        Shape and data type of each input.
    idle : float or None
        Time of a call of an empty graph in seconds, the overhead of MXNet's engine; None if not
        measured.
    contention : Contention or None
        What other processes had of the processor meanwhile; None if nothing was measured.
    following : float or None
        Time that it takes to follow changed weights, in seconds, where the network must be written
        for another engine; None for plans of MXNet's.
    loss : Loss or None
        Loss of accuracy by int8, if it was measured.
    environment : Environment
        The machine and settings that the times hold for.
    """

    plan: Plan
    reason: str
    engine: str
    candidates: tuple[Candidate, ...]
    signature: tuple[str, ...]
    idle: float | None
    contention: Contention | None
    following: float | None
    loss: Loss | None
    environment: Environment

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, times in seconds."""
        return {
            "plan": self.plan.to_dict(),
            "reason": self.reason,
            "engine": self.engine,
            "signature": list(self.signature),
            "idle": self.idle,
            "following": self.following,
            "candidates": [
                {
                    "plan": str(candidate.plan),
                    "seconds": candidate.seconds,
                    "error": candidate.timing and candidate.timing.error,
                    "turns": candidate.timing.turns if candidate.timing else 0,
                    "problem": candidate.problem,
                }
                for candidate in self.candidates
            ],
            "contention": None if self.contention is None else asdict(self.contention),
            "loss": None if self.loss is None else asdict(self.loss),
            "environment": self.environment.to_dict(),
        }

    def __str__(self) -> str:
        first, *more = self._heading()
        parts = [first, *(f"  {line}" for line in more)]
        if self.candidates:
            table = tables.text_table(self._ordered(), self._columns(), widths=(44, 8, 5, 5))
            parts.append(table)
        parts += [_sentence(line, indent="  ") for line in self._problems()]
        return "\n".join([*parts, *map(_sentence, self._remarks()), str(self.environment)])

    def _repr_html_(self) -> str:
        first, *more = self._heading()
        table = tables.html_table(self._ordered(), self._columns(), title=first)
        lines = [*more, *self._problems(), *self._remarks(), str(self.environment)]
        return table + "".join(f"<p>{escape(line)}</p>" for line in lines)

    def _heading(self) -> list[str]:
        lines = [f"input {', '.join(self.signature)}: {self.plan}", self.reason]
        return lines if self.plan.engine == MXNET else [*lines, f"run by {self.engine}"]

    def _ordered(self) -> list[Candidate]:
        # Plans without a time come last: they failed, or their numbers were others.
        return sorted(self.candidates, key=lambda candidate: candidate.seconds or float("inf"))

    def _problems(self) -> list[str]:
        tried = self.candidates
        return [
            f"{candidate.plan}: {candidate.problem}" for candidate in tried if candidate.problem
        ]

    def _remarks(self) -> list[str]:
        """Return sentences on what else is known."""
        parts = []
        if self.contention is not None and self.contention.is_busy:
            parts.append(f"The machine was busy: {self.contention}.")
        if self.loss is not None:
            parts.append(f"{self.loss}.")
        if self.idle is not None and self.plan.engine == MXNET:
            parts.append(self._engine())
        if self.plan.copies:
            text = (
                "The plan keeps weights in another form: changes of the network's are noticed, and "
                "followed at the next call"
            )
            if self.following is not None:
                text += f", which takes {tables.seconds(self.following)} then"
            parts.append(f"{text}.")
        return parts

    def _columns(self) -> tuple[Column, ...]:
        best = next(
            (candidate.seconds for candidate in self.candidates if candidate.plan == self.plan),
            None,
        )

        def ratio(candidate: Candidate) -> str:
            return "–" if not candidate.seconds or not best else f"{candidate.seconds / best:.2f}"

        def error(candidate: Candidate) -> str:
            timing = candidate.timing
            return "–" if timing is None or timing.error is None else f"{timing.relative:.1%}"

        def time(candidate: Candidate) -> str:
            return "not used" if candidate.seconds is None else tables.seconds(candidate.seconds)

        return (
            Column(
                "plan",
                lambda candidate: (
                    f"{'▸ ' if candidate.plan == self.plan else '  '}{candidate.plan}"
                ),
            ),
            Column("a call", time, "right"),
            Column("±", error, "right"),
            Column("ratio", ratio, "right"),
        )

    def _engine(self) -> str:
        assert self.idle is not None
        text = (
            f"With the {self.environment.engine} engine a call of an empty graph takes "
            f"{tables.seconds(self.idle)}."
        )
        # It runs operators in the calling thread, without the queue that most of this time goes
        # into.
        if self.environment.engine == "naive":
            return text
        return (
            f"{text} The naive engine saves most of that, and slows down training: "
            'configure(engine="naive") before the first operation of the process.'
        )


def _sentence(text: str, indent: str = "") -> str:
    return tables.paragraph(text, indent=indent, width=_WIDTH)
