"""JAX: the network as a function that `jax.jit` compiles, its weights closed over.

Images stay NCHW: XLA brings convolutions into the order that it likes, and NHWC was no faster.
"""

import math
import os
from typing import Any

import jax
import numpy
from jax import lax
from jax import numpy as jnp
from protocol import Loaded, Task, serve


def apply(layer: dict[str, Any], values: list[Any], weights: list[Any]) -> Any:
    """Return the output of a layer."""
    op, x = layer["op"], values[0]
    if op == "convolution":
        y = lax.conv_general_dilated(
            x,
            weights[0],
            window_strides=layer["stride"],
            padding=[(pad, pad) for pad in layer["pad"]],
            rhs_dilation=layer["dilation"],
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
            feature_group_count=layer["groups"],
        )
        return y + weights[1][:, None, None] if len(weights) > 1 else y
    if op == "dense":
        y = x @ weights[0].T
        return y + weights[1] if len(weights) > 1 else y
    if op == "batch_norm":
        gamma, beta, mean, variance = weights
        scale = gamma / numpy.sqrt(variance + layer["eps"])
        return x * scale[:, None, None] + (beta - mean * scale)[:, None, None]
    if op == "max_pool":
        return pooled(layer, x, -jnp.inf, lax.max)
    if op == "avg_pool":
        return pooled(layer, x, 0.0, lax.add) / math.prod(layer["kernel"])
    if op == "embed":
        words, types, positions = weights
        return jnp.asarray(words)[x] + types[0] + positions[: x.shape[1]]
    if op == "layer_norm":
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * lax.rsqrt(variance + layer["eps"]) * weights[0] + weights[1]
    if op == "attention":
        return attention(layer["heads"], x, weights)
    if op == "lstm":
        for first in range(0, len(weights), 4):
            x = lstm(x, *weights[first : first + 4])
        return x
    simple = {
        "gelu": lambda: jax.nn.gelu(x, approximate=False),
        "last": lambda: x[:, -1],
        "transpose": lambda: x.transpose(layer["axes"]),
        "reshape": lambda: x.reshape(len(x), *layer["shape"][1:]),
        "relu": lambda: jax.nn.relu(x),
        "global_average": lambda: x.mean((2, 3), keepdims=True),
        "flatten": lambda: x.reshape(len(x), -1),
        "add": lambda: x + values[1],
        "concat": lambda: jnp.concatenate(values, layer["dim"]),
    }
    return simple[op]()


def attention(heads: int, x: Any, weights: list[Any]) -> Any:
    """Return self-attention's heads side by side, of one projection for all three."""
    batch, steps, units = x.shape
    y = x @ jnp.concatenate(weights[:3]).T + jnp.concatenate(weights[3:])
    parts = y.reshape(batch, steps, 3, heads, -1)
    return jax.nn.dot_product_attention(*jnp.moveaxis(parts, 2, 0)).reshape(batch, steps, units)


def lstm(x: Any, of_input: Any, of_state: Any, bias: Any, other_bias: Any) -> Any:
    """Return the outputs of an LSTM layer, each step's."""
    projected = x @ of_input.T + (bias + other_bias)
    zeros = jnp.zeros((len(x), of_state.shape[1]), x.dtype)

    def step(state: Any, given: Any) -> Any:
        hidden, cell = state
        i, f, g, o = jnp.split(given + hidden @ of_state.T, 4, -1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    _, outputs = lax.scan(step, (zeros, zeros), projected.swapaxes(0, 1))
    return outputs.swapaxes(0, 1)


def pooled(layer: dict[str, Any], x: Any, first: float, reduce: Any) -> Any:
    """Reduce windows of an image; where sizes are rounded up, it is padded at its end."""
    padding = [(0, 0), (0, 0)]
    sizes = zip(x.shape[2:], layer["kernel"], layer["stride"], layer["pad"], strict=True)
    for size, kernel, stride, pad in sizes:
        steps = (size + 2 * pad - kernel) / stride
        last = (math.ceil(steps) if layer["ceil"] else math.floor(steps)) * stride + kernel
        padding.append((pad, max(0, last - size - pad)))
    window, strides = (1, 1, *layer["kernel"]), (1, 1, *layer["stride"])
    return lax.reduce_window(x, first, reduce, window, strides, padding)


def load(task: Task) -> Loaded:
    """Return the compiled function."""
    os.environ["PJRT_NPROC"] = str(task.threads)  # read when JAX computes for the first time
    described, arrays = task.layers(), task.arrays()

    def forward(x: Any) -> Any:
        values = {"input": x}
        for layer in described["layers"]:
            weights = [arrays[name] for name in layer.get("weights", ())]
            inputs = [values[name] for name in layer["inputs"]]
            values[layer["name"]] = apply(layer, inputs, weights)
        return values[described["output"]]

    compiled = jax.jit(forward)
    return Loaded(lambda x: numpy.asarray(compiled(x)), jax.__version__)


if __name__ == "__main__":
    serve(load)
