"""A profile as bars, and as a flame graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gluonkit._base import tables
from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import described, whole_number
from gluonkit._base.optional import require
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.plot.figure import new_figure

if TYPE_CHECKING:
    from gluonkit.profiling.report import Profile
    from gluonkit.profiling.times import LayerTime

_FORWARD, _BACKWARD = "#3a7ca5", "#d1495b"


@checked_but("profile")
def plot_profile(profile: Profile, *, most: int = 20) -> Any:
    """Draw the layers that take the most time as bars, forward and backward.

    Times are of the layers' own operators, without those of the layers below.

    Parameters
    ----------
    profile : Profile
        What `profile` returned.
    most : int, default 20
        Number of layers to draw; the others are joined in a last bar.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``; a notebook shows it.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    ArgumentError, ArgumentTypeError
        When `most` is below 1, or no operator ran; for anything but a profile.
    """
    layers = _timed(profile)
    most = whole_number("most", most)
    rows = [(_title(layer), layer.own_forward, layer.own_backward) for layer in layers[:most]]
    if rest := layers[most:]:
        sums = sum(one.own_forward for one in rest), sum(one.own_backward for one in rest)
        rows.append((f"{len(rest)} more", *sums))
    figure = new_figure(figsize=(9, 1.6 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    total = profile.operators_seconds
    for place, (_, forward, backward) in enumerate(rows):
        axes.barh(place, forward * 1e3, color=_FORWARD, height=0.75)
        axes.barh(place, backward * 1e3, left=forward * 1e3, color=_BACKWARD, height=0.75)
        text = f" {tables.seconds(forward + backward)}  {(forward + backward) / total:.0%}"
        axes.text((forward + backward) * 1e3, place, text, va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [title for title, _, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.2e3 * max(forward + backward for _, forward, backward in rows))
    axes.set_xlabel("milliseconds a pass")
    axes.spines[["top", "right"]].set_visible(False)
    if any(layer.own_backward for layer in layers):
        patch = require("matplotlib.patches", extra="plot").Patch
        kinds = (("forward", _FORWARD), ("backward", _BACKWARD))
        handles = [patch(color=color, label=name) for name, color in kinds]
        axes.legend(handles=handles, loc="lower right", frameon=False)
    _entitled(figure, profile)
    return figure


@checked_but("profile")
def plot_flame(profile: Profile) -> Any:
    """Draw the tree of layers as a flame graph: as wide as they take time, parts above the whole.

    Parameters
    ----------
    profile : Profile
        What `profile` returned.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``; a notebook shows it.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    ArgumentError, ArgumentTypeError
        When no operator ran; for anything but a profile.
    """
    _timed(profile)
    layers = profile.layers
    height = 1 + max(layer.depth for layer in layers)
    figure = new_figure(figsize=(10, 1.3 + 0.45 * height), layout="constrained")
    axes = figure.subplots()
    # Where the next layer of each depth begins; the parts of a layer begin where it does.
    begins = [0.0] * (height + 1)
    for layer in layers:
        depth, left = layer.depth, begins[layer.depth]
        _draw(axes, layer, left, profile.operators_seconds)
        begins[depth] = left + layer.seconds
        begins[depth + 1] = left
    axes.set_xlim(0, profile.operators_seconds * 1e3)
    axes.set_ylim(0, height)
    axes.set_yticks([])
    told = ", the redder, the more of it in the backward pass"
    learns = any(layer.backward for layer in layers)
    axes.set_xlabel(f"milliseconds a pass{told if learns else ''}")
    axes.spines[["top", "right", "left"]].set_visible(False)
    _entitled(figure, profile)
    return figure


def _timed(profile: Profile) -> list[LayerTime]:
    """Return the layers with operators of their own, the longest first."""
    # The class itself is of a room above this one.
    if not hasattr(profile, "operators_seconds"):
        raise ArgumentTypeError(
            f"`profile` is {described(profile)}; give a Profile, which profile(net, x) returns"
        )
    layers = [layer for layer in profile.layers if layer.own_seconds]
    if not layers:
        raise ArgumentError("`profile` has no operator that ran, so there is nothing to draw")
    return sorted(layers, key=lambda layer: -layer.own_seconds)


def _title(layer: LayerTime) -> str:
    if not layer.kind:
        return "outside of layers"
    return f"{layer.path or 'network'} ({layer.kind})"


def _draw(axes: Any, layer: LayerTime, left: float, total: float) -> None:
    if not layer.seconds:
        return
    # From blue to red, as the backward pass has more of it.
    cmap = require("matplotlib", extra="plot").colormaps["coolwarm"]
    color = cmap(0.15 + 0.7 * layer.backward / layer.seconds)
    axes.barh(
        layer.depth + 0.5,
        layer.seconds * 1e3,
        left=left * 1e3,
        height=0.94,
        color=color,
        edgecolor="white",
    )
    # As many letters as there is room for.
    room = int(110 * layer.seconds / total)
    name = layer.name or ("network" if layer.kind else "outside of layers")
    share = f"{layer.seconds / total:.0%}"
    texts = (f"{name}: {layer.kind} {share}", f"{name}: {share}", name)
    if room >= 3:
        shown = next((text for text in texts if len(text) <= room), name[:room])
        middle = (left + layer.seconds / 2) * 1e3
        axes.text(middle, layer.depth + 0.5, shown, ha="center", va="center", fontsize=8)


def _entitled(figure: Any, profile: Profile) -> None:
    given = f", input {profile.inputs}" if profile.inputs else ""
    title = f"{profile.name}, {profile.mode}{given}: {tables.seconds(profile.seconds)} a pass"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
