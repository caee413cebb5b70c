"""Wrong arguments: every public function refuses them before it does anything, and says how."""

import inspect
import math
import os
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy
import pytest

import gluonkit as gk
from gluonkit import mx, nd, nn
from gluonkit._base.arguments import checked, hints_of
from gluonkit.callbacks import EarlyStopping, LearningRate
from gluonkit.checkpoint import CheckpointDir
from gluonkit.compiling import Compiled
from gluonkit.data import BatchLoader, Dataset, Mixup, Pad, RecordFile
from gluonkit.diagnosis import Diagnosis
from gluonkit.errors import ArgumentError, ArgumentTypeError, GluonkitError, StateError
from gluonkit.inspection import Activations, Summary, register_macs
from gluonkit.models.initializers import ReportingInitializer, TwoSidedUniform
from gluonkit.models.layers import TransposedDense
from gluonkit.profiling import Profile
from gluonkit.train import (
    History,
    MixupCrossEntropy,
    OneCycle,
    SmoothedCrossEntropy,
    find_batch_size,
)
from gluonkit.train.interpretation.classification import Classification
from tests.test_house import public_things

ROOMS = (gk, gk.callbacks, gk.data, gk.params, gk.plot)
MORE = (
    *(CheckpointDir, TwoSidedUniform, ReportingInitializer, TransposedDense),
    *(SmoothedCrossEntropy, MixupCrossEntropy, find_batch_size),
)
METHODS = (
    *(BatchLoader.plan, RecordFile.sample, RecordFile.image, RecordFile.labels),
    *(Summary.view, Diagnosis.described, Profile.chrome_trace, Classification.confused),
    *(History.best, History.plot, History.to_csv, Compiled.save_plan),
)
# They take anything, or nothing.
UNCHECKED = {
    *("Callback", "Column", "Fault", "LivePlot", "RecordHeader", "RecordReport", "ListEntry"),
    *("environment", "runtime", "list_datasets", "plot_bench", "Dataset"),
    *("Parameters", "audit", "plot_flame", "plot_profile"),
}

# What these refuse in words of their own, which their own tests match.
OWN = {
    "bench": ("engines",),
    "compile": ("engines",),
    "record_dataset": ("size", "prepare"),
    "replace_head": ("classes", "at"),
}

WRONG = ["text", "0.1", math.nan, 3, 1.5, True, [object()], {"a": 1}, object(), int, None, print]


def functions():
    """Yield every public function, and the constructor of every public class that has one."""
    things = [getattr(room, name) for room in ROOMS for name in getattr(room, "__all__", dir(room))]
    for thing in dict.fromkeys([*filter(callable, things), *MORE]):
        name = getattr(thing, "__name__", "")
        if not str(getattr(thing, "__module__", "")).startswith("gluonkit") or name in UNCHECKED:
            continue
        if inspect.isclass(thing) and not issubclass(thing, (Exception, tuple)):
            if not hasattr(thing, "__dataclass_fields__") and "__init__" in vars(thing):
                yield name, vars(thing)["__init__"]
        elif inspect.isfunction(thing):
            yield name, thing
    for method in METHODS:
        yield method.__qualname__, method


FUNCTIONS = dict(functions())


def members(hint):
    return (
        typing.get_args(hint)
        if typing.get_origin(hint) in (typing.Union, types.UnionType)
        else (hint,)
    )


def takes(hint, value):
    """Return whether an annotation allows a value; None for annotations that say nothing."""
    flag = isinstance(value, bool)
    if hint in (str, bytes, bool, type(None)):
        return isinstance(value, hint)
    if hint is int:
        return isinstance(value, int) and not flag
    if hint is float:
        return isinstance(value, (int, float)) and not flag and not math.isnan(value)
    origin = typing.get_origin(hint) or hint
    if origin is typing.get_origin(Callable[..., int]):
        return callable(value)
    if origin in (Sequence, Iterable):
        single = str in typing.get_args(hint) and isinstance(value, str)
        return single or isinstance(value, list)
    if inspect.isclass(origin):
        if issubclass(origin, os.PathLike):
            return isinstance(value, (str, os.PathLike))
        if origin is Mapping:
            return isinstance(value, Mapping)
        if origin in (list, tuple):
            return isinstance(value, origin)
    return None


