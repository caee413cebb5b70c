"""Claim: a training step of `fit` takes no longer than PyTorch's, JAX's, or one written by hand.

Batch 64, plain SGD, the batch gathered from shuffled arrays. Everybody starts from the same weights
and sees the same batches; the losses of the first steps are compared before anything is timed. Each
runs in a process of its own, for their thread pools disturb one another, and the processes take
turns. PyTorch and JAX need not live in the same environment: PEERS_PYTHON names their Python.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy

BATCH, BATCHES, STEPS, ROUNDS, CHECKED = 64, 40, 400, 5, 8
RATE = 0.05
RESULTS = Path(__file__).parent / "results" / "training.json"
MXNETS = ("fit", "hybridized loop", "loss inside", "bound executor")
PEERS = ("torch", "torch.compile", "jax")

Step = Callable[[Any, Any], Any]


def arrays(network: str) -> dict[str, Any]:
    """Return data, labels and initial weights, the same for everybody."""
    draws = numpy.random.default_rng(0)
    shape = (784,) if network == "mlp" else (1, 28, 28)
    found = {
        "x": draws.random((BATCH * BATCHES, *shape), dtype="float32"),
        "y": draws.integers(0, 10, BATCH * BATCHES).astype("int32"),
    }
    shapes = {
        "mlp": [(128, 784), (64, 128), (10, 64)],
        "lenet": [(6, 1, 5, 5), (16, 6, 3, 3), (120, 400), (84, 120), (10, 84)],
    }[network]
    for index, each in enumerate(shapes):
        bound = (3 / numpy.prod(each[1:])) ** 0.5
        found[f"w{index}"] = draws.uniform(-bound, bound, each).astype("float32")
        found[f"b{index}"] = numpy.zeros(each[0], "float32")
    return found


def plan() -> list[Any]:
    """Return the positions of each batch's samples, in an order that everybody follows."""
    order = numpy.random.default_rng(1).permutation(BATCH * BATCHES)
    return numpy.split(order, BATCHES)


def gluon_net(network: str, given: dict[str, Any]) -> Any:
    from gluonkit import nd, nn

    net = nn.HybridSequential()
    if network == "lenet":
        net.add(nn.Conv2D(6, 5, activation="relu"), nn.MaxPool2D(2))
        net.add(nn.Conv2D(16, 3, activation="relu"), nn.MaxPool2D(2))
    widths = (128, 64) if network == "mlp" else (120, 84)
    net.add(*(nn.Dense(width, activation="relu") for width in widths), nn.Dense(10))
    net.initialize()
    net(nd.array(given["x"][:1]))
    layers = [layer for layer in net if hasattr(layer, "weight")]
    for index, layer in enumerate(layers):
        layer.weight.set_data(nd.array(given[f"w{index}"]))
        layer.bias.set_data(nd.array(given[f"b{index}"]))
    return net


def mxnet_loop(kind: str, network: str, given: dict[str, Any]) -> Step:
    """Return a step as somebody who knows MXNet well writes it."""
    from gluonkit import autograd, gluon, mx, nd

    net, loss = gluon_net(network, given), gluon.loss.SoftmaxCrossEntropyLoss()
    if kind == "bound executor":
        return bound_executor(net, loss, given["x"].shape[1:])
    x, y = given["x"], given["y"]
    pending: list[Any] = []

    class WithLoss(gluon.HybridBlock):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.loss = net, loss

        def hybrid_forward(self, F: Any, data: Any, label: Any) -> Any:
            return self.loss(self.net(data), label)

    whole: Any = WithLoss() if kind == "loss inside" else None
    (whole or net).hybridize(static_alloc=True, static_shape=True)
    options = {"kvstore": None} if whole else {}
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": RATE}, **options)

    def step(_: Any, indices: Any) -> Any:
        data, label = nd.array(x[indices]), nd.array(y[indices], dtype="int32")
        with autograd.record():
            value = whole(data, label) if whole else loss(net(data), label)
        value.backward()
        trainer.step(BATCH)
        pending.append(value)
        if len(pending) > 2:  # a queue that grows without bound would only look faster
            pending.pop(0).wait_to_read()
        return value

    step.wait = mx.nd.waitall  # type: ignore[attr-defined]
    return step


