"""MLflow: runs of `fit` in a tracking store, and networks as models that MLflow loads."""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit._base.specs import ArraySpec
from gluonkit._base.tables import Shown
from gluonkit.checkpoint.directory import CheckpointDir
from gluonkit.checkpoint.loading import load
from gluonkit.checkpoint.network import network_record, versions
from gluonkit.checkpoint.saving import save
from gluonkit.compiling.entry import compile
from gluonkit.errors import ArgumentError
from gluonkit.exporting.symbol import export
from gluonkit.tracing.inputs import as_spec, leaves, parse_inputs
from gluonkit.tracing.tree import parameters_of
from gluonkit.train.callbacks import Callback
from gluonkit.train.evaluating import predict

_INPUTS = "inputs.json"
_REQUIREMENTS = [f"{name}=={versions()[name]}" for name in ("mxnet", "gluonkit")]


class MLflow(Callback):
    """Log a run to MLflow: parameters, figures of each epoch, the history, and the model.

    It uses the active run of MLflow, or begins one, and ends it. Where and in which experiment, and
    all else, is MLflow's own: `mlflow.set_tracking_uri`, `mlflow.set_experiment`.

    Parameters
    ----------
    params : mapping, optional
        Further parameters to log.
    checkpoints : str or Path, optional
        The folder of `resume` or of a `Checkpoint`, whose newest file is logged at the end, under
        ``checkpoint/``.
    model : str or None, default 'model'
        The name under which the network is logged as a model (see `log_model`); None for no model.

    Notes
    -----
    Logged are the network, its number of parameters, the optimizer with its first learning rate,
    the epochs, the steps of an epoch, the batch size and the kind of steps as parameters; each
    figure of the history as a metric, by epoch; ``history.csv``, and its plot if matplotlib is
    installed. A run that ends by an error is marked as failed, and has no model.
    """

    every = None
    first_only: ClassVar[bool] = True
    changes_net = False
    observes: ClassVar[bool] = False

    def __init__(
        self,
        params: Mapping[str, Any] | None = None,
        *,
        checkpoints: str | Path | None = None,
        model: str | None = "model",
    ) -> None:
        self.params = dict(params or {})
        self.checkpoints = None if checkpoints is None else Path(checkpoints)
        self.model = model
        self._began = False

    def on_fit_begin(self, run: Any) -> None:
        """Begin a run, if there is none, and log the parameters."""
        mlflow = require("mlflow", extra="mlflow")
        self._began = mlflow.active_run() is None
        if self._began:
            mlflow.start_run()
        mlflow.log_params({**_described(run), **self.params})

    def on_epoch_end(self, run: Any) -> None:
        """Log the epoch's figures."""
        row = {name: value for name, value in run.history.last.items() if name != "epoch"}
        require("mlflow", extra="mlflow").log_metrics(row, step=run.epoch)

    def on_fit_end(self, run: Any) -> None:
        """Log the history, the checkpoint and the model."""
        mlflow = require("mlflow", extra="mlflow")
        failed = sys.exc_info()[0] is not None
        try:
            if run.history.epochs:
                mlflow.log_text(run.history.to_csv(), "history.csv")
                if _has("matplotlib"):
                    mlflow.log_figure(run.history.plot(), "history.png")
            newest = None if self.checkpoints is None else CheckpointDir(self.checkpoints).last
            if newest is not None:
                mlflow.log_artifact(str(newest.path), "checkpoint")
            if self.model is not None and not failed:
                batch = run.first_batch
                specs = batch.specs[: batch.inputs]
                log_model(run.net, self.model, *((spec.shape, spec.dtype) for spec in specs))
        finally:
            if self._began:
                mlflow.end_run("FAILED" if failed else "FINISHED")


def save_model(net: gluon.Block, path: str | Path, *inputs: Any) -> None:
    """Write a network as a model of MLflow's (flavour `python_function`) into a folder.

    Parameters
    ----------
    net : gluon.Block
        A network with values. One that `create_model` has built is kept in the format of `save`,
        with checksums; any other one as `export` writes it.
    path : str or Path
        The folder, which must not exist.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, as for `gluonkit.summary`.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        For inputs that do not go through the network, and for none.
    CheckpointError
        When a network is not what `create_model` has built any more.
    ExportError
        When a network that is not `create_model`'s cannot be traced.
    MissingPackageError
        When MLflow is not installed.
    """
    pyfunc = require("mlflow.pyfunc", extra="mlflow")
    with tempfile.TemporaryDirectory() as folder:
        pyfunc.save_model(path=str(path), **_written(net, Path(folder), inputs))


def log_model(net: gluon.Block, name: str, *inputs: Any) -> Any:
    """Log a network as a model of MLflow's to the active run.

    `mlflow.pyfunc.load_model` gives it back: it is loaded by `load`, and predicts by `compile`, any
    number of samples. It takes an array of the first input, or a table of numbers (a pandas
    DataFrame), and returns NumPy arrays.

    Parameters
    ----------
    net : gluon.Block
        As for `save_model`.
    name : str
        The model's name in the run.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, as for `gluonkit.summary`.

    Returns
    -------
    mlflow.models.model.ModelInfo
        What MLflow tells of it; its `model_uri` is what `mlflow.pyfunc.load_model` takes.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError, CheckpointError, ExportError, MissingPackageError
        As for `save_model`.

    Examples
    --------
    >>> import mlflow  # doctest: +SKIP
    >>> import gluonkit as gk
    >>> from gluonkit.integrations.mlflow import log_model
    >>> net = gk.create_model("lenet", init="xavier")
    >>> info = log_model(net, "digits", (1, 1, 28, 28))  # doctest: +SKIP
    >>> mlflow.pyfunc.load_model(info.model_uri).predict(images)  # doctest: +SKIP
    """
    pyfunc = require("mlflow.pyfunc", extra="mlflow")
    # MLflow 3 has another name for it.
    known = inspect.signature(pyfunc.log_model).parameters
    named = {"name" if "name" in known else "artifact_path": name}
    with tempfile.TemporaryDirectory() as folder:
        return pyfunc.log_model(**named, **_written(net, Path(folder), inputs))


