"""A network as a file sees it: arrays by structural path, and what the file says of the network."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.checks import some
from gluonkit._base.version import __version__
from gluonkit.errors import ArgumentError, StateError
from gluonkit.files.contents import EXTRA, Tensor
from gluonkit.models import origin
from gluonkit.system import memory
from gluonkit.tracing.hidden import check_nothing_hidden
from gluonkit.tracing.tree import all_paths, array_key, check_net, known_shape


@dataclass(frozen=True)
class Slot:
    """One array of a network, and all its places.

    Attributes
    ----------
    paths : tuple of str
        Its structural paths, in tree order; the first is its name in files.
    parameters : tuple of gluon.Parameter
        The parameter objects that hold it; nearly always one.
    places : tuple of int
        The indices of its paths among all of the network's.
    mxnet : tuple of str
        Its names in files of MXNet's `save_parameters`: its paths, except in recurrent layers
        (``_unfused.0.i2h_weight``) and others with special names; empty if MXNet leaves it out.
    """

    paths: tuple[str, ...]
    parameters: tuple[gluon.Parameter, ...]
    places: tuple[int, ...] = ()
    mxnet: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Its name in files."""
        return self.paths[0]

    @property
    def parameter(self) -> gluon.Parameter:
        """The parameter, or the first of them."""
        return self.parameters[0]

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """Its shape, with None for each unknown dimension; None if nothing is known."""
        return known_shape(self.parameter)

    @property
    def dtype(self) -> numpy.dtype[Any]:
        """Its data type."""
        return numpy.dtype(self.parameter.dtype)


def slots_of(net: gluon.Block) -> list[Slot]:
    """Return every array of a network once, in tree order."""
    check_net(net)
    paths: dict[int, dict[int, str]] = {}
    holders: dict[int, dict[int, gluon.Parameter]] = {}
    for place, (path, parameter) in enumerate(all_paths(net)):
        # By the array, not the parameter: two parameters may hold one.
        key = array_key(parameter)
        paths.setdefault(key, {})[place] = path
        holders.setdefault(key, {})[id(parameter)] = parameter
    names = _mxnet_names(net)
    return [
        Slot(
            tuple(paths[key].values()),
            tuple(holders[key].values()),
            tuple(paths[key]),
            tuple(paths[key].values() if names is None else names.get(key, ())),
        )
        for key in paths
    ]


def _mxnet_names(net: gluon.Block) -> dict[int, list[str]] | None:
    """Return the names that arrays have in MXNet's own files, by `array_key`; None if it fails."""
    try:
        parameters = net._collect_params_with_prefix()
    except AttributeError:  # MXNet's recurrent layers know no parameters but their own
        return None
    names: dict[int, list[str]] = {}
    for name, parameter in parameters.items():
        names.setdefault(array_key(parameter), []).append(name)
    return names


def network_tensors(net: gluon.Block, *, unused: bool = False) -> dict[str, Tensor]:
    """Return a network's arrays, each copied only when it is written.

    With `unused`, those without values are left out, as nothing has called their layers.

    Raises
    ------
    StateError
        When some have no values yet, and for parameters that Gluon does not know of.
    ArgumentError
        For a child whose name is not allowed in a file.
    """
    check_nothing_hidden(net, "they would be missing in the file")
    slots = slots_of(net)
    empty = [slot.path for slot in slots if slot.parameter._data is None]
    # Layers that nothing calls get no values in training, and cannot be missed.
    if unused:
        slots = [slot for slot in slots if slot.parameter._data is not None]
    elif empty:
        raise StateError(
            f"`net` has no values yet for {some(empty)}; call net.initialize() and pass some data "
            "through it, or gluonkit.materialize(net, shape)"
        )
    odd = [slot.path for slot in slots if EXTRA in slot.path or not slot.path.isprintable()]
    if odd:
        raise ArgumentError(f"`net` has the path {odd[0]!r}, which cannot be a name in a file")
    # A network of gigabytes must not be copied as a whole: an array is looked at when it is
    # written.
    return {slot.path: Tensor.of(_array(slot.parameter), memory.numbers) for slot in slots}


def _array(parameter: gluon.Parameter) -> Any:
    """Return a parameter's array, dense; running statistics are averaged over devices."""
    if parameter._stype != "default":
        # The formats have no sparse arrays.
        return parameter._data[0].tostype("default")
    # Each device computes its own running statistics; `_reduce` averages them, as `save_parameters`
    # does.
    several = len(parameter._data) > 1 and parameter.grad_req == "null"
    # Whole numbers are no statistics, and MXNet would cut off their average.
    if several and numpy.dtype(parameter.dtype).kind == "f":
        return parameter._reduce()
    return parameter.list_data()[0]


def network_record(net: gluon.Block) -> dict[str, Any]:
    """Return the record of a network for a file's header."""
    slots = slots_of(net)
    return {
        "versions": versions(),
        "model": origin(net),
        "class": f"{type(net).__module__}.{type(net).__qualname__}",
        "tied": {path: slot.path for slot in slots for path in slot.paths[1:]},
        "constants": [s.path for s in slots if isinstance(s.parameter, gluon.Constant)],
    }


def versions() -> dict[str, str]:
    """Return the versions for a file's header."""
    return {
        "gluonkit": __version__,
        "mxnet": mx.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
    }
