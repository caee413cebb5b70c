"""The tutorials' initializers that `mx.init` lacks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import mxnet as mx
from mxnet import gluon
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked
from gluonkit._base.checks import described, in_float32
from gluonkit._base.kinds import NDArray
from gluonkit._base.tables import Called
from gluonkit.errors import ArgumentError

_USUAL = {
    "zeros": re.compile(r".*(bias|beta|(moving|running)_mean)"),
    "ones": re.compile(r".*(gamma|(moving|running)_var)"),
}
"""Initializers of what Gluon's layers do not leave to the one of `initialize`, by their names."""


def set_usual(parameters: Iterable[gluon.Parameter]) -> None:
    """Give a graph's biases, factors and statistics the initializers that Gluon's layers give them.

    MXNet initializes the parameters of a `SymbolBlock` by the general initializer, all of them:
    Xavier fails on vectors, and others draw variances, too, some below zero.
    """
    for parameter in parameters:
        for kind, names in _USUAL.items():
            if parameter.init is None and names.fullmatch(parameter.name):
                parameter.init = kind


@mx.init.register
class TwoSidedUniform(Called, mx.init.Initializer):
    """Draw from U(-high, high), then set numbers smaller than `low` in magnitude to 0.

    With the default bounds a weight is 0 with probability ½, in U[5, 10] with ¼ and in
    U[-10, -5] with ¼: `MyInit` of Dive into Deep Learning, section 5.2. The draws are those of
    the tutorial's own code, so the same seed gives the same weights in either array mode.

    Parameters
    ----------
    low : float, default 5.0
        The bounds of the magnitude, ``0 <= low < high``.
    high : float, default 10.0
        The bounds of the magnitude, ``0 <= low < high``.

    Raises
    ------
    ArgumentError
        When not ``0 <= low < high``.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit import nd
    >>> from gluonkit.models.initializers import TwoSidedUniform
    >>> net = gk.create_model("mlp", init=TwoSidedUniform())
    >>> _ = net(nd.ones((2, 20)))
    >>> magnitudes = net[0].weight.data().abs().asnumpy()
    >>> bool((((magnitudes >= 5) & (magnitudes <= 10)) | (magnitudes == 0)).all())
    True
    """

    @checked
    def __init__(self, low: float = 5.0, high: float = 10.0) -> None:
        if not (0 <= low < high and in_float32(high)):
            raise ArgumentError(
                f"`low` is {low} and `high` is {high}; they must satisfy 0 <= low < high, and be "
                "at most 3.4e+38"
            )
        self._low, self._high = float(low), float(high)
        super().__init__(low=self._low, high=self._high)

    def _init_weight(self, _: str, arr: NDArray) -> None:
        # The array is of the active mode, and takes numbers of its own kind only.
        random = mx.np.random if is_np_array() else mx.nd.random
        arr[:] = random.uniform(-self._high, self._high, arr.shape)
        # In place, since MXNet takes no result: it gives the array that is to be filled.
        arr *= abs(arr) >= self._low


@mx.init.register
class ReportingInitializer(Called, mx.init.Initializer):
    """Initialize by another initializer, and report each parameter as it is initialized.

    Shows when deferred initialization takes place: ``net.initialize()`` reports the biases, whose
    shapes are known, and the first input the weights, whose shapes depend on it. Unlike the
    tutorial's version (Dive into Deep Learning, section 5.3) it does initialize, and it reports
    biases too.

    Parameters
    ----------
    initializer : str or mx.init.Initializer, default 'uniform'
        The initializer to use: an object or a name.
    report : callable, optional
        Called as ``report(name, shape)``; by default prints ``Init dense0_weight (256, 20)``.

    Raises
    ------
    ArgumentError
        When `initializer` is none, and not the name of one.

    Attributes
    ----------
    initialized : list of tuple of (str, tuple of int)
        ``(name, shape)`` of each parameter, in the order of initialization.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit import nd
    >>> from gluonkit.models.initializers import ReportingInitializer
    >>> reporter = ReportingInitializer("xavier", report=lambda name, shape: None)
    >>> net = gk.create_model("mlp", init=reporter)
    >>> [shape for name, shape in reporter.initialized]
    [(256,), (10,)]
    >>> _ = net(nd.ones((2, 20)))
    >>> [shape for name, shape in reporter.initialized[2:]]
    [(256, 20), (10, 256)]
    """

    @checked
    def __init__(
        self,
        initializer: Any = "uniform",
        report: Callable[[str, tuple[int, ...]], None] | None = None,
    ) -> None:
        try:
            self._inner = mx.init.create(initializer)
        except (AssertionError, KeyError, TypeError, ValueError):
            raise ArgumentError(
                f"`initializer` is {described(initializer)}, of which none can be made; give one, "
                "such as mx.init.Xavier(), or the name of one that needs no arguments"
            ) from None
        # MXNet makes initializers again from their arguments in JSON, so this one is text.
        super().__init__(initializer=json.dumps(json.loads(self._inner.dumps())))
        self._report = report or _print_report
        self.initialized: list[tuple[str, tuple[int, ...]]] = []

    def __call__(self, desc: Any, arr: NDArray) -> None:
        """Report, then initialize `arr`; `desc` is MXNet's description of the parameter."""
        self._note(desc, arr)
        own = desc.attrs.get("__init__", "") if isinstance(desc, mx.init.InitDesc) else ""
        # MXNet hands over the general initializer as the parameter's own where that has none, and
        # calls `_init_weight` then, whatever the parameter is; calling the inner one would go by
        # its name.
        if own is self:
            self._inner._init_weight(desc, arr)
        else:
            self._inner(desc, arr)

    def _init_weight(self, desc: str, arr: NDArray) -> None:
        """Initialize a parameter whose own initializer this is."""
        self._note(desc, arr)
        self._inner._init_weight(desc, arr)

    def _note(self, name: str, arr: NDArray) -> None:
        self.initialized.append((str(name), arr.shape))
        self._report(str(name), arr.shape)


def _print_report(name: str, shape: tuple[int, ...]) -> None:
    print(f"Init {name} {shape}")
