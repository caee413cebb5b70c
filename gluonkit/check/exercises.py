"""Exercises that check themselves: they say right or wrong, and do not give the answer away."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, repr=False)
class Verdict:
    """What an exercise says of an answer. `str()` and a notebook give the sentence.

    Attributes
    ----------
    right : bool or None
        Whether the answer is right; None where there is none yet.
    text : str
        The sentence.
    """

    right: bool | None
    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Exercise:
    """An exercise, which is called with an answer, and says whether it is right.

    An answer that is a number, a word, or some of them is compared by its `digest`, from which
    nobody reads it. One that does something (a layer, a function) is tried: it must have
    properties, of which the first that fails is told.

    Parameters
    ----------
    digest : str, optional
        What `digest_of` gives for the right answer.
    holds : dict of str to callable, optional
        What must hold of the answer: a sentence, and a function that takes the answer and returns
        whether it is so.

    Examples
    --------
    >>> from gluonkit.check.exercises import Exercise, digest_of
    >>> sides = Exercise(digest=digest_of(4))  # "How many sides has a square?"
    >>> sides(...)
    Not answered yet: put your answer in place of the three dots.
    >>> sides(3)
    Not right.
    >>> sides(4)
    Right.
    >>> double = Exercise(holds={"it doubles 3": lambda answer: answer(3) == 6})
    >>> double(lambda x: x + 2)
    Not right: this does not hold: it doubles 3.
    """

    digest: str = ""
    holds: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    def __call__(self, answer: Any) -> Verdict:
        """Return the verdict on an answer.

        Parameters
        ----------
        answer : object
            The answer; ``...`` is none yet.

        Returns
        -------
        Verdict
            Right, not right (and what does not hold), or not answered yet.
        """
        if answer is ...:
            return Verdict(None, "Not answered yet: put your answer in place of the three dots.")
        if not self.digest and not self.holds:
            return Verdict(None, "Not compared: this exercise has neither `digest` nor `holds`.")
        if self.digest and digest_of(answer) != self.digest:
            return Verdict(False, "Not right.")
        for sentence, test in self.holds.items():
            try:
                failed = "" if test(answer) else f"this does not hold: {sentence}"
            except Exception as error:  # the answer's own, of any kind
                failed = f"`{sentence}` could not be tried: {type(error).__name__}: {error}"
            if failed:
                return Verdict(False, f"Not right: {failed}.")
        return Verdict(True, "Right.")


def digest_of(answer: Any) -> str:
    """Return a digest of an answer, by which answers that are the same are known.

    Numbers are the same if their first four digits are (whole numbers: all), words whatever their
    case, and a list is the same as a tuple or an array; a set has no order.

    Parameters
    ----------
    answer : object
        Numbers, words, arrays, and lists, tuples or sets of them.

    Returns
    -------
    str
        Twelve hexadecimal digits.

    Examples
    --------
    >>> from gluonkit.check.exercises import digest_of
    >>> digest_of((1, 2)) == digest_of([1.0, 2.0]) != digest_of((2, 1))
    True
    """
    return hashlib.sha256(_plain(answer).encode()).hexdigest()[:12]


def _plain(answer: Any) -> str:
    """Return an answer as text, which is equal for equal answers."""
    if hasattr(answer, "asnumpy"):
        answer = answer.asnumpy()
    if hasattr(answer, "tolist"):
        answer = answer.tolist()
    if isinstance(answer, (set, frozenset)):
        return "{" + ",".join(sorted(map(_plain, answer))) + "}"
    if isinstance(answer, (list, tuple)):
        return "(" + ",".join(map(_plain, answer)) + ")"
    if isinstance(answer, float) and not (math.isfinite(answer) and answer == int(answer)):
        return f"{answer:.4g}"
    if isinstance(answer, (int, float)):
        return str(int(answer))
    return str(answer).strip().casefold()
