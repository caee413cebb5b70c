"""The public names of gluonkit. Each stands here once: ``__init__.py`` reads this file too."""

import mxnet
from mxnet import autograd as autograd
from mxnet import gluon as gluon
from mxnet import init as init
from mxnet import nd as nd
from mxnet import np as np
from mxnet import npx as npx
from mxnet.gluon import nn as nn

from . import callbacks as callbacks
from . import data as data
from . import errors as errors
from . import models as models
from . import params as params
from . import plot as plot
from ._base.version import __version__ as __version__
from .benchmark import bench as bench
from .benchmark import measure as measure
from .callbacks import Callback as Callback
from .check import check_hybrid as check_hybrid
from .checkpoint import convert as convert
from .checkpoint import load as load
from .checkpoint import save as save
from .compiling import compile as compile
from .diagnosis import inspect as inspect
from .diagnosis import verify as verify
from .errors import GluonkitError as GluonkitError
from .exporting import export as export
from .exporting import export_onnx as export_onnx
from .exporting import export_torch as export_torch
from .inspection import activations as activations
from .inspection import summary as summary
from .models import create_model as create_model
from .models import list_models as list_models
from .models import model_info as model_info
from .models import register_model as register_model
from .models.finetuning import features as features
from .models.finetuning import replace_head as replace_head
from .params import materialize as materialize
from .profiling import audit as audit
from .profiling import profile as profile
from .system.doctor import doctor as doctor
from .system.engine import configure as configure
from .system.engine import runtime as runtime
from .system.environment import environment as environment
from .system.seeding import seed_everything as seed_everything
from .train import evaluate as evaluate
from .train import find_lr as find_lr
from .train import fit as fit
from .train import interpret as interpret
from .train import predict as predict

# Type checkers take `import mxnet as mx` for private.
mx = mxnet
