"""Types for MXNet 1.9.1, made from MXNet itself: ``python tools/stubs.py`` writes `mxnet-stubs`.

Signatures come from Python's functions and from MXNet's registry of operators, types from the
same registry and from the docstrings. What neither says is `Any`, as is what depends on the array
mode: an array of a parameter, and what a network returns. Modules that `MODULES` does not list are
left to MXNet's own sources (PEP 561, a partial package).
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import keyword
import re
import sys
import textwrap
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gluonkit import mx

ROOT = Path(__file__).parents[1]
FOLDER = "mxnet-stubs"

MODULES = (
    *("base", "context", "ndarray.ndarray", "ndarray", "ndarray.random", "ndarray.linalg"),
    *(
        "ndarray.contrib",
        "ndarray.image",
        "ndarray.sparse",
        "numpy",
        "numpy.random",
        "numpy.linalg",
    ),
    *(
        "numpy_extension",
        "numpy_extension.random",
        "numpy_extension.image",
        "initializer",
        "autograd",
    ),
    *("gluon.parameter", "gluon.block", "gluon.nn", "gluon.rnn", "gluon.loss", "gluon.trainer"),
    *("gluon.data", "gluon.data.vision.transforms", "gluon.data.vision", "gluon.utils", "gluon"),
    *("attribute", "callback", "engine", "executor", "image", "io", "kvstore", "lr_scheduler"),
    *(
        "metric",
        "model",
        "module",
        "name",
        "operator",
        "optimizer",
        "profiler",
        "random",
        "recordio",
    ),
    *("runtime", "symbol.symbol", "symbol", "symbol.contrib", "symbol.linalg", "symbol.random"),
    *("test_utils", "util", "visualization"),
)
"""The modules that get types; each name is defined in the first that has it."""

UNTYPED = ("contrib", "gluon.contrib", "gluon.model_zoo", "ndarray.numpy", "symbol.numpy")
"""Packages that get no types; what is in them is `Any`."""

HEADER = "# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.\n"

_ANY = f"""{HEADER}
from typing import Any

def __getattr__(name: str) -> Any: ...
"""

# What docstrings and the registry call a type, in lower case but for the arrays' two families.
_ALIASES = {
    "int": "int",
    "integer": "int",
    "long": "int",
    "int (non-negative)": "int",
    "long (non-negative)": "int",
    "float": "float",
    "double": "float",
    "number": "float",
    "scalar": "float",
    "bool": "bool",
    "boolean": "bool",
    "str": "str",
    "string": "str",
    "none": "None",
    "shape(tuple)": "int | Sequence[int]",
    "shape": "int | Sequence[int]",
    "tuple of int": "Sequence[int]",
    "tuple of ints": "Sequence[int]",
    "tuple of <int>": "Sequence[int]",
    "tuple of <long>": "Sequence[int]",
    "tuple of <float>": "Sequence[float]",
    "tuple of <double>": "Sequence[float]",
    "list of int": "Sequence[int]",
    "list of str": "Sequence[str]",
    "list of float": "Sequence[float]",
    "NDArray": "NDArray",
    "NDArray-or-Symbol": "NDArray",
    "Symbol": "Symbol",
    "list of NDArray": "Sequence[NDArray]",
    "list of NDArrays": "Sequence[NDArray]",
    "sequence of NDArray": "Sequence[NDArray]",
    "ndarray": "ndarray",
    "_Symbol": "ndarray",
    "list of ndarray": "Sequence[ndarray]",
    "sequence of ndarrays": "Sequence[ndarray]",
    "context": "Context",
    "list of context": "Sequence[Context]",
    "initializer": "Initializer | str",
    "parameter": "Parameter",
    "parameterdict": "ParameterDict",
    "block": "Block",
    "hybridblock": "HybridBlock",
    "dataset": "Dataset",
    "sampler": "Sampler",
    "callable": "Callable[..., Any]",
    "function": "Callable[..., Any]",
    "dict": "Mapping[str, Any]",
    "dict of str to NDArray": "Mapping[str, NDArray]",
}

# What depends on more than its own signature, or is known better.
_RETURNS = {
    "Parameter.data": "Any",
    "Parameter.grad": "Any",
    "Parameter.list_data": "list[Any]",
    "Parameter.list_grad": "list[Any]",
    "Parameter.var": "Any",
    "Block.collect_params": "ParameterDict",
    "Block.name_scope": "AbstractContextManager[Any]",
    "ParameterDict.__getitem__": "Parameter",
    "ParameterDict.__iter__": "Iterator[str]",
    "ParameterDict.keys": "KeysView[str]",
    "ParameterDict.values": "ValuesView[Parameter]",
    "ParameterDict.items": "ItemsView[str, Parameter]",
    "ParameterDict.get": "Parameter",
    "ParameterDict.get_constant": "Constant",
    "Sequential.__getitem__": "Any",
    "HybridSequential.__getitem__": "Any",
    "DataLoader.__iter__": "Iterator[Any]",
    "asnumpy": "onp.ndarray[Any, Any]",
    "asscalar": "Any",
    "item": "Any",
    "tolist": "Any",
    "as_np_ndarray": "Any",
    "as_nd_ndarray": "NDArray",
    "__len__": "int",
    "__bool__": "bool",
    "__float__": "float",
    "__int__": "int",
    "__index__": "int",
    "__hash__": "int",
    "__init__": "None",
    "__new__": "Self",
    "__enter__": "Self",
    "record": "AbstractContextManager[Any]",
    "pause": "AbstractContextManager[Any]",
    "train_mode": "AbstractContextManager[Any]",
    "predict_mode": "AbstractContextManager[Any]",
    "is_recording": "bool",
    "is_training": "bool",
    "cpu": "Context",
    "gpu": "Context",
    "cpu_pinned": "Context",
    "current_context": "Context",
    "num_gpus": "int",
    "is_np_array": "bool",
    "is_np_shape": "bool",
}
_ARRAYS = ("NDArray", "ndarray", "Symbol")
_ANYTHING = ("__call__", "forward", "hybrid_forward", "unroll", "begin_state")
"""Methods that networks of the user's define anew, with any arguments."""