def bound_executor(net: Any, loss: Any, shape: Any) -> Step:
    """Return the fastest step known to MXNet's lore: one executor, weights side by side."""
    from gluonkit import mx, nd

    parameters = list(net.collect_params().values())
    sizes = [-(-p.data().size // 16) * 16 for p in parameters]
    places = numpy.cumsum([0, *sizes]).tolist()
    weights, grads = nd.zeros(places[-1]), nd.zeros(places[-1])
    views = {}
    for p, place in zip(parameters, places, strict=False):
        views[p.name] = [
            a[place : place + p.data().size].reshape(p.shape) for a in (weights, grads)
        ]
        views[p.name][0][:] = p.data()
    data, label = nd.zeros((BATCH, *shape)), nd.zeros((BATCH,))
    value = mx.sym.MakeLoss(loss(net(mx.sym.var("data")), mx.sym.var("label")))
    arguments = {name: each[0] for name, each in views.items()} | {"data": data, "label": label}
    executor = value.bind(
        mx.cpu(),
        arguments,
        args_grad={name: each[1] for name, each in views.items()},
        grad_req={name: "write" if name in views else "null" for name in arguments},
    )

    def step(batch: Any, _: Any) -> Any:
        data._sync_copyfrom(batch[0]), label._sync_copyfrom(batch[1])
        executor.forward(is_train=True)
        executor.backward()
        nd.sgd_update(weights, grads, out=weights, lr=RATE, rescale_grad=1 / BATCH, wd=0.0)
        executor.outputs[0].wait_to_read()
        return executor.outputs[0]

    step.wait = mx.nd.waitall  # type: ignore[attr-defined]
    return step


def run_fit(network: str, given: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Return the first losses, and seconds a step, of `fit` itself."""
    from gluonkit import fit
    from gluonkit.data import BatchLoader

    class Planned(BatchLoader):
        def plan(self, epoch: int) -> list[Any]:
            return plan() * (STEPS // BATCHES)

    net = gluon_net(network, given)
    options: Any = {"optimizer_params": {"learning_rate": RATE}, "metrics": ()}
    loader = Planned((given["x"], given["y"]), BATCH)
    first = fit(net, loader, epochs=1, record_steps=True, **options)
    history = fit(net, loader, epochs=5, **options)
    return [row["loss"] for row in first.steps[:CHECKED]], [
        seconds / STEPS for seconds in history["seconds"]
    ]


def torch_loop(kind: str, network: str, given: dict[str, Any]) -> Step:
    import torch
    from torch import nn

    parts: list[Any] = []
    if network == "lenet":
        parts += [nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)]
        parts += [nn.Conv2d(6, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    sizes = (784, 128, 64, 10) if network == "mlp" else (400, 120, 84, 10)
    for i, o in itertools.pairwise(sizes):
        parts += [nn.Linear(i, o), nn.ReLU()]
    net = nn.Sequential(*parts[:-1])
    layers = [layer for layer in net if hasattr(layer, "weight")]
    with torch.no_grad():
        for index, layer in enumerate(layers):
            layer.weight.copy_(torch.from_numpy(given[f"w{index}"]))
            layer.bias.copy_(torch.from_numpy(given[f"b{index}"]))
    called = torch.compile(net) if kind == "torch.compile" else net
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), RATE)
    x, y = torch.from_numpy(given["x"]), torch.from_numpy(given["y"].astype("int64"))

    def step(_: Any, indices: Any) -> Any:
        where = torch.from_numpy(indices)
        optimizer.zero_grad()
        value = loss(called(x[where]), y[where])
        value.backward()
        optimizer.step()
        return value.detach()

    step.wait = lambda: None  # type: ignore[attr-defined]
    return step


def jax_loop(network: str, given: dict[str, Any]) -> Step:
    import jax
    from jax import lax
    from jax import numpy as jnp

    count = sum(name.startswith("w") for name in given)
    state = {"p": [(jnp.array(given[f"w{i}"]), jnp.array(given[f"b{i}"])) for i in range(count)]}

    def forward(parameters: Any, x: Any) -> Any:
        for w, b in parameters[:-3]:
            x = jax.nn.relu(lax.conv(x, w, (1, 1), "VALID") + b[:, None, None])
            window = (1, 1, 2, 2)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
        x = x.reshape(len(x), -1)
        for w, b in parameters[-3:-1]:
            x = jax.nn.relu(x @ w.T + b)
        w, b = parameters[-1]
        return x @ w.T + b

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        logs = jax.nn.log_softmax(forward(parameters, x))
        return -jnp.mean(jnp.take_along_axis(logs, y[:, None], 1))

    def update(parameters: Any, x: Any, y: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(parameters, x, y)
        return jax.tree_util.tree_map(lambda p, g: p - RATE * g, parameters, grads), value

    compiled = jax.jit(update, donate_argnums=0)

    def step(batch: Any, _: Any) -> Any:
        state["p"], value = compiled(state["p"], *batch)
        return value

    step.wait = lambda: jax.block_until_ready(state["p"])  # type: ignore[attr-defined]
    return step


def run_loop(step: Any, given: dict[str, Any], gathers: bool) -> tuple[list[float], list[float]]:
    """Return the first losses, and seconds a step in each of several rounds."""
    order = plan()

    def go(count: int, losses: list[float] | None) -> None:
        for number in range(count):
            indices = order[number % BATCHES]
            batch = (given["x"][indices], given["y"][indices]) if gathers else None
            value = step(batch, indices)
            if losses is not None and number < CHECKED:
                found = value.asnumpy() if hasattr(value, "asnumpy") else value
                losses.append(float(numpy.asarray(found).mean()))
        step.wait()

    losses: list[float] = []
    go(STEPS, losses)
    times = []
    for _ in range(5):
        start = perf_counter()
        go(STEPS, None)
        times.append((perf_counter() - start) / STEPS)
    return losses, times


def child(kind: str, network: str, path: str) -> None:
    given = dict(numpy.load(path))
    if kind == "fit":
        found = run_fit(network, given)
    elif kind in MXNETS:
        step = mxnet_loop(kind, network, given)
        found = run_loop(step, given, kind == "bound executor")
    elif kind == "jax":
        found = run_loop(jax_loop(network, given), given, True)
    else:
        found = run_loop(torch_loop(kind, network, given), given, False)
    print(json.dumps(found))


def start(kind: str, network: str, path: str) -> tuple[list[float], list[float]] | None:
    """Run one candidate in a process of its own; None if it is not installed."""
    python = sys.executable if kind in MXNETS else os.environ.get("PEERS_PYTHON", sys.executable)
    variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if kind == "bound executor":  # oneDNN's fusion slows it down
        variables["MXNET_SUBGRAPH_BACKEND"] = "NONE"
    done = subprocess.run(
        [python, "-W", "ignore", __file__, kind, network, path],
        capture_output=True,
        text=True,
        env=variables,
        check=False,
    )
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(f"{kind} failed: {done.stderr[-2000:]}")
    losses, times = json.loads(done.stdout.splitlines()[-1])
    return losses, times


def main() -> None:
    from gluonkit import environment

    results: dict[str, Any] = {"environment": environment().to_dict(), "seconds": {}}
    for network in ("mlp", "lenet"):
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "arrays.npz")
            numpy.savez(path, **arrays(network))
            times: dict[str, list[float]] = {}
            expected: list[float] = []
            for _ in range(ROUNDS):
                for kind in (*MXNETS, *PEERS):
                    actual = start(kind, network, path)
                    if actual is None:
                        continue
                    losses, each = actual
                    expected = expected or losses
                    assert numpy.allclose(losses, expected, rtol=1e-4), (kind, losses, expected)
                    times.setdefault(kind, []).append(statistics.median(each))
        results["seconds"][network] = times
        ours = times["fit"]
        print(f"{network}: losses of the first {CHECKED} steps agree")
        for kind, each in times.items():
            ratio = statistics.median(a / b for a, b in zip(ours, each, strict=True))
            median = statistics.median(each) * 1e6
            print(f"  {kind:16} {median:7.0f} µs a step; fit takes {ratio:.2f} of it")
        missing = [kind for kind in PEERS if kind not in times]
        if missing:
            print(f"  not installed, so not measured: {', '.join(missing)}")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(*sys.argv[1:])
    else:
        main()
