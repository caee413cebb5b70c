"""What the command's options take: lists, numbers, shapes, files; parsing them with suggestions."""

from __future__ import annotations

import argparse
import difflib
import math
import re
import shutil
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from gluonkit._base.checks import in_float32

STANDARD_OUTPUT = Path("-")
_RENAMED = {
    "--device": "it is called --ctx now",
    "--filter": "it is called --pattern now",
    "--fixed-batch": "it is called --no-dynamic-batch now",
    "--no-plot": "a picture is drawn with --plot only",
}


class Parser(argparse.ArgumentParser):
    """A parser whose help keeps examples as they are, and whose errors suggest."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Formatter} | options)
        for name in (None, "store"):
            self.register("action", name, _Once)

    def error(self, message: str) -> NoReturn:
        """Print how the command is called, and what is wrong, and exit with 2."""
        super().error(message.replace("argument NAME: ", ""))


class _Once(argparse._StoreAction):
    """An option that is given once: of two values, one would be dropped without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Note that the option was given, and its value."""
        given = vars(namespace).setdefault("given", set())
        if option_string is not None and self.dest in given:
            before = getattr(namespace, self.dest)
            parser.error(f"argument {option_string}: given twice, as {before!s} and {values!s}")
        given.add(self.dest)
        super().__call__(parser, namespace, values, option_string)


class _Formatter(argparse.HelpFormatter):
    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Wrap each paragraph; lines that begin with blanks stay as they are."""
        paragraphs = text.split("\n\n")
        return "\n\n".join(
            paragraph if paragraph.startswith(" ") else "\n".join(_wrapped(paragraph, width))
            for paragraph in paragraphs
        )

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(" ".join(text.split()), width)

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            # argparse forgets that commands are indented, and has long ones stand alone.
            longest = max(map(len, action.choices), default=0)
            indent = self._current_indent + self._indent_increment
            self._action_max_length = max(self._action_max_length, longest + indent)

    def _format_action(self, action: argparse.Action) -> str:
        shown = super()._format_action(action)
        if isinstance(action, argparse._SubParsersAction):
            # Without the line that says NAME, which is one of those below.
            return shown.partition("\n")[2]
        return shown


_TOGETHER = re.compile(r"`[^`]+`|'\w+\([^']*\)'")
"""What a line must not end within: a call."""


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines: at blanks, but not those of a call that it quotes."""
    # A blank that is none to `textwrap`.
    kept = _TOGETHER.sub(lambda match: match[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
    lines = textwrap.wrap(kept, width, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def parse(parser: argparse.ArgumentParser, args: Sequence[str]) -> argparse.Namespace:
    """Parse arguments; suggest an option for each that there is not."""
    for word in args[: args.index("--") if "--" in args else None]:
        # argparse of Python 3.11 gives an empty list for them, whatever the option's type.
        if word.startswith("--") and word.endswith("=--"):
            command_parser(parser, args).error(f"argument {word[:-3]}: expected one argument")
    options, strange = parser.parse_known_args(_with_json(args))
    if strange:
        # The command's own parser, which knows its options, rather than that of all commands.
        chosen = command_parser(parser, args)
        hints = filter(None, (_hint(word, chosen, args) for word in strange))
        chosen.error(f"unrecognized arguments: {' '.join(strange)}{''.join(hints)}")
    return options


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a parser's commands, by name."""
    choices = (action.choices for action in parser._actions)
    return next((dict(commands) for commands in choices if isinstance(commands, dict)), {})


