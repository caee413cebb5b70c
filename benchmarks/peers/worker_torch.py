"""PyTorch: eager, traced and frozen by torch.jit, or compiled by torch.compile."""

import operator
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from protocol import WARM, Call, Loaded, Task, seconds_of, serve, warm_up
from torch import nn


class Embedded(nn.Module):
    """BERT's input: embeddings of words, of the first sentence, and of positions."""

    def __init__(self, weights: list[Any]) -> None:
        super().__init__()
        self.words, self.types, self.positions = (
            nn.Embedding.from_pretrained(weight, freeze=False) for weight in weights
        )

    def forward(self, x: Any) -> Any:
        """Return the sum of the three."""
        positions = torch.arange(x.shape[1])
        return self.words(x) + self.types(torch.zeros_like(x)) + self.positions(positions)


class Attention(nn.Module):
    """Self-attention of several heads, with one projection for queries, keys and values."""

    def __init__(self, weights: list[Any], heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = linear(torch.cat(weights[:3]), torch.cat(weights[3:]))

    def forward(self, x: Any) -> Any:
        """Return the heads' outputs side by side."""
        batch, steps, units = x.shape
        parts = self.project(x).view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(*parts.unbind())
        return y.transpose(1, 2).reshape(batch, steps, units)


class Sequence(nn.LSTM):
    """LSTM layers that return each step's output only."""

    def __init__(self, weights: list[Any]) -> None:
        units = weights[1].shape[1]
        super().__init__(weights[0].shape[1], units, len(weights) // 4, batch_first=True)
        for parameter, weight in zip(self._flat_weights, weights, strict=True):
            parameter.copy_(weight)

    def forward(self, x: Any) -> Any:
        """Return the last layer's outputs."""
        return super().forward(x)[0]


class Last(nn.Module):
    """The last step of a sequence."""

    def forward(self, x: Any) -> Any:
        """Return it."""
        return x[:, -1]


def linear(weight: Any, bias: Any) -> Any:
    """Return a dense layer with these weights."""
    layer = nn.Linear(*reversed(weight.shape))
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
    return layer


LAYOUTS = {"NCHW": torch.contiguous_format, "channels last": torch.channels_last}


def module(layer: dict[str, Any], arrays: dict[str, Any], *, inplace: bool) -> Any:
    """Return the module of a layer with its weights; None for what has none in PyTorch."""
    weights = [torch.from_numpy(arrays[name]) for name in layer.get("weights", ())]
    op = layer["op"]
    whole: dict[str, Callable[[], Any]] = {
        "embed": lambda: Embedded(weights),
        "attention": lambda: Attention(weights, layer["heads"]),
        "lstm": lambda: Sequence(weights),
        "last": Last,
        "gelu": nn.GELU,
    }
    if op in whole:
        return whole[op]()
    torch_layer: Any = None
    if op == "convolution":
        outputs, inputs, *kernel = weights[0].shape
        groups = layer["groups"]
        torch_layer = nn.Conv2d(
            inputs * groups,
            outputs,
            tuple(kernel),
            stride=tuple(layer["stride"]),
            padding=tuple(layer["pad"]),
            dilation=tuple(layer["dilation"]),
            groups=groups,
            bias=len(weights) > 1,
        )
    elif op == "dense":
        torch_layer = nn.Linear(*reversed(weights[0].shape), bias=len(weights) > 1)
    elif op == "batch_norm":
        torch_layer = nn.BatchNorm2d(len(weights[0]), eps=layer["eps"])
        torch_layer.running_mean.copy_(weights[2])
        torch_layer.running_var.copy_(weights[3])
        weights = weights[:2]
    elif op == "layer_norm":
        torch_layer = nn.LayerNorm(len(weights[0]), eps=layer["eps"])
    elif op == "relu":
        torch_layer = nn.ReLU(inplace=inplace)
    elif op == "max_pool":
        sizes = (tuple(layer[key]) for key in ("kernel", "stride", "pad"))
        torch_layer = nn.MaxPool2d(*sizes, ceil_mode=layer["ceil"])
    elif op == "avg_pool":
        sizes = (tuple(layer[key]) for key in ("kernel", "stride"))
        torch_layer = nn.AvgPool2d(*sizes, ceil_mode=layer["ceil"])
    elif op == "global_average":
        torch_layer = nn.AdaptiveAvgPool2d(1)
    elif op == "flatten":
        torch_layer = nn.Flatten()
    for name, weight in zip(("weight", "bias"), weights, strict=False):
        getattr(torch_layer, name).copy_(weight)
    return torch_layer


def network(described: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """Return a network as one would write it: a chain, or a forward that calls its modules."""
    layers = described["layers"]
    uses = Counter(name for layer in layers for name in layer["inputs"])
    modules = {}
    for layer in layers:
        (first, *_) = layer["inputs"]
        inplace = uses[first] == 1 and first != "input"
        modules[layer["name"]] = module(layer, arrays, inplace=inplace)
    if all(len(layer["inputs"]) == 1 for layer in layers):
        return nn.Sequential(*modules.values())
    graph = torch.fx.Graph()
    values = {"input": graph.placeholder("x")}
    for layer in layers:
        name, inputs = layer["name"], [values[source] for source in layer["inputs"]]
        if layer["op"] == "add":  # in place, as torchvision's networks do it
            once, other = sorted(layer["inputs"], key=uses.__getitem__)
            assert uses[once] == 1
            values[name] = graph.call_function(operator.iadd, (values[once], values[other]))
        elif layer["op"] == "concat":
            values[name] = graph.call_function(torch.cat, (inputs,), {"dim": layer["dim"]})
        elif layer["op"] == "transpose":
            values[name] = graph.call_method("permute", (*inputs, *layer["axes"]))
        elif layer["op"] == "reshape":  # a zero keeps the axis, which is that of the samples
            _, *others = layer["shape"]
            samples = graph.call_method("size", (*inputs, 0))
            values[name] = graph.call_method("reshape", (*inputs, samples, *others))
        else:
            values[name] = graph.call_module(name, tuple(inputs))
    graph.output(values[described["output"]])
    own = {name: module for name, module in modules.items() if module is not None}
    return torch.fx.GraphModule(own, graph)


def called(kind: str, net: Any, example: Any) -> Any:
    """Return what is called for a kind of contestant."""
    if kind == "eager":
        return net
    if kind.startswith("compile"):
        # Freezing is what its documentation advises for inference; it is not on by default.
        torch._inductor.config.freezing = kind == "compile, frozen"
        return torch.compile(net)
    traced = torch.jit.freeze(torch.jit.trace(net, example))
    return torch.jit.optimize_for_inference(traced) if "optimized" in kind else traced


def load(task: Task) -> Loaded:
    """Return the network, in the layout of memory that is faster."""
    torch.set_num_threads(task.threads)
    arrays = task.arrays()
    x = arrays["x"]
    if x.ndim != 4 or task.kind == "compile, frozen":  # freezing orders memory as it likes
        return Loaded(call_of(task, arrays, "NCHW"), torch.__version__)
    calls = {layout: call_of(task, arrays, layout) for layout in LAYOUTS}
    layout = min(calls, key=lambda memory_layout: fewest_seconds(calls[memory_layout], x))
    return Loaded(calls[layout], torch.__version__, layout)


def fewest_seconds(call: Call, x: Any) -> float:
    """Return the fewest seconds of a few calls, compiling not counted."""
    warm_up(call, x, WARM)
    return min(seconds_of(call, x, 1) for _ in range(3))


def call_of(task: Task, arrays: dict[str, Any], layout: str) -> Call:
    """Return what calls the network with a NumPy array, in a layout of memory."""
    order = LAYOUTS[layout]
    net = network(task.layers(), arrays).eval()
    example = torch.from_numpy(arrays["x"])
    if layout == "NCHW":
        run = called(task.kind, net, example)
        return lambda x: run(torch.from_numpy(x)).numpy()
    run = called(task.kind, net.to(memory_format=order), example.to(memory_format=order))
    return lambda x: run(torch.from_numpy(x).to(memory_format=order)).numpy()


if __name__ == "__main__":
    with torch.inference_mode():
        serve(load)
