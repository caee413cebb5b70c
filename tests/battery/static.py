"""What is said of a network, and what is written of it to files."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy
from mxnet.gluon import rnn

from gluonkit import (
    autograd,
    check_hybrid,
    convert,
    export,
    export_onnx,
    gluon,
    load,
    mx,
    nn,
    save,
    summary,
)
from gluonkit.errors import ArgumentError, CheckpointError, ExportError
from gluonkit.system.modes import array_mode
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.tree import walk
from tests.battery.case import Case
from tests.battery.checks import (
    REFUSALS,
    NotForThisCaseError,
    assert_close,
    battery_check,
    can_hybridize,
    eager,
)

BATCH, OTHERS = 2, (1, 5)
SEED, OTHER_SEED = 3, 11


def outputs_of(case, net, arrays):
    """Return what a network gives for NumPy arrays, run as it is."""
    return eager(net, case.given(arrays))


def state_of(case, net, arrays):
    """Return what a network gives for NumPy arrays, and its parameters' bits."""
    outputs = outputs_of(case, net, arrays)
    # MXNet's batch norm without a scale writes ones into its gamma, at some calls only.
    norms = [block for _, block in walk(net) if isinstance(block, nn.basic_layers._BatchNorm)]
    unused = {id(norm.gamma) for norm in norms if norm._kwargs["fix_gamma"]}
    parameters = [
        parameter
        for parameter in parameters_of(net)
        if parameter._data and id(parameter) not in unused
    ]
    return outputs, [parameter.data().asnumpy() for parameter in parameters]


def assert_same_state(actual, expected, what):
    """Compare parameters bit for bit, and outputs to rounding.

    MXNet's recurrent layers round otherwise where their arrays begin elsewhere in memory.
    """
    assert len(actual[1]) == len(expected[1]), f"{what}: other parameters"
    for one, other in zip(actual[1], expected[1], strict=True):
        assert one.dtype == other.dtype, f"{what}: a parameter's dtype is {one.dtype}"
        assert one.shape == other.shape, f"{what}: a parameter's shape is {one.shape}"
        assert one.tobytes() == other.tobytes(), f"{what}: a parameter's numbers differ"
    assert_close(actual[0], expected[0], what)


def built(case, seed=SEED, *, called=True):
    """Return the case's network with values; once called, with all of its shapes."""
    net = case.build(seed)
    if called:
        outputs_of(case, net, case.arrays(BATCH, seed))
    return net


def tried(make):
    """Return what a function makes, or None, and with what words gluonkit refuses to make it."""
    try:
        return make(), ""
    except (ArgumentError, CheckpointError, ExportError) as error:
        return None, str(error)


def only_traceable(case):
    """Leave out networks that nobody promises to write as a graph."""
    if not case.traceable:
        raise NotForThisCaseError


# ---------------------------------------------------------------- summary


def _dense(layer, x, out):
    return out.size * layer.weight.shape[1]


def _convolution(layer, x, out):
    channels = x.shape[layer._kwargs["layout"].index("C")] // layer._kwargs["num_group"]
    return out.size * channels * math.prod(layer._kwargs["kernel"])


def _deconvolution(layer, x, out):
    filters = layer._channels // layer._kwargs["num_group"]
    return x.size * filters * math.prod(layer._kwargs["kernel"])


def _recurrent(layer, x, out):
    """Of each time step and sample: gates times the products with its input and with its state."""
    gates = {rnn.LSTM: 4, rnn.GRU: 3}.get(type(layer), 1)
    hidden, width, total = layer._hidden_size, x.shape[-1], 0
    for _ in range(layer._num_layers):
        total += layer._dir * gates * hidden * (width + hidden)
        width = layer._dir * hidden
    return total * x.shape[0] * x.shape[1]


def _cell(layer, x, out):
    gates = {rnn.LSTMCell: 4, rnn.GRUCell: 3}.get(type(layer), 1)
    return x.shape[0] * gates * layer._hidden_size * (x.shape[1] + layer._hidden_size)


