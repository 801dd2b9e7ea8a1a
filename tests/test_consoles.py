"""Figures on the terminal are whole: no line of a sentence or of a table breaks between a number and its unit."""

import io
import re

from hypothesis import given
from hypothesis import strategies as st

from isogloss.consoles import Console, Table
from isogloss.report.text import interval, percent, points, signed_percent


def printed(*objects: object, width: int) -> list[str]:
    file = io.StringIO()
    on = Console(file=file, width=width, highlight=False)
    for one in objects:
        on.print(one)
    return file.getvalue().splitlines()


def with_spaces(text: str) -> str:
    """A text with a plain space in place of each kind of space."""
    return re.sub(r"\s", " ", text)


def figures() -> st.SearchStrategy[str]:
    rates = st.floats(0, 2, allow_nan=False)
    return st.one_of(
        rates.map(percent),
        rates.map(lambda rate: signed_percent(rate - 1)),
        rates.map(points),
        rates.map(lambda rate: f"{rate:.1f} s"),
        st.tuples(rates, rates).map(lambda pair: interval((-max(pair), min(pair)), signed=True)),
        st.just("< 0.001"),
    )


@given(
    parts=st.lists(st.one_of(figures(), st.sampled_from(["north", "of", "(rest)", "harms"])), min_size=1),
    width=st.integers(30, 120),
)
def test_a_sentence_breaks_only_between_its_figures(parts, width):
    lines = [with_spaces(line) for line in printed(" ".join(parts), width=width)]
    assert " ".join(line.strip() for line in lines) == with_spaces(" ".join(parts))
    assert max(map(len, lines)) <= width
    assert all(any(with_spaces(part) in line for line in lines) for part in parts)


@given(rows=st.lists(st.lists(figures(), min_size=4, max_size=4), min_size=1, max_size=4), width=st.integers(30, 120))
def test_a_table_shows_every_figure_on_one_line_and_cuts_none(rows, width):
    table = Table()
    for heading in ("cohort", "one", "two", "three", "four"):
        table.add_column(heading)
    for row in rows:
        table.add_row("a cohort with a long name in-several-words", *row)
    lines = [with_spaces(line) for line in printed(table, width=width)]
    assert all(any(with_spaces(figure) in line for line in lines) for row in rows for figure in row)


def test_a_table_is_as_narrow_as_the_window_where_its_words_allow_it():
    table = Table()
    for heading in ("cohort", "why"):
        table.add_column(heading)
    table.add_row("north", "a long sentence of many short words " * 5)
    lines = printed(table, width=60)
    assert max(map(len, lines)) <= 60 and len(lines) > 3


def test_names_have_no_markup():
    assert printed("[red]x[/red] :smile:", width=60) == ["[red]x[/red] :smile:"]
