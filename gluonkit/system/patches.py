"""Every change that gluonkit makes to MXNet's own modules and classes, listed; none is made else.

`for_good` and `replaced` are the only ways to patch, and refuse what is not on the list. What
single networks get (a `forward` of their own) is no patch of MXNet and stands in `modes` and in
the zoos; what Python and NumPy have dropped is put back by `compat`, which says so in `applied`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Patch:
    """One change of MXNet.

    Attributes
    ----------
    where : tuple of str
        The modules, classes or libraries whose attributes are replaced.
    names : tuple of str
        The attributes.
    by : str
        The module of gluonkit that makes it.
    why : str
        What fails without it.
    until : str
        When it is undone.
    """

    where: tuple[str, ...]
    names: tuple[str, ...]
    by: str
    why: str
    until: str


# Every native function by which Python code can make the engine start.
STARTERS = (
    "MXNDArrayCreate",
    "MXNDArrayCreateEx",
    "MXNDArrayCreateEx64",
    "MXNDArrayCreateSparseEx",
    "MXNDArrayCreateSparseEx64",
    "MXNDArrayCreateFromSharedMem",
    "MXNDArrayCreateFromSharedMemEx",
    "MXNDArrayFromDLPack",
    "MXNDArrayFromDLPackEx",
    "MXNDArrayLoad",
    "MXNDArrayLoadFromBuffer",
    "MXNDArrayLoadFromRawBytes",
    "MXNDArrayWaitAll",
    "MXImperativeInvoke",
    "MXImperativeInvokeEx",
    "MXInvokeCachedOp",
    "MXInvokeCachedOpEx",
    "MXNetFuncCall",
    "MXRandomSeed",
    "MXRandomSeedContext",
    "MXEngineSetBulkSize",
    "MXExecutorBind",
    "MXExecutorBindX",
    "MXExecutorBindEX",
    "MXExecutorSimpleBind",
    "MXExecutorSimpleBindEx",
    "MXExecutorSimpleBindEx64",
    "MXDataIterCreateIter",
    "MXKVStoreCreate",
)
"""Functions of MXNet's C interface that start its engine."""

VIEW_MAKERS = (
    *("MXNDArraySlice", "MXNDArraySlice64", "MXNDArrayAt", "MXNDArrayAt64", "MXNDArrayReshape64"),
    *("MXShallowCopyNDArray", "MXNDArrayDetach", "MXNDArrayToDLPack"),
)
"""Functions that make views of arrays."""

WAITING = (
    *("MXNDArraySyncCopyToCPU", "MXNDArraySyncCopyFromCPU", "MXNDArrayWaitToRead"),
    *("MXNDArrayWaitToWrite", "MXNDArrayWaitAll", "MXNDArraySave", "MXNDArraySaveRawBytes"),
)
"""Functions that wait for the engine, as far as Python code calls them."""