_PARAMETERS = {
    "dtype": "DType",
    "ctx": "Context | Sequence[Context] | None",
    "device": "Context | None",
    "shape": "int | Sequence[int] | None",
    "prefix": "str | None",
    "params": "ParameterDict | None",
    "init": "Initializer | str | None",
    "Trainer.params": "ParameterDict | Mapping[str, Parameter] | Sequence[Parameter]",
    "filename": "str | PathLike[str]",
    "out": "Any",
    "name": "str | None",
}
_PROPERTIES = {
    "shape": "tuple[int, ...]",
    "size": "int",
    "ndim": "int",
    "T": "Self",
    "flat": "Any",
    "context": "Context",
    "ctx": "Context",
    "device_type": "str",
    "name": "str",
    "prefix": "str",
    "params": "ParameterDict",
    "stype": "str",
    "learning_rate": "float",
}
_JOINING = ("concat", "Concat", "stack", "add_n", "ElementWiseSum", "khatri_rao")
"""Operators of any number of arrays that return one."""

_FREE = (
    *("num_outputs", "ret_typ", "state_outputs", "output_mean_var", "return_inverse"),
    *("num_arrays", "num_weights"),
)
"""Arguments that decide how many arrays an operator returns."""

_BUILTINS = ("int", "float", "bool", "str", "list", "tuple", "object", "property", "slice")
_IMPORTS = {
    "collections.abc": (
        *("Callable", "ItemsView", "Iterator", "KeysView", "Mapping", "Sequence", "ValuesView"),
    ),
    "contextlib": ("AbstractContextManager",),
    "os": ("PathLike",),
    "typing": ("Any", "Literal"),
    "typing_extensions": ("Self",),
}
_DTYPE = "DType = str | type[Any] | onp.dtype[Any] | None"