BY_HAND = {
    nn.Dense: _dense,
    **{getattr(nn, f"Conv{n}D"): _convolution for n in (1, 2, 3)},
    **{getattr(nn, f"Conv{n}DTranspose"): _deconvolution for n in (1, 2, 3)},
    **dict.fromkeys((rnn.LSTM, rnn.GRU, rnn.RNN), _recurrent),
    **dict.fromkeys((rnn.LSTMCell, rnn.GRUCell, rnn.RNNCell), _cell),
}


def blocks_of(net):
    """Return every block of a network once."""
    blocks, pending = {}, [net]
    while pending:
        block = pending.pop()
        if id(block) not in blocks:
            blocks[id(block)] = block
            pending.extend(block._children.values())
    return list(blocks.values())


def parameters_of(net):
    """Return every parameter of a network once."""
    own = [p for block in blocks_of(net) for p in block._reg_params.values()]
    return list({id(parameter): parameter for parameter in own}.values())


def ran(case, net, arrays):
    """Run a network eagerly; return its outputs, how often blocks ran, and the multiply-adds."""
    calls, counts = Counter(), []

    def after(block, inputs, outputs):
        calls[id(block)] += 1
        if type(block) in BY_HAND:
            first, out = next(leaves(inputs)), next(leaves(outputs))
            counts.append(BY_HAND[type(block)](block, first, out))

    handles = [block.register_forward_hook(after) for block in blocks_of(net)]
    outputs = outputs_of(case, net, arrays)
    for handle in handles:
        handle.detach()
    return outputs, calls, sum(counts)


@battery_check
def check_summary(case: Case) -> None:
    """Parameters, multiply-adds, calls and shapes, against a run with hooks; nothing changes."""
    net, arrays = built(case), case.arrays(BATCH, SEED)
    before = state_of(case, net, arrays)
    fresh = case.build(SEED)
    said = [
        summary(net, *case.given(arrays)),
        summary(fresh, *[(array.shape, array.dtype.name) for array in arrays]),
    ]
    assert_same_state(state_of(case, net, arrays), before, "after `summary`")
    assert_close(outputs_of(case, fresh, arrays), before[0], "a deferred network after `summary`")
    net.hybridize(active=False)
    outputs, calls, macs = ran(case, net, arrays)
    sizes = [(math.prod(p.shape), p.grad_req != "null") for p in parameters_of(net)]
    total = sum(size for size, _ in sizes)
    for one in said:
        assert one.total_params == total, f"it holds {total} numbers\n{one}"
        assert one.trainable_params == sum(size for size, trained in sizes if trained), str(one)
        assert not one.unknown, str(one)
        assert not one.uncounted, str(one)
        assert one.macs == macs, f"it makes {macs} multiply-adds\n{one}"
        assert sum(layer.own_macs for layer in one.layers) == macs, str(one)
        assert sum(layer.own_params for layer in one.layers) == total, str(one)
        shapes = [spec.shape for spec in leaves(one.layers[0].outputs)]
        assert shapes == [output.shape for output in outputs], str(one)
        assert sum(layer.calls for layer in one.layers) == sum(calls.values()), str(one)


# ---------------------------------------------------------------- check_hybrid


def _run(case, net, arrays, *, train):
    """Return outputs, and gradients, of one pass under `autograd.record`."""
    mx.random.seed(SEED)
    inputs = case.given(arrays)
    trained = [p for p in parameters_of(net) if p.grad_req != "null"]
    graded = [x for x, spec in zip(inputs, case.inputs, strict=True) if spec.whole is None]
    for array in graded:
        array.attach_grad()
    with autograd.record(train_mode=train):
        outputs = list(leaves(net(*inputs)))
        # Squares, so that no gradient is that of a sum, which is 0 behind many a norm.
        squares = [
            (output * output).sum() for output in outputs if numpy.dtype(output.dtype).kind == "f"
        ]
        head = sum(
            (square.astype("float64") for square in squares[1:]), squares[0].astype("float64")
        )
    head.backward(train_mode=train)
    gradients = [*(array.grad for array in graded), *(parameter.grad() for parameter in trained)]
    return [array.asnumpy() for array in (*outputs, *gradients)]


