"""A network that was drawn: a few lines of Gluon, its inputs, and how it is to be run."""

from __future__ import annotations

import linecache
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any

import numpy

from gluonkit import autograd, gluon, mx, nd, nn, np, npx

Array = "numpy.ndarray[Any, Any]"

_NAMES = {
    "autograd": autograd,
    "gluon": gluon,
    "mx": mx,
    "nd": nd,
    "nn": nn,
    "np": np,
    "npx": npx,
    "numpy": numpy,
    "rnn": gluon.rnn,
}
"""What a source may use without an import."""


@dataclass(frozen=True)
class InputSpec:
    """One input of a network.

    Attributes
    ----------
    shape : of one sample; the batch is the first axis of what the network is called with.
    dtype : of the array that is given.
    whole : where the numbers are indices or lengths: the lowest, and one beyond the highest.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    whole: tuple[int, int] | None = None

    def draw(self, draws: numpy.random.Generator, batch: int, scale: float) -> Any:
        """Return an array of so many samples; `scale` is for numbers that are not whole."""
        size = (batch, *self.shape)
        if self.whole is not None:
            return draws.integers(*self.whole, size=size).astype(self.dtype)
        return (draws.normal(size=size) * scale).astype(self.dtype)


@dataclass(frozen=True)
class Case:
    """A network as source, and how it is run. Its text is Python that makes it again.

    Attributes
    ----------
    source : lines that define `net`, uninitialized; `mx`, `nd`, `np`, `npx`, `nn`, `rnn`, `gluon`,
        `autograd` and `numpy` are there.
    inputs : what it is called with.
    np_mode : whether it is made and run in NumPy mode.
    hybridize : whether `hybridize()` is called on it.
    static : with how much static memory it is hybridized: 0 none, 1 `static_alloc`, 2
        `static_shape`, too.
    deferred : whether shapes are missing in the source (the first call finds them out).
    traceable : whether all of it can be traced by symbols, so no custom `Block` is in it.
    kinds : the layers and constructs in it, to be counted.
    """

    source: str
    inputs: tuple[InputSpec, ...]
    np_mode: bool = False
    hybridize: bool = False
    deferred: bool = False
    traceable: bool = True
    kinds: frozenset[str] = frozenset()
    static: int = 0

    def build(self, seed: int = 0) -> gluon.Block:
        """Return the network with weights and statistics drawn by `seed`, in the active mode.

        The same seed gives the same numbers, in whatever order parameters are initialized.
        """
        module = ModuleType(f"case_{zlib.crc32(self.source.encode()):08x}")
        module.__file__ = f"<{module.__name__}>"
        lines = self.source.splitlines(keepends=True)
        linecache.cache[module.__file__] = (len(self.source), None, lines, module.__file__)
        sys.modules[module.__name__] = module
        vars(module).update(_NAMES)
        with mx.name.NameManager():  # counts layers from 0, so that names repeat
            exec(compile(self.source, module.__file__, "exec"), vars(module))
        net: gluon.Block = vars(module)["net"]
        for parameter in net.collect_params().values():
            if not isinstance(parameter, gluon.Constant) and not _has_array(parameter.init):
                parameter.init = Drawn(seed)
        net.initialize()
        if self.hybridize:
            net.hybridize(static_alloc=self.static > 0, static_shape=self.static > 1)
        return net

    def arrays(self, batch: int = 4, seed: int = 0, scale: float = 1.0) -> list[Any]:
        """Return NumPy arrays for the inputs."""
        draws = numpy.random.default_rng([seed, 7])
        return [spec.draw(draws, batch, scale) for spec in self.inputs]

    def given(self, arrays: list[Any]) -> list[Any]:
        """Return NumPy arrays as MXNet's of the case's array mode, data types kept."""
        make = mx.np.array if self.np_mode else mx.nd.array
        return [make(array, dtype=array.dtype) for array in arrays]

    @contextmanager
    def mode(self) -> Iterator[None]:
        """Be in the case's array mode, and in the legacy one afterwards."""
        if self.np_mode:
            npx.set_np()
        try:
            yield
        finally:
            npx.reset_np()

    def __str__(self) -> str:
        lines = [f'case = Case(\n    source="""\n{self.source.strip()}\n""",']
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            shown = f"frozenset({sorted(value)})" if field.name == "kinds" else repr(value)
            if value != field.default:
                lines.append(f"    {field.name}={shown},")
        return "\n".join([*lines, ")"])


@mx.init.register
class Drawn(mx.init.Initializer):
    """Numbers by a seed and a parameter's name: no bias is zero, no statistic trivial."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self._seed = seed

    def _init_weight(self, desc: Any, arr: Any) -> None:
        """Fill an array."""
        name = str(desc)
        draws = numpy.random.default_rng([self._seed, zlib.crc32(name.encode())])
        numbers = _numbers(name, arr.shape, draws)
        arr[:] = (mx.np.array if isinstance(arr, mx.np.ndarray) else mx.nd.array)(
            numbers.astype(arr.dtype), dtype=arr.dtype
        )


def _numbers(name: str, shape: tuple[int, ...], draws: numpy.random.Generator) -> Any:
    if name.endswith(("gamma", "running_var")):
        return draws.uniform(0.5, 1.5, shape)
    if name.endswith("alpha"):
        return draws.uniform(0.1, 0.4, shape)
    if name.endswith(("bias", "beta", "running_mean")):
        return draws.normal(size=shape) * 0.3
    fan = int(numpy.prod(shape[1:])) or 1
    return draws.normal(size=shape) / numpy.sqrt(fan)


def _has_array(initializer: Any) -> bool:
    """Return whether an initializer holds an array of its own, which is not to be replaced."""
    value = getattr(initializer, "value", None)
    return isinstance(value, (list, numpy.ndarray, mx.nd.NDArray))