class Model(Shown):
    """A network as `mlflow.pyfunc` uses it: loaded by `load`, called by `compile`."""

    def __init__(self, folder: Path) -> None:
        record = json.loads((folder / _INPUTS).read_text())
        self._specs = [ArraySpec(tuple(shape), dtype) for shape, dtype in record["inputs"]]
        examples = [numpy.zeros(spec.shape, spec.dtype) for spec in self._specs]
        self.net = load(folder / record["file"])
        self.compiled = compile(self.net, *examples, dynamic_batch=True, frozen=True)

    def __str__(self) -> str:
        inputs = ", ".join(map(str, self._specs))
        return f"Model: {type(self.net).__name__} of {inputs}, compiled as {self.compiled.plan}"

    def predict(self, model_input: Any, params: Any = None) -> Any:
        """Return the network's outputs for samples.

        Parameters
        ----------
        model_input : numpy.ndarray, pandas.DataFrame, list or dict
            Samples of the only input; for several inputs a list, or a dict by their positions
            ('0', '1', ...).
        params : object, optional
            Not looked at.

        Returns
        -------
        numpy.ndarray or list of numpy.ndarray
            The outputs.

        Raises
        ------
        ArgumentError
            For samples of another shape.
        """
        given = list(model_input.values()) if isinstance(model_input, dict) else model_input
        arrays = given if len(self._specs) > 1 else [given[0] if _is_one(given) else given]
        checked = [_samples(a, spec) for a, spec in zip(arrays, self._specs, strict=True)]
        outputs = self.compiled(*checked)
        copies = [numpy.array(part) for part in leaves(outputs)]
        return copies[0] if len(copies) == 1 else copies


def _load_pyfunc(path: str) -> Model:
    """Return the model that MLflow finds at a path; its `loader_module` calls this."""
    return Model(Path(path))


def _is_one(given: Any) -> bool:
    """Return whether a list holds the only input."""
    return isinstance(given, list) and len(given) == 1 and hasattr(given[0], "shape")


def _samples(given: Any, spec: ArraySpec) -> Array:
    """Return samples as an array for an input."""
    array = numpy.ascontiguousarray(given, spec.dtype)
    own = spec.shape[1:]
    # A table of pictures that were flattened.
    if array.ndim == 2 and array.shape[1:] != own and array.shape[1] == numpy.prod(own, dtype=int):
        array = array.reshape(-1, *own)
    if array.shape[1:] != own or not len(array):
        shape = ", ".join(map(str, own))
        raise ArgumentError(
            f"`model_input` has samples of shape {array.shape}; give (samples, {shape})"
        )
    return array


def _written(net: gluon.Block, folder: Path, inputs: tuple[Any, ...]) -> dict[str, Any]:
    """Write a network's files, and return MLflow's arguments for a model of them."""
    if not inputs:
        raise ArgumentError("`inputs` are missing; give an array or a shape for each input")
    specs = [as_spec(given) for given in leaves(parse_inputs(inputs))]
    examples = [numpy.zeros(spec.shape, spec.dtype) for spec in specs]
    data = folder / "network"
    data.mkdir()
    outputs = predict(net, examples[0] if len(examples) == 1 else examples)
    if network_record(net).get("model"):
        file = save(net, data / "net.safetensors")
        load(file)  # what was changed after `create_model` would not come back
    else:
        file = export(net, data / "net", *examples).symbol
    record = {"file": file.name, "inputs": [[list(spec.shape), spec.dtype] for spec in specs]}
    (data / _INPUTS).write_text(json.dumps(record))
    signature = {}
    if len(examples) == 1 and isinstance(outputs, numpy.ndarray):
        infer = require("mlflow.models", extra="mlflow").infer_signature
        signature["signature"] = infer(examples[0], outputs)
    return {
        "loader_module": __name__,
        "data_path": str(data),
        "pip_requirements": _REQUIREMENTS,
        **signature,
    }


def _described(run: Any) -> dict[str, Any]:
    """Return the parameters of a run."""
    batch = run.first_batch
    model = network_record(run.net).get("model")
    return {
        "network": model or type(run.net).__name__,
        "parameters": sum(
            array.size for p in parameters_of(run.net) if p._data for array in p.list_data()[:1]
        ),
        "optimizer": type(run.optimizer).__name__,
        "learning_rate": run.learning_rate,
        "epochs": run.epochs,
        "batches": run.steps,
        "batch_size": batch.size,
        "steps": run.history.engine,
    }


def _has(package: str) -> bool:
    """Return whether a package is installed."""
    try:
        require(package, extra="plot")
    except ImportError:
        return False
    return True
