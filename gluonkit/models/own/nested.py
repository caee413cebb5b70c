"""Networks built from blocks inside blocks: Dive into Deep Learning, chapter 5, and others."""

from __future__ import annotations

from typing import Any

import mxnet as mx
from mxnet.gluon import nn
from mxnet.util import is_np_array

from gluonkit.models.registry import OWN_SOURCE, register_model


@register_model(
    "mix_mlp",
    input_shape=(2, 2),
    reference="MXNet crash course (older edition), step 2",
    source=OWN_SOURCE,
)
class MixMLP(nn.HybridBlock):
    """A Sequential of two dense layers in a custom block, and a dense output.

    Input ``(batch, ...)``, flattened; output ``(batch, 5)``, which is ``dense(relu(blk(x)))``.
    Attributes: `blk`, `dense`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blk = nn.HybridSequential()
        self.blk.add(nn.Dense(3, activation="relu"), nn.Dense(4, activation="relu"))
        self.dense = nn.Dense(5)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """Return ``dense(relu(blk(x)))``."""
        relu = F.npx.relu if is_np_array() else F.relu
        return self.dense(relu(self.blk(x)))


@register_model(
    "nest_mlp",
    input_shape=(2, 20),
    reference="Dive into Deep Learning, 5.1 (NestMLP)",
    source=OWN_SOURCE,
)
class NestMLP(nn.HybridBlock):
    """A Sequential of two dense layers, and a third dense layer, all with relu.

    Input ``(batch, ...)``, flattened; output ``(batch, 16)``. Attributes: `net`, `dense`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.HybridSequential()
        self.net.add(nn.Dense(64, activation="relu"), nn.Dense(32, activation="relu"))
        self.dense = nn.Dense(16, activation="relu")

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """Return ``dense(net(x))``. `F` is MXNet's module of operators."""
        return self.dense(self.net(x))


@register_model(
    "fancy_mlp",
    input_shape=(2, 20),
    aliases=("fixed_hidden_mlp",),
    reference="Dive into Deep Learning, 5.1 (FancyMLP, FixedHiddenMLP)",
    source=OWN_SOURCE,
)
class FancyMLP(nn.HybridBlock):
    """A dense layer used twice around a constant, then control flow.

    Input ``(batch, ...)``, flattened; output the scalar of the array mode: shape ``()`` in NumPy
    mode, ``(1,)`` in legacy mode. ``h = dense(relu(dense(x) · C + 1))`` with `C` of shape
    ``(20, 20)`` drawn from U[0, 1) when the block is made, and never trained. Then h is halved
    while ``sum(|h|) > 1``, multiplied by 10 if ``sum(|h|) < 0.8``, and summed.
    Attributes: `rand_weight`, `dense`.

    The tutorial's Python loop raises when it is trained (it writes in place under
    ``autograd.record()``), cannot be hybridized, and never ends on an infinite input. Halving is
    exact in floating point, so this block computes the number of halvings instead and gives the
    loop's numbers; gradients are those of the loop without its in-place writing. Where the loop
    would never end, the result is NaN.
    """

    def __init__(self) -> None:
        super().__init__()
        random = mx.np.random if is_np_array() else mx.nd.random
        # A constant, not a plain attribute: it is saved, is on each device, and is an input of the
        # graph.
        self.rand_weight = self.params.get_constant("rand_weight", random.uniform(0, 1, (20, 20)))
        self.dense = nn.Dense(20, activation="relu")

    def hybrid_forward(self, F: Any, x: Any, rand_weight: Any) -> Any:
        """Return the scalar. `F` is MXNet's module of operators."""
        x = self.dense(x)
        if is_np_array():
            x = F.npx.relu(F.np.dot(x, rand_weight) + 1)
        else:
            x = F.relu(F.dot(x, rand_weight) + 1)
        return _scaled_below_one(F, self.dense(x)).sum()


def _scaled_below_one(F: Any, x: Any) -> Any:
    """Halve `x`, ``(batch, units)``, while sum(|x|) > 1; times 10 if then sum(|x|) < 0.8.

    The number of halvings is ceil(log2(sum)), corrected by one where the logarithm was rounded
    across a whole number. A sum that overflows although every element is finite is brought
    within range by 20 halvings first.
    """
    # A graph cannot branch on numbers: `where` selects, with both results computed.
    ops = F.np if is_np_array() else F
    times = ops.multiply if is_np_array() else F.broadcast_mul
    total = ops.sum(ops.abs(x), keepdims=True)
    one = ops.ones_like(total)

    overflow = total * 0.5 == total  # infinite; or 0, which halving does not change
    # 2^20 numbers below the largest float32, each times 2^-20, cannot overflow.
    x = times(x, ops.where(overflow, one * 2.0**-20, one))
    total = ops.sum(ops.abs(x), keepdims=True)

    # A sum below 1 has a negative logarithm, and would be doubled.
    bounded = ops.maximum(total, one)
    halvings = ops.ceil(ops.log2(bounded))
    halvings = ops.where(bounded * 2.0**-halvings > 1, halvings + 1, halvings)
    halvings = ops.where(bounded * 2.0**-halvings <= 0.5, halvings - 1, halvings)
    shrink = 2.0**-halvings
    # After the halving, as in the tutorial's loop.
    grow = ops.where(total * shrink < 0.8, one * 10, one)
    return times(times(x, shrink), grow)


@register_model(
    "chimera",
    input_shape=(2, 20),
    reference="Dive into Deep Learning, 5.1 (chimera)",
    source=OWN_SOURCE,
)
def chimera() -> nn.HybridSequential:
    """NestMLP, a dense layer of 20 and FancyMLP in a row.

    Input ``(batch, ...)``, flattened; output the scalar of `FancyMLP`.
    """
    net = nn.HybridSequential()
    net.add(NestMLP(), nn.Dense(20), FancyMLP())
    return net


@register_model(
    "rgnet",
    input_shape=(2, 20),
    reference="Dive into Deep Learning, 5.2 (rgnet)",
    source=OWN_SOURCE,
)
def rgnet() -> nn.HybridSequential:
    """Four blocks of two dense layers in nested Sequentials, and a dense output.

    Input ``(batch, ...)``, flattened; output ``(batch, 10)``; 18 parameters.
    ``net[0][1][0].bias`` is the bias of the first layer of the second block.
    """
    blocks = nn.HybridSequential()
    for _ in range(4):
        block = nn.HybridSequential()
        block.add(nn.Dense(32, activation="relu"), nn.Dense(16, activation="relu"))
        blocks.add(block)
    net = nn.HybridSequential()
    net.add(blocks, nn.Dense(10))
    return net