_CALL = "within the call"
PATCHES = (
    Patch(
        ("mxnet._ctypes.ndarray", "mxnet._ctypes.symbol", "mxnet.symbol.symbol", "mxnet.io.io"),
        ("str",),
        "system.plain",
        "NumPy 2 writes np.int64(4) where MXNet's engine reads 4",
        "the process ends; with NumPy 2 only",
    ),
    Patch(
        ("mxnet.ndarray.ndarray.NDArray",),
        ("__array__",),
        "system.numpy2",
        "NumPy takes an NDArray for a sequence of sequences without end, and gives up",
        "the process ends",
    ),
    Patch(
        ("mxnet.metric.EvalMetric",),
        ("sum_metric", "global_sum_metric", "num_inst", "global_num_inst"),
        "system.numpy2",
        "NumPy 2 adds float32 losses to a Python number in float32, and a metric's sum drifts",
        "the process ends; with NumPy 2 only",
    ),
    Patch(
        ("mxnet.recordio",),
        ("pack", "pack_img"),
        "system.numpy2",
        "labels and images become bytes by `tostring`, of which NumPy warns, and which 2.3 dropped",
        "the process ends",
    ),
    Patch(
        ("mxnet.base._LIB",),
        STARTERS,
        "system.engine",
        "`configure` must know whether MXNet's engine, which reads its settings once, has begun",
        "the first array is made",
    ),
    Patch(
        ("mxnet.kvstore.kvstore.KVStore",),
        ("__init__", "__del__"),
        "system.roles",
        "a worker that fails would wait for ever at the barrier before MXNet's exit; one whose "
        "store lives as long as its modules would end by abort",
        "the process ends; in a distributed job's workers only",
    ),
    Patch(
        ("mxnet.symbol.symbol.Symbol",),
        ("__getitem__", "__len__", "__iter__"),
        "tracing.symbolic",
        "x[0], len(x) and iteration mean rows of an array, but outputs of a symbol, in silence",
        "the process ends; refuses within gluonkit's traces only",
    ),
    Patch(
        ("mxnet.base._LIB",),
        (*VIEW_MAKERS, "MXNDArrayFree"),
        "compiling.views",
        "a fused graph copies weights, and must learn of views through which they may be changed",
        "the process ends; from the first call of `compile`",
    ),
    Patch(
        ("mxnet.symbol.register",),
        ("_symbol_creator",),
        "tracing.symbolic",
        "a trace notes which block made which operator",
        _CALL,
    ),
    Patch(
        ("mxnet.gluon.block.SymbolBlock",),
        ("forward",),
        "tracing.symbolic",
        "a SymbolBlock's graph goes into a trace whole; MXNet composes it anew each time",
        _CALL,
    ),
    Patch(
        ("mxnet.gluon.block.Block",),
        ("__call__",),
        "tracing.recorder",
        "calls of blocks are recorded without the user's hooks",
        _CALL,
    ),
    Patch(
        ("mxnet.gluon.block.Block",),
        ("register_child",),
        "tracing.snapshot",
        "a compiled network must learn of other layers at its next call, and has no time to look",
        "the process ends; after a network was compiled",
    ),
    Patch(
        ("mxnet.ndarray.register",),
        ("_imperative_invoke",),
        "tracing.eager, tracing.tape, train.step.likeness, graphs.scores",
        "operators are recorded as they run; a comparison draws no random numbers; the scores "
        "below a network's softmax are seen",
        _CALL,
    ),
    Patch(
        ("mxnet.ndarray.numpy._api_internal",),
        ("tensordot", "zeros"),
        "tracing.eager, tracing.tape",
        "these two operators of MXNet's take another way into the engine",
        _CALL,
    ),
    Patch(
        ("mxnet.ndarray.ndarray.NDArray", "mxnet.numpy.ndarray"),
        (
            *("__getitem__", "__setitem__", "asnumpy", "reshape", "detach"),
            *("as_np_ndarray", "as_nd_ndarray"),
        ),
        "tracing.tape",
        "parts of arrays, and reads of their numbers, are no operators, but must be told",
        "the process ends; after `export_torch` of a network that does not take symbols",
    ),
    Patch(
        ("mxnet.gluon.parameter.Parameter",),
        ("_finish_deferred_init",),
        "tracing.eager",
        "the operators of initializers are no layer's",
        _CALL,
    ),
    Patch(
        ("mxnet.gluon.parameter.Parameter",),
        ("list_ctx",),
        "models.finetuning.replace",
        "GluonCV asks parameters without a shape where they are",
        _CALL,
    ),
    Patch(
        ("mxnet.symbol.symbol.Symbol",),
        ("infer_shape", "infer_type"),
        "tracing.prints",
        "MXNet prints what it cannot infer to standard output, before the error, and within JSON",
        _CALL,
    ),
    Patch(
        ("mxnet.ndarray.ndarray.NDArray",),
        ("asnumpy",),
        "graphs.reads",
        "code that reads a parameter's numbers while it is traced freezes them in the graph",
        _CALL,
    ),
    Patch(
        ("mxnet.base._LIB",),
        (*WAITING, "MXAutogradBackwardEx"),
        "profiling.listening",
        "an audit counts the waits for the engine, and the steps between them",
        _CALL,
    ),
    Patch(
        ("mxnet.ndarray.ndarray.NDArray", "mxnet.numpy.ndarray"),
        ("copyto",),
        "profiling.listening",
        "an audit counts the copies between devices",
        _CALL,
    ),
    Patch(
        (
            "mxnet.onnx.mx2onnx._op_translations._op_translations_opset12",
            "mxnet.onnx.mx2onnx._op_translations._op_translations_opset13",
        ),
        ("onnx",),
        "exporting.onnx.converters",
        "MXNet's converters read tables that newer versions of onnx no longer have",
        _CALL,
    ),
)
_LISTED = {f"{where}.{name}" for patch in PATCHES for where in patch.where for name in patch.names}
_replacing = RLock()


def for_good(owner: Any, name: str, value: Any) -> None:
    """Replace an attribute of MXNet for the rest of the process.

    Raises
    ------
    KeyError
        If `PATCHES` does not list it.
    """
    _check(owner, name)
    setattr(owner, name, value)


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Replace an attribute of MXNet in a context.

    Other threads that replace something wait until the context ends.

    Raises
    ------
    KeyError
        If `PATCHES` does not list it.
    """
    _check(owner, name)
    with _replacing:
        original = getattr(owner, name)
        setattr(owner, name, value)
        try:
            yield
        finally:
            setattr(owner, name, original)


def _check(owner: Any, name: str) -> None:
    if isinstance(owner, ModuleType):
        where = owner.__name__
    elif isinstance(owner, type):
        where = f"{owner.__module__}.{owner.__qualname__}"
    else:
        where = "mxnet.base._LIB"
    if f"{where}.{name}" not in _LISTED:
        raise KeyError(f"{where}.{name} is not in gluonkit.system.patches.PATCHES")
