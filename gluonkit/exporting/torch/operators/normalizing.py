"""Normalization and dropout, with weights that are given as expressions."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.use import (
    Use,
    literal,
    options,
    primary,
    writes,
)
from gluonkit.exporting.torch.parts import Call


@writes("BatchNorm", "_contrib_SyncBatchNorm", "_contrib_BatchNormWithReLU")
def _batch_norm(use: Use) -> str:
    """Write batch normalization; torch's running variance is that of a sample, not of the batch."""
    data, gamma, beta, mean, variance = use.arguments
    axis = use.axis(1)
    if use.flag("output_mean_var"):
        raise use.refuse("it gives the mean and variance too")
    training = None if use.flag("use_global_stats") else "self.training"
    momentum = literal(round(1 - float(use.value("momentum", 0.9)), 9))
    given = options(
        weight=None if use.flag("fix_gamma", default=True) else gamma,
        bias=beta,
        training=training,
        momentum=momentum if training and momentum != "0.1" else None,
        eps=_epsilon(use, 1e-3),
    )
    text = f"F.batch_norm({_turned(data, axis)}, {mean}, {variance}{given})"
    text = text if axis == 1 else f"{text}.transpose(1, {axis})"
    return f"F.relu({text})" if use.operator.endswith("ReLU") else text


def _turned(data: str, axis: int) -> str:
    return data if axis == 1 else f"{primary(data)}.transpose(1, {axis})"


def _epsilon(use: Use, default: float) -> str | None:
    """Return epsilon, if it is not torch's default."""
    epsilon = float(literal(float(use.value("eps", default))))
    return None if epsilon == 1e-5 else repr(epsilon)


@writes("LayerNorm")
def _layer_norm(use: Use) -> str:
    if use.flag("output_mean_var"):
        raise use.refuse("it gives the mean and variance too")
    axis = use.axis(-1)
    data, gamma, beta = use.arguments
    last = axis == use.rank - 1
    data = data if last else f"{primary(data)}.movedim({axis}, -1)"
    text = f"F.layer_norm({data}, {primary(gamma)}.shape, {gamma}, {beta}"
    text = f"{text}{options(eps=_epsilon(use, 1e-5))})"
    return text if last else f"{text}.movedim(-1, {axis})"


@writes("GroupNorm")
def _group_norm(use: Use) -> str:
    """Write group normalization; MXNet has one scale and shift for each group."""
    groups = int(use.value("num_groups", 1))
    data, *weights = use.arguments
    if use.inputs[1].shape == (groups,) and groups != use.inputs[0].shape[1]:
        times = use.inputs[0].shape[1] // groups
        weights = [f"{primary(weight)}.repeat_interleave({times})" for weight in weights]
    epsilon = options(eps=_epsilon(use, 1e-5))
    return f"F.group_norm({', '.join([data, str(groups), *weights])}{epsilon})"


@writes("InstanceNorm")
def _instance_norm(use: Use) -> str:
    data, gamma, beta = use.arguments
    given = options(weight=gamma, bias=beta, eps=_epsilon(use, 1e-3))
    return f"F.instance_norm({data}{given})"


@writes("Dropout")
def _dropout(use: Use) -> Call | str:
    share = literal(float(use.value("p", 0.5)))
    training = "True" if use.text("mode", "training") == "always" else "self.training"
    axes = use.value("axes", ())
    axes = (axes,) if isinstance(axes, int) else axes
    if axes:
        text = f"dropout_along({use.arguments[0]}, {share}, {tuple(axes)}, training={training})"
        return Call(text, ("dropout_along",))
    return f"F.dropout({use.arguments[0]}, {share}, {training})"
