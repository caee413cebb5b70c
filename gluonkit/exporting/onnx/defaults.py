"""The values that MXNet's operators give to attributes that a graph leaves out."""

from __future__ import annotations

import ast
import ctypes
import re
from collections.abc import Mapping
from functools import lru_cache

from mxnet.base import _LIB, check_call, mx_uint, py_str

from gluonkit.tracing.symbols import operator_handle

_DEFAULT = re.compile(r"optional, default=(.*)")
_TRUTHS = {"0": "False", "false": "False", "1": "True", "true": "True"}


def complete(operator: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return all attributes of an operator: those of a node, and the defaults of the others.

    Defaults come from MXNet's registry, as its ONNX converters assume others for some. Those of
    None and empty tuples are left out, which means the same to all converters. Truth values are
    "True" and "False", the only ones that MXNet's converters know.
    """
    kinds = _attributes(operator)
    texts = {name: _default(kind) for name, kind in kinds.items()}
    filled = {name: text for name, text in texts.items() if text not in ("", "None", "()")}
    return {
        name: _TRUTHS.get(text.lower(), text) if kinds.get(name, "").startswith("bool") else text
        for name, text in (filled | dict(given)).items()
    }


@lru_cache(maxsize=1024)
def _attributes(operator: str) -> dict[str, str]:
    """Return an operator's attributes: by name, their type and default in MXNet's words."""
    text, count, none = ctypes.c_char_p, mx_uint(), ctypes.c_char_p()
    names, types, notes = (ctypes.POINTER(text)() for _ in range(3))
    handle = ctypes.c_void_p(operator_handle(operator))
    check_call(
        _LIB.MXSymbolGetAtomicSymbolInfo(
            *(handle, ctypes.byref(none), ctypes.byref(none), ctypes.byref(count)),
            *(ctypes.byref(names), ctypes.byref(types), ctypes.byref(notes)),
            *(ctypes.byref(none), ctypes.byref(none)),
        )
    )
    return {py_str(names[n]): py_str(types[n]) for n in range(count.value)}


def _default(kind: str) -> str:
    """Return the default that MXNet's words for a type contain, as a graph would have it."""
    default = _DEFAULT.search(kind)
    text = default[1].strip("'") if default else ""
    return str(tuple(ast.literal_eval(text))) if text.startswith("[") else text
