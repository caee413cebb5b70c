"""Whole numbers of 8 bits for weights and activations: MXNet's quantization, and what it loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mxnet as mx
import numpy
from mxnet.contrib import quantization

from gluonkit._base.checks import a_type
from gluonkit._base.kinds import Array, Context, Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit._base.tables import Shown
from gluonkit.data import Dataset
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.graphs.bind import backend


@dataclass(frozen=True)
class Loss(Shown):
    """Loss of accuracy by int8 on the calibration samples.

    Attributes
    ----------
    samples : int
        Number of samples.
    lost : float
        With labels, the loss of accuracy; without, the share of samples whose class changes; if the
        output is not (samples, classes), the largest difference relative to the largest output.
    limit : float
        The largest value of `lost` that is allowed.
    what : str
        Description of `lost`.
    difference : float
        The largest difference of an output, relative to the largest output.
    """

    samples: int
    lost: float
    limit: float
    what: str
    difference: float

    @property
    def allowed(self) -> bool:
        """Whether the loss is within the limit."""
        return self.lost <= self.limit

    def __str__(self) -> str:
        return (
            f"int8 on {self.samples} calibration samples: {self.what} "
            f"(limit {self.limit:.2%}); outputs differ by {self.difference:.2g} of the largest"
        )


@dataclass(frozen=True)
class Calibration:
    """Samples that give the ranges of activations, and on which the loss is measured.

    Attributes
    ----------
    samples : numpy.ndarray
        The network's input, (samples, …).
    labels : numpy.ndarray or None
        The class of each sample; None if unknown.
    limit : float
        The loss that is allowed.
    """

    samples: Array
    labels: Array | None
    limit: float

    def batches(self, size: int) -> list[Array]:
        """Return the samples in batches of one size, the last one padded with the first samples."""
        # A graph is bound for one batch size. -(-a // b) rounds up.
        count = -(-len(self.samples) // size) * size
        filled = self.samples[numpy.arange(count) % len(self.samples)]
        return numpy.split(filled, count // size)

    def loss(self, expected: Array, got: Array) -> Loss:
        """Compare outputs in floats with those in int8."""
        count = len(self.samples)
        expected, got = expected[:count], got[:count]
        # An output may be zero everywhere; 1 then keeps the quotient defined.
        difference = float(abs(expected - got).max() / (abs(expected).max() or 1))
        if expected.ndim != 2:
            lost, what = difference, f"outputs differ by {difference:.2%} of the largest"
        elif self.labels is None:
            lost = float((expected.argmax(1) != got.argmax(1)).mean())
            what = f"{lost:.2%} get another class"
        else:
            before, after = ((scores.argmax(1) == self.labels).mean() for scores in (expected, got))
            lost = float(before - after)
            what = f"the accuracy is {after:.2%}, with floats {before:.2%}"
        return Loss(count, lost, self.limit, what, difference)


def calibration(given: Any, specs: Sequence[ArraySpec], limit: float) -> Calibration:
    """Return calibration samples, given as an array, a pair with labels, or a `Dataset`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When there are none, or they do not fit the network's input.
    """
    if given is None:
        raise ArgumentError(
            "`calibration` is missing; int8=True needs samples like those to come: an array of "
            "some hundreds of inputs, or a pair (inputs, labels)"
        )
    if len(specs) != 1 or specs[0].dtype != "float32" or not specs[0].shape:
        raise ArgumentError(
            "`int8` is for networks with one float32 input; this one's are "
            f"{', '.join(map(str, specs))}"
        )
    pair = given if isinstance(given, (tuple, list)) and len(given) == 2 else (given, None)
    if isinstance(given, Dataset):
        pair = given.data, given.label
    samples, labels = (_numpy(part) for part in pair)
    shape = specs[0].shape[1:]
    if samples is not None and samples.dtype.kind != "f":
        raise ArgumentError(
            f"`calibration` holds {samples.dtype} samples; give floats, scaled as the network "
            "gets them"
        )
    if samples is None or samples.shape[1:] != shape or not len(samples):
        got = "None" if samples is None else str(samples.shape)
        raise ArgumentError(
            f"`calibration` holds samples of shape {got}; give (samples, {str(shape)[1:]}"
        )
    if not numpy.isfinite(samples).all():
        raise ArgumentError(
            "`calibration` holds NaN or infinity, of which no range follows; remove or mend those "
            "samples"
        )
    if labels is not None and labels.shape != samples.shape[:1]:
        raise ArgumentError(
            f"`calibration` holds labels of shape {labels.shape}; give the number of the class for "
            f"each of the {len(samples)} samples"
        )
    return Calibration(samples.astype("float32"), labels, float(limit))


def _numpy(given: Any) -> Array | None:
    if isinstance(given, mx.nd.NDArray):
        numbers: Array = given.asnumpy()
        return numbers
    if given is None or isinstance(given, numpy.ndarray):
        return given
    raise ArgumentTypeError(
        f"`calibration` holds {a_type(given)}; give an array, or a pair (inputs, labels) of them"
    )


def quantized(
    symbol: Symbol, name: str, values: Mapping[str, Any], samples: Sequence[Array], ctx: Context
) -> tuple[Any, dict[str, Any]]:
    """Quantize a graph to int8; return it with the values of its variables.

    Parameters
    ----------
    symbol : Symbol
        The graph in floats.
    name : str
        Its input.
    values : mapping
        Its other variables' arrays.
    samples : sequence of numpy.ndarray
        Batches from which the ranges of the activations are taken.
    """
    # MXNet keeps statistics, which no gradient changes, apart from the other variables.
    auxiliary = set(symbol.list_auxiliary_states())
    data = mx.nd.array(numpy.concatenate(samples), ctx=ctx)
    # MXNet fuses the graph in the way that quantization needs, and then binds it for calibration,
    # where the fusion of binding by default would change it again.
    with backend("default"):
        graph, arguments, states = quantization.quantize_model_mkldnn(
            symbol,
            {key: value for key, value in values.items() if key not in auxiliary},
            {key: value for key, value in values.items() if key in auxiliary},
            data_names=(name,),
            # Its default is a label of the graph, and ours have none.
            label_names=None,
            ctx=ctx,
            # The smallest and largest number that occurs; "entropy" cuts off rare ones, at far
            # higher cost.
            calib_mode="naive",
            calib_data=mx.io.NDArrayIter({name: data}, batch_size=len(samples[0])),
            num_calib_examples=len(data),
            # Without a sign where no number is negative, as behind relu: twice as fine.
            quantized_dtype="auto",
            logger=None,
        )
    return graph, {**arguments, **states}
