"""`audit`: where the user's code waits for MXNet's engine, and what would wait less."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import described
from gluonkit.errors import ArgumentTypeError
from gluonkit.profiling.less import line_that_waits_less
from gluonkit.profiling.listening import Listener, Place, Tally, listening
from gluonkit.profiling.waits import Audit, Wait


@checked_but("fn")
def audit(fn: Callable[..., Any], *args: Any, **options: Any) -> Audit:
    """Call a function, and tell where Python waits for MXNet's engine in it.

    MXNet's calls return before their work is done. Whatever needs the numbers waits:
    ``x.asnumpy()``, ``x.asscalar()``, ``float(x)``, ``print(x)``, ``if x > 0``,
    ``metric.update(...)``, ``mx.nd.waitall()``; and so does making an array from NumPy's,
    ``nd.array(numbers)``, for all that is queued. Each wait is counted at the line of the user's
    code that it comes from. Copies between devices are counted too; they do not wait.

    Parameters
    ----------
    fn : callable
        What to call, once: a training loop, an epoch, some steps.
    *args : object
        Its arguments.
    **options : object
        Its keyword arguments.

    Returns
    -------
    Audit
        A record; `str()` gives the table, the verdict, and what would wait less.

    Raises
    ------
    ArgumentTypeError
        When `fn` cannot be called, or not with these arguments. Exceptions of `fn` itself are
        raised unchanged.

    Notes
    -----
    All threads are listened to, and MXNet is as it was when the call ends. Time is counted within
    MXNet's native functions: it is time for which the engine computes, and Python cannot queue more
    work. The first wait of a step pays for all that was queued, so that its time is
    no measure of what it would save to leave it out; the audit's `bound` is.

    An operator whose output has a shape that depends on numbers (``boolean_mask``, ``unique``)
    waits inside MXNet, and is not seen.

    Examples
    --------
    >>> import gluonkit as gk
    >>> def steps():
    ...     return [gk.nd.ones((2, 2)).sum().asscalar() for _ in range(3)]
    >>> print(gk.audit(steps).waits[0].call)
    asscalar
    """
    if not callable(fn):
        raise ArgumentTypeError(
            f"`fn` is {described(fn)}; give a function, such as a training loop, and its arguments "
            "behind it: audit(train, net, loader)"
        )
    _check_call(fn, args, options)
    with listening() as listener:
        fn(*args, **options)
    return audit_of(listener)


def _check_call(fn: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Refuse arguments that a function does not take, before it is called."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # of some that are not written in Python
        return
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        raise ArgumentTypeError(
            f"`fn` does not take the arguments behind it: {error}; give those of "
            f"{getattr(fn, '__name__', 'the function')}{signature}"
        ) from None


def audit_of(listener: Listener) -> Audit:
    """Return what a listener heard as a record."""
    waits = [_wait(place, tally) for place, tally in listener.tallies.items()]
    waits.sort(key=lambda wait: (-wait.seconds, -wait.count, wait.file, wait.line))
    return Audit(tuple(waits), listener.steps, listener.seconds)


def _wait(place: Place, tally: Tally) -> Wait:
    source = linecache.getline(place.file, place.line).strip() if place.file else ""
    return Wait(
        file=place.file,
        line=place.line,
        source=source,
        call=_CALLS.get(place.call, place.call) if "print(" not in source else _printed(place),
        kind=place.kind,
        count=tally.count,
        seconds=tally.seconds,
        steps=len(tally.steps),
        bytes=tally.size,
        instead=line_that_waits_less(place, source),
    )


_CALLS = {
    "__float__": "float()",
    "__int__": "int()",
    "__bool__": "bool()",
    "__index__": "index()",
    "__repr__": "repr()",
    "__str__": "str()",
    "__format__": "format()",
    "__setitem__": "x[...] =",
    "__array__": "to NumPy",
    "_as_numpy": "to NumPy",
    "__array_function__": "by NumPy",
    "__array_ufunc__": "by NumPy",
}
"""What people write to call these methods."""


def _printed(place: Place) -> str:
    return "print()" if place.kind == "text" else _CALLS.get(place.call, place.call)
