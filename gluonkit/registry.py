"""The model registry: networks by name, from gluonkit, from MXNet's zoos and from the user.

A *source* is where models come from: gluonkit itself (bare names), the user's own code (bare
names), or an outside zoo (names with the zoo's prefix, ``mxnet/resnet50_v2``). An outside zoo is
one file in `gluonkit.zoo`, which hands its models' records to `register_source`; they are asked
for only when a name or a listing needs them.
"""

from __future__ import annotations

import ast
import fnmatch
import inspect
import weakref
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

import mxnet as mx
from mxnet.registry import get_registry

from gluonkit._errors import ArgumentError, ArgumentTypeError, a_type, alternatives, unknown_name

Builder = TypeVar("Builder", bound=Callable[..., Any])

OWN_SOURCE = "gluonkit"
USER_SOURCE = "user"


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model before it is built.

    Attributes
    ----------
    name : the name that `create_model` takes, with its zoo's prefix if it has one.
    source : 'gluonkit', 'user' or the zoo's name.
    summary : one line that says what the network is.
    input_shape : an example input's shape, batch axis first, such as ``(1, 3, 224, 224)``.
    dtype : the example input's data type.
    hybridizable : whether `hybridize()` compiles the network as a whole.
    options : each keyword option of `create_model` for this model, with its default.
    reference : where the network comes from: a paper, a tutorial.
    aliases : other names under which the model is known.
    """

    name: str
    source: str
    summary: str
    input_shape: tuple[int, ...]
    dtype: str = "float32"
    hybridizable: bool = True
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    reference: str = ""
    aliases: tuple[str, ...] = ()
    builder: Callable[..., Any] = field(repr=False, compare=False, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON (the builder left out)."""
        record = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del record["builder"]
        return record | {
            "input_shape": list(self.input_shape),
            "options": dict(self.options),
            "aliases": list(self.aliases),
        }


_models: dict[str, ModelInfo] = {}  # by canonical name
_aliases: dict[str, str] = {}  # alias -> canonical name
_sources: dict[str, Callable[[], Iterable[ModelInfo]]] = {}
_loaded: set[str] = set()
_origins: MutableMapping[Any, str] = weakref.WeakKeyDictionary()  # network -> how it was made


def register_source(name: str, models: Callable[[], Iterable[ModelInfo]]) -> None:
    """Add an outside zoo: `models()` gives its records, and is called on first use.

    The names in the records carry the prefix ``name/``.
    """
    _sources[name] = models
    _loaded.discard(name)


