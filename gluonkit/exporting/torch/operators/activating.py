"""Activations, and the predictions of output layers."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.use import (
    Use,
    infix,
    literal,
    writes,
)


@writes("relu", "_npx_relu")
def _relu(use: Use) -> str:
    return f"F.relu({use.arguments[0]})"


@writes("softsign")
def _softsign(use: Use) -> str:
    return f"F.softsign({use.arguments[0]})"


@writes("hard_sigmoid")
def _hard_sigmoid(use: Use) -> str:
    alpha, beta = (literal(use.value(n, d)) for n, d in (("alpha", 0.2), ("beta", 0.5)))
    return f"torch.clamp({infix(infix(alpha, '*', use.arguments[0]), '+', beta)}, 0, 1)"


_ACTIVATIONS = {
    "relu": "F.relu",
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "softrelu": "F.softplus",
    "softsign": "F.softsign",
}


@writes("Activation")
def _activation(use: Use) -> str:
    kind = use.text("act_type")
    if kind not in _ACTIVATIONS:
        raise use.refuse(f"act_type={kind} is not known")
    return f"{_ACTIVATIONS[kind]}({use.arguments[0]})"


@writes("LeakyReLU")
def _leaky(use: Use) -> str:
    kind, slope = use.text("act_type", "leaky"), literal(float(use.value("slope", 0.25)))
    if kind == "prelu":
        return _prelu(use)
    if kind == "rrelu":
        low, high = (
            literal(use.value(n, d)) for n, d in (("lower_bound", 0.125), ("upper_bound", 0.334))
        )
        return f"F.rrelu({use.arguments[0]}, {low}, {high}, training=self.training)"
    if kind in ("leaky", "elu"):
        return f"F.{'leaky_relu' if kind == 'leaky' else 'elu'}({use.arguments[0]}, {slope})"
    if kind in ("selu", "gelu"):
        return f"F.{kind}({use.arguments[0]})"
    raise use.refuse(f"act_type={kind} is not known")


def _prelu(use: Use) -> str:
    """Write PReLU; its slopes belong to the second axis, or have the shape of the array."""
    shape, slopes = use.inputs[0].shape, use.inputs[1].shape
    if slopes == (1,) or (len(shape) > 1 and slopes == shape[1:2]):
        return f"F.prelu({', '.join(use.arguments)})"
    data = use.arguments[0]
    return f"torch.where({infix(data, '>', '0')}, {data}, {infix(use.arguments[1], '*', data)})"


@writes("LinearRegressionOutput", "MAERegressionOutput", "SVMOutput")
def _prediction(use: Use) -> str:
    return use.arguments[0]


@writes("LogisticRegressionOutput")
def _logistic_prediction(use: Use) -> str:
    return f"torch.sigmoid({use.arguments[0]})"
