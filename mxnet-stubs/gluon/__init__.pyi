# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.


from mxnet.gluon.block import Block as Block
from mxnet.gluon.block import HybridBlock as HybridBlock
from mxnet.gluon.block import SymbolBlock as SymbolBlock
from mxnet.gluon.parameter import Constant as Constant
from mxnet.gluon.parameter import DeferredInitializationError as DeferredInitializationError
from mxnet.gluon.parameter import Parameter as Parameter
from mxnet.gluon.parameter import ParameterDict as ParameterDict
from mxnet.gluon.trainer import Trainer as Trainer
from . import block as block
from . import contrib as contrib
from . import data as data
from . import loss as loss
from . import model_zoo as model_zoo
from . import nn as nn
from . import parameter as parameter
from . import rnn as rnn
from . import trainer as trainer
from . import utils as utils