def register_model(
    name: str,
    *,
    input_shape: tuple[int, ...],
    summary: str | None = None,
    dtype: str = "float32",
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
    name : the model's name: letters, digits, ``_``, ``-`` and ``.``; no ``/``, which is for zoos.
    input_shape : an example input's shape, batch axis first.
    summary : one line; by default the first line of the function's docstring.
    dtype : the example input's data type.
    hybridizable : False for a network that `hybridize()` compiles only in part or not at all.
    reference : where the network comes from.
    aliases : other names for it.
    source : whose model it is; leave it to gluonkit's own.
    replace : True to register a name anew.

    Raises
    ------
    ArgumentError
        (a ValueError) for a name or alias that is taken or malformed, an option without a
        default, a shape that is none.

    Examples
    --------
    >>> from gluonkit import create_model, nn, register_model
    >>> @register_model("two_layers", input_shape=(1, 8), replace=True)
    ... def two_layers(*, units=4):
    ...     "Two dense layers."
    ...     net = nn.HybridSequential()
    ...     net.add(nn.Dense(units, activation="relu"), nn.Dense(2))
    ...     return net
    >>> create_model("two_layers", units=3)[0].weight.shape[0]
    3
    """
    for each in (name, *aliases):
        _check_free(each, source, replace)
    info_shape = _checked_shape(input_shape)

    def decorate(builder: Builder) -> Builder:
        info = ModelInfo(
            name=name,
            source=source,
            summary=summary or (inspect.getdoc(builder) or "").partition("\n")[0],
            input_shape=info_shape,
            dtype=dtype,
            hybridizable=hybridizable,
            options=MappingProxyType(_options(builder, name)),
            reference=reference,
            aliases=aliases,
            builder=builder,
        )
        _add(info)
        return builder

    return decorate


def create_model(name: str, *, init: Any = None, ctx: Any = None, **options: Any) -> Any:
    """Build a registered model and return it, a plain Gluon block.

    Parameters
    ----------
    name : a name that `list_models` gives, an alias, or a zoo's model without the prefix where
        only one zoo has it.
    init : None leaves the parameters uninitialized, as Gluon does; True initializes them by
        MXNet's default; an initializer or its name, ``"xavier"``, by that.
    ctx : device, or list of devices, to initialize on; by default the current context.
    **options : the model's options, see `model_info`.

    Raises
    ------
    ArgumentError
        (a ValueError) for an unknown name, option or initializer, and for a `ctx` that would
        have no effect.

    Examples
    --------
    >>> from gluonkit import create_model
    >>> net = create_model("mlp", units=(5, 25), classes=2)
    >>> len(net)
    3
    """
    info = model_info(name)
    for option in options:
        if option not in info.options:
            valid = ", ".join(info.options) or "none"
            raise unknown_name(
                f"options of {info.name!r}", option, info.options, f"Its options: {valid}."
            )
    initializer = _initializer(init)
    pretrained = bool(options.get("pretrained"))
    if pretrained and initializer is not None:
        raise ArgumentError(
            f"`init` is {init!r} and `pretrained` is {options['pretrained']!r}; pretrained weights "
            "leave nothing to initialize, so give only one of them"
        )
    if ctx is not None and initializer is None and not pretrained:
        raise ArgumentError(
            f"`ctx` is {ctx}, but `init` is None, so nothing is put on a device yet; pass "
            "init=True (or an initializer) with it, or call net.initialize(ctx=...) later"
        )
    if pretrained and ctx is not None:
        options["ctx"] = ctx
    net = info.builder(**options)
    if initializer is not None:
        net.initialize(initializer, ctx=ctx)
    _note_origin(net, info.name, options)
    return net


def _note_origin(net: Any, name: str, options: Mapping[str, Any]) -> None:
    """Remember how a network was made, if that can be written as text."""
    kept = {
        key: value for key, value in options.items() if key not in ("pretrained", "ctx", "root")
    }
    text = f"{name}({', '.join(f'{key}={value!r}' for key, value in kept.items())})"
    try:
        readable = parse_model(text) == (name, kept)
    except ArgumentError:
        readable = False
    if readable:
        _origins[net] = text if kept else name


def origin(net: Any) -> str | None:
    """Return how `create_model` made a network: ``"mlp(units=(128, 64))"``.

    None for a network that it has not made, or with options that cannot be written as text.
    """
    return _origins.get(net)


def list_models(
    pattern: str = "*",
    *,
    source: str | None = None,
    exclude: str | Iterable[str] = (),
    hybridizable: bool | None = None,
) -> list[str]:
    """List the names of models: gluonkit's and the user's first, then the zoos', each sorted.

    Parameters
    ----------
    pattern : shell-style, ``"*resnet*50*"``; matched against the name with and without its
        zoo's prefix, and against aliases.
    source : only this source: 'gluonkit', 'user' or a zoo's name.
    exclude : pattern, or several, of names to leave out.
    hybridizable : True or False for only the models that can, or cannot, be hybridized.

    Examples
    --------
    >>> from gluonkit import list_models
    >>> list_models("*mlp", source="gluonkit")
    ['fancy_mlp', 'mix_mlp', 'mlp', 'nest_mlp', 'tied_mlp']
    """
    for argument, text in (("pattern", pattern), ("source", source)):
        if not isinstance(text, str) and (argument, text) != ("source", None):
            raise ArgumentTypeError(f"`{argument}` is {text!r}, {a_type(text)}; give text")
    excluded = (exclude,) if isinstance(exclude, str) else tuple(exclude)
    return [
        info.name
        for info in _infos(source)
        if _matches(info, pattern)
        and not any(_matches(info, each) for each in excluded)
        and hybridizable in (None, info.hybridizable)
    ]


def model_info(name: str) -> ModelInfo:
    """Return what is known of the model that `create_model` would build for `name`.

    Parameters
    ----------
    name : a name that `list_models` gives, an alias, or a zoo's model without the prefix where
        only one zoo has it.

    Raises
    ------
    ArgumentError
        (a ValueError) for an unknown name, with the nearest ones; for a bare name that several
        zoos have, with each reading.
    """
    if not isinstance(name, str):
        raise ArgumentTypeError(
            f"`name` is {name!r}, {a_type(name)}; give a model's name, such as 'lenet'"
        )
    known = {info.name: info for info in _infos()}
    found = known.get(_aliases.get(name, name))
    if found is not None:
        return found
    readings = [full for full in known if full.partition("/")[2] == name]
    if len(readings) == 1:
        return known[readings[0]]
    if readings:
        raise ArgumentError(
            f"`name` is {name!r}, which several zoos have; write {alternatives(readings)}"
        )
    names = {*known, *_aliases, *(full.partition("/")[2] for full in known if "/" in full)}
    raise unknown_name("name", name, names, "list_models() gives all names.")


def parse_model(text: str) -> tuple[str, dict[str, Any]]:
    """Split a model with options, written as a call, into name and options.

    ``"mlp(units=(256, 128), classes=2)"`` gives ``("mlp", {"units": (256, 128), "classes": 2})``;
    a bare name gives no options. Values are Python literals; nothing is executed.

    Raises
    ------
    ArgumentError
        (a ValueError) when the text is neither.
    """
    name, bracket, rest = text.strip().partition("(")
    if not bracket:
        return name, {}
    try:
        call = ast.parse(f"f({rest}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not text.strip().endswith(")"):
            raise ValueError("only options by keyword can be given")
        options = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise ArgumentError(
            f"`name` is {text!r}, which is not a model with options: {error}. Write it as a "
            "call with literal values, such as 'mlp(units=(256, 128), classes=2)'"
        ) from None
    return name.strip(), options


def _infos(source: str | None = None) -> list[ModelInfo]:
    """Return the records of one source or of all, own and user's models first."""
    sources = [OWN_SOURCE, USER_SOURCE, *_sources]
    if source is not None and source not in sources:
        raise unknown_name("source", source, sources, f"Sources: {', '.join(sources)}.")
    for zoo in _sources if source is None else {source} & set(_sources):
        if zoo not in _loaded:
            for info in _sources[zoo]():
                _add(info)
            _loaded.add(zoo)
    found = [info for info in _models.values() if source in (None, info.source)]
    return sorted(found, key=lambda info: ("/" in info.name, info.name))


def _add(info: ModelInfo) -> None:
    for alias in _models[info.name].aliases if info.name in _models else ():
        _aliases.pop(alias, None)
    _aliases.pop(info.name, None)
    _models[info.name] = info
    _aliases.update(dict.fromkeys(info.aliases, info.name))


def _matches(info: ModelInfo, pattern: str) -> bool:
    names = (info.name, info.name.partition("/")[2] or info.name, *info.aliases)
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for name in names)


