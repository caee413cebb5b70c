"""Exporting a network as PyTorch source with its weights, and a certificate that both agree."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxnet import gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.atomic import move_durably
from gluonkit._base.checks import checked_path, described
from gluonkit._base.specs import ArraySpec
from gluonkit._base.tables import Facts
from gluonkit.errors import ArgumentTypeError, CheckpointError, MissingPackageError
from gluonkit.exporting.network import Network, prepared
from gluonkit.exporting.torch import tree
from gluonkit.exporting.torch.certificate import certify
from gluonkit.exporting.torch.certify import MODEL, WEIGHTS
from gluonkit.exporting.torch.parts import TorchModel
from gluonkit.exporting.torch.process import WITHOUT, find_torch
from gluonkit.exporting.torch.record import CERTIFICATE, Certificate, unverified
from gluonkit.files.contents import Tensor
from gluonkit.files.safetensors import write_safetensors
from gluonkit.files.writing import check_targets
from gluonkit.tracing.inputs import spec_of

_NOT_ASKED = "no certificate was asked for (verify=False)"


@dataclass(frozen=True, repr=False)
class ExportedTorch(Facts):
    """The files that `export_torch` has written; `str` gives a table.

    Attributes
    ----------
    source : Path
        The file model.py.
    weights : Path
        The file model.safetensors.
    certified : Path
        The file certificate.json.
    inputs : dict of str to ArraySpec
        The arguments of the model's `forward`, with shape and data type of the example.
    lines : int
        The length of model.py.
    bytes : int
        The length of model.safetensors.
    certificate : Certificate
        What was compared with MXNet, or why nothing was.
    """

    source: Path
    weights: Path
    certified: Path
    inputs: Mapping[str, ArraySpec]
    lines: int
    bytes: int
    certificate: Certificate

    def facts(self) -> dict[str, str]:
        """Return what is shown of it, above the certificate."""
        inputs = ", ".join(f"{name} {spec}" for name, spec in self.inputs.items())
        return {
            "Source": f"{self.source} ({self.lines} lines)",
            "Weights": f"{self.weights} ({tables.memory(self.bytes)})",
            "Inputs": inputs,
        }

    def __str__(self) -> str:
        return f"{super().__str__()}\n\n{self.certificate}"

    def _repr_html_(self) -> str:
        return super()._repr_html_() + self.certificate._repr_html_()


@checked
def export_torch(
    net: gluon.Block,
    folder: str | os.PathLike[str],
    *inputs: Any,
    verify: bool | None = None,
    python: str | os.PathLike[str] | None = None,
) -> ExportedTorch:
    """Write a network as readable PyTorch source, with its weights and a certificate.

    The folder gets ``model.py``, whose class `Model` has the blocks of the network as modules, by
    the same names, and needs neither gluonkit nor MXNet; ``model.safetensors`` with the weights,
    by the keys of its `state_dict`; and ``certificate.json``. In PyTorch::

        from model import Model
        model = Model()
        model.load_state_dict(safetensors.torch.load_file("model.safetensors"))

    Where PyTorch is installed, it runs the model in a process of its own: outputs at several
    batches, gradients of all parameters, running statistics and training steps are compared with
    MXNet's before the files are put in place. The network does not change.

    Parameters
    ----------
    net : gluon.Block
        A network with values, of Blocks or HybridBlocks.
    folder : str or os.PathLike
        The folder; it is made if only it is missing.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, as for `gluonkit.summary`.
    verify : bool, optional
        True to require the certificate, False to write without one; by default the model is
        certified where PyTorch is found.
    python : str or os.PathLike, optional
        A Python that has torch and safetensors; by default the one that the environment variable
        GLUONKIT_TORCH_PYTHON names, or this one, in a process of its own.

    Returns
    -------
    ExportedTorch
        The files, and the certificate.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        For inputs with which the network fails, or a network without values.
    ExportError
        When the network has operators or layers that PyTorch does not have (all of them are
        named), its code does with arrays what no model can hold (its line is named), or PyTorch
        computes something else.
    MissingPackageError
        When `verify` is True, and no PyTorch is found.
    CheckpointError
        When the files cannot be written; older ones are not changed.

    Notes
    -----
    MXNet and PyTorch in one process are known to crash, so torch is never imported here.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> net = gk.create_model("lenet", init="xavier")
    >>> done = gk.export_torch(net, tempfile.mkdtemp() + "/lenet", (2, 1, 28, 28), verify=False)
    >>> lines = done.source.read_text().splitlines()
    >>> next(line.strip() for line in lines if "Conv2d" in line)
    'nn.Conv2d(1, 6, kernel_size=5),'
    """
    target = checked_path("folder", folder)
    if verify is not None and not isinstance(verify, bool):
        raise ArgumentTypeError(f"`verify` is {described(verify)}; give True, False or None")
    _check_folder(target)
    torch = None if verify is False else find_torch(python)
    if verify and torch is None:
        raise MissingPackageError(WITHOUT, name="torch", fix='pip install "gluonkit[torch]"')
    network = prepared(net, inputs)
    model = tree.write(net, [spec_of(array) for array in network.inputs])
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name[:100]}.", dir=target.parent) as new:
            made = _written(Path(new), network, model, torch, verify)
            return _placed(Path(new), target, model, made)
    except OSError as error:
        raise CheckpointError(f"{target} cannot be written: {error.strerror or error}") from error


def _check_folder(target: Path) -> None:
    """Refuse a folder that cannot be written into, before any work is done."""
    if target.is_dir():
        check_targets(*(target / name for name in (MODEL, WEIGHTS, CERTIFICATE)))
    elif os.path.lexists(target):
        raise CheckpointError(f"{target} is a file; give a folder, which is made if it is missing")
    else:
        check_targets(target)


def _written(
    folder: Path, network: Network, model: TorchModel, torch: Path | None, verify: bool | None
) -> Certificate:
    """Write the three files into a folder."""
    (folder / MODEL).write_text(model.source, encoding="utf-8")
    with (folder / WEIGHTS).open("wb") as file:
        tensors = {weight.key: Tensor.of(weight.array) for weight in model.weights}
        write_safetensors(file, tensors, {})
    if torch is None:
        return unverified(folder, _NOT_ASKED if verify is False else WITHOUT, model.notes)
    return certify(network, model, folder, python=torch)


def _placed(folder: Path, target: Path, model: TorchModel, made: Certificate) -> ExportedTorch:
    """Move the files to their places; the certificate, which has the others' sums, is the last."""
    target.mkdir(exist_ok=True)
    for name in (WEIGHTS, MODEL, CERTIFICATE):
        move_durably(folder / name, target / name)
    return ExportedTorch(
        target / MODEL,
        target / WEIGHTS,
        target / CERTIFICATE,
        dict(model.inputs),
        len(model.source.splitlines()),
        (target / WEIGHTS).stat().st_size,
        made,
    )
