"""gluonkit: the best way to use Apache MXNet's Gluon on today's Python.

Importing this makes ``import mxnet`` work, chooses MXNet's thread count where the user has not,
and changes nothing else: array modes stay as they are.
"""

from gluonkit import _compat, _engine
from gluonkit._version import __version__

mx = _compat.import_mxnet()
_engine.watch(mx)

# MXNet is importable from here on, and only from here on.
from mxnet import autograd, gluon, init, nd, np, npx  # noqa: E402
from mxnet.gluon import nn  # noqa: E402

from gluonkit import models as _models  # noqa: E402, F401  (registers gluonkit's own)
from gluonkit import params  # noqa: E402
from gluonkit import zoo as _zoo  # noqa: E402, F401  (registers the outside zoos)
from gluonkit._engine import Runtime, configure, runtime  # noqa: E402
from gluonkit._errors import (  # noqa: E402
    ArgumentError,
    ArgumentTypeError,
    EnvironmentVariableError,
    GluonkitError,
    MissingPackageError,
    StateError,
)
from gluonkit.benchmark import (  # noqa: E402
    BenchReport,
    BenchRow,
    Measurement,
    SpeedUp,
    bench,
    measure,
)
from gluonkit.blocks import CenteredLayer, MyDense, TransposedDense  # noqa: E402
from gluonkit.check import Coverage, Finding, HybridReport, check_hybrid  # noqa: E402
from gluonkit.doctor import Check, DoctorReport, doctor  # noqa: E402
from gluonkit.environment import Environment, environment  # noqa: E402
from gluonkit.initializers import ReportingInitializer, TwoSidedUniform  # noqa: E402
from gluonkit.inspection import (  # noqa: E402
    Activations,
    ActivationStats,
    Layer,
    Summary,
    activations,
    register_macs,
    summary,
)
from gluonkit.params.sharing import materialize  # noqa: E402
from gluonkit.plot import (  # noqa: E402
    plot_activations,
    plot_bench,
    plot_histograms,
    plot_network,
    plot_norms,
)
from gluonkit.registry import (  # noqa: E402
    ModelInfo,
    create_model,
    list_models,
    model_info,
    register_model,
)

__all__ = [
    "ActivationStats",
    "Activations",
    "ArgumentError",
    "ArgumentTypeError",
    "BenchReport",
    "BenchRow",
    "CenteredLayer",
    "Check",
    "Coverage",
    "DoctorReport",
    "Environment",
    "EnvironmentVariableError",
    "Finding",
    "GluonkitError",
    "HybridReport",
    "Layer",
    "Measurement",
    "MissingPackageError",
    "ModelInfo",
    "MyDense",
    "ReportingInitializer",
    "Runtime",
    "SpeedUp",
    "StateError",
    "Summary",
    "TransposedDense",
    "TwoSidedUniform",
    "__version__",
    "activations",
    "autograd",
    "bench",
    "check_hybrid",
    "configure",
    "create_model",
    "doctor",
    "environment",
    "gluon",
    "init",
    "list_models",
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
    "register_macs",
    "register_model",
    "runtime",
    "summary",
]
