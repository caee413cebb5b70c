# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from . import api as api
from . import attribute as attribute
from . import autograd as autograd
from . import base as base
from . import callback as callback
from . import context as context
from . import contrib as contrib
from . import engine as engine
from . import error as error
from . import executor as executor
from . import executor_manager as executor_manager
from . import gluon as gluon
from . import image as image
img = image
from . import initializer as initializer
init = initializer
from . import io as io
from . import kvstore as kvstore
kv = kvstore
from . import libinfo as libinfo
from . import library as library
from . import log as log
from . import lr_scheduler as lr_scheduler
from . import metric as metric
from . import module as module
mod = module
from . import model as model
from . import monitor as monitor
mon = monitor
from . import name as name
from . import ndarray as ndarray
nd = ndarray
from . import ndarray_doc as ndarray_doc
from . import notebook as notebook
from . import numpy as numpy
np = numpy
from .symbol.numpy import _symbol as _symbol
np_symbol = _symbol
from . import numpy_extension as numpy_extension
npx = numpy_extension
from . import numpy_dispatch_protocol as numpy_dispatch_protocol
from . import numpy_op_fallback as numpy_op_fallback
from . import numpy_op_signature as numpy_op_signature
from . import onnx as onnx
from . import operator as operator
from . import optimizer as optimizer
from . import profiler as profiler
from . import random as random
from . import recordio as recordio
from . import registry as registry
rnd = random
from . import rnn as rnn
from . import rtc as rtc
from . import runtime as runtime
from . import symbol as symbol
sym = symbol
from . import symbol_doc as symbol_doc
from . import test_utils as test_utils
from . import torch as torch
th = torch
from . import tvmop as tvmop
from . import util as util
from . import visualization as visualization
viz = visualization
from .attribute import AttrScope as AttrScope
from .context import Context as Context
from .base import MXNetError as MXNetError
from .context import cpu as cpu
from .context import cpu_pinned as cpu_pinned
from .context import current_context as current_context
from .context import gpu as gpu
from .numpy_extension import is_np_array as is_np_array
from .numpy_extension import is_np_shape as is_np_shape
from .util import np_array as np_array
from .util import np_shape as np_shape
from .util import set_np_shape as set_np_shape
from .test_utils import use_np as use_np
from .util import use_np_array as use_np_array
from .util import use_np_shape as use_np_shape

__version__: str
