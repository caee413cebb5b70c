"""Optimizers: what may be given as `optimizer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mxnet as mx

from gluonkit._base.checks import a_type, last_line, unknown_name
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
        For an unknown name or option, and for options beside an object.
    """
    if isinstance(optimizer, mx.optimizer.Optimizer):
        if params:
            raise ArgumentError(
                "`optimizer_params` is given with an optimizer that is made already; set its "
                "options where it is made"
            )
        return optimizer
    if not isinstance(optimizer, str):
        raise ArgumentTypeError(
            f"`optimizer` is {a_type(optimizer)}; give a name, such as 'adam', or an mx.optimizer "
            "object"
        )
    known = mx.optimizer.Optimizer.opt_registry
    # MXNet registers its classes by their names in lower case, and looks them up so.
    if optimizer.lower() not in known:
        raise unknown_name("optimizer", optimizer, known, f"Choose of: {', '.join(sorted(known))}.")
    options = dict(params or {})
    # Adam and others have a rate by default, which MXNet would give to the schedule as its own.
    if (schedule := options.get("lr_scheduler")) is not None and hasattr(schedule, "base_lr"):
        options.setdefault("learning_rate", schedule.base_lr)
    try:
        return mx.optimizer.create(optimizer, **options)
    # Its constructors check nothing: an unknown option is Python's own TypeError, and a wrong
    # value fails where it is used.
    except (TypeError, AssertionError, ValueError) as error:
        raise ArgumentError(
            f"`optimizer_params` is {dict(params or {})}, which {optimizer} does not take: "
            f"{last_line(error)}"
        ) from error
