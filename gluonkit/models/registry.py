"""The model registry: networks by name, from gluonkit, from MXNet's zoos and from the user.

A *source* is where models come from: gluonkit itself (bare names), the user's own code (bare
names), or an outside zoo (names with the zoo's prefix, ``mxnet/resnet50_v2``). An outside zoo is
one file in `gluonkit.zoo`, which hands its models' records to `register_source`; they are asked
for only when a name or a listing needs them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any, TypeVar

import numpy

from gluonkit._base.arguments import checked, checked_but
from gluonkit._base.checks import described, told
from gluonkit._base.lookup import check_choice, matches, resolved
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.models.info import ModelInfo, ModelInput

Builder = TypeVar("Builder", bound=Callable[..., Any])

OWN_SOURCE = "gluonkit"
USER_SOURCE = "user"

_models: dict[str, ModelInfo] = {}  # by canonical name
_aliases: dict[str, str] = {}  # alias -> canonical name
_sources: dict[str, Callable[[], Iterable[ModelInfo]]] = {}
_loaded: set[str] = set()


@checked
def register_source(name: str, models: Callable[[], Iterable[ModelInfo]]) -> None:
    """Add an outside zoo. The names of its models carry the prefix ``name/``.

    Parameters
    ----------
    name : str
        The zoo's name.
    models : callable
        Returns the zoo's `ModelInfo` records; called when they are first needed.
    """
    _sources[name] = models
    # A zoo that is registered again is asked again.
    _loaded.discard(name)


@checked_but("name", "input_shape")
def register_model(
    name: str,
    *,
    input_shape: tuple[int, ...],
    summary: str | None = None,
    dtype: str = "float32",
    task: str = "",
    hybridizable: bool = True,
    reference: str = "",
    aliases: tuple[str, ...] = (),
    source: str = USER_SOURCE,
    replace: bool = False,
) -> Callable[[Builder], Builder]:
    """Register the decorated function or Block class as a model.

    The function is called with the options only and returns a Gluon block; its keyword
    parameters, which must all have defaults, are the model's options.

    Parameters
    ----------
    name : str
        The model's name: letters, digits, ``_``, ``-`` and ``.``; no ``/``, which is for zoos.
    input_shape : tuple of int
        An example input's shape, batch axis first.
    summary : str, optional
        One line; by default the first line of the function's docstring.
    dtype : str, default 'float32'
        The example input's data type.
    task : str, default ''
        What it is for, such as 'classification'.
    hybridizable : bool, default True
        False for a network that `hybridize()` compiles only in part or not at all.
    reference : str, default ''
        Where the network comes from.
    aliases : tuple of str, default ()
        Other names for it.
    source : str, optional
        The source, 'user' by default; other values are for gluonkit itself.
    replace : bool, default False
        Whether to replace a model of this name.

    Returns
    -------
    callable
        A decorator, which returns the function unchanged.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For a name or alias that is taken or malformed, an option without a default, and an
        `input_shape` that is not a tuple of positive numbers.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit import nn
    >>> @gk.register_model("two_layers", input_shape=(1, 8), replace=True)
    ... def two_layers(*, units=4):
    ...     "Two dense layers."
    ...     net = nn.HybridSequential()
    ...     net.add(nn.Dense(units, activation="relu"), nn.Dense(2))
    ...     return net
    >>> gk.create_model("two_layers", units=3)[0].weight.shape[0]
    3
    """
    for known in (name, *aliases):
        _check_free(known, source, replace)
    shape = _checked_shape(input_shape)
    try:
        numpy.dtype(dtype)
    except TypeError:
        raise ArgumentError(
            f"`dtype` is {dtype!r}, which NumPy does not know; give one such as 'float32'"
        ) from None

    def decorate(builder: Builder) -> Builder:
        # When it is registered, not when it is built: a mistake is told where it was made.
        options = _options(builder, name)
        classes = options.get("classes")
        info = ModelInfo(
            name=name,
            source=source,
            summary=summary or (inspect.getdoc(builder) or "").partition("\n")[0],
            inputs=(ModelInput(shape, dtype),),
            task=task,
            classes=classes if isinstance(classes, int) else None,
            hybridizable=hybridizable,
            options=MappingProxyType(options),
            reference=reference,
            aliases=aliases,
            builder=builder,
        )
        _add(info)
        return builder

    return decorate


@checked
def list_models(
    pattern: str = "*",
    *,
    source: str | None = None,
    task: str | None = None,
    exclude: str | Iterable[str] = (),
    hybridizable: bool | None = None,
) -> list[str]:
    """List the names of models: gluonkit's and the user's first, then the zoos', each sorted.

    Parameters
    ----------
    pattern : str, default '*'
        Shell-style, ``"*resnet*50*"``; matched against the name with and without its zoo's prefix,
        and against aliases.
    source : str, optional
        Only models of this source: 'gluonkit', 'user' or a zoo's name.
    task : str, optional
        Only models for this: 'classification', 'detection', ...
    exclude : str or iterable of str, default ()
        Pattern, or several, of names to leave out.
    hybridizable : bool, optional
        True for only the models that can be hybridized, False for only the others.

    Returns
    -------
    list of str
        Names that `create_model` takes.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an unknown source or task, and arguments that are not text.

    Examples
    --------
    >>> import gluonkit as gk
    >>> gk.list_models("*mlp", source="gluonkit")
    ['fancy_mlp', 'mix_mlp', 'mlp', 'nest_mlp', 'tied_mlp']
    """
    for argument, text in (("pattern", pattern), ("source", source), ("task", task)):
        if not isinstance(text, str) and (text is not None or argument == "pattern"):
            raise ArgumentTypeError(f"`{argument}` is {described(text)}; give text")
    excluded = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    infos = _infos(source)
    check_choice("task", task, sorted({info.task for info in infos} - {""}), "Tasks")
    return [
        info.name
        for info in infos
        if matches(info, pattern)
        and task in (None, info.task)
        and not any(matches(info, left_out) for left_out in excluded)
        and hybridizable in (None, info.hybridizable)
    ]


@checked_but("name")
def model_info(name: str) -> ModelInfo:
    """Return what is known of the model that `create_model` would build for a name.

    Parameters
    ----------
    name : str
        A name that `list_models` gives, an alias, or a zoo's model without the prefix where only
        one zoo has it.

    Returns
    -------
    ModelInfo
        Its inputs, options, source and published weights.

    Raises
    ------
    ArgumentError
        For an unknown name, with the nearest ones; for a name without prefix that several zoos
        have, with each full name.
    ArgumentTypeError
        For a name that is not text.
    """
    return info_of("name", name)


def info_of(argument: str, name: str) -> ModelInfo:
    """Return the record of the model that an argument names, as `model_info` does."""
    if not isinstance(name, str):
        raise ArgumentTypeError(
            f"`{argument}` is {described(name)}; give a model's name, such as 'lenet'"
        )
    _load(_sources)
    return resolved(name, _models, _aliases, "list_models() gives all names.", argument)


def _infos(source: str | None = None) -> list[ModelInfo]:
    """Return the records of one source or of all, own and user's models first."""
    sources = [OWN_SOURCE, USER_SOURCE, *_sources]
    check_choice("source", source, sources, "Sources")
    _load(_sources if source is None else {source} & set(_sources))
    infos = [info for info in _models.values() if source in (None, info.source)]
    # False comes before True: names without a zoo's prefix first.
    return sorted(infos, key=lambda info: ("/" in info.name, info.name))


