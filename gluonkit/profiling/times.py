"""Records of a profile: what an operator took, and what a layer."""

from __future__ import annotations

from dataclasses import dataclass

from gluonkit._base.tables import Shown


@dataclass(frozen=True)
class OperatorTime(Shown):
    """What the operators of one name took in a layer, in one pass.

    Attributes
    ----------
    name : str
        MXNet's name; of one that is written in Python, 'Custom:' and its own.
    phase : str
        'forward' or 'backward'.
    calls : float
        How often it ran.
    seconds : float
        Its time, in seconds.
    bytes : int
        What it writes, in bytes.
    layers : tuple of str
        The other layers that it computes too, where MXNet has fused their operators.
    """

    name: str
    phase: str
    calls: float
    seconds: float
    bytes: int = 0
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerTime(Shown):
    """What one layer took in one pass. Numbers named ``own_…`` are without the layers below it.

    Attributes
    ----------
    path : str
        Structural path from the network, ``features.3.conv``; '' for the network itself. Blocks
        that a step calls beside the network begin with their class, ``SoftmaxCrossEntropyLoss``.
    name : str
        The last part of the path.
    kind : str
        The block's class; '' for what runs outside of all layers, such as the optimizer.
    depth : int
        0 for the network itself.
    calls : int
        How often it is called in a forward pass; 0 if that is not known.
    own_forward, own_backward, forward, backward : float
        Time of its operators, in seconds.
    own_bytes, bytes : int
        What its operators write, in bytes.
    macs : int or None
        Multiply-adds of its own operators, forward, of all batches; None if they are not known.
    moved : int
        What its own operators read and write, forward, parameters too, in bytes.
    fused_into : str or None
        The layer whose operator computes this one, too.
    operators : tuple of OperatorTime
        Its own operators, the longest first.
    """

    path: str
    name: str
    kind: str
    depth: int
    calls: int
    own_forward: float
    own_backward: float
    forward: float
    backward: float
    own_bytes: int
    bytes: int
    macs: int | None
    moved: int
    fused_into: str | None
    operators: tuple[OperatorTime, ...]

    @property
    def own_seconds(self) -> float:
        """Time of its own operators, forward and backward, in seconds."""
        return self.own_forward + self.own_backward

    @property
    def seconds(self) -> float:
        """Time of its operators and of those below it, forward and backward, in seconds."""
        return self.forward + self.backward

    @property
    def macs_per_second(self) -> float | None:
        """Multiply-adds of its own operators in a second of the forward pass."""
        return self.macs / self.own_forward if self.macs and self.own_forward else None