def _hybridized_differs(case, arrays):
    """Return how a hybridized network differs from the eager one; "" if it does not.

    None where the eager one itself fails: oneDNN has no code for some gradients without AVX-512.
    """
    names = {type(block).__name__ for block in blocks_of(case.build(SEED))}
    # At these layers' gradients in prediction mode MXNet errs or fails.
    graded = not names & {"LSTM", "GRU", "RNN"} and not any("MaxPool" in name for name in names)
    options = {}
    try:
        for train in (False, True):
            results = []
            for options in ({"active": False}, {}, {"static_alloc": True, "static_shape": True}):
                net = built(case)
                net.hybridize(**options)
                results.append(outputs_of(case, net, arrays))
                if train or graded:
                    results[-1] += _run(case, net, arrays, train=train)
            # What is rounding beside the largest gradient is no difference.
            noise = 1e-5 * max(abs(result).max(initial=0) for result in results[0])
            for result in results[1:]:
                doubt = [numpy.full(1, noise / 16) for _ in result]
                assert_close(
                    result, results[0], "hybridized", rounding=2e-4, doubt=lambda doubt=doubt: doubt
                )
    except (AssertionError, mx.MXNetError, TypeError, ValueError, AttributeError) as error:
        eager_fails = isinstance(error, mx.MXNetError) and options == {"active": False}
        return None if eager_fails else str(error)
    return ""


@battery_check
def check_hybrid_report(case: Case) -> None:
    """`check_hybrid` finds a problem where the graph's numbers differ, and nowhere else."""
    only_traceable(case)
    arrays = case.arrays(BATCH, SEED)
    differs = _hybridized_differs(case, arrays)
    net = built(case)
    before = state_of(case, net, arrays)
    report = check_hybrid(net, *case.given(arrays))
    if differs is not None:
        assert report.ok == (not differs), f"{differs or 'eager equals hybridized'}\n{report}"
    assert_same_state(state_of(case, net, arrays), before, "after `check_hybrid`")


# ---------------------------------------------------------------- files


@battery_check
def check_save_load(case: Case) -> None:
    """A fresh network is the same, to the bit, with what `save`, or MXNet, wrote of another."""
    with tempfile.TemporaryDirectory() as folder:
        net, arrays = built(case), case.arrays(BATCH, OTHER_SEED)
        expected = state_of(case, net, arrays)
        path, theirs = save(net, Path(folder) / "net.safetensors"), Path(folder) / "net.params"
        net.save_parameters(str(theirs))
        for file in (path, theirs):
            for called in (False, True):
                fresh = built(case, OTHER_SEED, called=called)
                load(file, net=fresh)
                actual = state_of(case, fresh, arrays)
                assert_same_state(actual, expected, f"{file.name}, loaded")
        made, refusal = tried(lambda: load(path))
        assert made is None, "a network of no registered model was made without its code"
        assert "net=" in refusal, refusal


@battery_check
def check_convert(case: Case) -> None:
    """Names and formats change, and no number does."""
    with tempfile.TemporaryDirectory() as name:
        net, folder = built(case), Path(name)
        arrays = case.arrays(BATCH, OTHER_SEED)
        expected = state_of(case, net, arrays)
        path = save(net, folder / "net.safetensors")
        convert(path, folder / "by_path.params", net=net)
        convert(path, folder / "by_prefix.params", net=net, names="prefix")
        convert(path, folder / "exported.params", net=net, names="export")
        for kind in ("by_path", "by_prefix", "exported"):
            back = folder / f"{kind}.safetensors"
            convert(folder / f"{kind}.params", back, net=net)
            for file in (folder / f"{kind}.params", back):
                fresh = case.build(OTHER_SEED)
                load(file, net=fresh)
                actual = state_of(case, fresh, arrays)
                assert_same_state(actual, expected, f"{file.name}, loaded")
        fresh = case.build(OTHER_SEED)
        if parameters_of(net):
            fresh.load_parameters(str(folder / "by_path.params"))
        assert_same_state(state_of(case, fresh, arrays), expected, "loaded by MXNet")
        fresh = case.build(OTHER_SEED)  # MXNet fails to fill what oneDNN has rearranged
        if parameters_of(net) and not case.np_mode:  # in which MXNet's own method fails
            fresh.collect_params().load(str(folder / "by_prefix.params"))
            actual = state_of(case, fresh, arrays)
            assert_same_state(actual, expected, "by `collect_params().load`")


