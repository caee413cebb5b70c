"""The house: imports go down only, everything public is documented, nothing is left lying about."""

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import re
import types
from pathlib import Path

import pytest

import gluonkit

ROOT = Path(__file__).parents[1]


def _load_house():
    spec = importlib.util.spec_from_file_location("house", ROOT / "docs" / "_site" / "house.py")
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    return house


house = _load_house()


def test_imports_go_down():
    """There are no cycles between modules, none between rooms, and few arrows between rooms."""
    house.floors(house.arrows())
    rooms = house.rooms()
    assert max(house.floors(rooms).values()) == house.floors(rooms)["__main__"]
    assert len(rooms) <= 26
    assert sum(map(len, rooms.values())) <= 140


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [
        ({"a": {"b"}, "b": {"a"}}, "a → b → a"),
        ({"top": {"a"}, "a": {"b"}, "b": {"c"}, "c": {"a"}}, "a → b → c → a"),
    ],
)
def test_a_cycle_is_found(graph, cycle):
    with pytest.raises(ValueError, match=f"^{cycle}$"):
        house.floors(graph)


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("from gluonkit.models import mlp", ["models"]),
        ("from gluonkit.train import fitting", ["train.fitting"]),
        ("import gluonkit.system.engine", ["system.engine"]),
        ("def f():\n    from gluonkit import create_model", ["__init__"]),
        ("if TYPE_CHECKING:\n    import gluonkit.data\nimport numpy", []),
    ],
)
def test_own_imports(source, imported):
    assert list(house.own_imports(ast.parse(source))) == imported


def test_the_table_of_rooms_is_made_from_the_sources():
    shown = (ROOT / "CONTRIBUTING.md").read_text()
    assert house.table() in shown, "run: python docs/_site/house.py"


@pytest.mark.parametrize("module", house.MODULES)
def test_imports_stand_at_the_top(module):
    tree = ast.parse(house.MODULES[module].read_text())
    inside = [
        node.lineno
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert inside == [], "imports inside functions; optional packages go through `require`"
    stars = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]
    assert stars == []


def hidden_modules(package):
    """Yield the modules that something else of their package hides."""
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if not isinstance(getattr(package, info.name, module), types.ModuleType):
            yield module.__name__
        if info.ispkg:
            yield from hidden_modules(module)


def test_no_module_has_the_name_of_a_function_beside_it():
    assert list(hidden_modules(gluonkit)) == []


def public():
    return [name for name in gluonkit.__all__ if not name.startswith("__")]


def test_all_is_sorted_and_exists():
    assert len(set(gluonkit.__all__)) == len(gluonkit.__all__)
    assert len(gluonkit.__all__) <= 48
    for name in dir(gluonkit):
        assert getattr(gluonkit, name, None) is not None


def test_names_that_are_imported_later_are_there(python):
    assert set(gluonkit.__all__) <= set(dir(gluonkit))
    assert not [name for name in dir(gluonkit) if name.startswith("_") and name != "__version__"]
    with pytest.raises(AttributeError, match="module 'gluonkit' has no attribute 'sumary'"):
        gluonkit.sumary  # noqa: B018
    rooms = ("benchmark", "check", "graphs", "inspection", "params", "plot", "tracing", "train")
    code = f"import gluonkit, sys; print([r for r in {rooms} if f'gluonkit.{{r}}' in sys.modules])"
    assert python("-c", code).stdout == "[]\n"
    assert python("-c", "import gluonkit; gluonkit.summary; " + code).stdout != "[]\n"


def test_every_public_name_is_documented():
    rooms = [
        gluonkit,
        *(vars(gluonkit)[room] for room in ("callbacks", "errors", "data", "params")),
    ]
    names = {(room, name) for room in rooms for name in getattr(room, "__all__", dir(room))}
    for room, name in sorted(names, key=str):
        thing = getattr(room, name)
        assert inspect.getdoc(thing), name
        if inspect.isfunction(thing) and inspect.signature(thing).parameters:
            assert "Parameters\n---" in inspect.getdoc(thing), name


def test_modules_are_small():
    for path in house.FILES:
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
        r'__version__ = "(.+)"', (house.PACKAGE / "_version.py").read_text()
    ).group(1)
    assert "attr: gluonkit._version.__version__" in (ROOT / "setup.cfg").read_text()
    assert f"## [{gluonkit.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
