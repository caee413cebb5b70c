"""``gluonkit models`` and ``gluonkit info``: what is known of models. Needs no MXNet by itself."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Mapping
from typing import Any

from gluonkit._base import tables
from gluonkit._base.checks import alternatives
from gluonkit._base.lookup import parse_model
from gluonkit._base.tables import Column
from gluonkit.cli import known
from gluonkit.cli.known import KnownModel
from gluonkit.cli.output import report, wants_json_only
from gluonkit.errors import ArgumentError


def run_models(options: argparse.Namespace) -> int:
    """Run ``gluonkit models`` and return its exit status."""
    typed = options.pattern
    if not any(sign in typed for sign in "*?["):
        # A part of a name is what is typed to search.
        options.pattern = f"*{typed}*"
    if options.weights:
        status: int = importlib.import_module("gluonkit.cli.weights").show(options)
        return status
    if options.online:
        raise ArgumentError("`--online` asks for weights; give it with --weights")
    models = known.selected(_known(options).values(), options.pattern, options.source, options.task)
    if not models:
        near = difflib.get_close_matches(typed.lower(), known.completions("model"), n=3)
        hint = f". Did you mean {alternatives(near)}?" if near else ""
        print(f"gluonkit models: nothing matches {typed!r}{hint}", file=sys.stderr)
        if not wants_json_only(options.json):
            return 1
    report(_listed(models), options.json, [model.record for model in models])
    return 0 if models else 1


def _known(options: argparse.Namespace) -> Mapping[str, KnownModel]:
    """Return all models; with the user's own, they are MXNet's registry's."""
    if not options.imports:
        return known.models()
    registered: Mapping[str, KnownModel] = importlib.import_module(
        "gluonkit.cli.registered"
    ).models()
    return registered


def _shapes(model: KnownModel) -> str:
    return ", ".join(tables.shape(example["shape"]) for example in model.entry["inputs"])


# In the order in which they are dropped where a terminal is too narrow: inputs first.
_COLUMNS = (
    Column("name", lambda model: model.name),
    Column("task", lambda model: model.entry["task"], drop=2),
    Column("input", _shapes, drop=1),
    Column("summary", lambda model: model.entry["summary"], shorten=True),
)


def _listed(models: list[KnownModel]) -> str:
    parts = [
        tables.text_table(models, _COLUMNS),
        f"\n{len(models)} model{'s' * (len(models) > 1)}. `gluonkit info NAME` tells more of one.",
    ]
    problems = dict.fromkeys(m.entry["problem"] for m in models if m.entry["problem"])
    for problem in problems:
        those = [model.name for model in models if model.entry["problem"] == problem]
        subject = those[0] if len(those) == 1 else f"{len(those)} of them, such as {those[0]},"
        parts.append(tables.paragraph(f"{subject} cannot be used as is: {problem}", indent=""))
    return "\n".join(parts)


def run_info(options: argparse.Namespace) -> int:
    """Run ``gluonkit info`` and return its exit status."""
    name, given = parse_model(options.model)
    if given:
        raise ArgumentError(f"`model` is {options.model!r}; give its name alone: {name}")
    model = known.find(name, _known(options))
    report(_described(model), options.json, model.record)
    return 0


def _described(model: KnownModel) -> str:
    """Return everything known of a model, a line each."""
    entry = model.entry
    choices = ", ".join(f"{name}={default}" for name, default in model.options.items())
    lines = {
        "name": model.name,
        "aliases": ", ".join(model.aliases),
        "source": entry["source"],
        "summary": entry["summary"],
        "task": entry["task"],
        "input": ", ".join(map(_described_input, entry["inputs"])),
        "classes": "" if entry["classes"] is None else str(entry["classes"]),
        "hybridizes": "as a whole" if entry["hybridizable"] else "in part or not at all",
        "options": choices,
        "pretrained": _described_weights(model),
        "preprocess": _described_preprocess(model),
        "problem": entry["problem"],
        "reference": entry["reference"],
    }
    width = max(map(len, lines))
    return "\n".join(
        tables.hanging(f"{name:{width}}  ", text, width=tables.width(80))
        for name, text in lines.items()
        if text
    )


def _described_input(example: Mapping[str, Any]) -> str:
    name = "" if example["name"] == "data" else f"{example['name']} "
    return f"{name}{tables.shape(example['shape'])} {example['dtype']}"


def _described_weights(model: KnownModel) -> str:
    if "pretrained" not in model.options:
        return ""
    published = model.record["published"].items()
    weights = ", ".join(f"{name} (SHA-1 {sha1})" for name, sha1 in published)
    return weights or "the zoo publishes no weights"


def _described_preprocess(model: KnownModel) -> str:
    """Return the preprocessing in words; nothing for models that take no images."""
    steps = model.entry["preprocess"]
    if steps is not None:
        text = model.entry["preprocess_text"]
        return "; ".join(filter(None, (text, steps["note"], f"from {steps['source']}")))
    of_pictures = len(model.entry["inputs"][0]["shape"]) >= 4
    is_unknown = model.record["published"] and of_pictures
    return "not known: the zoo does not say" if is_unknown else ""
