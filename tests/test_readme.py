"""The README and the documentation are true: examples run, figures and links hold."""

import importlib
import inspect
import json
import pydoc
import re
import sys

import numpy
import pytest

import gluonkit
from tests.conftest import ROOT

NUMPY = tuple(map(int, numpy.__version__.split(".")[:2]))
TOUR = ROOT / "docs" / "tour.md"
PAGES = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
# What runs beside this test is no fault of the examples.
STRICT = ("-W", "error", "-W", "ignore:the machine is busy")
MADE = ("cli", "changelog", "benchmarks", "notebooks/")  # by docs/_site/hooks.py


def test_the_whole_example_runs(python):
    _, block = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len([line for line in block.splitlines() if line.strip()]) <= 20
    done = python(*STRICT, "-c", block)
    assert done.returncode == 0, done.stderr
    assert "Multiply-adds" in done.stdout
    assert "'accuracy': 0.9" in done.stdout


@pytest.fixture
def old(tmp_path):
    """Return the README's old script, written into a file, its error, and its output."""
    text = (ROOT / "README.md").read_text()
    script = tmp_path / "old.py"
    script.write_text(re.search(r"```python\n(# old.py\n.*?)```", text, re.S)[1])
    error, output = re.search(
        r"^\$ python old.py .*\n(.*)\n\$ gluonkit run old.py .*\n((?:.*\n)*?)```", text, re.M
    ).groups()
    return str(script), error, output


@pytest.mark.skipif(
    not ((1, 24) <= NUMPY < (2, 0) and sys.version_info < (3, 12)),
    reason="MXNet fails at something else with this Python and NumPy",
)
def test_the_old_script_fails_without_gluonkit(old, python):
    script, error, _ = old
    done = python(script)
    assert done.returncode == 1
    assert error in done.stderr


def test_the_old_script_runs(old, gluonkit):
    script, _, output = old
    assert gluonkit("run", script).stdout.strip() == output.strip()


def test_examples_import_gluonkit_as_gk():
    """`from gluonkit import compile, inspect` replaces Python's own; only MXNet's modules may."""
    mxnets = {"autograd", "gluon", "init", "mx", "nd", "nn", "np", "npx"}
    sources = [*PAGES, *(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "gluonkit").rglob("*.py")]
    for source in sources:
        before = r" *>>> " if source.suffix == ".py" else r'(?: *>>> | *")?'
        shown = re.findall(
            rf"^{before}from gluonkit import ([\w, ]+)", source.read_text(), re.MULTILINE
        )
        assert {name.strip() for name in ",".join(shown).split(",")} <= {*mxnets, ""}, source


def test_the_tour_runs(python):
    blocks = re.findall(r"```python\n(.*?)```", TOUR.read_text(), re.S)
    assert len(blocks) >= 15
    done = python(*STRICT, "-c", "\n".join(blocks))
    assert done.returncode == 0, done.stderr
    assert "per call (quartiles" in done.stdout
    assert "HybridSequential · forward · input 64x1x28x28, given" in done.stdout


# What the examples of other pages leave to their readers.
GIVEN = {
    "gpu": """
import numpy
import gluonkit as gk
net = gk.create_model("mlp", init=True)
images, labels = numpy.zeros((8, 20), "float32"), numpy.zeros(8, "int32")
""",
    "integrations": "",
    "migration": """
import numpy
import gluonkit as gk
from gluonkit import gluon, mx, nd
x = mx.sym.Convolution(mx.sym.var("data"), kernel=(3, 3), stride=(32, 32), num_filter=4)
x = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=3), name="softmax")
images, labels = numpy.zeros((8, 3, 224, 224), "float32"), numpy.zeros(8)
module = mx.mod.Module(x)
module.fit(mx.io.NDArrayIter(images, labels, batch_size=4), num_epoch=1)
module.save_checkpoint("resnet", 7)
x = nd.array(images[:1])
""",
    "onnx": "",
    "profiling": """
import gluonkit as gk
from gluonkit import autograd, gluon, nd
data = gk.data.load("digits").take(64)
net = gk.create_model("lenet", init="xavier")
x, y = nd.array(data.data), nd.array(data.label)
loader, loss_of = [(x, y)], gluon.loss.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(net.collect_params(), "adam")
def train_one_epoch(net, loader):
    for images, labels in loader:
        with autograd.record():
            loss = loss_of(net(images), labels)
        loss.backward()
        trainer.step(len(labels))
def step():
    train_one_epoch(net, loader)
""",
    "torch": "",
}
# Packages of environments of their own, and files of somebody else's.
ELSEWHERE = re.compile(
    r"import (mlflow|optuna|tf_keras|safetensors\.torch)|RecordFile|record_dataset|unroll"
)


