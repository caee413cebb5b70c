"""Training by `fit`, and by the loops that somebody who knows MXNet well writes."""

from time import perf_counter
from typing import Any

import numpy
from protocol import Parent, Plan, Task, Trainer, given, plan, serve_training

import gluonkit
import networks
from gluonkit import autograd, gluon, mx, nd
from gluonkit.callbacks import Callback
from gluonkit.data import BatchLoader

MOST_TURNS = 100
"""More than a row has: those that one epoch of `fit` is long."""
QUEUED = 2
"""Steps that may wait in MXNet's queue: one that grows without bound would only look faster."""


def network(task: Task) -> Any:
    """Return the network with its weights at the beginning."""
    return networks.read(task.folder, networks.TRAINED[task.layers()["network"]].network)


def load(task: Task) -> Trainer:
    """Return the loop that the kind names."""
    net, order = network(task), plan(task)
    if task.kind == "bound executor":
        return bound_executor(net, order)
    return loop(net, order, inside=task.kind == "loss inside")


def loop(net: Any, order: Plan, *, inside: bool) -> Trainer:
    """Return Gluon's own loop, hybridized; network and loss may be one block."""
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    whole = WithLoss(net, loss) if inside else None
    (whole or net).hybridize(static_alloc=True, static_shape=True)
    options = {"kvstore": None} if inside else {}
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": order.rate}, **options)
    pending: list[Any] = []

    def step(indices: Any) -> Any:
        data, label = nd.array(order.x[indices]), nd.array(order.y[indices], dtype="int32")
        with autograd.record():
            value = whole(data, label) if whole else loss(net(data), label)
        value.backward()
        trainer.step(len(indices))
        pending.append(value)
        if len(pending) > QUEUED:
            pending.pop(0).wait_to_read()
        return value

    return Trainer(step, mx.__version__, nd.waitall, lambda value: value.mean().asscalar())


class WithLoss(gluon.HybridBlock):
    """A network and its loss as one block."""

    def __init__(self, net: Any, loss: Any) -> None:
        super().__init__()
        self.net, self.loss = net, loss

    def hybrid_forward(self, F: Any, data: Any, label: Any) -> Any:
        """Return the loss of each sample."""
        return self.loss(self.net(data), label)


def bound_executor(net: Any, order: Plan) -> Trainer:
    """Return the fastest loop known to MXNet's lore: one executor, weights side by side."""
    batch = len(order.batches[0])
    parameters = list(net.collect_params().values())
    sizes = [-(-parameter.data().size // 16) * 16 for parameter in parameters]
    places = numpy.cumsum([0, *sizes]).tolist()
    weights, grads = nd.zeros(places[-1]), nd.zeros(places[-1])
    views = {}
    for parameter, place in zip(parameters, places, strict=False):
        end = place + parameter.data().size
        views[parameter.name] = [
            array[place:end].reshape(parameter.shape) for array in (weights, grads)
        ]
        views[parameter.name][0][:] = parameter.data()
    data, label = nd.zeros((batch, *order.x.shape[1:])), nd.zeros((batch,))
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    value = mx.sym.MakeLoss(loss(net(mx.sym.var("data")), mx.sym.var("label")))
    arguments = {name: view for name, (view, _) in views.items()} | {"data": data, "label": label}
    executor = value.bind(
        mx.cpu(),
        arguments,
        args_grad={name: grad for name, (_, grad) in views.items()},
        grad_req={name: "write" if name in views else "null" for name in arguments},
    )

    def step(indices: Any) -> Any:
        data._sync_copyfrom(order.x[indices])
        label._sync_copyfrom(order.y[indices].astype("float32"))
        executor.forward(is_train=True)
        executor.backward()
        nd.sgd_update(weights, grads, out=weights, lr=order.rate, rescale_grad=1 / batch, wd=0.0)
        return executor.outputs[0].mean().asscalar()

    return Trainer(step, mx.__version__, nd.waitall)


class Turns(Callback):
    """Lets `fit` go on whenever the parent says so, and tells what a step took."""

    observes = changes_net = reads_weights = False

    def __init__(self, parent: Parent, steps: int) -> None:
        self.parent, self.every = parent, steps

    def on_step_end(self, run: Any) -> None:
        """Answer, and wait for the next turn: the first one is not measured."""
        nd.waitall()
        if run.step == self.every:
            self.parent.answer(version=gluonkit.__version__, note="")
        else:
            seconds = perf_counter() - self.began
            self.parent.answer(seconds=seconds / self.every, calls=self.every)
        if self.parent.turn() is None:
            run.stop("no more turns")
        self.began = perf_counter()


class Planned(BatchLoader):
    """The batches of a plan, over and over: an epoch is `turns` turns."""

    def __init__(self, order: Plan, turns: int = 1) -> None:
        self.order, self.turns = order, turns
        super().__init__((order.x, order.y), len(order.batches[0]))

    def plan(self, epoch: int, *, size: int | None = None) -> list[Any]:
        """Return the positions of each batch's samples."""
        return list(self.order.turn()) * self.turns


def serve_fit(task: Task) -> None:
    """Let `fit` train, an epoch for each turn."""
    parent, order = Parent(), plan(task)
    options = {"optimizer": "sgd", "optimizer_params": {"learning_rate": order.rate}}
    try:
        first = gluonkit.fit(
            network(task), Planned(order), epochs=1, record_steps=True, metrics=(), **options
        )
        numpy.save(task.output, [row["loss"] for row in first.steps[: order.checked]])
        # One epoch for all turns: what an epoch costs beside its steps, others do not do.
        loader, turns = Planned(order, MOST_TURNS), Turns(parent, order.steps)
        gluonkit.fit(network(task), loader, epochs=1, metrics=(), callbacks=[turns], **options)
    except Exception as error:  # whatever is raised is the finding
        parent.answer(problem=f"{type(error).__name__}: {error}")
        raise


if __name__ == "__main__":
    if given().kind == "fit":
        serve_fit(given())
    else:
        serve_training(load)
