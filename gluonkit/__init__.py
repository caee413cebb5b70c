"""gluonkit: the best way to use Apache MXNet's Gluon on today's Python.

Importing this makes ``import mxnet`` work, chooses MXNet's thread count where the user has not,
and changes nothing else: array modes stay as they are.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gluonkit._version import __version__
from gluonkit.system import compat, engine

mx = compat.import_mxnet()
engine.watch(mx)

# MXNet is importable from here on, and only from here on.
from mxnet import autograd, gluon, init, nd, np, npx  # noqa: E402
from mxnet.gluon import nn  # noqa: E402

from gluonkit import zoo as _zoo  # noqa: E402, F401  (registers the outside zoos)
from gluonkit.errors import (  # noqa: E402
    ArgumentError,
    ArgumentTypeError,
    CheckpointError,
    DataError,
    DroppedWeightsWarning,
    EnvironmentVariableError,
    ExportError,
    GluonkitError,
    MissingPackageError,
    NotFiniteError,
    StateError,
)
from gluonkit.models import (  # noqa: E402
    ModelInfo,
    create_model,
    list_models,
    model_info,
    register_model,
)
from gluonkit.models import own as _models  # noqa: E402, F401  (registers gluonkit's own)
from gluonkit.models.initializers import ReportingInitializer, TwoSidedUniform  # noqa: E402
from gluonkit.models.layers import CenteredLayer, MyDense, TransposedDense  # noqa: E402
from gluonkit.system.doctor import Check, DoctorReport, doctor  # noqa: E402
from gluonkit.system.engine import Runtime, configure, runtime  # noqa: E402
from gluonkit.system.environment import Environment, environment  # noqa: E402
from gluonkit.system.seeding import seed_everything  # noqa: E402

if TYPE_CHECKING:
    from gluonkit import data, params
    from gluonkit.benchmark import (
        BenchReport,
        BenchRow,
        Measurement,
        SpeedUp,
        measure,
    )
    from gluonkit.benchmark.benching import bench
    from gluonkit.check import (
        Coverage,
        Finding,
        HybridReport,
        check_hybrid,
    )
    from gluonkit.checkpoint import (
        CheckpointDir,
        CheckpointInfo,
        Conversion,
        Loaded,
        Skipped,
        convert,
        inspect,
        load,
        save,
        verify,
    )
    from gluonkit.compiling import Compiled, Explanation, Plan
    from gluonkit.compiling.entry import compile
    from gluonkit.exporting import (
        ExportedOnnx,
        ExportedSymbol,
        export,
        export_onnx,
    )
    from gluonkit.inspection import (
        Activations,
        ActivationStats,
        Layer,
        Summary,
        register_macs,
    )
    from gluonkit.inspection.recording import activations
    from gluonkit.inspection.summarizing import summary
    from gluonkit.models.finetuning import features, replace_head
    from gluonkit.params import materialize
    from gluonkit.plot import (
        plot_activations,
        plot_bench,
        plot_histograms,
        plot_network,
        plot_norms,
    )
    from gluonkit.train import (
        Callback,
        Checkpoint,
        CSVLogger,
        EarlyStopping,
        History,
        LearningRate,
        LearningRates,
        LivePlot,
        Progress,
        TensorBoard,
    )
    from gluonkit.train.evaluating import evaluate, predict
    from gluonkit.train.fitting import fit
    from gluonkit.train.rates import find_lr

# These rooms are entered on first use: together they would be a twentieth of the whole import.
_LATER = {
    "benchmark": ("BenchReport", "BenchRow", "Measurement", "SpeedUp", "bench", "measure"),
    "check": ("Coverage", "Finding", "HybridReport", "check_hybrid"),
    "checkpoint": (
        "CheckpointDir",
        "CheckpointInfo",
        "Conversion",
        "Loaded",
        "Skipped",
        "convert",
        "inspect",
        "load",
        "save",
        "verify",
    ),
    "compiling": ("Compiled", "Explanation", "Plan", "compile"),
    "exporting": ("ExportedOnnx", "ExportedSymbol", "export", "export_onnx"),
    "models.finetuning": ("features", "replace_head"),
    "inspection": (
        "ActivationStats",
        "Activations",
        "Layer",
        "Summary",
        "activations",
        "register_macs",
        "summary",
    ),
    "params": ("materialize",),
    "plot": (
        "plot_activations",
        "plot_bench",
        "plot_histograms",
        "plot_network",
        "plot_norms",
    ),
    "train": (
        "CSVLogger",
        "Callback",
        "Checkpoint",
        "EarlyStopping",
        "History",
        "LearningRate",
        "LearningRates",
        "LivePlot",
        "Progress",
        "TensorBoard",
        "evaluate",
        "find_lr",
        "fit",
        "predict",
    ),
}
_ROOM_OF = {name: room for room, names in _LATER.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what is needed for a public name at its first use."""
    if name in ("data", "params"):
        return importlib.import_module(f"gluonkit.{name}")
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'gluonkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"gluonkit.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "ActivationStats",
    "Activations",
    "ArgumentError",
    "ArgumentTypeError",
    "BenchReport",
    "BenchRow",
    "CSVLogger",
    "Callback",
    "CenteredLayer",
    "Check",
    "Checkpoint",
    "CheckpointDir",
    "CheckpointError",
    "CheckpointInfo",
    "Compiled",
    "Conversion",
    "Coverage",
    "DataError",
    "DoctorReport",
    "DroppedWeightsWarning",
    "EarlyStopping",
    "Environment",
    "EnvironmentVariableError",
    "Explanation",
    "ExportError",
    "ExportedOnnx",
    "ExportedSymbol",
    "Finding",
    "GluonkitError",
    "History",
    "HybridReport",
    "Layer",
    "LearningRate",
    "LearningRates",
    "LivePlot",
    "Loaded",
    "Measurement",
    "MissingPackageError",
    "ModelInfo",
    "MyDense",
    "NotFiniteError",
    "Plan",
    "Progress",
    "ReportingInitializer",
    "Runtime",
    "Skipped",
    "SpeedUp",
    "StateError",
    "Summary",
    "TensorBoard",
    "TransposedDense",
    "TwoSidedUniform",
    "__version__",
    "activations",
    "autograd",
    "bench",
    "check_hybrid",
    "compile",
    "configure",
    "convert",
    "create_model",
    "data",
    "doctor",
    "environment",
    "evaluate",
    "export",
    "export_onnx",
    "features",
    "find_lr",
    "fit",
    "gluon",
    "init",
    "inspect",
    "list_models",
    "load",
    "materialize",
    "measure",
    "model_info",
    "mx",
    "nd",
    "nn",
    "np",
    "npx",
    "params",
    "plot_activations",
    "plot_bench",
    "plot_histograms",
    "plot_network",
    "plot_norms",
    "predict",
    "register_macs",
    "register_model",
    "replace_head",
    "runtime",
    "save",
    "seed_everything",
    "summary",
    "verify",
]
