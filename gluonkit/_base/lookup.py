"""Models looked up by name, in whatever holds what is known of them: the registry, or a file."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from gluonkit._base.checks import alternatives, unknown_name
from gluonkit.errors import ArgumentError


class Known(Protocol):
    """What has to be known of a model to find it."""

    @property
    def name(self) -> str:
        """Its name, with its zoo's prefix."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Its other names."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Its options."""


Model = TypeVar("Model", bound=Known)


def matches(model: Known, pattern: str) -> bool:
    """Return whether a pattern fits a model's name, with or without prefix, or an alias."""
    names = (model.name, model.name.partition("/")[2] or model.name, *model.aliases)
    # `fnmatch` itself minds case on some systems, and not on others.
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for name in names)


def resolved(
    name: str,
    models: Mapping[str, Model],
    aliases: Mapping[str, str],
    how_to_list: str,
    argument: str = "name",
) -> Model:
    """Return the model of a name: in full, an alias, or without the prefix that only one zoo has.

    `models` are by their full names, and `aliases` have these names as values. `argument` is what
    named it.
    """
    model = models.get(aliases.get(name, name))
    if model is not None:
        return model
    readings = sorted(full for full in models if full.partition("/")[2] == name)
    if len(readings) == 1:
        return models[readings[0]]
    if readings:
        raise ArgumentError(
            f"`{argument}` is {name!r}, which several zoos have; write {alternatives(readings)}"
        )
    names = {*models, *aliases, *(full.partition("/")[2] for full in models if "/" in full)}
    raise unknown_name(argument, name, names, how_to_list)


def check_options(model: Known, options: Iterable[str]) -> None:
    """Refuse options that a model does not have."""
    for option in options:
        if option not in model.options:
            valid = ", ".join(model.options) or "none"
            raise unknown_name(
                f"options of {model.name!r}", option, model.options, f"Its options: {valid}."
            )


def check_choice(argument: str, choice: str | None, choices: Iterable[str], title: str) -> None:
    """Refuse a choice that is neither None nor among `choices`."""
    known = list(choices)
    if choice is not None and choice not in known:
        raise unknown_name(argument, choice, known, f"{title}: {', '.join(known)}.")


def parse_model(text: str) -> tuple[str, dict[str, Any]]:
    """Split a model with options, written as a call, into name and options.

    Values are Python literals; nothing is executed.

    Parameters
    ----------
    text : str
        A bare name, or a call: ``"mlp(units=(256, 128), classes=2)"``.

    Returns
    -------
    tuple of (str, dict)
        Name and options: ``("mlp", {"units": (256, 128), "classes": 2})``.

    Raises
    ------
    ArgumentError
        For text of another form.
    """
    name, bracket, rest = text.strip().partition("(")
    if not bracket:
        return name, {}
    try:
        # Parsed as a call of any function, for a model's name need not be one of Python.
        call = ast.parse(f"f({rest}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not text.strip().endswith(")"):
            raise ValueError("only options by keyword can be given")
        options = {str(word.arg): _literal(word) for word in call.keywords}
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        raise ArgumentError(
            f"`name` is {text!r:.200}, which is not a model with options: {why}. Write it as a "
            "call with literal values, such as 'mlp(units=(256, 128), classes=2)'"
        ) from None
    return name.strip(), options


def _literal(word: ast.keyword) -> Any:
    try:
        return ast.literal_eval(word.value)
    except (TypeError, ValueError):  # whose own words are of objects of the parser's
        raise ValueError(f"{ast.unparse(word):.80} has no literal value") from None
