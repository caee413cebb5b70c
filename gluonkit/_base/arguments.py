"""Arguments checked by the annotations of what is called, and mistaken calls explained."""

from __future__ import annotations

import difflib
import inspect
import math
import operator
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from numbers import Real
from typing import Any, Literal, NamedTuple, TypeVar

from gluonkit._base.checks import described, is_flag, is_of_numpy, some, told
from gluonkit.errors import ArgumentError, ArgumentTypeError

Function = TypeVar("Function", bound=Callable[..., Any])

_DATA = (["train"], ["data"])
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

# What others call an argument, and what to write here; the word before "=" is an argument of ours.
_OTHERS = {
    "lr": 'optimizer_params={"learning_rate": ...}',
    "learning_rate": 'optimizer_params={"learning_rate": ...}',
    "momentum": 'optimizer="sgd", optimizer_params={"momentum": ...}',
    "wd": 'optimizer_params={"wd": ...}',
    "weight_decay": 'optimizer_params={"wd": ...}',
    "batch": "batch_size=...",
    "n_epochs": "epochs=...",
    "num_epochs": "epochs=...",
    "val_data": "val=...",
    "valid": "val=...",
    "validation_data": "val=...",
    "verbose": "progress=...",
    "context": "ctx=...",
    "device": "ctx=...",
    "criterion": "loss=...",
    "loss_fn": "loss=...",
}


def checked_but(*own: str) -> Callable[[Function], Function]:
    """Return `checked` without some arguments, for which the function has better words."""

    def decorate(function: Function) -> Function:
        return checked(function, own)

    return decorate


def checked(function: Function, own: Sequence[str] = ()) -> Function:
    """Check the arguments of every call by the function's annotations, before anything is done.

    Strings for numbers, NaN, a class for an instance, a single value for a list and so on are
    refused in the same words everywhere, and so are arguments that there are not. What is annotated
    as `Any`, or by MXNet's classes, the function checks itself.
    """
    signature = inspect.signature(function)

    @cache
    def kinds() -> dict[str, tuple[Kind, ...]]:
        hints = hints_of(function, own)
        return {
            name: accepted
            for name in signature.parameters
            if name not in own
            if (accepted := _kinds(hints.get(name, Any)))
            and signature.parameters[name].kind is not inspect.Parameter.VAR_KEYWORD
        }

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            given = signature.bind(*args, **options).arguments
        except TypeError:
            raise _mistaken(function, signature, len(args), options) from None
        for name, allowed in kinds().items():
            if name in given:
                check_argument(name, given[name], allowed)
        return function(*args, **options)

    vars(call)["unchecked"] = tuple(own)
    return typing.cast(Function, call)


def hints_of(function: Callable[..., Any], own: Sequence[str] = ()) -> dict[str, Any]:
    """Return a function's annotations, but for some arguments.

    The classes of these may be of rooms above the function's, and imported for type checkers only.
    """
    notes = {name: note for name, note in function.__annotations__.items() if name not in own}
    noted = types.SimpleNamespace(__annotations__=notes)
    return typing.get_type_hints(noted, inspect.unwrap(function).__globals__)


class Kind(NamedTuple):
    """A kind of value: how it is called in messages, and what is one."""

    words: str
    accepts: Callable[[Any], bool]
    base: type | None = None


def check_argument(name: str, value: Any, allowed: Sequence[Kind]) -> None:
    """Refuse a value that is of none of the kinds."""
    if any(kind.accepts(value) for kind in allowed):
        return
    wants_list = any(kind.words.startswith("a list") for kind in allowed)
    shown = [kind for kind in allowed if not (wants_list and kind is _PLAIN[type(None)])]
    words = _either([kind.words for kind in shown])
    if isinstance(value, Real) and math.isnan(value):
        raise ArgumentError(f"`{name}` is {value}, not a number; give {words}")
    if isinstance(value, type):
        made = any(kind.base and issubclass(value, kind.base) for kind in allowed)
        fix = f"create an instance first: {value.__name__}(...)" if made else f"give {words}"
        raise ArgumentTypeError(f"`{name}` is the class {value.__name__}; {fix}")
    if wants_list and value is not None and not isinstance(value, (Mapping, Iterable)):
        inner = told(value) if isinstance(value, Real) else f"{type(value).__name__}(...)"
        words += f": {name}=[{inner}]"
    raise ArgumentTypeError(f"`{name}` is {described(value)}; give {words}")


