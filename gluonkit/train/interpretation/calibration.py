"""Whether a classifier is as sure as it is right."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy

from gluonkit._base.kinds import Array
from gluonkit._base.tables import Shown


@dataclass(frozen=True)
class CalibrationBin(Shown):
    """The predictions whose probability lies in one interval.

    Attributes
    ----------
    low, high : float
        The interval, to which its upper end belongs.
    samples : int
        How many predictions lie in it.
    confidence, accuracy : float
        The mean of their probabilities, and the share that was right; NaN without any.
    """

    low: float
    high: float
    samples: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration(Shown):
    """Whether a network is as sure as it is right.

    Attributes
    ----------
    bins : tuple of CalibrationBin
        Intervals of equal width from 0 to 1.
    confidence : float
        The mean probability of the predicted classes.
    error : float
        The expected calibration error: the mean over predictions of the difference between
        confidence and accuracy in their bin.

    References
    ----------
    C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """

    bins: tuple[CalibrationBin, ...]
    confidence: float
    error: float

    @classmethod
    def of(cls, confidence: Array, right: Array, bins: int) -> Calibration:
        """Return the calibration of predictions, from their probabilities and a Boolean each.

        Parameters
        ----------
        confidence : numpy.ndarray
            Probabilities of shape ``(predictions,)``.
        right : numpy.ndarray
            Whether each prediction is right.
        bins : int
            Number of intervals.

        Returns
        -------
        Calibration
            The calibration.
        """
        edges = numpy.linspace(0, 1, bins + 1)
        places = numpy.clip(numpy.searchsorted(edges, confidence) - 1, 0, bins - 1)
        samples = numpy.bincount(places, minlength=bins)
        with numpy.errstate(invalid="ignore"):
            sure = numpy.bincount(places, confidence, bins) / samples
            accurate = numpy.bincount(places, right, bins) / samples
        rows = zip(edges[:-1], edges[1:], samples, sure, accurate, strict=True)
        off = numpy.nansum(abs(sure - accurate) * samples) / len(confidence)
        made = tuple(
            CalibrationBin(float(low), float(high), int(count), float(claimed), float(share))
            for low, high, count, claimed, share in rows
        )
        return cls(made, float(confidence.mean()), float(off))

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, with None in place of NaN, which JSON does not have."""
        made = asdict(self)
        for part in made["bins"]:
            part |= {name: None for name, value in part.items() if math.isnan(value)}
        return made
