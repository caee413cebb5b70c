"""JAX's training: one compiled function for a step, which gives its arrays away."""

import os
from typing import Any

import jax
from jax import lax
from jax import numpy as jnp
from protocol import Task, Trainer, plan, serve_training
from worker_jax import apply

KEPT = 0.9
"""The part of its running statistics that batch normalization keeps at a step."""


def load(task: Task) -> Trainer:
    """Return the step."""
    os.environ["PJRT_NPROC"] = str(task.threads)  # read when JAX computes for the first time
    described, arrays, order = task.layers(), task.arrays(), plan(task)
    names = {name for layer in described["layers"] for name in layer.get("weights", ())}
    moving = {
        name
        for layer in described["layers"]
        if layer["op"] == "batch_norm"
        for name in layer["weights"][2:]
    }
    state = [
        {name: jnp.array(arrays[name]) for name in sorted(part)}
        for part in (names - moving, moving)
    ]

    def loss(weights: Any, running: Any, x: Any, y: Any) -> Any:
        scores, running = forward(described, weights, running, x)
        logs = jax.nn.log_softmax(scores)
        return -jnp.mean(jnp.take_along_axis(logs, y[:, None], 1)), running

    def update(weights: Any, running: Any, x: Any, y: Any) -> Any:
        (value, running), grads = jax.value_and_grad(loss, has_aux=True)(weights, running, x, y)
        weights = {name: weight - order.rate * grads[name] for name, weight in weights.items()}
        return weights, running, value

    compiled = jax.jit(update, donate_argnums=(0, 1))

    def step(indices: Any) -> Any:
        *state[:], value = compiled(*state, order.x[indices], order.y[indices])
        return value

    return Trainer(step, jax.__version__, lambda: jax.block_until_ready(state))


def forward(described: dict[str, Any], weights: Any, running: Any, x: Any) -> Any:
    """Return the scores in training, and the statistics after it."""
    values, after = {"input": x}, dict(running)
    for layer in described["layers"]:
        inputs = [values[name] for name in layer["inputs"]]
        own = layer.get("weights", ())
        if layer["op"] == "batch_norm":
            statistics = [running[name] for name in own[2:]]
            values[layer["name"]], moved = normalized(
                inputs[0], *(weights[name] for name in own[:2]), statistics, layer["eps"]
            )
            after |= dict(zip(own[2:], moved, strict=True))
        else:
            values[layer["name"]] = apply(layer, inputs, [weights[name] for name in own])
    return values[described["output"]], after


def normalized(x: Any, gamma: Any, beta: Any, running: Any, eps: float) -> Any:
    """Return images normalized by their batch, and the statistics after it."""
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
    scale = gamma * lax.rsqrt(variance + eps)
    moved = [
        KEPT * old + (1 - KEPT) * lax.stop_gradient(new)
        for old, new in zip(running, (mean, variance), strict=True)
    ]
    return x * scale[:, None, None] + (beta - mean * scale)[:, None, None], moved


if __name__ == "__main__":
    serve_training(load)
