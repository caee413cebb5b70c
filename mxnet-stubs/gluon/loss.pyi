# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from typing import Any

from mxnet.gluon.block import HybridBlock
from mxnet.gluon.parameter import ParameterDict

class Loss(HybridBlock):
    """Base class for loss."""
    _batch_axis: Any
    _weight: Any
    def __init__(self, weight: float | None, batch_axis: int, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class CTCLoss(Loss):
    """Connectionist Temporal Classification Loss."""
    _label_layout: Any
    _layout: Any
    def __init__(self, layout: str = 'NTC', label_layout: str = 'NT', weight: float | None = None, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class CosineEmbeddingLoss(Loss):
    """For a target label 1 or -1, vectors input1 and input2, the function computes the cosine distance between the vectors."""
    _margin: Any
    def __init__(self, weight: float | None = None, batch_axis: int = 0, margin: float = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class HingeLoss(Loss):
    """Calculates the hinge loss function often used in SVMs:"""
    _margin: Any
    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class HuberLoss(Loss):
    """Calculates smoothed L1 loss that is equal to L1 loss if absolute error exceeds rho but is equal to L2 loss otherwise."""
    _rho: Any
    def __init__(self, rho: float = 1, weight: float | None = None, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class KLDivLoss(Loss):
    """The Kullback-Leibler divergence loss."""
    _axis: Any
    _from_logits: Any
    def __init__(self, from_logits: bool = True, axis: int = -1, weight: float | None = None, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class L1Loss(Loss):
    """Calculates the mean absolute error between `label` and `pred`."""
    def __init__(self, weight: float | None = None, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class L2Loss(Loss):
    """Calculates the mean squared error between `label` and `pred`."""
    def __init__(self, weight: float | None = 1.0, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class LogisticLoss(Loss):
    """Calculates the logistic loss (for binary losses only):"""
    _label_format: Any
    def __init__(self, weight: float | None = None, batch_axis: int = 0, label_format: str = 'signed', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class PoissonNLLLoss(Loss):
    """For a target (Random Variable) in a Poisson distribution, the function calculates the Negative Log likelihood loss."""
    _compute_full: Any
    _from_logits: Any
    def __init__(self, weight: float | None = None, from_logits: bool = True, batch_axis: int = 0, compute_full: bool = False, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class SDMLLoss(Loss):
    kl_loss: Any
    smoothing_parameter: Any
    def __init__(self, smoothing_parameter: float = 0.3, weight: float | None = 1.0, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class SigmoidBinaryCrossEntropyLoss(Loss):
    """The cross-entropy loss for binary classification."""
    _from_sigmoid: Any
    def __init__(self, from_sigmoid: bool = False, weight: float | None = None, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class SoftmaxCrossEntropyLoss(Loss):
    """Computes the softmax cross entropy loss."""
    _axis: Any
    _from_logits: Any
    _sparse_label: Any
    def __init__(self, axis: int = -1, sparse_label: bool = True, from_logits: bool = False, weight: float | None = None, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class SquaredHingeLoss(Loss):
    """Calculates the soft-margin loss function used in SVMs:"""
    _margin: Any
    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class TripletLoss(Loss):
    """Calculates triplet loss given three input tensors and a positive margin."""
    _margin: Any
    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
SigmoidBCELoss = SigmoidBinaryCrossEntropyLoss
SoftmaxCELoss = SoftmaxCrossEntropyLoss