def placeholder(hint):
    """Return a value that passes for what is annotated so."""
    if hint in (gk.params.ParametersStats, Activations):
        return hint()
    values = [*WRONG, (), b""]
    return next((v for kind in members(hint) for v in values if takes(kind, v)), None)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_wrong_types_are_refused_by_name(name):
    function = FUNCTIONS[name]
    hints = typing.get_type_hints(function)
    assert hasattr(function, "__wrapped__"), "decorate it with `checked`"
    parameters = inspect.signature(function).parameters
    needed = {
        argument: placeholder(hints[argument])
        for argument, parameter in parameters.items()
        if parameter.default is parameter.empty
        and argument != "self"
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    bound = [None] if "self" in parameters else []
    for argument, parameter in parameters.items():
        kinds = members(hints.get(argument, typing.Any))
        if argument in ("self", *OWN.get(name, ())) or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        for value in WRONG:
            if any(takes(kind, value) is not False for kind in kinds):
                continue
            with pytest.raises((ArgumentTypeError, ArgumentError), match=f"`{argument}` is "):
                function(*bound, **{**needed, argument: value})


def test_annotations_of_all_that_is_checked_can_be_read():
    """Names that are imported for type checkers only are not there when a function is called."""
    functions = [thing for _, thing, _ in public_things() if hasattr(thing, "__wrapped__")]
    assert len(functions) > 60
    for function in functions:
        assert hints_of(function, getattr(function, "unchecked", ())), function


@checked
def example(
    size: int,
    *inputs: object,
    rate: float = 1.0,
    names: Sequence[str] = (),
    sizes: Sequence[int] | None = None,
    options: Mapping[str, int] | None = None,
    stop: EarlyStopping | None = None,
) -> int:
    return size


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: example("3"), "`size` is '3', a str; give a whole number"),
        (lambda: example(True), "`size` is True, a bool; give a whole number"),
        (lambda: example(numpy.ones(1, int)), "`size` is an ndarray; give a whole number"),
        (lambda: example(1, rate=math.nan), "`rate` is nan, not a number; give a number"),
        (lambda: example(1, rate="1"), "`rate` is '1', a str; give a number"),
        (lambda: example(1, names=3), "`names` is 3, an int; give a list of texts: names=[3]"),
        (lambda: example(1, names=["a", 3]), "`names` is ['a', 3], a list; give a list of texts"),
        (lambda: example(1, sizes=4), "`sizes` is 4, an int; give a list of whole numbers: sizes="),
        (lambda: example(1, sizes="4"), "`sizes` is '4', a str; give a list of whole numbers"),
        (lambda: example(1, options=[1]), "`options` is [1], a list; give a dict or None"),
        (
            lambda: example(1, stop=EarlyStopping),
            "`stop` is the class EarlyStopping; create an instance first: EarlyStopping(...)",
        ),
        (lambda: example(1, stop=int), "`stop` is the class int; give an EarlyStopping or None"),
        (lambda: example(1, "x" * 99, rate={"a": "x" * 99}), "..., a dict; give a number"),
        (example, "`size` is missing: example(size, *inputs)"),
        (lambda: example(1, rat=2), "`rat` is no argument of example; did you mean rate=?"),
        (
            lambda: example(1, quite=2),
            "`quite` is no argument of example; it takes size, rate, nam",
        ),
        (lambda: example(1, size=2), "`size` is given twice to example: by its place and by its"),
        (lambda: gk.fit(net()), "`train`, `epochs` are missing: fit(net, train, epochs=...)"),
        (lambda: gk.fit(net(), X, Y, epochs=1), "Data and labels are one argument: (data, label)."),
        (lambda: gk.fit(net(), (X, Y), verbose=1), "is no argument of fit; give progress=..."),
        (lambda: gk.load("file", net()), "load takes path without a name, and 2 arguments are"),
        (lambda: EarlyStopping("loss", 3), "EarlyStopping takes monitor without a name, and 2 arg"),
        (lambda: gk.seed_everything(1, 2), "and 2 arguments are given so; leave the others out"),
    ],
)
def test_mistaken_calls_are_explained(call, error):
    with pytest.raises((ArgumentTypeError, ArgumentError), match=re.escape(error)):
        call()


