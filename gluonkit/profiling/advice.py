"""What bounds a layer, and a sentence or two on what to do."""

from __future__ import annotations

from collections.abc import Sequence

from gluonkit._base import tables
from gluonkit.profiling.peak import Peak, seconds_to_move
from gluonkit.profiling.times import LayerTime

TRAINED = "compiled for training"
"""The mode of steps that gluonkit's own graphs make, as those of `fit` are."""

_LITTLE = 20e-6
"""Seconds of an operator below which starting it is most of them."""

_FAR = 0.1
"""Share of what the processor could do from which on it is said to be the bound."""


def bound_by(layer: LayerTime, peak: Peak) -> str:
    """Return what bounds a layer's own operators in the forward pass; '' if it has none.

    'memory' or 'computing', whichever takes the longer at the processor's peak; 'Python' for an
    operator written in it; 'starting' if its operators are too short; 'kernel' if it is far
    from both.
    """
    if not layer.own_forward:
        return ""
    if any(operator.name.startswith("Custom:") for operator in layer.operators):
        return "Python"
    runs = sum(operator.calls for operator in layer.operators if operator.phase == "forward")
    if layer.own_forward < _LITTLE * max(1.0, runs):
        return "starting"
    if layer.macs is None:
        return ""
    computing = layer.macs / peak.macs_per_second
    moving = seconds_to_move(layer.moved, peak)
    if max(computing, moving) < _FAR * layer.own_forward:
        return "kernel"
    return "computing" if computing >= moving else "memory"


def advice(
    layers: Sequence[LayerTime], mode: str, peak: Peak, *, total: float, between: float
) -> tuple[str, ...]:
    """Return what to do about a pass, in sentences.

    Parameters
    ----------
    layers : sequence of LayerTime
        What its layers took.
    mode : str
        'eager', 'hybridized', 'partly hybridized', or 'compiled' and the plan.
    peak : Peak
        What the processor can do.
    total : float
        The operators' time, in seconds.
    between : float
        The share of the pass that is none of the operators'.

    Returns
    -------
    tuple of str
        The most important first.
    """
    sentences = []
    if told := _between(between, mode):
        sentences.append(told)
    layers = sorted(layers, key=lambda layer: -layer.own_seconds)
    for layer in layers[:2]:
        share = layer.own_seconds / total if total else 0.0
        # What is small cannot save much, whatever is done about it.
        if share >= 0.2:
            sentences.append(_of_layer(layer, share, mode, peak))
    if not sentences and layers:
        sentences.append(
            f"No layer stands out: the longest, {_name(layers[0])}, has "
            f"{layers[0].own_seconds / total if total else 0:.0%} of the operators' time. Only "
            "less work for all of them helps: a smaller network or input, compile(net, x) for "
            "prediction, or more cores."
        )
    return tuple(sentences)


def _between(share: float, mode: str) -> str:
    if share < 0.25:
        return ""
    begin = f"{share:.0%} of a pass is Python and the engine between operators: "
    if mode in ("eager", "partly hybridized"):
        return begin + (
            "net.hybridize(static_alloc=True, static_shape=True) takes most of it away, "
            "compile(net, x) nearly all of it for prediction, fit for training."
        )
    if mode == "hybridized":
        return begin + "compile(net, x) takes most of it away for prediction, fit for training."
    return begin + "a larger batch spreads it over more samples."


def _of_layer(layer: LayerTime, share: float, mode: str, peak: Peak) -> str:
    name, kind = _name(layer), bound_by(layer, peak)
    begin = f"{name} has {share:.0%} of the operators' time"
    if not layer.kind:
        longest = layer.operators[0].name if layer.operators else "operators"
        return (
            f"{begin}, outside of all layers ({longest}): the optimizer, or code of the step. fit "
            "updates all weights by one operator."
        )
    if layer.own_backward > 3 * layer.own_forward:
        return (
            f"{begin}, most of it in the backward pass: freeze what need not be trained, or give "
            "its input no gradient."
        )
    what = _COMPILED if mode.startswith("compiled") else _WHAT
    return f"{begin}, {_rate(layer, peak, kind)}{what[kind]}"


def _rate(layer: LayerTime, peak: Peak, kind: str) -> str:
    """Return the start of a sentence: '34 % of peak: bound by memory'."""
    rate = layer.macs_per_second
    of_peak = f"{rate / peak.macs_per_second:.0%} of peak: " if rate else ""
    moved = f", {tables.memory(layer.moved)} to read and write" if kind == "memory" else ""
    return f"{of_peak}bound by {kind or 'what it runs'}{moved}. "


_WHAT = {
    "memory": "Fewer operators move less: compile(net, x) fuses them for prediction; in training a "
    "smaller batch may stay in the caches.",
    "computing": "Only less work helps: fewer channels, a smaller input, int8 "
    "(compile(net, x, int8=True, calibration=...)), or more cores.",
    "Python": "Write it with MXNet's own operators, which run without Python, by all threads.",
    "starting": "Its operators are too short to be worth starting: give them larger batches, or "
    "fuse them by compile(net, x).",
    "kernel": "The kernel for this shape uses the processor badly: try numbers of channels "
    "that are multiples of 16, a larger batch, or compile(net, x), which tries such plans.",
    "": "compile(net, x) for prediction, and fit for training, may have a faster plan.",
}


_COMPILED = {
    **_WHAT,
    "memory": "It is compiled already; int8 (compile(net, x, int8=True, calibration=...)) moves a "
    "quarter.",
    "starting": "Its operators are too short to be worth starting: give them larger batches.",
    "kernel": "The kernel for this shape uses the processor badly: try numbers of channels "
    "that are multiples of 16, or a larger batch.",
    "": 'compile(net, x, engines="all") may find a faster engine.',
}


_TRAINED = {
    **_COMPILED,
    "memory": "A smaller batch may stay in the caches.",
    "computing": "Only less work helps: fewer channels, a smaller input, a frozen part, or more "
    "cores.",
    "": "Its graph is compiled already: only less work helps.",
}


def _name(layer: LayerTime) -> str:
    if layer.path:
        return f"`{layer.path}` ({layer.kind})"
    return f"The network's own code ({layer.kind})" if layer.kind else "What is in no layer"
