"""Cross entropy of labels that are not quite certain: smoothed, or mixed of two samples."""

from __future__ import annotations

import math
from typing import Any

from mxnet import gluon
from mxnet.gluon.loss import _apply_weighting, _reshape_like
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked
from gluonkit.errors import ArgumentError


class SmoothedCrossEntropy(gluon.loss.SoftmaxCrossEntropyLoss):
    """Softmax cross entropy with label smoothing.

    Each label counts `smoothing` less, and all classes together that much more: the target of a
    label is ``1 - smoothing + smoothing / classes``, that of the others ``smoothing / classes``.

    Parameters
    ----------
    smoothing : float, default 0.1
        The share that is spread over all classes, from 0 to below 1.
    axis : int, default -1
        The axis of the classes.
    sparse_label : bool, default True
        Whether labels are class numbers; False for distributions of the outputs' shape.
    from_logits : bool, default False
        Whether outputs are logarithms of probabilities already.
    weight : float, optional
        A factor of the loss.
    batch_axis : int, default 0
        The axis of the samples.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For a `smoothing` out of range, a `weight` that is not finite, and other types.

    Notes
    -----
    As `label_smoothing` of PyTorch's `CrossEntropyLoss`. It compiles, and takes `sample_weight` as
    MXNet's losses do. `fit` reports the smoothed loss; accuracy is that of the labels.

    References
    ----------
    C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit.train import SmoothedCrossEntropy
    >>> net, loss = gk.create_model("mlp", init="xavier"), SmoothedCrossEntropy(0.1)
    >>> gk.fit(net, gk.data.load("digits"), epochs=1, loss=loss, seed=0).engine
    'compiled'
    """

    @checked
    def __init__(
        self,
        smoothing: float = 0.1,
        *,
        axis: int = -1,
        sparse_label: bool = True,
        from_logits: bool = False,
        weight: float | None = None,
        batch_axis: int = 0,
    ) -> None:
        super().__init__(axis, sparse_label, from_logits, _finite(weight), batch_axis)
        self._smoothing = _checked(smoothing)

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """Return the loss of each sample."""
        return _smoothed(self, F, _logarithms(self, F, pred), label, sample_weight)


class MixupCrossEntropy(gluon.loss.SoftmaxCrossEntropyLoss):
    """Softmax cross entropy of samples that `data.Mixup` has mixed.

    Called with outputs, labels, the labels of the samples that were mixed in, and the shares of the
    former: ``share * loss(label) + (1 - share) * loss(other)``. With labels alone, as in validation
    data, it is plain cross entropy.

    Parameters
    ----------
    smoothing : float, default 0.0
        Label smoothing of both, as in `SmoothedCrossEntropy`.
    axis : int, default -1
        The axis of the classes.
    from_logits : bool, default False
        Whether outputs are logarithms of probabilities already.
    weight : float, optional
        A factor of the loss.
    batch_axis : int, default 0
        The axis of the samples.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For a `smoothing` out of range, a `weight` that is not finite, and other types.

    Notes
    -----
    The accuracy over training batches is that of the label with the larger share.

    References
    ----------
    H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
    """

    @checked
    def __init__(
        self,
        smoothing: float = 0.0,
        *,
        axis: int = -1,
        from_logits: bool = False,
        weight: float | None = None,
        batch_axis: int = 0,
    ) -> None:
        super().__init__(axis, True, from_logits, _finite(weight), batch_axis)
        self._smoothing = _checked(smoothing)

    def hybrid_forward(
        self, F: Any, pred: Any, label: Any, other: Any = None, share: Any = None
    ) -> Any:
        """Return the loss of each sample."""
        logarithms = _logarithms(self, F, pred)
        first = _smoothed(self, F, logarithms, label, None)
        if other is None:
            return first
        return first * share + _smoothed(self, F, logarithms, other, None) * (1 - share)


def _finite(weight: float | None) -> float | None:
    if weight is not None and not math.isfinite(weight):
        raise ArgumentError(f"`weight` is {weight}; give a finite number, or None")
    return None if weight is None else float(weight)


def _checked(smoothing: float) -> float:
    if not 0 <= smoothing < 1:
        raise ArgumentError(f"`smoothing` is {smoothing}; give a share from 0 to below 1")
    return float(smoothing)


def _operators(F: Any) -> Any:
    return F.npx if is_np_array() else F


def _logarithms(loss: Any, F: Any, pred: Any) -> Any:
    """Return the logarithms of the probabilities."""
    return pred if loss._from_logits else _operators(F).log_softmax(pred, axis=loss._axis)


def _smoothed(loss: Any, F: Any, logarithms: Any, label: Any, sample_weight: Any) -> Any:
    """Return the smoothed cross entropy of each sample, by the operators that MXNet's loss uses."""
    if loss._sparse_label:
        own = _operators(F).pick(logarithms, label, axis=loss._axis, keepdims=True)
    else:
        own = (logarithms * _reshape_like(F, label, logarithms)).sum(axis=loss._axis, keepdims=True)
    if loss._smoothing:
        every = logarithms.mean(axis=loss._axis, keepdims=True)
        own = own * (1 - loss._smoothing) + every * loss._smoothing
    values = _apply_weighting(F, -own, loss._weight, sample_weight)
    if is_np_array():
        return F.npx.batch_flatten(values).mean(axis=1)
    return values.mean(axis=loss._batch_axis, exclude=True)