def test_what_is_right_passes():
    assert example(numpy.int64(3), 1, "x", rate=numpy.float32(2), names="one", sizes=(1, 2)) == 3
    assert example(3, sizes=numpy.array([1, 2]), names={"a"}, stop=EarlyStopping()) == 3
    assert example.__wrapped__.__name__ == "example"


X, Y = numpy.zeros((8, 1, 28, 28), "float32"), numpy.arange(8)


def net():
    return gk.create_model("lenet", init="xavier")


def fit(**options):
    return gk.fit(net(), (X, Y), epochs=1, **options)


BATCH = "Is the batch axis missing? An input of (1, 1, 28, 28) goes through: x[None] adds the axis"
BOTH = "Are the axes of batch and channels missing? An input of (1, 1, 28, 28) goes through"
FEWER = numpy.zeros((1, 28, 28), "float32")
MISTAKES = {
    "a learning rate": (
        lambda: fit(lr=0.1),
        '`lr` is no argument of fit; give optimizer_params={"',
    ),
    "a callback": (
        lambda: fit(callbacks=EarlyStopping()),
        "`callbacks` is an EarlyStopping; give a list: callbacks=[EarlyStopping(...)]",
    ),
    "a number for options": (
        lambda: fit(optimizer_params=0.1, optimizer="sgd"),
        "is 0.1, a float; give a dict",
    ),
    "text for a rate": (
        lambda: fit(optimizer_params={"learning_rate": "0.1"}, optimizer="sgd"),
        "`optimizer_params` has learning_rate = '0.1', a str; give a number from 0",
    ),
    "text for a momentum": (
        lambda: fit(optimizer_params={"momentum": "0.9"}, optimizer="sgd"),
        "`optimizer_params['momentum']` is '0.9', a str; give a number",
    ),
    "text for a flag": (
        lambda: fit(optimizer_params={"multi_precision": "no"}, optimizer="sgd"),
        "`optimizer_params['multi_precision']` is 'no', a str; give True or False",
    ),
    "lr": (
        lambda: fit(optimizer_params={"lr": 0.1}, optimizer="sgd"),
        "not known; did you mean 'learning_rate'?",
    ),
    "an option of another optimizer": (
        lambda: fit(optimizer_params={"momentum": 0.9}),
        "'momentum' is not known; it takes learning_rate, beta1, beta2, epsilon, lazy_update",
    ),
    "whose option it is": (
        lambda: fit(optimizer_params={"momentum": 0.9}),
        "; it is an option of sgd, nag, ",
    ),
    "an unknown option": (
        lambda: fit(optimizer_params={"q": 1}, optimizer="sgd"),
        "it takes momentum, lazy_update",
    ),
    "a rate that is NaN": (
        lambda: fit(optimizer_params={"learning_rate": math.nan}, optimizer="sgd"),
        "`optimizer_params` has learning_rate = nan; give a number from 0",
    ),
    "a negative rate": (
        lambda: fit(optimizer_params={"learning_rate": -1}, optimizer="sgd"),
        "`optimizer_params` has learning_rate = -1; give a number from 0",
    ),
    "a rate that float32 has not": (
        lambda: fit(optimizer_params={"learning_rate": 1e-300}),
        "has learning_rate = 1e-300; MXNet's float32 has 0, and numbers from 1.2e-38 to 3.4e+38",
    ),
    "an option that float32 has not": (
        lambda: fit(optimizer_params={"epsilon": 1e-300}),
        "`optimizer_params['epsilon']` is 1e-300; MXNet's float32 has 0, and numbers from",
    ),
    "a negative decay": (
        lambda: fit(optimizer_params={"wd": -1}, optimizer="sgd"),
        "`optimizer_params` has wd = -1; give a number from 0",
    ),
    "an optimizer's rate": (
        lambda: fit(optimizer=mx.optimizer.SGD(learning_rate=-0.1)),
        "`optimizer` has lr = -0.1; give a number from 0",
    ),
    "a class of optimizers": (
        lambda: fit(optimizer=mx.optimizer.SGD),
        "`optimizer` is the class SGD; give a name, such as 'adam', or an mx.optimizer object",
    ),
    "a schedule's rate": (
        lambda: LearningRate([0.1, -1]),
        "`schedule` has a rate = -1; give a number from 0",
    ),
    "a schedule's result": (
        lambda: fit(callbacks=[LearningRate(lambda _: "0.1")]),
        "`learning_rate` is '0.1', a str; give a number from 0",
    ),
    "a negative change": (lambda: EarlyStopping(min_delta=-1), "`min_delta` is -1; give a number"),
    "no validation": (
        lambda: fit(callbacks=[EarlyStopping("val_loss")]),
        "`monitor` is 'val_loss', a figure over validation data, and `val` is not given; give fit(",
    ),
    "an unknown figure": (
        lambda: fit(callbacks=[EarlyStopping("acuracy")]),
        "`monitor` is 'acuracy', which is not known. Did you mean 'accuracy'? EarlyStopping can",
    ),
    "a number for a folder": (lambda: fit(resume=3), "`resume` is 3, an int; give a path or None"),
    "text for a flag of fit": (
        lambda: fit(compiled="yes"),
        "`compiled` is 'yes', a str; give True",
    ),
    "no end of clipping": (lambda: fit(grad_clip=math.inf), "`grad_clip` is inf; give a positive"),
    "a network as a loss": (lambda: fit(loss=net()), "is a HybridSequential, which does not take"),
    "a loss of nothing": (lambda: fit(loss=lambda: 0), "does not take two arguments; give a func"),
    "lists of numbers": (
        lambda: gk.fit(net(), ([[1.0, 2.0]], [1]), epochs=1),
        "`train` is a tuple of numbers in lists; make arrays of them, such as numpy.array(data, 'f",
    ),
    "labels in a list": (
        lambda: gk.fit(net(), (X, [1, 2]), epochs=1),
        "numbers in lists; make arr",
    ),
    "a batch of numbers": (
        lambda: gk.fit(net(), [(X, "a")], epochs=1),
        "batch 0 of `train` has 'a', a str; give arrays, such as numpy.array([...])",
    ),
    "a batch of samples": (lambda: gk.predict(net(), FEWER), BATCH),
    "an example of a sample": (lambda: gk.compile(net(), FEWER), BATCH),
    "a sample's summary": (lambda: gk.summary(net(), FEWER), BATCH),
    "a sample's time": (lambda: gk.bench(net(), FEWER), BATCH),
    "an example of a picture": (lambda: gk.compile(net(), FEWER[0]), BOTH),
    "a picture's summary": (lambda: gk.summary(net(), FEWER[0]), BOTH),
    "a plan": (
        lambda: gk.compile(net(), X, plan="fast"),
        "`plan` is 'fast', which is not known. A plan is named like 'executor + fused', and begins",
    ),
    "a loss of accuracy": (lambda: gk.compile(net(), X, max_loss=-1), "`max_loss` is -1; give a"),
    "one batch size": (
        lambda: gk.bench(net(), X, batches=4),
        "`batches` is 4, an int; give a list of whole numbers: batches=[4]",
    ),
    "a class to measure": (
        lambda: gk.measure(nn.Dense, X),
        "`function` is the class Dense; create an instance first: Dense(...)",
    ),
    "a network without values": (
        lambda: gk.measure(gk.create_model("lenet"), X),
        "`function` has no values for 0.weight: call net.initialize() first",
    ),
    "a network as statistics": (
        lambda: gk.plot.plot_histograms(net()),
        "`stats` is a HybridSequential; give a ParametersStats, which params.stats(net) returns",
    ),
    "records as statistics": (
        lambda: gk.plot.plot_norms(gk.params.collect(net())),
        "`stats` is a Parameters; give a ParametersStats, which params.stats(net) returns",
    ),
    "no report": (
        lambda: gk.plot.plot_bench(None),
        "`report` is None; give a BenchReport, which bench(net, x) returns",
    ),
    "a network as activations": (
        lambda: gk.plot.plot_activations(net()),
        "`activations` is a HybridSequential; give an Activations, which activations(net, x) ret",
    ),
    "text for shuffling": (
        lambda: BatchLoader((X, Y), 4, shuffle="yes"),
        "`shuffle` is 'yes', a str; give True or False",
    ),
    "a device": (lambda: BatchLoader((X, Y), 4, ctx="gpu"), "`ctx` is 'gpu', a str; give a device"),
    "two devices": (
        lambda: BatchLoader((X, Y), 4, ctx=[mx.cpu(0), mx.cpu(1)]),
        "give one device, on which the batches are made",
    ),
    "an empty batch": (
        lambda: gk.summary(net(), (0, 1, 28, 28)),
        "input 1 is (0, 1, 28, 28), which is no shape; give whole numbers from 1",
    ),
    "data first": (lambda: gk.fit((X, Y), net(), epochs=1), "`net` is a tuple; give a Gluon block"),
    "a name": (
        lambda: gk.compile("lenet", X),
        "`net` is 'lenet', a name; make the network first: create_model('lenet', init='xavier')",
    ),
    "an unknown name": (lambda: gk.bench("lenat"), "`model` is 'lenat', which is not known. Did"),
    "an unknown network": (
        lambda: gk.summary("lenat"),
        "`net` is 'lenat', which is not known. Did",
    ),
    "a class to load into": (lambda: gk.load("a.params", net=nn.Dense), "`net` is the class Dense"),
    "a function as initializer": (
        lambda: gk.create_model("lenet", init=lambda: None),
        "give None, True, an initializer such as mx.init.Xavier(), or its name",
    ),
    "no initializer": (
        lambda: ReportingInitializer("xaviar"),
        "`initializer` is 'xaviar', a str, of which none can be made; give one",
    ),
    "no bins": (
        lambda: gk.activations(net(), X, bins=0),
        "`bins` is 0; give a whole number from 1",
    ),
    "no columns": (lambda: gk.summary("mlp", columns=[]), "`columns` is empty; choose of: "),
    "numbers by name": (
        lambda: gk.params.diff(net(), {"0.weight": 1}),
        "`second` has 1, an int for '0.weight'; give arrays by name",
    ),
    "values in lists": (
        lambda: gk.params.set_values(net(), "6.bias", [1, [2]]),
        "`value` is [1, [2]], a list; give a number, an array, or an initializer",
    ),
    "a type of numbers": (
        lambda: gk.register_model("odd", input_shape=(1,), dtype="text"),
        "`dtype` is 'text', which NumPy does not know; give one such as 'float32'",
    ),
    "an image in lists": (
        lambda: gk.data.encode_image([1, [2]]),
        "`image` has shape () and type o",
    ),
    "paths as entries": (
        lambda: gk.data.split_list(["a.jpg"]),
        "`entries` has 'a.jpg', a str; give ListEntry(key, labels, path), as read_list",
    ),
    "epochs without end": (
        lambda: gk.fit(net(), (X, Y), epochs=10**30),
        f"`epochs` is {10**30}; give a whole number from 1 to 2147483647",
    ),
    "a time without end": (
        lambda: find_batch_size(net(), (X, Y), seconds=1e300),
        "`seconds` is 1e+300; give a positive number of seconds, a day (86400) at most",
    ),
    "bins without end": (
        lambda: gk.params.stats(net(), bins=10**9),
        "`bins` is 1000000000; give a whole number from 1 to 1000000",
    ),
    "an array of no axis": (
        lambda: gk.data.list_images(".", extensions=numpy.array("png")),
        "`extensions` is an ndarray; give a list of texts",
    ),
    "a sparse array": (
        lambda: gk.summary(net(), X, columns=nd.sparse.zeros("csr", (2, 2))),
        "`columns` is a CSRNDArray; give a list of texts",
    ),
    "a function of nothing": (
        lambda: fit(progress=lambda: 0),
        "`progress` is a function; give True, False, a function of 1 argument or None",
    ),
    "a schedule of nothing": (
        lambda: LearningRate(lambda: 0.1),
        "`schedule` is a function; give a function of 1 argument or a list of numbers",
    ),
    "a device of a model": (
        lambda: gk.create_model("lenet", init=True, ctx=3),
        "`ctx` is 3, an int; give a device, such as mx.cpu()",
    ),
    "numbers that MXNet has not": (
        lambda: gk.summary(net(), X.astype(complex)),
        "input 1 has the data type complex128, which MXNet does not have; give one such as",
    ),
    "a long axis": (
        lambda: gk.summary(net(), (2, 10**30)),
        f"(2, {10**30}), which is no shape; give whole numbers from 1 to 2147483646, batch axis",
    ),
    "many numbers": (
        lambda: gk.compile(net(), (10**7, 1, 28, 28)),
        "has 7840000000 numbers; an array of MXNet's has 2147483646 at most",
    ),
    "many classes": (
        lambda: gk.replace_head(net(), 10**30),
        f"`classes` is {10**30}; give a whole number from 1 to 2147483646",
    ),
    "labels of fewer samples": (
        lambda: Dataset("mine", "train", X, Y[:3], ()),
        "`data` has 8 samples, and `label` 3; give one label for each sample",
    ),
    "data in a list": (
        lambda: Dataset("mine", "train", [1], Y, ()),
        "`data` is [1], a list; give an array with an entry for each sample",
    ),
    "a number of classes": (
        lambda: Dataset("mine", "train", X, Y, 10),
        "`classes` is 10, an int; give a list of texts",
    ),
    "bytes as data": (lambda: BatchLoader(b"ab", 1), "`arrays` is a bytes; give (data, label)"),
    "a dict as data": (lambda: BatchLoader({1: 2}, 1), "`arrays` is a dict; give (data, label)"),
    "a number as data": (
        lambda: BatchLoader([0.5], 1),
        "`arrays[0]` is a single number; give one for each sample",
    ),
    "an epoch before the first": (
        lambda: BatchLoader((X, Y), 4).plan(-1),
        "`epoch` is -1; give a whole number from 0",
    ),
    "nothing to mix": (Mixup(), "the batch is empty; Mixup takes data and one label"),
    "labels of another batch": (
        lambda: Mixup()(X, Y[:3]),
        "the batch has arrays of shapes (8, 1, 28, 28), (3,); give one label for each sample",
    ),
    "numbers that are complex": (
        lambda: gk.predict(net(), X.astype(complex)),
        "`data` is an ndarray of complex128; give arrays of numbers",
    ),
    "validation data that do not fit": (
        lambda: fit(val=(X, Y[:3])),
        "`val` has parts of 8 and 3 samples along their first axis; give one label for each",
    ),
    "arrays as engines": (
        lambda: gk.compile(net(), X, engines=[X, "all"]),
        "an ndarray; give a name, a str. Choose of: mxnet",
    ),
    "a network as a pattern": (
        lambda: gk.params.collect(net(), net()),
        '`pattern` is a HybridSequential; give text such as "*.weight"',
    ),
    "an array as a path": (
        lambda: gk.data.load("digits", root=X),
        "`root` is an ndarray; give a path",
    ),
    "a long name": (
        lambda: gk.model_info("x" * 999),
        f"`name` is '{'x' * 56}..., which is not known. list_models() gives all names.",
    ),
    "a share without end": (
        lambda: Mixup(math.inf),
        "`alpha` is inf; give a finite number above 0",
    ),
    "a multiplier that float32 has not": (
        lambda: gk.params.set_multipliers(net(), lr=1e-300),
        "`lr` is 1e-300; MXNet's float32 has 0, and numbers from 1.2e-38 to 3.4e+38",
    ),
    "no figure to draw": (
        lambda: fit().plot([]),
        "`names` is empty; choose of loss, accuracy, or leave it out",
    ),
    "text to pad": (lambda: Pad(8)("ab"), "`samples` is 'ab', a str; give a list of samples"),
    "a weight without end": (
        lambda: SmoothedCrossEntropy(weight=math.inf),
        "`weight` is inf; give a finite number, or None",
    ),
    "a number as initializer": (
        lambda: TransposedDense(3, weight_initializer=0.1),
        "`weight_initializer` is 0.1, a float; give an initializer such as mx.init.Xavier()",
    ),
    "text that is no initializer": (
        lambda: gk.params.set_values(net(), "6.bias", "["),
        "`value` is '[', of which no initializer can be made",
    ),
    "a number for an option": (
        lambda: fit(optimizer_params={1: 2}, optimizer="sgd"),
        "1 is not known; it takes momentum",
    ),
    "a peak that float32 has not": (
        lambda: OneCycle(1e-300),
        "`peak` is 1e-300; give a learning rate above 0, from 1.2e-38 to 3.4e+38",
    ),
    "a bound that float32 has not": (
        lambda: TwoSidedUniform(high=1e300),
        "`high` is 1e+300; they must satisfy 0 <= low < high, and be at most 3.4e+38",
    ),
    "a number as a count": (
        lambda: register_macs("odd")(3),
        "`function` is 3, an int; give a function of 1 argument",
    ),
    "a bar and lines": (
        lambda: gk.callbacks.Progress(live=True, tell=print),
        "`live` is True and `tell` is given; a bar cannot be told in lines",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_in_the_users_language(mistake):
    call, error = MISTAKES[mistake]
    with pytest.raises(GluonkitError, match=re.escape(error)) as raised:
        call()
    assert isinstance(raised.value, (ArgumentError, ArgumentTypeError, StateError))
    assert len(str(raised.value)) < 600


# What is asked of them does not depend on the values of the weights.
TAKE_NAMES = {"summary", "bench", "profile", "check_hybrid", "plot_network"}
AFTER_THE_NETWORK = {
    **dict.fromkeys(("epochs", "classes", "depth"), 1),
    **dict.fromkeys(("path", "prefix", "folder", "pattern", "dst"), "name"),
    **dict.fromkeys(("train", "data"), (X, Y)),
    "value": 0.0,
}


def takers_of_networks():
    """Yield every public function that takes a network first."""
    for function in dict.fromkeys(FUNCTIONS.values()):
        first = next(iter(inspect.signature(function).parameters), "")
        if first in ("net", "model"):
            yield function


@pytest.mark.parametrize(
    "function", list(takers_of_networks()), ids=lambda function: function.__name__
)
def test_a_name_is_taken_where_weights_do_not_matter(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    needed = {
        parameter.name: AFTER_THE_NETWORK[parameter.name]
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    if "path" in needed:
        needed["path"] = "name.onnx" if function is gk.export_onnx else "name.safetensors"
    if function.__name__ in TAKE_NAMES:
        quick = {"seconds": 0.01, "modes": ["forward"]}
        names = {parameter.name for parameter in parameters}
        assert function("mlp", **{k: v for k, v in quick.items() if k in names}) is not None
        return
    message = "`net` is 'mlp', a name; make the network first: create_model('mlp', init='xavier')"
    with pytest.raises(ArgumentTypeError, match=re.escape(message)):
        function("mlp", **needed)
    assert not list(tmp_path.iterdir())


def test_a_network_is_measured_with_shapes_and_numpy_arrays():
    dense = nn.Dense(3)
    dense.initialize()
    for given in ((2, 4), numpy.ones((2, 4), "float32"), nd.ones((2, 4))):
        assert gk.measure(dense, given, seconds=0.01).median > 0
    assert dense.weight.shape == (3, 4)


def test_one_meaning_of_progress(capsys):
    dense = nn.Dense(3, in_units=4)
    dense.initialize()
    x = numpy.ones((2, 4), "float32")
    calls = {
        "compile": lambda progress: gk.compile(dense, x, seconds=0.01, progress=progress),
        "bench": lambda progress: gk.bench(
            dense, x, seconds=0.01, modes=["forward"], variants=["hybrid"], progress=progress
        ),
        "fit": lambda progress: gk.fit(dense, (x, Y[:2]), epochs=1, progress=progress),
    }
    for name, call in calls.items():
        lines = []
        call(lines.append)
        assert lines, name
        assert capsys.readouterr().err == "", name
        call(False)
        assert capsys.readouterr().err == "", name
        call(True)
        assert len(capsys.readouterr().err.splitlines()) >= 1, name
