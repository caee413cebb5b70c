"""What a user holds shows itself: at the prompt by `repr`, in a notebook by HTML too."""

import inspect
from html.parser import HTMLParser

import numpy
import pytest
from mxnet import gluon

import gluonkit as gk
from gluonkit.checkpoint import CheckpointDir
from gluonkit.models.initializers import ReportingInitializer, TwoSidedUniform
from tests.test_house import public_things

# The base classes of exceptions and networks show themselves, and named tuples are tuples.
OTHERS = (BaseException, gluon.Block)
CLASSES = {
    name: thing
    for name, thing, within in public_things()
    if within is None and inspect.isclass(thing) and not issubclass(thing, OTHERS)
    if not (issubclass(thing, tuple) and hasattr(thing, "_fields"))
}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_public_class_has_its_own_words(name):
    assert CLASSES[name].__repr__ is not object.__repr__
    assert hasattr(CLASSES[name], "_repr_html_")


class Balanced(HTMLParser):
    """Notes the text, and that each tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def html(thing):
    parser = Balanced()
    parser.feed(thing._repr_html_())
    assert parser.open == []
    return parser.text


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Something of each kind, by a part of what it should say."""
    folder = tmp_path_factory.mktemp("held")
    net = gk.create_model("mlp", units=(4,), classes=3, init="xavier")
    x, y = numpy.zeros((8, 5), "float32"), numpy.arange(8) % 3
    fast = gk.compile(net, x, plan="executor")
    kept = CheckpointDir(folder / "kept")
    kept.save(net, step=3, value=0.25)
    path = gk.save(net, folder / "net.safetensors")
    return {
        "EarlyStopping(patience=5)": gk.callbacks.EarlyStopping(patience=5),
        "EarlyStopping(monitor='<b>')": gk.callbacks.EarlyStopping("<b>"),
        "LearningRate(schedule=[0.1, 0.01])": gk.callbacks.LearningRate([0.1, 0.01]),
        "CSVLogger(path=": gk.callbacks.CSVLogger(folder / "a.csv"),
        "Progress(live=False)": gk.callbacks.Progress(live=False),
        "LivePlot()": gk.callbacks.LivePlot(),
        "TwoSidedUniform(high=20.0)": TwoSidedUniform(high=20),
        "ReportingInitializer(": ReportingInitializer("xavier"),
        "BatchLoader: 8 samples of (5,) float32, () int64, in batches of 4, in order": (
            gk.data.BatchLoader((x, y), 4)
        ),
        "digits (test): 360 samples": gk.data.load("digits", split="test"),
        "LeNet": gk.model_info("lenet"),
        "shape=(1, 1, 28, 28)": gk.model_info("lenet").inputs[0],
        "executor": fast.explain(),
        "Compiled(HybridSequential": fast,
        "Plan(": fast.plan,
        "1 checkpoints": kept,
        "step=3": kept.last,
        "names kept": gk.convert(path, folder / "net.params"),
        "Parameters": gk.export(net, folder / "net", x),
        "not certified": gk.export_torch(net, folder / "torch", x, verify=False),
        "0.weight": gk.params.collect(net),
        "shape=(4, 5)": gk.params.collect(net)[0],
        "Linux": gk.environment(),
        "threads": gk.runtime(),
    }


def test_what_a_user_holds_is_shown(held):
    for words, thing in held.items():
        if words != "not certified":
            assert words in repr(thing) or words.lower() in repr(thing).lower(), words
        assert " object at 0x" not in repr(thing), words
        text = html(thing)
        assert text.strip(), words
        assert " object at 0x" not in text, words


def test_tables_are_tables_in_a_notebook(held):
    for name in ("executor", "1 checkpoints", "names kept", "LeNet", "Parameters", "0.weight"):
        assert "<table" in held[name]._repr_html_(), name


def test_model_info_is_read_as_text():
    lines = str(gk.model_info("lenet")).splitlines()
    assert lines[0].split() == ["name", "lenet"]
    assert any(line.startswith("options") and "kernel_sizes=(5, 3)" in line for line in lines)
    assert max(map(len, lines)) <= 100


def test_a_callback_of_ones_own_shows_its_arguments():
    class Noted(gk.Callback):
        def __init__(self, place, *, depth=2, array=None):
            self.place, self._depth, self.array = place, depth, array

    assert repr(Noted("here")) == "Noted(place='here')"
    shown = repr(Noted(print, depth=3, array=numpy.ones(3)))
    assert shown == "Noted(place=print, depth=3, array=ndarray)"
    assert "&lt;lambda&gt;" in gk.callbacks.LearningRate(lambda epoch: 1)._repr_html_()


def test_dir_shows_what_is_public_only():
    assert dir(gk) == sorted(gk.__all__)
    assert not {"benchmark", "check", "compiling", "train", "annotations"} & set(dir(gk))
    assert gk.train.fit is gk.fit  # found all the same