@pytest.mark.parametrize("page", GIVEN)
def test_the_examples_of_other_pages_run(page, python):
    for package in ("onnx", "onnxruntime", "sklearn", "tensorboardX"):
        pytest.importorskip(package)
    text = (ROOT / "docs" / f"{page}.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    blocks = [block for block in blocks if not ELSEWHERE.search(block)]
    assert blocks
    done = python("-c", "\n".join([GIVEN[page], *blocks]), drop=("GLUONKIT_TORCH_PYTHON",))
    assert done.returncode == 0, done.stderr


def test_summaries_are_true(gluonkit):
    assert gluonkit("summary", "tied_mlp", "--optimizer", "adam").stdout in TOUR.read_text() + "\n"


def test_listed_results_are_true():
    from gluonkit import create_model, list_models, model_info, params, summary

    text = TOUR.read_text()
    assert str(list_models("*mlp")) in text
    assert str(list_models("*resnet*50*", source="mxnet")) in text
    for source, phrase in (("mxnet", "{} classifiers"), ("gluoncv", "{} models")):
        assert phrase.format(len(list_models(source=source))) in " ".join(text.split())
        assert phrase.format(len(list_models(source=source))) in (ROOT / "README.md").read_text()
    options = model_info("lenet").options.items()
    assert ", ".join(f"{name}={value!r}" for name, value in options).replace("'", '"') in (
        text.replace("'", '"')
    )
    totals = summary("lenet(kernel_sizes=(5, 5))", (10, 1, 32, 32))
    assert f"found.total_params, found.macs  # {totals.total_params}, {totals.macs}" in text
    assert f"# {params.shared(create_model('tied_mlp'))}" in text
    for name, figure in (("resnet50_v1", 3.86), ("mobilenet1.0", 0.569), ("vgg16", 15.5)):
        assert abs(summary(f"mxnet/{name}").macs / 1e9 / figure - 1) < 0.005
    for zoo in ("mxnet", "gluonnlp"):
        assert f"all {len(list_models(source=zoo))} of" in text


@pytest.fixture
def report(monkeypatch):
    for folder in ("benchmarks", "benchmarks/peers"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    return importlib.import_module("report")


@pytest.mark.parametrize("page", ["README.md", "benchmarks/README.md"])
def test_the_tables_of_figures_are_those_that_were_measured(report, page):
    text, made = (ROOT / page).read_text(), report.made()
    names = re.findall(r"^<!-- (\w+) -->$", text, re.M)
    assert set(names) == ({"peers"} if page == "README.md" else set(made))
    assert len(names) == len(set(names))
    for name in names:
        assert report.filled(text, name, made[name]) == text, f"run benchmarks/report.py: {name}"
    outside = re.sub(r"<!-- (\w+) -->\n.*?<!-- /\1 -->", "", text, flags=re.S)
    if page == "README.md":
        assert "---:" not in outside  # no columns of figures in tables that are written by hand


def test_every_claim_has_a_record_with_its_commit_and_processor(report):
    claims = json.loads(report.CLAIMS.read_text())
    assert claims == report.verdicts()
    for claim in claims:
        assert (ROOT / "benchmarks" / claim["record"]).is_file()
        for commit in claim["commits"]:
            assert re.fullmatch(r"[0-9a-f]{12}", commit), (claim["claim"], commit)
    broken = [bool(claim["does not hold"]) for claim in claims]
    assert broken == sorted(broken, reverse=True)  # what does not hold is said first


def test_whether_a_claim_holds_is_told_from_the_times(report):
    def case(**medians):
        rows = [{"title": title, "median": time} for title, time in medians.items()]
        return {"title": "LeNet", "batch": 1, "setting": "AVX2", "rows": rows}

    slower = {"title": "ONNX Runtime", "median": 0.1, "problem": "other numbers"}
    cases = [case(gluonkit=1.0, OpenVINO=2.0), case(gluonkit=1.0, OpenVINO=0.99)]
    cases[1]["title"] = "MLP"
    cases[1]["rows"].append(slower)
    holds = report.ahead_of("OpenVINO")({"cases": cases})
    assert holds == {"LeNet × 1, AVX2": True, "MLP × 1, AVX2": False}
    assert report.ahead_of("ONNX Runtime")({"cases": cases}) == {}
    cases[0]["rows"].append({"title": "gluonkit, all engines", "median": 2.03})
    assert report.peers_table.every_engine_ahead({"cases": cases}) == {"LeNet × 1, AVX2": True}
    cases[0]["rows"][-1]["median"] = 2.05
    assert report.peers_table.every_engine_ahead({"cases": cases}) == {"LeNet × 1, AVX2": False}
    (first, second) = report.peers_table.table({"cases": cases}).splitlines()[2:]
    assert first.endswith("| **1.00 s** | × 2.05 | × 2.00 |")
    assert second.endswith("| 1.00 s | – | **× 0.99** |")


def test_bold_is_the_fastest_whoever_it_is(report):
    compared = report.peers_table.compared
    assert compared(2.0, [1.0, None, 1.5]) == ["2.00 s", "**× 0.50**", "–", "× 0.75"]
    assert compared(2.0, [2.0, 3.0]) == ["**2.00 s**", "**× 1.00**", "× 1.50"]


def test_the_reference_has_every_public_name_once():
    top = {name for name in gluonkit.__all__ if not inspect.ismodule(getattr(gluonkit, name))}
    public = top - {"__version__", "materialize"}
    public |= {f"data.{name}" for name in gluonkit.data.__all__}
    public |= {f"params.{name}" for name in gluonkit.params.__all__}
    public |= {f"plot.{name}" for name in gluonkit.plot.__all__}
    public |= {f"callbacks.{name}" for name in set(gluonkit.callbacks.__all__) - top}
    public |= {f"errors.{name}" for name in set(vars(gluonkit.errors)) - top if name[0].isupper()}
    pages = [page for page in PAGES if page.parent.name == "reference"]
    documented = [
        n for p in pages for n in re.findall(r"^::: gluonkit\.(\S+)$", p.read_text(), re.M)
    ]
    assert len(documented) == len(set(documented))
    assert public <= set(documented)
    for name in set(documented) - public:  # records, and what is in models
        assert pydoc.locate(f"gluonkit.{name}") is not None, name
    index = (ROOT / "docs" / "reference" / "index.md").read_text()
    assert sorted(re.findall(r"#gluonkit\.([\w.]+)\)", index)) == sorted(documented)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        if path.startswith(("https:", "images/", *MADE)):
            continue
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists() or "/notebooks/" in str(linked), target
        if anchor and not anchor.startswith("gluonkit."):
            titles = re.findall(r"^#+ (.+)$", linked.read_text(), re.M) if linked.exists() else []
            assert not linked.exists() or anchor in map(_slug, titles), target


def _slug(title: str) -> str:
    """Return a heading's anchor, as GitHub and MkDocs make it."""
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip())
