"""Tables of functions that decorators fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Key = TypeVar("Key")
Function = TypeVar("Function", bound=Callable[..., Any])


def registering(table: dict[Key, Function]) -> Callable[..., Callable[[Function], Function]]:
    """Return a decorator that enters functions into a table, by all keys that it is given."""

    def keyed(*keys: Key) -> Callable[[Function], Function]:
        def enter(function: Function) -> Function:
            table.update(dict.fromkeys(keys, function))
            return function

        return enter

    return keyed