def _load(zoos: Iterable[str]) -> None:
    """Get the records of zoos that have not been loaded yet."""
    for zoo in zoos:
        if zoo not in _loaded:
            for info in _sources[zoo]():
                _add(info)
            _loaded.add(zoo)


def _add(info: ModelInfo) -> None:
    # A replaced model's aliases go with it, and a name that was an alias is one no more.
    for alias in _models[info.name].aliases if info.name in _models else ():
        _aliases.pop(alias, None)
    _aliases.pop(info.name, None)
    _models[info.name] = info
    _aliases.update(dict.fromkeys(info.aliases, info.name))


def _check_free(name: str, source: str, replace: bool) -> None:
    if not isinstance(name, str):
        raise ArgumentTypeError(
            f"`name` is {described(name)}; write @register_model('a_name', "
            "input_shape=...) above the function"
        )
    if not name.replace("_", "").replace("-", "").replace(".", "").isalnum():
        raise ArgumentError(
            f"`name` is {name!r}; a model's name has letters, digits, '_', '-' and '.' only"
        )
    taken = _models.get(_aliases.get(name, name))
    if taken is not None and not replace:
        raise ArgumentError(
            f"`name` is {name!r}, which is registered already (source {taken.source!r}: "
            f"{taken.summary!r}); choose another, or pass replace=True"
        )


def _checked_shape(input_shape: tuple[int, ...]) -> tuple[int, ...]:
    try:
        shape = tuple(input_shape)
    except TypeError:
        shape = ()
    if not shape or not all(isinstance(size, int) and size > 0 for size in shape):
        raise ArgumentError(
            f"`input_shape` is {told(input_shape)}; give the shape of an example input, batch axis "
            "first, such as (1, 3, 224, 224)"
        )
    return shape


def _options(builder: Callable[..., Any], name: str) -> dict[str, Any]:
    """Return a model's options with their defaults, from its builder's signature."""
    options = {}
    for parameter in inspect.signature(builder).parameters.values():
        # What `**options` would take is not known beforehand, and a misspelled name would pass.
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.default is parameter.empty:
            raise ArgumentError(
                f"`{parameter.name}` of the builder of {name!r} has no default; every option "
                "needs one, so that create_model works with the name alone"
            )
        options[parameter.name] = parameter.default
    return options