def command_parser(parser: argparse.ArgumentParser, args: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of the command, or command of a command, that arguments begin with."""
    inner = commands_of(parser).get(args[0]) if args else None
    return parser if inner is None else command_parser(inner, args[1:])


def _hint(word: str, parser: argparse.ArgumentParser, args: Sequence[str]) -> str:
    name = word.partition("=")[0]
    if ("--json", word) in pairwise(args):
        return f" (a file for --json ends in .json, or is given as --json={word})"
    if name in _RENAMED:
        return f" ({_RENAMED[name]})"
    known = [option for option in parser._option_string_actions if option.startswith("--")]
    near = difflib.get_close_matches(name, known, n=1) if name.startswith("--") else []
    return f" (did you mean {near[0]}?)" if near else ""


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``, which means the same for every command."""
    parser.add_argument(
        "--json",
        type=place,
        metavar="[F.json]",
        help="print everything as JSON instead, or write it to a file too; - is standard output",
    )


def _with_json(args: Sequence[str]) -> list[str]:
    """Put the standard output behind a ``--json`` that names no file."""
    # argparse's own optional value would swallow what follows: `info --json lenet`.
    given = list(args)
    for place, word in enumerate(given):
        if word == "--":
            break
        if word == "--json" and not _is_output(given[place + 1 : place + 2]):
            given[place] = f"--json={STANDARD_OUTPUT}"
    return given


def _is_output(following: Sequence[str]) -> bool:
    """Return whether a word names a file to write JSON to; a graph of MXNet's is one to read."""
    return any(
        word == str(STANDARD_OUTPUT)
        or not word.strip()
        or word.startswith("/dev/")
        or (word.endswith(".json") and not word.endswith("-symbol.json"))
        for word in following
    )


def words(text: str) -> list[str]:
    """Split a list at commas."""
    split = [word.strip() for word in text.split(",") if word.strip()]
    if not split:
        raise argparse.ArgumentTypeError(f"{text!r} is an empty list; separate its parts by commas")
    return split


def place(text: str) -> Path:
    """Parse the path of a file or folder; a shell leaves the ``~`` of ``--option=~/file``."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no user has that name: so a file has
        return Path(text)


def numbers(text: str) -> list[int]:
    """Parse a list of positive integers, separated by commas."""
    try:
        parsed = [int(word) for word in words(text)]
    except ValueError:
        parsed = []
    if not parsed or min(parsed) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers from 1")
    if max(parsed) >= _LARGEST:
        raise argparse.ArgumentTypeError(f"{max(parsed)} is too large a number")
    return parsed


def threads(text: str) -> list[int]:
    """Parse a list of thread counts."""
    parsed = numbers(text)
    if max(parsed) > _MOST_THREADS:  # OpenMP aborts when it cannot start as many
        raise argparse.ArgumentTypeError(
            f"{text!r} is more than {_MOST_THREADS} threads; give at most that many"
        )
    return parsed


_MOST_THREADS = 1024
_LARGEST = 2**31


def whole(text: str) -> int:
    """Parse a whole number of a size that C knows."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if abs(number) >= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text} is too large a number")
    return number


def positive(text: str) -> int:
    """Parse a whole number from 1."""
    return _from(1, text)


def not_negative(text: str) -> int:
    """Parse a whole number from 0."""
    return _from(0, text)


def _from(least: int, text: str) -> int:
    number = whole(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is too small; give a whole number from {least}")
    return number


def side(text: str) -> int:
    """Parse the height and width of the digits."""
    number = whole(text)
    least, most = DIGITS
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{number} is not from {least} to {most}")
    return number


DIGITS = (8, 512)
"""From which side to which the digits may be enlarged."""


def number(text: str) -> float:
    """Parse a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def seconds(text: str) -> float:
    """Parse a duration."""
    duration = number(text)
    if not 0 < duration < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return duration


def learning_rate(text: str) -> float:
    """Parse a learning rate."""
    rate = number(text)
    if not 0 <= rate < math.inf or not in_float32(rate):
        raise argparse.ArgumentTypeError(
            f"{text} is no learning rate: give 0, or a number from 1.2e-38 to 3.4e+38"
        )
    return rate


def device(text: str) -> str:
    """Parse a device: ``cpu``, ``gpu``, ``gpu(1)``."""
    if not re.fullmatch(r"(cpu|gpu)(\([0-9]{1,4}\))?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no device; give cpu, gpu or gpu(1)")
    return text


def input_shapes(text: str) -> list[tuple[tuple[int, ...], str]]:
    """Parse inputs: ``1x3x224x224``, or with a data type, ``2x12:int32``; separated by commas."""
    return [_input_shape(word) for word in words(text)]


def _input_shape(text: str) -> tuple[tuple[int, ...], str]:
    shape, _, dtype = text.partition(":")
    try:
        sizes = tuple(int(size) for size in shape.lower().split("x")) if shape else ()
    except ValueError:
        sizes = (0,)
    if any(not 0 < size < 2**31 for size in sizes):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an input; write its shape, such as 1x3x224x224, and a data type "
            "other than float32 after a colon: 2x12:int32"
        )
    return sizes, dtype or "float32"


def width() -> int:
    """Return how wide help is shown."""
    return min(100, shutil.get_terminal_size().columns)