def annotation(text: str, family: str = "NDArray") -> str:
    """Return the type that a docstring or the registry describes; 'Any' where it is not clear.

    Parameters
    ----------
    text : str
        The description, such as ``"int or None, optional, default='None'"``.
    family : str, optional
        The arrays' class: 'NDArray' or 'ndarray'.
    """
    text = re.split(r"\s*[,(]?\s*(?:optional|required|default)\b", text.strip(), maxsplit=1)[0]
    text = re.sub(r":\w+:|[`*]|~?mxnet\.|\b(?:an?|the)\s", "", text).strip(" .,")
    text = re.sub(r"(tuple|list)(/list| or list)? of (\w )?int(s|egers)?", "tuple of int", text)
    if match := re.fullmatch(r"\{(.*)\}", text):
        return _literal(match[1])
    alternatives: list[str] = []
    whole = _alias(text)
    for part in [text] if whole else re.split(r"\s+or\s+|\s*[/|,]\s*", text):
        kind = _alias(part.strip())
        if not kind:
            return "Any"
        alternatives += kind.split(" | ")
    # The registry has one description for arrays and for symbols.
    ours = ("NDArray", "ndarray") if family == "Symbol" else ("ndarray",)
    kinds = dict.fromkeys(family if kind in ours else kind for kind in alternatives)
    return " | ".join(kinds)


def _alias(text: str) -> str:
    return _ALIASES.get(text) or _ALIASES.get(
        text.lower() if "array" not in text.lower() else "", ""
    )


def _literal(text: str) -> str:
    """Return the type of one of several values, as the registry lists them."""
    values = [part.strip() for part in text.split(",") if part.strip()]
    try:
        known = [ast.literal_eval(value) for value in values]
    except (ValueError, SyntaxError):
        return "Any"
    return f"Literal[{', '.join(map(repr, known))}]" if known else "Any"


def described(doc: str, section: str = "Parameters") -> dict[str, str]:
    """Return the descriptions of the types in a section of a numpydoc docstring, by name."""
    match = re.search(rf"^{section}\s*\n-+\n(.*?)(?=^\S[^\n]*\n-{{3,}}|\Z)", doc, re.M | re.S)
    kinds = {}
    for line in match[1].splitlines() if match else ():
        if entry := re.match(r"([*\w]+(?:\s*,\s*\w+)*)\s*:\s*(\S.*)$", line):
            for name in entry[1].split(","):
                kinds[name.strip(" *")] = entry[2]
        elif section == "Returns" and re.match(r"\S", line):
            kinds.setdefault("", line)
    return kinds


def summary(doc: str) -> str:
    """Return the first sentence of a docstring, as a docstring of one line; empty if none."""
    first = " ".join(doc.strip().partition("\n\n")[0].split())
    first = re.split(r"(?<=\.)\s", first, maxsplit=1)[0]
    if not first or len(first) > 200 or '"""' in first:
        return ""
    raw = "r" if "\\" in first else ""
    return f'{raw}"""{first.rstrip(chr(92)).replace(chr(34), chr(39))}"""'


class Package:
    """All modules: which names each has, and which module defines a name."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, Any]] = {}
        self.homes: dict[int, tuple[str, str]] = {}
        for short in MODULES:
            module = importlib.import_module(f"mxnet.{short}")
            names = dict(_public(short, module))
            self.names[short] = dict(_bases(names, self.homes)) | names
            for name, value in self.names[short].items():
                if isinstance(value, (type, types.FunctionType)):
                    self.homes.setdefault(id(value), (short, name))

    def home(self, value: Any) -> tuple[str, str]:
        """Return the module and the name under which a function or class is defined."""
        return self.homes.get(id(value), ("", ""))

    def files(self) -> dict[str, str]:
        """Return the text of each file, by its path in the package."""
        packages = {short.rpartition(".")[0] for short in MODULES} | {"ndarray", "numpy"}
        made = {"py.typed": "partial\n", "__init__.pyi": _root(self)}
        for short in UNTYPED:
            made[f"{short.replace('.', '/')}/__init__.pyi"] = _ANY
        for short in MODULES:
            path = short.replace(".", "/")
            file = (
                f"{path}/__init__.pyi" if short in packages or _is_folder(short) else f"{path}.pyi"
            )
            made[file] = Module(self, short).text()
        return made


def _is_folder(short: str) -> bool:
    return hasattr(importlib.import_module(f"mxnet.{short}"), "__path__")


def _root(package: Package) -> str:
    """Return what ``import mxnet as mx`` gives: all of its modules, with types or without."""
    lines = [HEADER]
    for name in sorted(vars(mx)):
        value = vars(mx)[name]
        if name.startswith("_") or not isinstance(value, types.ModuleType):
            continue
        if not value.__name__.startswith("mxnet."):
            continue
        parent, _, last = value.__name__.rpartition(".")
        parent = "." + parent.removeprefix("mxnet").removeprefix(".")
        # Only `A as A` makes a name public in a stub.
        lines.append(f"from {parent} import {last} as {last}")
        if name != last:
            lines.append(f"{name} = {last}")
    for name, value in sorted(vars(mx).items()):
        short, known_as = package.home(value)
        if short and not name.startswith("_"):
            lines.append(f"from .{short} import {known_as} as {known_as}")
    return "\n".join([*dict.fromkeys(lines), "", "__version__: str"]) + "\n"


def _public(short: str, module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    given = getattr(module, "__all__", None)
    for name in sorted(set(given or dir(module))):
        value = getattr(module, name, None)
        if name.startswith("_") or isinstance(value, types.ModuleType) or not name.isidentifier():
            continue
        if keyword.iskeyword(name) or name == "cv2":  # None where OpenCV is not installed
            continue
        origin = str(getattr(value, "__module__", "") or "")
        if isinstance(value, (type, types.FunctionType)) or callable(value):
            numbers = short == "numpy" and origin.startswith("numpy")  # its types, and functions
            if not (origin.startswith("mxnet") or numbers or _is_registered(value)):
                continue
        elif not isinstance(value, (int, float, str, type(None))):
            continue
        yield name, value


def _bases(names: dict[str, Any], homes: Mapping[int, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the classes from which public ones inherit and that no other module has."""
    for value in names.values():
        for base in inspect.getmro(value)[::-1] if isinstance(value, type) else ():
            if base.__module__.startswith("mxnet") and id(base) not in homes:
                yield base.__name__, base