def _either(words: Sequence[str]) -> str:
    """Join what is allowed: ``'text or None'``, ``'True, False or None'``."""
    flat = [word for group in words for word in group.split(" or ")]
    return " or ".join(filter(None, (", ".join(flat[:-1]), flat[-1])))


def _is_whole(value: Any) -> bool:
    # `operator.index` takes True for 1, and arrays of one number.
    if is_flag(value) or is_of_numpy(value, "ndarray"):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not is_flag(value) and not math.isnan(value)


def _is_list(value: Any) -> bool:
    # NumPy's arrays of no axis cannot be gone through, and MXNet's sparse arrays have no end.
    array = getattr(value, "ndim", 1) == 0 or hasattr(value, "stype")
    return (
        isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)) and not array
    )


_PLAIN = {
    bool: Kind("True or False", is_flag),
    int: Kind("a whole number", _is_whole),
    float: Kind("a number", _is_number),
    str: Kind("text", lambda value: isinstance(value, str)),
    bytes: Kind("bytes", lambda value: isinstance(value, bytes)),
    type(None): Kind("None", lambda value: value is None),
}
FLAG, NUMBER, TEXT, WHOLE = (_PLAIN[kind] for kind in (bool, float, str, int))

_PATH = Kind("a path", lambda value: isinstance(value, (str, os.PathLike)))


# Records are handed from one function to another, and mistaken for what they are made of.
_MADE_BY = {"Activations": "activations(net, x)", "ParametersStats": "params.stats(net)"}


