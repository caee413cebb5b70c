"""The house: imports go down only, everything public is documented, nothing is left lying about."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import gluonkit

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gluonkit"

# Every module's floor. A module imports from lower floors, and from its own folder.
FLOORS = {
    "_version": 0,
    "_errors": 0,
    "_cpu": 0,
    "_cuda": 0,
    "_optional": 1,
    "_plain": 0,
    "interrupts": 0,
    "_roles": 1,
    "_format": 2,
    "_compat": 2,
    "_atomic": 2,
    "_download": 3,
    "_engine": 3,
    "_script": 3,
    "launching": 3,
    "environment": 4,
    "registry": 4,
    "blocks": 4,
    "initializers": 4,
    "_memory": 4,
    "devices": 4,
    "seeding": 4,
    "modes": 4,
    "data": 5,
    "workers": 5,
    "files": 5,
    "trace": 5,
    "models": 5,
    "agreement": 6,
    "params": 6,
    "benchmark": 9,
    "doctor": 6,
    "checkpoint": 8,
    "compiling": 8,
    "inspection": 8,
    "step": 7,
    "check": 10,
    "exporting": 9,
    "plot": 10,
    "finetuning": 9,
    "train": 11,
    "zoo": 11,
    "cli": 12,
    "__main__": 13,
    "__init__": 13,
}
# Files of one folder import one another downwards too, in this order.
ORDER = {
    "registry": ["record", "models", "creating", "__init__"],
    "files": [
        "threads",
        "source",
        "contents",
        "safetensors",
        "mxnet",
        "symbols",
        "reading",
        "__init__",
    ],
    "checkpoint": [
        "network",
        "names",
        "optimizer",
        "matching",
        "saving",
        "symbol",
        "loading",
        "info",
        "converting",
        "directory",
        "__init__",
    ],
    "exporting": [
        "network",
        "symbol",
        "step",
        "wide",
        "shapes",
        "reductions",
        "operators",
        "pooling",
        "recurrent",
        "converters",
        "onnx_model",
        "onnx_file",
        "__init__",
    ],
    "trace": [
        "tree",
        "hidden",
        "inputs",
        "record",
        "recorder",
        "explain",
        "graph",
        "symbolic",
        "forward",
        "trace",
        "__init__",
    ],
    "inspection": ["macs", "layers", "report", "summary", "activations", "__init__"],
    "params": ["records", "select", "sharing", "stats", "diff", "__init__"],
    "benchmark": ["timing", "variants", "report", "case", "bench", "__init__"],
    "models": ["mlp", "lenet", "nested", "tutorials", "__init__"],
    "data": [
        "dataset",
        "digits",
        "formats",
        "datasets",
        "loader",
        "padding",
        "stream",
        "iterators",
        "__init__",
    ],
    "compiling": [
        "columns",
        "folding",
        "int8",
        "plan",
        "runner",
        "slices",
        "program",
        "views",
        "watch",
        "pool",
        "choosing",
        "explanation",
        "compiled",
        "compile",
        "__init__",
    ],
    "step": [
        "losses",
        "batch",
        "rewrite",
        "pad",
        "layout",
        "plans",
        "bind",
        "backward",
        "reads",
        "slopes",
        "graph",
        "amp",
        "result",
        "exchange",
        "flat",
        "update",
        "likeness",
        "compiled",
        "imperative",
        "forward",
        "__init__",
    ],
    "train": [
        "sources",
        "accuracy",
        "labels",
        "metrics",
        "history",
        "explain",
        "state",
        "together",
        "callbacks",
        "progress",
        "logs",
        "setup",
        "run",
        "evaluate",
        "fit",
        "find_lr",
        "__init__",
    ],
    "launching": [
        "kernel",
        "pipes",
        "agent",
        "hosts",
        "plan",
        "process",
        "verdicts",
        "watching",
        "job",
        "__init__",
    ],
    "finetuning": ["head", "layer", "replace", "inner", "__init__"],
    "zoo": [
        "_records",
        "_weights",
        "_files",
        "_building",
        "_gluonnlp",
        "_gluonnlp_words",
        "_gluonnlp_mends",
        "gluoncv",
        "gluonnlp",
        "mxnet",
        "__init__",
    ],
    "check": [
        "report",
        "coverage",
        "parity",
        "frozen",
        "dataflow",
        "source",
        "check",
        "__init__",
    ],
    "plot": [
        "figure",
        "bench",
        "history",
        "layers",
        "layout",
        "network",
        "graph",
        "params",
        "__init__",
    ],
    "cli": [
        "__init__",
        "common",
        "bench",
        "check",
        "doctor",
        "export",
        "files",
        "launch",
        "notebooks",
        "run",
        "summary",
        "train",
        "main",
    ],
}
FILES = sorted(PACKAGE.rglob("*.py"))


def own_imports(tree):
    """Yield (module, names, node) for every import of gluonkit's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gluonkit":
            for alias in node.names:
                dotted = f"{node.module}.{alias.name}".split(".")[1:]
                yield dotted, node
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "gluonkit":
                    yield alias.name.split(".")[1:], node


