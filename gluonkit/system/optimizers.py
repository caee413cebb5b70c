"""Optimizers: what may be given as `optimizer`."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import mxnet as mx

from gluonkit._base.arguments import FLAG, NUMBER, check_argument
from gluonkit._base.checks import described, in_float32, last_line, rate, some, unknown_name
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.system.schedules import OneCycle, WarmupCosine


def runs_code(optimizer: Any) -> bool:
    """Return whether an optimizer, or its schedule, calls code that may be the user's."""
    schedule = optimizer.lr_scheduler
    # By the exact class, as a subclass may override anything.
    own = type(optimizer) in vars(mx.optimizer).values()
    return not own or (
        schedule is not None
        and type(schedule) not in vars(mx.lr_scheduler).values()
        and type(schedule) not in (OneCycle, WarmupCosine)
    )


def resolve_optimizer(optimizer: Any, params: Mapping[str, Any] | None) -> Any:
    """Return an optimizer of MXNet, given by name and options or as an object.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an unknown name or option, a value that is no number, and options beside an object.
    """
    if isinstance(optimizer, mx.optimizer.Optimizer):
        rate("optimizer", "lr", optimizer.lr)
        rate("optimizer", "wd", optimizer.wd)
        if params:
            raise ArgumentError(
                "`optimizer_params` is given with an optimizer that is made already; set its "
                "options where it is made"
            )
        return optimizer
    if not isinstance(optimizer, str):
        raise ArgumentTypeError(
            f"`optimizer` is {described(optimizer)}; give a name, such as 'adam', or an "
            "mx.optimizer object"
        )
    known = mx.optimizer.Optimizer.opt_registry
    # MXNet registers its classes by their names in lower case, and looks them up so.
    if optimizer.lower() not in known:
        raise unknown_name("optimizer", optimizer, known, f"Choose of: {', '.join(sorted(known))}.")
    options = dict(params or {})
    known_options = _options(known[optimizer.lower()])
    for name, value in options.items():
        _check_option(name, value, known_options.get(name))
    # Adam and others have a rate by default, which MXNet would give to the schedule as its own.
    if (schedule := options.get("lr_scheduler")) is not None and hasattr(schedule, "base_lr"):
        options.setdefault("learning_rate", schedule.base_lr)
    try:
        return mx.optimizer.create(optimizer, **options)
    # Its constructors check nothing: an unknown option is Python's own TypeError, and a wrong
    # value fails where it is used.
    except (TypeError, AssertionError, ValueError) as error:
        unknown = [name for name in options if name not in known_options]
        said = last_line(error)
        if unknown:
            said = f"{unknown[0]!r} is not known; {_meant(unknown[0], known_options)}"
            said += _takers(unknown[0])
        raise ArgumentError(
            f"`optimizer_params` is {options}, which {optimizer} does not take: {said}"
        ) from error


_OTHERS = {"lr": "learning_rate", "weight_decay": "wd", "eps": "epsilon", "clip": "clip_gradient"}
"""What others call an option."""


def _options(kind: type) -> dict[str, Any]:
    """Return the options of an optimizer's class, and of its bases, with their defaults."""
    options: dict[str, Any] = {}
    for base in kind.__mro__:
        constructor = vars(base).get("__init__")
        if inspect.isfunction(constructor):
            for parameter in list(inspect.signature(constructor).parameters.values())[1:]:
                if parameter.kind is not parameter.VAR_KEYWORD:
                    options.setdefault(parameter.name, parameter.default)
    return options


def _takers(option: str) -> str:
    """Return which optimizers take an option that another one does not."""
    registry = mx.optimizer.Optimizer.opt_registry
    names = [n for n in ("sgd", "nag", *sorted(registry)) if option in _options(registry[n])]
    return f"; it is an option of {some(dict.fromkeys(names), 3)}" if names else ""


def _check_option(name: str, value: Any, default: Any) -> None:
    """Refuse a value of another kind than the option's default, and a rate below zero."""
    where = f"optimizer_params[{name!r}]"
    if name in ("learning_rate", "wd"):
        rate("optimizer_params", name, value)
    elif isinstance(default, bool):
        check_argument(where, value, [FLAG])
    elif isinstance(default, (int, float)):
        check_argument(where, value, [NUMBER])
        if isinstance(default, float) and not in_float32(float(value)):
            raise ArgumentError(
                f"`{where}` is {value}; MXNet's float32 has 0, and numbers from 1.2e-38 to 3.4e+38"
            )


def _meant(name: str, known: Mapping[str, Any]) -> str:
    ours = _OTHERS.get(name, "")
    near = [ours] if ours in known else difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}"