def _kinds(hint: Any) -> tuple[Kind, ...]:
    """Return the kinds of values that an annotation allows; none if it allows any."""
    members = typing.get_args(hint) if _is_union(hint) else (hint,)
    kinds = [_kind(member) for member in members]
    if _PATH in kinds:
        kinds = [kind for kind in kinds if kind is not _PLAIN[str]]
    return tuple(kind for kind in kinds if kind) if None not in kinds else ()


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _kind(hint: Any) -> Kind | None:
    """Return the kind of one member of an annotation; None for what is not checked here."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin = typing.get_origin(hint) or hint
    if origin is Literal:  # which name it is, the function itself checks
        return _PLAIN.get(type(typing.get_args(hint)[0]))
    if not isinstance(origin, type):
        return None
    if issubclass(origin, os.PathLike):
        return _PATH
    if origin is typing.get_origin(Callable[..., Any]):
        takes = typing.get_args(hint)[:1]  # `...` for any arguments
        return function_of(len(takes[0]) if takes and isinstance(takes[0], list) else None)
    if issubclass(origin, Mapping):
        return Kind("a dict", lambda value: isinstance(value, Mapping))
    if origin in (list, tuple, Sequence, Iterable, set):
        return _list(typing.get_args(hint), single=origin in (Sequence, Iterable))
    if origin.__module__.startswith("gluonkit"):
        name = f"{'an' if origin.__name__[0] in 'AEIOU' else 'a'} {origin.__name__}"
        if origin.__name__ in _MADE_BY:
            name += f", which {_MADE_BY[origin.__name__]} returns"
        return Kind(name, _accepts(origin), origin)
    return None


def function_of(count: int | None) -> Kind:
    """Return the kind of a function of so many arguments; of None, of any."""
    if count is None:
        return Kind("a function", callable)

    def accepts(value: Any) -> bool:
        if not callable(value):
            return False
        try:
            inspect.signature(value).bind(*range(count))
        except ValueError:  # a builtin without a signature
            return True
        except TypeError:
            return False
        return True

    return Kind(f"a function of {'1 argument' if count == 1 else f'{count} arguments'}", accepts)


def _accepts(kind: type) -> Callable[[Any], bool]:
    """Return whether a value is of a class; of a class of tuples, also a part of one."""
    bases = getattr(kind, "__orig_bases__", ())
    of: Any = next((typing.get_args(b)[0] for b in bases if typing.get_origin(b) is tuple), None)

    def accepts(value: Any) -> bool:
        part = of is not None and isinstance(value, (tuple, list))
        return isinstance(value, kind) or (part and all(isinstance(v, of) for v in value))

    return accepts


def _list(of: tuple[Any, ...], *, single: bool) -> Kind:
    """Return the kind of a list whose elements are of a kind; a `single` text may stand alone."""
    element = next((_PLAIN[part] for part in of if part in _PLAIN), None)
    if element is None:
        return Kind("a list", _is_list)
    plural = {"text": "texts", "a whole number": "whole numbers", "a number": "numbers"}
    words = plural.get(element.words, "")

    def accepts(value: Any) -> bool:
        if (isinstance(value, (Sequence, set)) or is_of_numpy(value, "ndarray")) and _is_list(
            value
        ):
            return all(map(element.accepts, value))
        return _is_list(value) or (single and isinstance(value, str) and element.accepts(value))

    return Kind(f"a list of {words}" if words else "a list", accepts)


TEXTS = _list((str,), single=False)


def _mistaken(
    function: Callable[..., Any],
    signature: inspect.Signature,
    given: int,
    options: Mapping[str, Any],
) -> ArgumentTypeError:
    """Return the error for a call whose arguments are not those of the function."""
    parameters = [p for name, p in signature.parameters.items() if name not in ("self", "cls")]
    method = len(parameters) < len(signature.parameters)
    name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
    names = [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_POSITIONAL]
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    for option in options:
        if option not in names and not takes_any:
            return ArgumentTypeError(f"`{option}` is no argument of {name}{_meant(option, names)}")
    positional = [p.name for p in parameters if p.kind in _POSITIONAL]
    takes_all = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    if given - method > len(positional) and not takes_all:
        others = some((f"{other}=" for other in names[len(positional) :]), 6)
        # Keras takes them as two.
        pair = (
            " Data and labels are one argument: (data, label)." if positional[1:] in _DATA else ""
        )
        return ArgumentTypeError(
            f"{name} takes {', '.join(positional) or 'nothing'} without a name, and "
            f"{given - method} arguments are given so; "
            f"{f'name the others: {others}.' if others else 'leave the others out.'}{pair}"
        )
    there = {*positional[: given - method], *options}
    needs = [p for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
    missing = [p.name for p in needs if p.default is p.empty and p.name in names]
    missing = [name for name in missing if name not in there]
    if missing:
        needed = ", ".join(f"`{argument}`" for argument in missing)
        verb = "is" if len(missing) == 1 else "are"
        return ArgumentTypeError(f"{needed} {verb} missing: {name}{_short(parameters)}")
    twice = next(option for option in options if option in positional[: given - method])
    return ArgumentTypeError(f"`{twice}` is given twice to {name}: by its place and by its name")


def _meant(option: str, names: Sequence[str]) -> str:
    """Return what may have been meant by an argument that there is not."""
    ours = _OTHERS.get(option, "")
    if ours.partition("=")[0] in names:
        return f"; give {ours}"
    near = difflib.get_close_matches(option, names, n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(f'{other}=' for other in near)}?"
    return f"; it takes {', '.join(names)}"


def _short(parameters: Sequence[inspect.Parameter]) -> str:
    """Return a signature without what has a default: ``(net, train, epochs=...)``."""
    needed = [p for p in parameters if p.default is p.empty]
    parts = [
        str(p.name)
        if p.kind in _POSITIONAL
        else f"*{p.name}"
        if p.kind is inspect.Parameter.VAR_POSITIONAL
        else f"{p.name}=..."
        for p in needed
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    return f"({', '.join(parts)})"
