"""Exercises tell right answers from wrong ones, whatever form they have, and never the answer."""

import numpy
import pytest

from gluonkit import nd
from gluonkit.check.exercises import Exercise, digest_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (400, 400.0),
        (True, 1),
        (0.123449, 0.12341),
        ((1, 2), [1, 2]),
        ([1, 2], numpy.array([1, 2])),
        ([[1.5], [2.0]], nd.array([[1.5], [2.0]])),
        (" LeNet ", "lenet"),
        ({"b", "a"}, frozenset("ab")),
        (numpy.float32(0.5), 0.5),
        (float("inf"), float("inf")),
    ],
)
def test_the_same_answers(one, other):
    assert digest_of(one) == digest_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (400, 401),
        (109386, 109387),
        (0.1234, 0.1235),
        ((1, 2), (2, 1)),
        ((1, 2), {1, 2}),
        ((1, (2,)), (1, 2)),
        ("lenet", "mlp"),
        (12, "1,2"),
    ],
)
def test_other_answers(one, other):
    assert digest_of(one) != digest_of(other)


def test_right_wrong_and_none_yet():
    exercise = Exercise(digest=digest_of("lenet"))
    assert exercise("LeNet").right is True
    assert exercise("mlp").right is False
    assert exercise(...).right is None
    assert "lenet" not in repr(exercise) + repr(exercise("mlp")) + repr(exercise(...))


def test_the_first_that_fails_is_told():
    exercise = Exercise(
        holds={
            "it has two rows": lambda answer: len(answer) == 2,
            "the first is 1": lambda answer: answer[0] == 1,
        }
    )
    assert str(exercise([3, 4])) == "Not right: this does not hold: the first is 1."
    assert str(exercise([3])) == "Not right: this does not hold: it has two rows."
    assert str(exercise(3)).startswith("Not right: `it has two rows` could not be tried: TypeError")
    assert str(exercise((1, 0))) == "Right."


def test_both_must_hold():
    exercise = Exercise(digest=digest_of(2), holds={"odd": lambda answer: answer % 2})
    assert not exercise(2).right
    assert not exercise(3).right


def test_an_exercise_without_an_answer():
    assert Exercise()(1).right is None
