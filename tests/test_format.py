"""Numbers and tables as people read them."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluonkit._base import tables
from gluonkit._base.checks import alternatives
from gluonkit._base.tables import Column
from tests.properties import REPEATABLE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ns"),
        (1.234e-9, "1.23 ns"),
        (13.66e-6, "13.7 µs"),
        (999.4e-6, "999 µs"),
        (999.9e-6, "1.00 ms"),
        (0.0348, "34.8 ms"),
        (1.0, "1.00 s"),
        (123.4, "123 s"),
        (1234.5, "1,234 s"),
        (float("nan"), "nan"),
    ],
)
def test_seconds(value, text):
    assert tables.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (7.25, "7.25"),
        (99, "99"),
        (123, "123"),
        (12345, "12,300"),
        (999_999, "1,000,000"),
        (float("inf"), "inf"),
    ],
)
def test_count(value, text):
    assert tables.count(value) == text


def test_shape():
    assert tables.shape((1, 3, 224, 224)) == "1x3x224x224"
    assert tables.shape(()) == ""


COLUMNS = (Column("name", lambda row: row[0]), Column("n", lambda row: str(row[1]), "right"))


def test_text_table_is_aligned():
    lines = tables.text_table([("a", 1), ("long name", 234)], COLUMNS).splitlines()
    assert lines == ["name         n", "──────────────", "a            1", "long name  234"]


def test_text_table_keeps_within_the_width():
    text = tables.text_table([("word " * 60, 1)], COLUMNS)
    assert max(map(len, text.splitlines())) <= tables.WIDTH
    assert text.count("word") == 60


CELLS = st.text(string.ascii_letters + "[]/ ", max_size=150)


@REPEATABLE
@given(
    headers=st.lists(
        st.text(string.ascii_letters, min_size=1, max_size=12), min_size=1, max_size=8
    ),
    data=st.data(),
)
def test_any_table_keeps_within_the_width_and_cuts_nothing(headers, data):
    columns = [
        Column(
            header,
            lambda row, place=place: row[place],
            data.draw(st.sampled_from(["left", "right"])),
        )
        for place, header in enumerate(headers)
    ]
    rows = data.draw(st.lists(st.tuples(*[CELLS] * len(columns)), max_size=4))
    text = tables.text_table(rows, columns)
    words = [
        max(" ".join(cells).split() or [""], key=len) for cells in zip(headers, *rows, strict=True)
    ]
    # A first word stays with the blanks before it.
    leads = [
        max([0, *(len(cell) - len(cell.lstrip()) for cell in cells)])
        for cells in zip(headers, *rows, strict=True)
    ]
    least = sum(map(len, words)) + sum(leads) + 2 * (len(words) - 1)
    # No word is cut: where the longest of each column do not fit, nothing does.
    assert all(len(line) <= max(tables.WIDTH, least) for line in text.splitlines())
    assert {word for row in rows for cell in row for word in cell.split()} <= set(text.split())
    letters = "".join([*headers, *(cell for row in rows for cell in row)]).replace(" ", "")
    assert sorted(text.translate(NO_LINES)) == sorted(letters)


NO_LINES = str.maketrans("", "", "─ \n")


def test_markup_in_cells_is_text():
    assert "[bold]x[/bold]" in tables.text_table([("[bold]x[/bold]", 1)], COLUMNS)
    html = tables.html_table([("<b>&", 1)], COLUMNS, title="<t>")
    assert "&lt;b&gt;&amp;" in html
    assert "<caption>&lt;t&gt;</caption>" in html


def test_alternatives():
    assert alternatives([]) == ""
    assert alternatives(["a"]) == "'a'"
    assert alternatives(["a", "b", "c"]) == "'a', 'b' or 'c'"


def test_text_wraps_before_numbers_and_names():
    columns = (
        Column("name", lambda row: row[0]),
        Column("text", lambda row: row[1]),
        Column("number", lambda row: row[2], "right"),
    )
    table = tables.text_table([("n" * 40, "word " * 12, "1" * 30)], columns)
    lines = table.splitlines()
    assert all(len(line) <= tables.WIDTH for line in lines)
    assert lines[2].startswith("n" * 40 + "  word")
    assert lines[2].endswith("1" * 30)
    assert sum(line.count("word") for line in lines) == 12
    long = tables.text_table([("n" * 300, "t" * 300, "1")], columns)
    assert long.splitlines()[-1].split() == ["n" * 300, "t" * 300, "1"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0"),
        (231720, "231,720"),
        (999_499, "999,499"),
        (1_000_000, "1.00 M"),
        (3.86e9, "3.86 G"),
    ],
)
def test_scaled(number, expected):
    assert tables.scaled(number) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (512, "512 B"), (1024, "1.00 KiB"), (240_680, "235 KiB"), (2**30, "1.00 GiB")],
)
def test_memory(size, expected):
    assert tables.memory(size) == expected


UNITS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1, "B": 1, "KiB": 2**10, "MiB": 2**20,
         "GiB": 2**30, "M": 1e6, "G": 1e9, "T": 1e12, "": 1}  # fmt: skip


@REPEATABLE
@given(number=st.floats(1e-9, 1e15), write=st.sampled_from([tables.seconds, tables.count]))
def test_numbers_can_be_read_back_to_three_digits(number, write):
    text, _, unit = write(number).partition(" ")
    assert float(text.replace(",", "")) * UNITS[unit] == pytest.approx(number, rel=0.0051)


@REPEATABLE
@given(number=st.integers(0, 10**15), write=st.sampled_from([tables.memory, tables.scaled]))
def test_sizes_can_be_read_back_to_three_digits(number, write):
    text, _, unit = write(number).partition(" ")
    assert float(text.replace(",", "")) * UNITS[unit] == pytest.approx(number, rel=0.0051)


def test_hanging():
    text = tables.hanging("title  ", "word " * 30)
    first, second = text.splitlines()
    assert first.startswith("title  word")
    assert second.startswith("       word")
    assert tables.hanging("title  ", "") == "title  "


def test_a_session_shows_what_print_does():
    from gluonkit import check_hybrid, create_model, environment, measure, nd, params, summary

    net = create_model("mlp", init=True)
    net(nd.ones((2, 20)))
    for shown in (
        summary("mlp"),
        check_hybrid("mlp"),
        environment(),
        measure(len, (), seconds=0.01),
        params.stats(net),
        params.diff(net, net),
        params.deferred(net),
    ):
        assert repr(shown) == str(shown)
        assert "object at" not in repr(shown)


def test_tables_are_text_in_a_notebook_too(monkeypatch):
    displayed = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *_: displayed.append(1))
    table = tables.text_table([("a", 1)], [Column("letter", lambda row: row[0])])
    assert table.splitlines()[0] == "letter"
    assert not displayed
