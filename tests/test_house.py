"""The house: imports go down only, everything public is documented, nothing is left lying about."""

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import json
import pkgutil
import pydoc
import re
import textwrap
import types
from pathlib import Path

import pytest

import gluonkit
from gluonkit.errors import ArgumentError

ROOT = Path(__file__).parents[1]
VAGUE = ("each", "found")  # names that CONTRIBUTING.md rules out


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
    assert sum(map(len, rooms.values())) <= 139


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
    assert len(gluonkit.__all__) <= 52
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


_HEADER = re.compile(r"^([A-Z]\w+)\n-{3,}$", re.M)
_NAMES, _SENTENCE = r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)", r"\n    [A-Z'`\"(\d]"
_ENTRY = re.compile(rf"{_NAMES} : (?!.*\. )\S.*{_SENTENCE}")

_DEFAULT = re.compile(r"^(\w+(?:, \w+)*) : .*, default (.+)$", re.M)


def public_things():
    """Yield name, object and class of what users call.

    All that the stub, the public modules and the reference name, and the methods of these classes.
    """
    names = {f"gluonkit.{name}" for name in public()}
    for room in ("callbacks", "data", "errors", "models", "params", "plot", "train"):
        names |= {f"gluonkit.{room}.{name}" for name in dir(pydoc.locate(f"gluonkit.{room}"))}
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        names |= set(re.findall(r"^::: (\S+)", page.read_text(), re.M))
    for name in sorted(name for name in names if "._" not in name):
        thing = pydoc.locate(name)
        if not str(getattr(thing, "__module__", "")).startswith("gluonkit"):
            continue
        yield name, thing, None
        for method in sorted(vars(thing)) if inspect.isclass(thing) else ():
            function = getattr(vars(thing)[method], "__func__", vars(thing)[method])
            inherited = any(method in vars(base) for base in thing.__mro__[1:])
            if inspect.isfunction(function) and not (method.startswith("_") or inherited):
                yield f"{name}.{method}", function, thing


def sections(thing):
    """Return the sections of a docstring by title; what comes first has none."""
    parts = _HEADER.split(inspect.getdoc(thing) or "")
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def described(section):
    """Return the names in a section, and the entries without a type or an indented sentence."""
    entries = [text for text in re.split(r"\n(?=\S)", section.strip("\n")) if text]
    good = [match[1].replace("*", "") for match in map(_ENTRY.match, entries) if match]
    return ", ".join(good).split(", "), [text for text in entries if not _ENTRY.match(text)]


def raised_in(function):
    """Return the names of gluonkit's errors that a function raises itself."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    names = {ast.unparse(error.func) for error in raised if isinstance(error, ast.Call)}
    return sorted(names & set(vars(gluonkit.errors)))


def bare_results(told):
    """Yield what is said to be returned by its type only, which a page shows as "Figure –"."""
    for title in {"Returns", "Yields"} & set(told):
        entries = re.split(r"\n(?=\S)", told[title].strip("\n"))
        yield from (f"of {text} only the type is told" for text in entries if "\n " not in text)


def faults_in_docstring(thing, cls=None):
    """Yield what numpydoc asks for, and the docstring of a function or class does not have."""
    told = sections(thing)
    if not told[""].strip():
        yield "no docstring"
    names, malformed = described(told.get("Parameters", ""))
    attributes, other = described(told.get("Attributes", ""))
    yield from (f"malformed: {text}" for text in malformed + other)
    if dataclasses.is_dataclass(thing) or hasattr(thing, "_fields"):
        fields = getattr(thing, "_fields", None) or thing.__dataclass_fields__
        missing = sorted({*fields} - {*names, *attributes})
        yield from (f"field `{name}` is missing" for name in missing if not name.startswith("_"))
        return
    function = thing if inspect.isroutine(thing) else vars(thing).get("__init__")
    if not inspect.isfunction(function) or (inspect.isclass(thing) and "Parameters" not in told):
        return
    signature = inspect.signature(function)
    given = [name for name in signature.parameters if name not in ("self", "cls")]
    if names != (given or [""]):
        yield f"has the parameters {given}, describes {names}"
    for names_told, default in _DEFAULT.findall(told.get("Parameters", "")):
        given_defaults = {repr(signature.parameters[n].default) for n in names_told.split(", ")}
        if given_defaults != {default}:
            yield f"`{names_told}` is said to be {default}, is {' and '.join(given_defaults)}"
    yield from bare_results(told)
    told_errors = told.get("Raises", "")
    yield from (f"raises {name}" for name in raised_in(function) if name not in told_errors)
    returns = signature.return_annotation not in ("None", None, inspect.Signature.empty)
    if returns and (given or cls is None) and not {"Returns", "Yields"} & set(told):
        yield "returns something"


def test_public_docstrings_are_numpydoc():
    faults = [
        f"{name}: {fault}"
        for name, thing, cls in public_things()
        for fault in faults_in_docstring(thing, cls)
    ]
    assert faults == []


def documented(net: int, wide: bool = True, depth: int = 0) -> int:
    """Give a number.

    Parameters
    ----------
    net : int
        A number.
    wide : bool, default False
        Another default than in the signature.
    depth : another one, in the old dialect.

    Raises
    ------
    ArgumentTypeError
        Never.
    """
    if depth and wide:
        raise ArgumentError("`depth` is not 0")
    return net


def test_faults_in_docstrings_are_found():
    assert list(faults_in_docstring(documented)) == [
        "malformed: depth : another one, in the old dialect.",
        "has the parameters ['net', 'wide', 'depth'], describes ['net', 'wide']",
        "`wide` is said to be False, is True",
        "raises ArgumentError",
        "returns something",
    ]
    point = dataclasses.make_dataclass("Point", ["x"], namespace={"__doc__": "At x."})
    assert list(faults_in_docstring(point)) == ["field `x` is missing"]
    assert list(faults_in_docstring(lambda: None)) == ["no docstring"]
    told = {"Returns": "int\nstr\n    A text.\n", "Yields": "float\n    A number."}
    assert list(bare_results(told)) == ["of int only the type is told"]


def test_modules_are_small():
    for path in house.FILES:
        assert len(path.read_text().splitlines()) <= 500, path


def vague_names(source):
    """Yield the lines that give a variable or an argument a name which says nothing."""
    for node in ast.walk(ast.parse(source)):
        stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if (stored and node.id in VAGUE) or (isinstance(node, ast.arg) and node.arg in VAGUE):
            yield node.lineno


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("found = 1\nprint(found)", [1]),
        ("for i, each in enumerate(x):\n    y = [each for each in x]", [1, 2]),
        ("def f(a, *, found=None):\n    return lambda each: each", [1, 2]),
        ("FOUND, found_at = {'each': 1}, f(each=1)", []),
    ],
)
def test_vague_names_are_noticed(source, lines):
    assert sorted(vague_names(source)) == lines


def test_names_say_what_they_hold():
    paths = [*house.FILES, ROOT / "_gluonkit_command.py"]
    for folder in ("tests", "benchmarks", "docs/_site", "tools"):
        paths += (ROOT / folder).rglob("*.py")
    for path in paths:
        assert list(vague_names(path.read_text())) == [], path
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for source in code_cells(path):
            assert list(vague_names(source)) == [], (path.name, source)


def code_cells(path):
    """Yield the sources of a notebook's code cells, without that of pip's, which is no Python."""
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code" and "install" not in cell["metadata"].get("tags", ()):
            yield "".join(cell["source"])


def test_no_path_of_a_machine_and_no_unfinished_work():
    hidden = (".venv", ".torch", ".peers")
    texts = [
        path for path in ROOT.rglob("*.py") if not str(path.relative_to(ROOT)).startswith(hidden)
    ]
    texts += [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")]
    pattern = re.compile(r"/root/|/work/|/home/\w+/|TODO" + "|FIXME|X" + "XX")
    for path in texts:
        if path.resolve() != Path(__file__).resolve():
            assert not pattern.search(path.read_text()), path


def test_version_stands_in_one_place():
    assert gluonkit.__version__ == re.search(
        r'__version__ = "(.+)"', (house.PACKAGE / "_base" / "version.py").read_text()
    ).group(1)
    assert "attr: gluonkit._base.version.__version__" in (ROOT / "setup.cfg").read_text()
    assert f"## [{gluonkit.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