def violations(parts, tree):
    """Return the imports of a module, given by its path's parts, that do not go down."""
    found = []
    for dotted, _ in own_imports(tree):
        target = dotted[0] if dotted[0] in FLOORS else "__init__"
        if target != parts[0]:
            if FLOORS[target] >= FLOORS[parts[0]]:
                found.append(".".join(dotted))
        elif len(dotted) > 1 and len(parts) > 1:
            order = ORDER[parts[0]]
            if dotted[1] in order and order.index(dotted[1]) >= order.index(parts[1]):
                found.append(".".join(dotted))
    return found


def typing_only(tree):
    """Return a tree without what stands under ``if TYPE_CHECKING``."""

    class Drop(ast.NodeTransformer):
        def visit_If(self, node):
            if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                return None
            return self.generic_visit(node)

    return Drop().visit(tree)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    assert parts[0] in FLOORS, f"{path} has no floor"
    tree = typing_only(ast.parse(path.read_text()))
    assert violations(parts, tree) == []
    inside = [
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert inside == [], "imports inside functions; optional packages go through `require`"
    stars = [dotted for dotted, _ in own_imports(tree) if dotted[-1] == "*"]
    assert stars == []


@pytest.mark.parametrize(
    ("parts", "source"),
    [
        (("registry",), "from gluonkit.models import mlp"),
        (("_errors",), "import gluonkit._format"),
        (("benchmark", "timing"), "from gluonkit.benchmark.report import BenchRow"),
        (("registry",), "from gluonkit import create_model"),
    ],
)
def test_the_test_above_can_fail(parts, source):
    assert violations(parts, ast.parse(source))


def public():
    return [name for name in gluonkit.__all__ if not name.startswith("__")]


def test_all_is_sorted_and_exists():
    assert len(set(gluonkit.__all__)) == len(gluonkit.__all__)
    for name in gluonkit.__all__:
        assert getattr(gluonkit, name, None) is not None


def test_names_that_are_imported_later_are_there(python):
    assert set(gluonkit.__all__) <= set(dir(gluonkit))
    with pytest.raises(AttributeError, match="module 'gluonkit' has no attribute 'sumary'"):
        gluonkit.sumary  # noqa: B018
    rooms = ("benchmark", "check", "inspection", "params", "plot", "step", "trace", "train")
    code = f"import gluonkit, sys; print([r for r in {rooms} if f'gluonkit.{{r}}' in sys.modules])"
    assert python("-c", code).stdout == "[]\n"
    assert python("-c", "import gluonkit; gluonkit.summary; " + code).stdout != "[]\n"


def test_every_public_name_is_documented():
    modules = {"mx", "np", "npx", "nd", "nn", "init", "autograd", "gluon", "data", "params"}
    for name in set(public()) - modules:
        thing = getattr(gluonkit, name)
        assert inspect.getdoc(thing), name
        if inspect.isfunction(thing) and inspect.signature(thing).parameters:
            assert "Parameters\n---" in inspect.getdoc(thing), name


def test_modules_are_small():
    for path in FILES:
        assert len(path.read_text().splitlines()) <= 500, path


def test_no_path_of_a_machine_and_no_unfinished_work():
    texts = [path for path in ROOT.rglob("*.py") if ".venv" not in str(path)]
    texts += [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")]
    pattern = re.compile(r"/root/|/work/|/home/\w+/|TODO" + "|FIXME|X" + "XX")
    for path in texts:
        if path.resolve() != Path(__file__).resolve():
            assert not pattern.search(path.read_text()), path


def test_version_stands_in_one_place():
    assert gluonkit.__version__ == re.search(
        r'__version__ = "(.+)"', (PACKAGE / "_version.py").read_text()
    ).group(1)
    assert "attr: gluonkit._version.__version__" in (ROOT / "setup.cfg").read_text()
    assert f"## [{gluonkit.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