# ---------------------------------------------------------------- exports


def refused(case, words, allowed):
    """Leave a case out that is refused in one of the allowed ways, or that MXNet cannot trace."""
    if not words:
        return
    arrays = case.arrays(BATCH, SEED)
    if "cannot be traced" in words:
        assert not can_hybridize(case, arrays), words
    elif "does not compute" in words:  # fine where there is nothing but rounding
        outputs = outputs_of(case, built(case), arrays)
        assert max(abs(output).max() for output in outputs) < 1e-5, words
    else:
        assert any(text in words for text in allowed), words
    raise NotForThisCaseError


def _exporting(case: Case) -> tuple[gluon.Block, list[Any], list[list[Any]], list[list[Any]]]:
    """Return a network, inputs to export it with, and others with the outputs for them."""
    only_traceable(case)
    net = built(case)
    batches = [case.arrays(batch, OTHER_SEED) for batch in (BATCH, *OTHERS)]
    expected = [outputs_of(case, net, arrays) for arrays in batches]
    return net, case.given(case.arrays(BATCH, SEED)), batches, expected


@battery_check
def check_export(case: Case) -> None:
    """The files of `export` compute the same, read by MXNet and by `load`."""
    net, inputs, batches, expected = _exporting(case)
    with tempfile.TemporaryDirectory() as folder:
        done, refusal = tried(lambda: export(net, Path(folder) / "net", *inputs))
        refused(case, refusal, REFUSALS[:1])
        loaded = load(done.symbol)
        for arrays, wanted in zip(batches, expected, strict=True):
            assert_close(outputs_of(case, loaded, arrays), wanted, "loaded by `load`")
        block, mode = _imported(case, done)
        for arrays, wanted in zip(batches, expected, strict=True):
            with array_mode(numpy_mode=mode):
                make = mx.np.array if mode else mx.nd.array
                given = [make(array, dtype=array.dtype) for array in arrays]
                assert_close(eager(block, given), wanted, "loaded by MXNet")


def _imported(case, done):
    """Return what MXNet reads, and whether that is in NumPy mode."""
    names, files = list(done.inputs), (str(done.symbol), str(done.parameters))
    for mode in (False, case.np_mode):
        try:
            with array_mode(numpy_mode=mode):
                return gluon.SymbolBlock.imports(files[0], names, files[1]), mode
        except mx.MXNetError:
            if mode == case.np_mode:
                raise
    raise AssertionError("unreachable")


@battery_check
def check_export_onnx(case: Case) -> None:
    """ONNX Runtime computes the same from the file, in other batch sizes too; or it is refused."""
    import onnxruntime

    net, inputs, batches, expected = _exporting(case)
    with tempfile.TemporaryDirectory() as folder:
        done, refusal = tried(lambda: export_onnx(net, Path(folder) / "net.onnx", *inputs))
        refused(case, refusal, REFUSALS)
        session = onnxruntime.InferenceSession(str(done.path))
        names = [get_input.name for get_input in session.get_inputs()]
        for arrays, wanted in zip(batches, expected, strict=True):
            feed = dict(zip(done.inputs, arrays, strict=True))
            actual = session.run(None, {name: feed[name] for name in names})
            # ONNX Runtime leaves the rounding to float16 in between out where it can.
            rounding = 1e-2 if "float16" in case.source else 1e-4
            what = f"ONNX Runtime, batch of {len(arrays[0])}"
            assert_close(actual, wanted, what, rounding=rounding)
