"""Networks made by name."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, MutableMapping
from typing import Any

import mxnet as mx
from mxnet import gluon
from mxnet.registry import get_registry

from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import MOST_NUMBERS, described, last_line, unknown_name, whole_number
from gluonkit._base.kinds import Contexts
from gluonkit._base.lookup import check_options, parse_model
from gluonkit.errors import ArgumentError, ArgumentTypeError, GluonkitError
from gluonkit.models.info import ModelInfo
from gluonkit.models.initializers import set_usual
from gluonkit.models.registry import model_info
from gluonkit.system.devices import check_contexts

ABOUT_VALUES = (
    "pretrained",
    "pretrained_base",
    "root",
    "ctx",
)  # not about the network's structure

_origins: MutableMapping[Any, str] = weakref.WeakKeyDictionary()  # network -> how it was made
_chosen: MutableMapping[Any, Mapping[str, Any]] = weakref.WeakKeyDictionary()  # see `note_options`


@checked_but("name")
def create_model(name: str, *, init: Any = None, ctx: Contexts = None, **options: Any) -> Any:
    """Build a registered model and return it, a plain Gluon block.

    Parameters
    ----------
    name : str
        A name that `list_models` gives, an alias, or a zoo's model without the prefix where only
        one zoo has it.
    init : bool, str, mx.init.Initializer or Path, optional
        An initializer, or its name (``"xavier"``); True for MXNet's default. None leaves the
        parameters uninitialized, as Gluon does.
    ctx : Context or list of Context, optional
        Device, or list of devices, to initialize or load on; by default the current context.
    **options : object
        The model's options, see `model_info`. Models of the zoos share two of them.
        ``pretrained=True`` loads the weights that the zoo publishes (`ModelInfo.published`) from
        the folder `root`, by default ``$MXNET_HOME/models`` or ``~/.mxnet/models``; missing files
        are downloaded from MXNet's servers, or those in the variable ``MXNET_GLUON_REPO``,
        separated by commas. ``pretrained="file.params"`` loads any file that `load` reads. If the
        weights are for another number of classes than `classes`, the head is initialized instead,
        with a `DroppedWeightsWarning`.

    Returns
    -------
    gluon.Block
        The network, in plain Gluon.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an unknown name, option or initializer, for a `ctx` that would have no effect, and for
        weights that are not published; for options with which the model cannot be made.
    CheckpointError
        When the weights cannot be downloaded or read, with what was tried and where to put the file
        by hand; when a file is damaged or does not fit.

    Notes
    -----
    `mx.gluon.model_zoo.vision.get_model` fails for pretrained weights with another number of
    classes; this replaces the head, as `timm.create_model` does for PyTorch.

    Examples
    --------
    >>> import gluonkit as gk
    >>> net = gk.create_model("mlp", units=(5, 25), classes=2)
    >>> len(net)
    3
    """
    info = model_info(name)
    check_options(info, options)
    initializer = initializer_of(init)
    if ctx is not None:
        check_contexts(ctx)
    pretrained, base = bool(options.get("pretrained")), bool(options.get("pretrained_base"))
    if pretrained and initializer is not None:
        raise ArgumentError(
            f"`init` is {init!r} and `pretrained` is {options['pretrained']!r}; pretrained weights "
            "leave nothing to initialize, so give only one of them"
        )
    if ctx is not None and initializer is None and not (pretrained or base):
        raise ArgumentError(
            f"`ctx` is {ctx}, but `init` is None, so nothing is put on a device yet; pass "
            "init=True (or an initializer) with it, or call net.initialize(ctx=...) later"
        )
    if (pretrained or base) and ctx is not None:
        # The zoo's builder loads the weights, and so has to know the device.
        options["ctx"] = ctx
    net = _built(info, options)
    # Before `initialize`, which looks for a parameter's own initializer.
    net.apply(_set_usual)
    if base and initializer is not None:
        _initialize_rest(net, initializer, ctx)
    elif initializer is not None:
        net.initialize(initializer, ctx=ctx)
    _note_origin(net, info.name, options)
    return net


def _built(info: ModelInfo, options: Mapping[str, Any]) -> Any:
    """Call a model's builder; what it cannot make of its options is the caller's mistake."""
    if "classes" in options and isinstance(info.options["classes"], int):
        # Gluon takes anything, and fails in the first pass.
        whole_number("classes", options["classes"], most=MOST_NUMBERS)
    try:
        return info.builder(**options)
    except (TypeError, ValueError, AssertionError, LookupError, ArithmeticError) as error:
        if not options or isinstance(error, GluonkitError):
            raise
        given, usual = (
            ", ".join(f"{name}={value!r:.60}" for name, value in values.items())
            for values in (options, {name: info.options.get(name) for name in options})
        )
        raise ArgumentError(
            f"{info.name!r} cannot be made with {given}: {type(error).__name__}: "
            f"{last_line(error)}. The default is {usual}"
        ) from error


def _set_usual(block: gluon.Block) -> None:
    if isinstance(block, gluon.SymbolBlock):
        set_usual(block.params.values())


def _initialize_rest(net: Any, initializer: Any, ctx: Contexts) -> None:
    """Initialize parameters without values; for the others `initialize()` would warn one by one."""
    for parameter in net.collect_params().values():
        if parameter._data is None:
            # As the default: the first argument would override a parameter's own initializer, such
            # as the zeros of a bias.
            parameter.initialize(None, ctx, initializer)


def note_options(net: Any, **options: Any) -> None:
    """Record, in a builder, options that it chose and that are needed to rebuild the network.

    Parameters
    ----------
    net : gluon.Block
        The network that is being built.
    **options : object
        Options, as `create_model` would take them.
    """
    _chosen[net] = options


def _note_origin(net: Any, name: str, options: Mapping[str, Any]) -> None:
    """Record how a network was built, if that can be written as text."""
    kept = {
        key: value
        for key, value in {**options, **_chosen.pop(net, {})}.items()
        if key not in ABOUT_VALUES
    }
    text = f"{name}({', '.join(f'{key}={value!r}' for key, value in kept.items())})"
    # Not everything's `repr` is a literal: only what reads back the same can rebuild the network.
    try:
        readable = parse_model(text) == (name, kept)
    except ArgumentError:
        readable = False
    if readable:
        _origins[net] = text if kept else name


def origin(net: Any) -> str | None:
    """Return how `create_model` built a network: ``"mlp(units=(128, 64))"``.

    Parameters
    ----------
    net : gluon.Block
        Any network.

    Returns
    -------
    str or None
        None for a network built otherwise, or with options that cannot be written as text.
    """
    return _origins.get(net)


def note_classes(net: Any, classes: int | None) -> None:
    """Record that a network now distinguishes another number of classes than it was built for.

    How it was built is forgotten where `classes` is None, or is not an option of the model.

    Parameters
    ----------
    net : gluon.Block
        The network.
    classes : int or None
        The new number of classes.
    """
    text = _origins.pop(net, None)
    if text is None or classes is None:
        return
    name, options = parse_model(text)
    if "classes" in model_info(name).options:
        _note_origin(net, name, options | {"classes": classes})


def initializer_of(init: Any) -> Any:
    """Return the initializer that an argument `init` means.

    Parameters
    ----------
    init : bool, str or mx.init.Initializer, optional
        True for MXNet's default; an initializer, or its name.

    Returns
    -------
    mx.init.Initializer or None
        None when `init` is None or False.

    Raises
    ------
    ArgumentError
        For an unknown name, and for an initializer that needs arguments.
    ArgumentTypeError
        For anything else that is not an initializer.
    """
    if init is None or init is False:
        return None
    if init is True:
        return mx.init.Uniform()  # what Block.initialize() takes by default
    if isinstance(init, str):
        known = get_registry(mx.init.Initializer)  # including the user's
        if init.lower() not in known:
            raise unknown_name(
                "init", init, known, "Any initializer of mx.init works, by name or as an object."
            )
        try:
            return known[init.lower()]()
        except TypeError as error:
            raise ArgumentError(
                f"`init` is {init!r}, an initializer that cannot be made without arguments "
                f"({error}); pass the object, such as mx.init.Constant(0.1)"
            ) from None
    # MXNet takes no other objects, though it can call them.
    if not isinstance(init, mx.init.Initializer):
        raise ArgumentTypeError(
            f"`init` is {described(init)}; give None, True, an initializer such as "
            "mx.init.Xavier(), or its name"
        )
    return init