def _is_registered(value: Any) -> bool:
    """Say whether a function is one of those that MXNet makes from its registry."""
    return isinstance(value, types.FunctionType) and value.__code__.co_filename == "<string>"


class Module:
    """The stub of one module."""

    def __init__(self, package: Package, short: str) -> None:
        self.package = package
        self.short = short
        self.names = package.names[short]
        families = {"numpy": "ndarray", "numpy_extension": "ndarray", "symbol": "Symbol"}
        self.family = families.get(short.partition(".")[0], "NDArray")
        self.imports: set[tuple[str, str]] = set()

    def text(self) -> str:
        """Return the whole file."""
        body = [self._entry(name, value) for name, value in self.names.items()]
        entries = "\n".join(entry for entry in body if entry)
        if "DType" in entries:
            entries = f"{_DTYPE}\n\n{entries}"
        return "\n".join([HEADER, *self._header(entries), "", entries]).rstrip() + "\n"

    def _header(self, entries: str) -> Iterator[str]:
        """Yield the imports: of what entries use, of other modules' names, and of submodules."""
        words = set(re.findall(r"\w+", entries))
        yield from (f"import {name}" for name in ("builtins",) if name in words)
        for module, names in _IMPORTS.items():
            if used := [name for name in names if name in words]:
                yield f"from {module} import {', '.join(used)}"
        if "onp" in words:
            yield "import numpy as onp"
        yield ""
        for home, name in sorted(self.imports):
            # With `as`, a stub's import is a name of its own, too.
            yield f"from mxnet.{home} import {name}{f' as {name}' if name in self.names else ''}"
        for name, value in sorted(vars(importlib.import_module(f"mxnet.{self.short}")).items()):
            known = getattr(value, "__name__", "") == f"mxnet.{self.short}.{name}"
            if (
                known
                and isinstance(value, types.ModuleType)
                and name[0] != "_"
                and name[:4] != "gen_"
            ):
                yield f"from . import {name} as {name}"

    def _entry(self, name: str, value: Any) -> str:
        home, known_as = self.package.home(value)
        if home and (home, known_as) != (self.short, name):
            if home == self.short:
                return f"{name} = {known_as}"
            self.imports.add((home, known_as))
            return f"{name} = {known_as}" if name != known_as else ""
        if isinstance(value, type) and value.__module__.startswith("mxnet"):
            return self._class(name, value)
        # NumPy's own functions, of which each release has others, are not typed here.
        if isinstance(value, types.FunctionType) and not value.__module__.startswith("numpy"):
            return "\n".join(self._function(name, value))
        if isinstance(value, type):
            return f"{name}: type[Any]"
        if callable(value):
            return f"def {name}(*args: Any, **kwargs: Any) -> Any: ..."
        kind = type(value).__name__ if isinstance(value, (bool, int, float, str)) else "None"
        return f"{name}: {self._plain(kind)}"

    def _plain(self, kind: str, inside: Any = None) -> str:
        """Return a type as it is written here, and import the classes that it names."""
        hidden = set(self.names) | set(vars(inside) if inside else ())
        for word in _BUILTINS:
            if word in hidden:
                kind = re.sub(rf"(?<![\w.'\"]){word}(?![\w'\"])", f"builtins.{word}", kind)
        for word in re.findall(r"(?<![\w.'\"])[A-Za-z]\w*(?![\w'\"])", kind):
            self._import(word)
        return kind

    def _import(self, name: str) -> None:
        if name in self.names:
            return
        for short, names in self.package.names.items():
            if isinstance(names.get(name), type) and self.package.home(names[name])[0] == short:
                self.imports.add((short, name))
                return

    def _function(self, name: str, value: Any, inside: Any = None) -> Iterator[str]:
        plain = inspect.unwrap(value)
        doc = inspect.getdoc(value) or ""
        owner = f"{inside.__name__}.{name}" if inside else name
        is_own = name in _ANYTHING and inside is not None
        arguments = (
            "self, *args: Any, **kwargs: Any" if is_own else self._arguments(plain, doc, inside)
        )
        kind = "Any" if is_own else self._returned(owner, plain, doc, inside)
        text = summary(doc)
        head = f"def {name}({arguments}) -> {self._plain(kind, inside)}:"
        # Comparisons of arrays give arrays.
        odd = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
        if text and not name.startswith("__"):
            yield head
            yield f"    {text}"
            yield "    ..."
        else:
            yield f"{head} ...{odd}"

    def _arguments(self, value: Any, doc: str, inside: Any) -> str:
        kinds = described(doc)
        if inside is not None and value.__name__ == "__init__":
            kinds = described(inspect.getdoc(inside) or "") | kinds
        parameters = list(inspect.signature(value).parameters.values())
        written: list[str] = []
        starred = False
        for parameter in parameters:
            name = parameter.name
            if (
                inside is not None
                and parameter is parameters[0]
                and name in ("self", "cls", "klass")
            ):
                written.append(name)
                continue
            special = _PARAMETERS.get(f"{getattr(inside, '__name__', '')}.{name}")
            kind = self._plain(special or self._kind(parameter, kinds.get(name, "")), inside)
            is_init = value.__name__ == "__init__"
            if parameter.kind is parameter.VAR_KEYWORD and is_init and _is_block(inside):
                # `Block` takes these; what else is given, it refuses.
                kinds = {"prefix": "", "params": ""}
                written += self._hidden(kinds, parameters, starred, inside)
                continue
            if parameter.kind is parameter.VAR_KEYWORD:
                written += self._hidden(kinds, parameters, starred, inside)
                kind = "Any"
            elif parameter.kind is parameter.KEYWORD_ONLY and not starred:
                written.append("*")
                starred = True
            starred |= parameter.kind is parameter.VAR_POSITIONAL
            prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(
                parameter.kind, ""
            )
            # The first array is needed; whether the others are depends on the arguments.
            default = self._default(parameter, kinds.get(name, ""), not written)
            written.append(f"{prefix}{name}: {kind}{default}")
        return ", ".join(written)

    def _hidden(
        self, kinds: dict[str, str], parameters: list[Any], starred: bool, inside: Any
    ) -> Iterator[str]:
        """Yield the arguments that stand in the docstring only, taken by ``**kwargs``."""
        known = {parameter.name for parameter in parameters}
        names = [
            n for n in kinds if n not in known and n.isidentifier() and not keyword.iskeyword(n)
        ]
        names = [n for n in names if n not in ("args", "kwargs")]
        if names and not starred:
            yield "*"
        for name in names:
            kind = self._plain(
                _PARAMETERS.get(name) or annotation(kinds[name], self.family), inside
            )
            yield f"{name}: {kind} = ..."

    def _kind(self, parameter: inspect.Parameter, text: str) -> str:
        name, default = parameter.name, parameter.default
        kind = _PARAMETERS.get(name) or annotation(text, self.family)
        if name.endswith("_initializer"):
            kind = "Initializer | str | None"
        if parameter.kind is parameter.VAR_POSITIONAL:
            return kind if kind in _ARRAYS else "Any"
        if "Any" in kind.split(" | "):
            return kind
        # Docstrings forget that None is allowed, and what kind the default itself is of.
        if default is None and "None" not in kind:
            return f"{kind} | None"
        if type(default) in (bool, int, float, str) and not kind.startswith(("Literal", "DType")):
            own = type(default).__name__
            wider = {"bool": ("bool", "int", "float"), "int": ("int", "float")}.get(own, (own,))
            if not set(wider) & set(kind.split(" | ")):
                return f"{kind} | {own}"
        return kind

    def _default(self, parameter: inspect.Parameter, text: str, is_first: bool) -> str:
        if parameter.default is parameter.empty:
            return ""
        # The registry's functions give every argument a default, also those that are required.
        is_array = parameter.default is None and text.strip() in _ARRAYS
        is_required = repr(parameter.default) == "_Null" and ", required" in text
        if is_first and (is_array or is_required):
            return ""
        simple = type(parameter.default) in (bool, int, float, str, type(None))
        if simple and not is_array and len(repr(parameter.default)) < 30:
            return f" = {parameter.default!r}"
        return " = ..."

    def _returned(self, owner: str, value: Any, doc: str, inside: Any) -> str:
        name = owner.rpartition(".")[2]
        known = _RETURNS.get(owner) or (_RETURNS.get(name) if not _is_registered(value) else None)
        if known:
            return known
        arrays = inside is not None and inside.__name__ in _ARRAYS
        if arrays and name in _OPERATORS:
            return "Self"
        if _returns_nothing(value):
            return "None"
        if _is_registered(value):
            return self.family if self._is_single(name) else "Any"
        kinds = [annotation(text, self.family) for text in described(doc, "Returns").values()]
        texts = " ".join(described(doc, "Returns").values())
        if len(kinds) == 1 and kinds[0] != "Any":
            kind = kinds[0].replace(" | float", "") if "ndarray" in kinds[0] else kinds[0]
        elif (
            len(kinds) == 1 and re.match(r"(ndarray|NDArray)\b(?!s)", texts) and "list" not in texts
        ):
            kind = self.family
        elif arrays and (name in self._registered() or "onvenience fluent method" in doc):
            kind = "Self" if self._is_single(name) else "Any"
        else:
            kind = "Any"
        return "Self" if arrays and kind in _ARRAYS else kind

    def _registered(self) -> dict[str, Any]:
        module = self.short.partition(".")[0]
        return vars(mx.sym.np if module == "numpy" else mx.sym)

    def _is_single(self, name: str) -> bool:
        """Say whether an operator returns one array whatever its arguments are."""
        symbols: Any = mx.sym
        for part in self.short.split(".")[1:]:
            inner = part not in ("ndarray", "symbol")
            symbols = getattr(symbols, part, symbols) if inner else symbols
        make = getattr(symbols, name, None)
        if make is None or name in _JOINING:
            return make is not None
        kinds = described(inspect.getdoc(make) or "")
        if set(kinds) & set(_FREE):
            return False
        required = {key: _example(text) for key, text in kinds.items() if ", required" in text}
        try:
            made = make(**required)
            return len(made.list_outputs()) == 1
        except (mx.MXNetError, AssertionError, TypeError, ValueError, NotImplementedError):
            return False

    def _class(self, name: str, value: type) -> str:
        bases = []
        for base in value.__bases__:
            short, known_as = self.package.home(base)
            if short and short != self.short:
                self.imports.add((short, known_as))
            if short:
                bases.append(known_as)
            elif base.__module__ == "builtins" and base is not object:
                bases.append(base.__name__)
        lines = [f"class {name}({', '.join(bases)}):" if bases else f"class {name}:"]
        members = list(self._members(value))
        text = summary(inspect.getdoc(value) or "") if value.__doc__ else ""
        lines += [f"    {line}" for line in ([text] if text else []) + (members or ["..."])]
        return "\n".join(lines)

    def _members(self, value: type) -> Iterator[str]:
        for name, kind in sorted(_attributes_of(value).items()):
            yield f"{name}: {self._plain(_PROPERTIES.get(name, kind), value)}"
        for name, member in vars(value).items():
            if name.startswith("_") and name not in _SPECIAL:
                continue
            if isinstance(member, property):
                yield from self._property(name, member, value)
            elif name == "__new__":
                yield from self._function(name, member.__func__, value)
            elif isinstance(member, (staticmethod, classmethod)):
                yield "@staticmethod" if isinstance(member, staticmethod) else "@classmethod"
                yield from self._function(name, member.__func__, value)
            elif isinstance(member, types.FunctionType):
                yield from self._function(name, member, value)
        names = vars(value)
        if "__getitem__" in names and "__len__" in names and "__iter__" not in names:
            item = "Self" if value.__name__ in _ARRAYS else "Any"
            yield f"def __iter__(self) -> Iterator[{item}]: ..."  # by position, from 0 on

    def _property(self, name: str, member: property, inside: type) -> Iterator[str]:
        doc = inspect.getdoc(member) or ""
        kinds = [annotation(text, self.family) for text in described(doc, "Returns").values()]
        kind = _PROPERTIES.get(name) or (kinds[0] if len(kinds) == 1 else "Any")
        yield "@property"
        yield f"def {name}(self) -> {self._plain(kind, inside)}: ..."
        if member.fset is not None:
            yield f"@{name}.setter"
            yield f"def {name}(self, value: Any) -> None: ..."


