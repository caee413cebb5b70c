"""A Gluon network as a list of layers, from which the others build theirs."""

import ast
import json
from typing import Any

from gluonkit._base.specs import ArraySpec
from gluonkit.graphs.capture import build_graph

INPUT = "input"


class Layers:
    """A list of layers that grows; each has a name, an operator, inputs, and weights by name."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, op: str, inputs: list[str], **others: Any) -> str:
        """Add a layer, and return its name."""
        self.rows.append({"name": f"{op}{len(self.rows)}", "op": op, "inputs": inputs, **others})
        return str(self.rows[-1]["name"])

    def described(self, output: str) -> dict[str, Any]:
        """Return the list with the name of the layer that is the network's output."""
        return {"layers": self.rows, "output": output}


def layers_of(net: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return a network as a list of layers: its own list if it has one, else its graph's."""
    if hasattr(net, "described"):
        return dict(net.described())
    graph = build_graph(net, [ArraySpec(shape)], on_cpu=False)
    described = json.loads(graph.symbol.tojson())
    internals = graph.symbol.get_internals()
    _, shapes, _ = internals.infer_shape(**{graph.inputs[0]: shape})
    ranks = dict(zip(internals.list_outputs(), map(len, shapes), strict=True))
    layers = Layers()
    add = layers.add
    known: dict[str, str] = {}  # what a node's output is called in the list
    nodes = described["nodes"]
    for node in nodes:
        name, op = node["name"], node["op"]
        sources = [nodes[index]["name"] for index, *_ in node["inputs"]]
        given = {key: _value(text) for key, text in node.get("attrs", {}).items()}
        inputs = [known[source] for source in sources if source in known]
        weights = [source for source in sources if source not in known]
        if op == "null":
            if name == graph.inputs[0]:
                known[name] = INPUT
        elif op == "Dropout":
            known[name] = inputs[0]
        elif op == "Flatten":
            known[name] = add("flatten", inputs)
        elif op == "FullyConnected":
            flat = ranks.get(f"{sources[0]}_output", len(shape)) == 2
            known[name] = add(
                "dense", inputs if flat else [add("flatten", inputs)], weights=weights
            )
        else:
            known[name] = add(*_layer(op, given, inputs), weights=weights, **_options(op, given))
    return layers.described(known[nodes[described["heads"][0][0]]["name"]])


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _layer(op: str, given: dict[str, Any], inputs: list[str]) -> tuple[str, list[str]]:
    """Return what an operator is called in the list, and its inputs."""
    names = {
        "Convolution": "convolution",
        "BatchNorm": "batch_norm",
        "elemwise_add": "add",
        "_plus": "add",
        "Concat": "concat",
        "transpose": "transpose",
        "Reshape": "reshape",
    }
    if op == "Activation" and given["act_type"] == "relu":
        return "relu", inputs
    if op == "Pooling":
        return ("global_average" if given["global_pool"] else f"{given['pool_type']}_pool"), inputs
    return names[op], inputs  # a KeyError names the operator that is missing here


def _options(op: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return those attributes of an operator that the list needs."""
    if op == "Convolution":
        return {
            "stride": given.get("stride", (1, 1)),
            "pad": given.get("pad", (0, 0)),
            "dilation": given.get("dilate", (1, 1)),
            "groups": given.get("num_group", 1),
        }
    if op == "Concat":
        return {"dim": given.get("dim", 1)}
    if op == "transpose":
        return {"axes": given["axes"]}
    if op == "Reshape":
        return {"shape": given["shape"]}
    if op == "BatchNorm":
        assert given.get("axis", 1) == 1
        return {"eps": given.get("eps", 1e-3), "scaled": not given.get("fix_gamma", True)}
    if op == "Pooling":
        assert given["pool_type"] == "max" or given["pad"] == (0, 0)
        ceil = given["pooling_convention"] == "full"
        return {
            "kernel": given["kernel"],
            "stride": given["stride"],
            "pad": given["pad"],
            "ceil": ceil,
        }
    return {}
