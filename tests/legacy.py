"""Files as old versions of MXNet wrote them, made by hand."""

import json

import mxnet as mx
import numpy
from mxnet import nd


def variable(name, **keys):
    """Return a variable's node."""
    return {"op": "null", "name": name, "inputs": [], **keys}


def node(op, name, *inputs, **keys):
    """Return an operator's node; its inputs are numbers of nodes, in whose first output it is."""
    return {"op": op, "name": name, "inputs": [[at, 0] for at in inputs], **keys}


def graph(*nodes, version=None, heads=None):
    """Return a graph's text, as of a version such as 904; None for one of 0.8 or before."""
    said = {} if version is None else {"attrs": {"mxnet_version": ["int", version]}}
    variables = [number for number, entry in enumerate(nodes) if entry["op"] == "null"]
    ends = [[number, 0] for number in heads or [len(nodes) - 1]]
    return json.dumps({"nodes": nodes, "arg_nodes": variables, "heads": ends, **said})


def written(folder, text, parameters, name="old"):
    """Write a checkpoint of Module's, and return the path of its graph."""
    path = folder / f"{name}-symbol.json"
    path.write_text(text)
    arrays = {key: nd.array(array, dtype=array.dtype) for key, array in parameters.items()}
    nd.save(str(folder / f"{name}-0001.params"), arrays)
    return path


def by_mxnet(path, inputs):
    """Return what MXNet's own executor gives for a checkpoint's graph, its own upgrade included."""
    symbol = mx.sym.load(str(path))
    saved = nd.load(str(path).replace("-symbol.json", "-0001.params"))
    parts = {kind: {} for kind in ("arg", "aux")}
    for name, array in saved.items():
        kind, _, plain = name.partition(":")
        parts[kind][plain] = array
    arguments = parts["arg"] | {name: nd.array(value) for name, value in inputs.items()}
    run = symbol.bind(mx.cpu(), arguments, aux_states=parts["aux"], grad_req="null")
    return [output.asnumpy() for output in run.forward(is_train=False)]


def draws(*shape):
    """Return normally distributed numbers."""
    return numpy.random.default_rng(len(shape)).normal(size=shape).astype("float32")