_OPERATORS = {
    f"__{prefix}{name}__"
    for name in ("add", "sub", "mul", "truediv", "mod", "pow", "matmul", "floordiv")
    for prefix in ("", "r", "i")
} | {
    f"__{name}__"
    for name in ("neg", "abs", "eq", "ne", "lt", "le", "gt", "ge", "getitem", "invert")
}
_SPECIAL = {
    *_OPERATORS,
    *(
        "__new__",
        "__init__",
        "__call__",
        "__len__",
        "__iter__",
        "__getitem__",
        "__setitem__",
        "__contains__",
    ),
    *("__bool__", "__float__", "__int__", "__index__", "__hash__", "__enter__", "__exit__"),
}


def _example(text: str) -> Any:
    """Return a value that an operator may take for a required argument."""
    kind = annotation(text)
    if kind.startswith("Literal["):
        return ast.literal_eval(kind.removeprefix("Literal[").removesuffix("]").split(", ")[0])
    return {"int": 1, "float": 1.0, "bool": True, "str": "x"}.get(kind, (1, 1))


def _returns_nothing(value: Any) -> bool:
    """Say whether a function has a body and no value to return."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
    except (OSError, TypeError, SyntaxError):
        return False
    nodes = list(_own_nodes(tree.body[0]))
    gives = any(isinstance(node, ast.Return) and node.value is not None for node in nodes)
    is_abstract = any(isinstance(node, (ast.Yield, ast.YieldFrom, ast.Raise)) for node in nodes)
    return not gives and not is_abstract


def _is_block(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, mx.gluon.Block)


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of the functions in it."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        yield node
        yield from _own_nodes(node)


def _attributes_of(value: type) -> dict[str, str]:
    """Return the attributes that a class's own ``__init__`` makes."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(vars(value)["__init__"])))
    except (KeyError, OSError, TypeError, SyntaxError):
        return {}
    kinds: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target = ast.unparse(node.targets[0])
        if re.fullmatch(r"self\.\w+", target):
            own = ast.unparse(node.value).startswith("self.params.get(")
            kinds.setdefault(target[5:], set()).add("Parameter" if own else "Any")
    names = {name for base in value.__mro__ for name in vars(base)}
    return {
        name: kind.pop() if len(kind) == 1 else "Any"
        for name, kind in kinds.items()
        if name not in names
    }


def main() -> int:
    """Write the package, or with --check say which files differ from what is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if old")
    options = parser.parse_args()
    folder, made = ROOT / FOLDER, Package().files()
    present = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    old = {
        path
        for path in present | made.keys()
        if path not in present or (folder / path).read_text() != made.get(path)
    }
    if options.check:
        print("\n".join(sorted(old)) or "up to date")
        return 1 if old else 0
    for path in old:
        if path in made:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(made[path])
        else:
            Path(folder / path).unlink()
    print(f"{len(made)} files, of which {len(old)} were changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
