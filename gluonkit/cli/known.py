"""What the command knows without MXNet: all models, and the names that its options take.

It is read from known.json beside this file, which ``python -m tests.known`` writes; a test compares
the two. Models of the user's own, of ``--import``, are in the registry only: see `registered`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gluonkit._base.lookup import check_choice, check_options, matches, parse_model, resolved
from gluonkit.errors import ArgumentError

_FILE = Path(__file__).with_suffix(".json")
_HOW_TO_LIST = "`gluonkit models` lists all names."


@dataclass(frozen=True)
class KnownModel:
    """What is known of a model: its `entry` in known.json, options as text."""

    entry: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name, with its zoo's prefix."""
        return str(self.entry["name"])

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names."""
        return tuple(self.entry["aliases"])

    @property
    def options(self) -> Mapping[str, str]:
        """Each option, and its default as Python writes it."""
        return dict(self.entry["options"])

    @cached_property
    def record(self) -> dict[str, Any]:
        """All of it as plain data, as `ModelInfo.to_dict` gives it."""
        options = {name: ast.literal_eval(text) for name, text in self.options.items()}
        weights = [file for file in self.entry["downloads"] if file["file"].endswith(".params")]
        published = {file["file"]: file["sha1"] for file in weights}
        record = {name: value for name, value in self.entry.items() if name != "preprocess_text"}
        return record | {"options": options, "published": published}


@cache
def _contents() -> dict[str, Any]:
    contents: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return contents


def names(kind: str) -> list[str]:
    """Return the names that an option takes: 'modes', 'columns', 'data', ..."""
    return list(_contents()["names"][kind])


def completions(kind: str) -> list[str]:
    """Return the words that may stand for an option of a kind; none for files."""
    if kind in ("model", "network"):
        return [name for model in models().values() for name in (model.name, *model.aliases)]
    return list(_contents()["names"].get(kind, ()))


@cache
def models() -> dict[str, KnownModel]:
    """Return gluonkit's models and the zoos', by name."""
    contents = _contents()
    made = {}
    for entry in contents["models"]:
        # Each way of preprocessing stands in the file once.
        index = entry["preprocess"]
        how = {} if index is None else contents["preprocess"][index]
        made[entry["name"]] = KnownModel(entry | {"preprocess": None, "preprocess_text": ""} | how)
    return made


def selected(
    known: Iterable[KnownModel], pattern: str, source: str | None, task: str | None
) -> list[KnownModel]:
    """Return the models that `list_models` would list."""
    among = list(known)
    check_choice("source", source, names("source"), "Sources")
    ours = [model for model in among if source in (None, model.entry["source"])]
    tasks = sorted({model.entry["task"] for model in ours} - {""})
    check_choice("task", task, tasks, "Tasks")
    fitting = [m for m in ours if matches(m, pattern) and task in (None, m.entry["task"])]
    return sorted(fitting, key=lambda model: ("/" in model.name, model.name))


def find(name: str, known: Mapping[str, KnownModel], how_to_list: str = _HOW_TO_LIST) -> KnownModel:
    """Return a model by its name, without prefix too where that is clear, or by an alias."""
    aliases = {alias: model.name for model in known.values() for alias in model.aliases}
    return resolved(name, known, aliases, how_to_list)


def check_model(call: str, *, or_file: bool = False) -> None:
    """Refuse a model that there is not, or that has no such option: ``mlp(unit=3)``.

    `or_file` is whether a file might stand there, which there is not.
    """
    name, options = parse_model(call)
    either = "There is no such file either. " if or_file else ""
    check_options(find(name, models(), f"{either}{_HOW_TO_LIST}"), options)


def is_model(call: str) -> bool:
    """Return whether a text is a known model, with whatever options."""
    try:
        find(parse_model(call)[0], models())
    except ArgumentError:
        return False
    return True
