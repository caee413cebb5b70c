"""Checks of arguments: what they let through, and the names that they offer instead."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluonkit._base.checks import check_seconds, some, unknown_name, whole_number
from gluonkit.errors import ArgumentError, ArgumentTypeError
from tests.properties import REPEATABLE

WHOLE = st.integers(-100, 100)


@REPEATABLE
@given(value=WHOLE, kind=st.sampled_from([int, numpy.int8, numpy.int64]), least=WHOLE, more=WHOLE)
def test_whole_numbers_within_the_range_are_ints_and_others_are_refused(value, kind, least, more):
    for most in (None, least + abs(more)):
        if least <= value and (most is None or value <= most):
            checked = whole_number("size", kind(value), least, most)
            assert (checked, type(checked)) == (value, int)
        else:
            allowed = f"from {least}" if most is None else f"from {least} to {most}"
            with pytest.raises(ArgumentError, match=f"`size` is {value}; give .* {allowed}$"):
                whole_number("size", kind(value), least, most)


@REPEATABLE
@given(value=st.floats() | st.text() | st.booleans() | st.none() | st.lists(st.integers()))
def test_what_is_no_whole_number_is_refused_by_its_type(value):
    with pytest.raises(ArgumentTypeError, match="`size` is ") as error:
        whole_number("size", value)
    kind = "None" if value is None else type(value).__name__
    assert f" {kind}; give a whole number from 1" in str(error.value)


def test_a_flag_of_numpys_is_no_whole_number():
    with pytest.raises(ArgumentTypeError, match=r"`size` is .*True.*, a bool.*; give a wh"):
        whole_number("size", numpy.True_)


@REPEATABLE
@given(value=st.floats() | st.integers(-3, 3))
def test_seconds_are_positive_and_a_day_at_most(value):
    if 0 < value <= 24 * 60 * 60:
        check_seconds(value)
    else:
        with pytest.raises(ArgumentError, match=r"`seconds` is .*; give a positive number"):
            check_seconds(value)


@pytest.mark.parametrize("value", [True, "1", None, 1j])
def test_what_is_no_number_of_seconds_is_refused(value):
    with pytest.raises(ArgumentTypeError, match=r"`seconds` is .*; give a number of seconds"):
        check_seconds(value)


@REPEATABLE
@given(known=st.lists(st.text("abAB_", min_size=1), unique_by=str.lower), got=st.text("abAB_"))
def test_only_known_names_are_offered_and_one_in_another_case_is(known, got):
    text = str(unknown_name("name", got, known, "See list()."))
    start, _, offered = text.removesuffix(" See list().").partition(" Did you mean ")
    assert start == f"`name` is {got!r}, which is not known."
    names = offered.rstrip("?").replace(" or ", ", ").split(", ") if offered else []
    assert set(names) <= set(map(repr, known))
    assert len(names) <= 3
    assert any(name.lower() == got.lower() for name in known) <= bool(names)


def test_what_is_no_name_is_said_to_be_none():
    error = unknown_name("name", 0, ["loss", "accuracy"], "It has loss, accuracy.")
    assert isinstance(error, ArgumentTypeError)
    assert str(error) == "`name` is 0, an int; give a name, a str. It has loss, accuracy."


@REPEATABLE
@given(names=st.lists(st.sampled_from("abcdefgh")), most=st.integers(1, 6))
def test_the_first_names_and_the_number_of_the_others(names, most):
    listed, _, more = some(names, most).partition(" and ")
    assert listed == ", ".join(names[:most])
    assert more == (f"{len(names) - most} more" if len(names) > most else "")
