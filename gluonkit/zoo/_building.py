"""Making a zoo's network: with the weights that the zoo publishes, with a file's, or with none."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import mxnet as mx

from gluonkit._base.checks import checked_path, described
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.models.downloads import ensure, folder
from gluonkit.models.finetuning import replace_head
from gluonkit.models.published import Published
from gluonkit.system.devices import check_contexts
from gluonkit.system.modes import in_both_modes, legacy
from gluonkit.zoo._files import load_weights

_OF_WEIGHTS = ("pretrained", "pretrained_base", "root", "ctx")


def build(
    make: Callable[..., Any],
    *,
    name: str,
    options: Mapping[str, Any],
    published: Sequence[Published] = (),
    base: Sequence[Published] | None = None,
    classes: int | None = None,
    own_head: bool = True,
    home_first: bool = False,
) -> Any:
    """Build a zoo's network, usable in both array modes.

    Parameters
    ----------
    make : callable
        The zoo's own builder, called in legacy mode with the options that are not None. Where the
        zoo is to load weights it is called with `pretrained` or `pretrained_base`, `root` and
        `ctx`; without, it must load none.
    name : str
        The network's name, for messages.
    options : mapping
        The user's options.
    published : sequence of Published, default ()
        The files that ``pretrained=True`` needs; empty if the zoo has no weights.
    base : sequence of Published, optional
        The files that ``pretrained_base=True`` needs; None if the builder has no such option.
    classes : int, optional
        The default of the option `classes`; None for a network without it.
    own_head : bool, default True
        Whether the builder has the option `classes`; otherwise the head is replaced.
    home_first : bool, default False
        See `downloads.folder`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `pretrained` is True and the zoo has no weights, or when it is neither True, False nor
        a path.
    CheckpointError
        When a published file cannot be downloaded, or the user's file does not fit.
    """
    # None stands for the zoo's own default, which only its builder knows.
    given = {option: value for option, value in options.items() if value is not None}
    own = {option: value for option, value in given.items() if option not in _OF_WEIGHTS}
    pretrained = _checked(given.get("pretrained", False), name, published)
    if base is not None:
        # The whole network's weights include those of its base.
        own["pretrained_base"] = bool(given.get("pretrained_base")) and not pretrained
    if not own_head:
        make = partial(_with_head, make)
    # Devices are checked before anything is downloaded.
    contexts = []
    if pretrained or own.get("pretrained_base"):
        contexts = check_contexts(given.get("ctx", mx.current_context()))
    # The zoos' networks are written for legacy mode; many fail in NumPy mode.
    with legacy():
        if isinstance(pretrained, Path):
            net = load_weights(make, own, pretrained, contexts, name=name, classes=classes)
        elif pretrained:
            there = _placed(published, given.get("root"), contexts, home_first)
            net = _published(make, own, there, classes)
        elif own.get("pretrained_base"):
            net = make(**own, **_placed(base or (), given.get("root"), contexts, home_first))
        else:
            net = make(**own)
    return in_both_modes(net)


def _with_head(make: Callable[..., Any], *, classes: Any = None, **options: Any) -> Any:
    net = make(**options)
    return net if classes is None else replace_head(net, classes)


def _checked(pretrained: Any, name: str, published: Sequence[Published]) -> bool | Path:
    """Return whether weights are wanted, or the path of the file that has them."""
    if isinstance(pretrained, (str, os.PathLike)):
        return checked_path("pretrained", pretrained)
    if not isinstance(pretrained, bool):
        raise ArgumentTypeError(
            f"`pretrained` is {described(pretrained)}; give True for the weights "
            "that the zoo publishes, or the path of a file of weights"
        )
    if pretrained and not published:
        raise ArgumentError(
            f"`pretrained` is True, but no weights of {name} are published; leave it out, or give "
            "a file of your own, such as pretrained='file.params'"
        )
    return pretrained


def _placed(
    files: Sequence[Published], root: Any, contexts: Sequence[Any], home_first: bool
) -> dict[str, Any]:
    """Put published files where the zoo looks for them; return its options for that."""
    place = folder(root, home_first=home_first)
    for file in files:
        ensure(file, place)
    return {"root": str(place), "ctx": contexts[0] if len(contexts) == 1 else list(contexts)}


def _published(
    make: Callable[..., Any], own: Mapping[str, Any], there: Mapping[str, Any], classes: int | None
) -> Any:
    """Build a network with the zoo's weights, and replace its head if other classes are wanted."""
    # The zoo's weights fit the classes that they were trained for, and no others.
    options = {option: value for option, value in own.items() if option != "classes"}
    net = make(**options, pretrained=True, **there)
    if own.get("classes", classes) != classes:
        replace_head(net, own["classes"])
    return net