def _check_free(name: str, source: str, replace: bool) -> None:
    if not isinstance(name, str):
        raise ArgumentTypeError(
            f"`name` is {name!r}, {a_type(name)}; write @register_model('a_name', "
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
            f"`input_shape` is {input_shape!r}; give the shape of an example input, batch axis "
            "first, such as (1, 3, 224, 224)"
        )
    return shape


def _options(builder: Callable[..., Any], name: str) -> dict[str, Any]:
    """Read a model's options and their defaults off its builder's signature."""
    options = {}
    for parameter in inspect.signature(builder).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.default is parameter.empty:
            raise ArgumentError(
                f"`{parameter.name}` of the builder of {name!r} has no default; every option "
                "needs one, so that create_model works with the name alone"
            )
        options[parameter.name] = parameter.default
    return options


def _initializer(init: Any) -> Any:
    """Return an MXNet initializer for what the caller passed as `init`; None for none."""
    if init is None or init is False:
        return None
    if init is True:
        return mx.init.Uniform()  # what Block.initialize() takes by default
    if isinstance(init, str):
        known = get_registry(mx.init.Initializer)  # the user's registered ones included
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
    if isinstance(init, type) or not callable(init):
        raise ArgumentTypeError(
            f"`init` is {init!r}; give None, True, an initializer such as mx.init.Xavier(), or "
            "its name"
        )
    return init
