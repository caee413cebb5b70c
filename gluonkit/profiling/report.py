"""What a profile holds, and its rendering as text, HTML and data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.tables import Column, Shown
from gluonkit.profiling.advice import advice, bound_by
from gluonkit.profiling.chrome import Slice, write_trace
from gluonkit.profiling.peak import Peak
from gluonkit.profiling.times import LayerTime

_NONE = "–"


@dataclass(frozen=True, repr=False)
class Profile(Shown):
    """Where the time of a pass goes, layer by layer. `str()` gives the table; a notebook, HTML.

    Attributes
    ----------
    name : str
        The network's class, or the step's name.
    mode : str
        'eager', 'hybridized', 'partly hybridized', or 'compiled' and the plan.
    inputs : str
        Shapes and data types of the inputs.
    layers : tuple of LayerTime
        One record for each layer, parents first; what runs outside of all layers is last.
    seconds : float
        A pass as it is, without the profiler, in seconds.
    operators_seconds : float
        The operators of a pass, one at a time, in seconds.
    unattributed : float
        The time of operators that could not be attributed, in seconds.
    profiled_seconds : float
        A pass with the profiler, in seconds.
    passes : int
        How many passes were recorded; all times are means of the faster half.
    peak : Peak
        What the processor can do.
    allocated : int
        The most memory that a pass allocated at a time, in bytes.
    notes : tuple of str
        What a reader must know of these figures.
    slices : tuple of Slice
        The operators of the median pass, one by one.
    """

    name: str
    mode: str
    inputs: str
    layers: tuple[LayerTime, ...]
    seconds: float
    operators_seconds: float
    unattributed: float
    profiled_seconds: float
    passes: int
    peak: Peak
    allocated: int
    notes: tuple[str, ...] = ()
    slices: tuple[Slice, ...] = field(default=(), repr=False)

    @property
    def between(self) -> float:
        """What a pass takes beyond its operators: Python and the engine, in seconds.

        Negative where operators, one at a time, take longer than the pass.
        """
        return self.seconds - self.operators_seconds

    @property
    def overhead(self) -> float:
        """How much longer a pass is with the profiler, as a share of the pass without it."""
        return self.profiled_seconds / self.seconds - 1

    @property
    def residue(self) -> float:
        """The share of the operators' time that is in no layer's, nor outside of all layers."""
        own = sum(layer.own_seconds for layer in self.layers)
        return 1 - own / self.operators_seconds if self.operators_seconds else 0.0

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do about it, the most important first."""
        return advice(
            self.layers,
            self.mode,
            self.peak,
            total=self.operators_seconds,
            between=self.between / self.seconds,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON; times in seconds, memory in bytes."""
        record = asdict(self)
        del record["slices"]
        for layer, data in zip(self.layers, record["layers"], strict=True):
            data |= {
                "seconds": layer.seconds,
                "macs_per_second": layer.macs_per_second,
                "bound_by": bound_by(layer, self.peak),
            }
        derived = ("between", "overhead", "residue", "advice")
        return record | {name: getattr(self, name) for name in derived}

    @checked
    def chrome_trace(self, path: str | os.PathLike[str]) -> Path:
        """Write the operators of one pass within their layers, for Perfetto or chrome://tracing.

        Parameters
        ----------
        path : str or os.PathLike
            The file, ``.json``.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        ArgumentError
            When `path` does not end in ``.json``.
        """
        return write_trace(self.name, self.slices, path)

    def __str__(self) -> str:
        return _text(self)

    def _repr_html_(self) -> str:
        return _html(self)


def _columns(profile: Profile, indent: str) -> tuple[Column, ...]:
    total = profile.operators_seconds or 1.0

    def of_peak(layer: LayerTime) -> str:
        rate = layer.macs_per_second
        return f"{rate / profile.peak.macs_per_second:.0%}" if rate else _NONE

    def share(layer: LayerTime) -> str:
        part = layer.seconds / total
        return f"{part:.1%}" if part >= 0.0005 else _NONE if not part else "<0.1%"

    def writes(layer: LayerTime) -> str:
        return tables.memory(layer.bytes) if layer.bytes else _NONE

    columns = [
        Column("layer", lambda layer: indent * layer.depth + _label(layer)),
        Column("forward", lambda layer: _time(layer.forward), "right"),
        Column("backward", lambda layer: _time(layer.backward), "right"),
        Column("share", share, "right"),
        Column("writes", writes, "right", drop=1),
        Column("of peak", of_peak, "right", drop=2),
        Column("bound by", lambda layer: _bound(layer, profile.peak)),
    ]
    if not any(layer.backward for layer in profile.layers):
        del columns[2]
    return tuple(columns)


def _label(layer: LayerTime) -> str:
    if not layer.kind:
        return "(outside of layers)"
    times = f" ×{layer.calls}" if layer.calls > 1 else ""
    # The network, and what a step calls beside it, have no names but their classes'.
    own = layer.name if layer.name.startswith(layer.kind) else layer.kind
    return f"{own}{times}" if not layer.depth else f"{layer.name}: {layer.kind}{times}"


def _time(seconds: float) -> str:
    return tables.seconds(seconds) if seconds else _NONE


def _bound(layer: LayerTime, peak: Peak) -> str:
    if layer.fused_into is not None and not layer.own_seconds:
        return f"in {layer.fused_into or '(network)'}"
    return bound_by(layer, peak) or _NONE


def _text(profile: Profile) -> str:
    table = tables.text_table(profile.layers, _columns(profile, "  "))
    lines = [tables.paragraph(_heading(profile), indent=""), "", table, ""]
    for title, text in _totals(profile):
        lines.append(tables.hanging(f"{title:12}", text))
    for sentence in profile.advice:
        lines += ["", tables.hanging("→ ", sentence)]
    return "\n".join(lines)


def _heading(profile: Profile) -> str:
    given = f" · input {profile.inputs}" if profile.inputs else ""
    return f"{profile.name} · {profile.mode}{given} · {tables.seconds(profile.seconds)} a pass"


def _totals(profile: Profile) -> list[tuple[str, str]]:
    """Return the lines below the table: a title and a text each."""
    share = profile.operators_seconds / profile.seconds
    between = (
        f"Python and the engine between them {tables.seconds(profile.between)}"
        if profile.between >= 0
        else "one at a time they take longer than in the pass"
    )
    lines = [
        ("Operators", f"{tables.seconds(profile.operators_seconds)} ({share:.0%}); {between}"),
        ("Residue", f"{abs(profile.residue):.1%} of the operators' time could not be attributed"),
        (
            "Profiling",
            f"a pass took {tables.seconds(profile.profiled_seconds)} with the profiler "
            f"({profile.overhead:+.0%}); times are means of the faster half of "
            f"{profile.passes} passes",
        ),
        ("Memory", f"at most {tables.memory(profile.allocated)} at a time allocated in a pass"),
        ("Peak", str(profile.peak)),
    ]
    told = {bound_by(layer, profile.peak) for layer in profile.layers}
    if bounds := [f"{name}: {what}" for name, what in _BOUNDS.items() if name in told]:
        lines.append(("Bound by", "; ".join(bounds)))
    return lines + [("Note", note) for note in profile.notes]


_BOUNDS = {
    "computing": "multiplying takes the longest",
    "memory": "reading and writing does",
    "kernel": "MXNet's code for the operator, far from both",
    "starting": "too little work to be worth a start",
    "Python": "an operator written in it",
}


def _html(profile: Profile) -> str:
    rows: Sequence[LayerTime] = profile.layers
    table = tables.html_table(rows, _columns(profile, "\N{EM SPACE}"), title=_heading(profile))
    totals = "".join(
        f"<tr><th>{escape(title)}</th><td>{escape(text)}</td></tr>"
        for title, text in _totals(profile)
    )
    told = "".join(f"<li>{escape(sentence)}</li>" for sentence in profile.advice)
    return f"{table}<table>{totals}</table><ul>{told}</ul>"
