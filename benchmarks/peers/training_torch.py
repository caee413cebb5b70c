"""PyTorch's training: eager, with images whose channels come last, or compiled."""

from typing import Any

import torch
from protocol import Task, Trainer, plan, serve_training
from torch import nn
from worker_torch import network


def load(task: Task) -> Trainer:
    """Return PyTorch's usual loop."""
    torch.set_num_threads(task.threads)
    order = plan(task)
    with torch.no_grad():
        net = network(task.layers(), task.arrays()).train()
    x, y = torch.from_numpy(order.x), torch.from_numpy(order.y.astype("int64"))
    if task.kind == "channels last":
        net = net.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    called = torch.compile(net) if task.kind == "compile" else net
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), order.rate)

    def step(indices: Any) -> Any:
        where = torch.from_numpy(indices)
        optimizer.zero_grad()
        value = loss(called(x[where]), y[where])
        value.backward()
        optimizer.step()
        return value.detach()

    return Trainer(step, torch.__version__)


if __name__ == "__main__":
    serve_training(load)
