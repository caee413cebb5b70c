# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any

from mxnet.context import Context as Context
from mxnet.context import check_call as check_call
from mxnet.ndarray.random import exponential as exponential
from mxnet.ndarray.random import gamma as gamma
from mxnet.ndarray.random import generalized_negative_binomial as generalized_negative_binomial
from mxnet.ndarray.random import multinomial as multinomial
from mxnet.ndarray.random import negative_binomial as negative_binomial
from mxnet.ndarray.random import normal as normal
from mxnet.ndarray.random import poisson as poisson
from mxnet.ndarray.random import randint as randint
from mxnet.ndarray.random import randn as randn
from mxnet.ndarray.random import shuffle as shuffle
from mxnet.ndarray.random import uniform as uniform

def seed(seed_state: int, ctx: Context | Sequence[Context] | None | str = 'all') -> Any:
    """Seeds the random number generators in MXNet."""
    ...
