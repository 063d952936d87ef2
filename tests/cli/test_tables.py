"""A table fits the screen: no row is ever broken."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.cli.console import Screen, Span
from iterun.cli.tables import SOON, Column, facts, fit, grid, table
from iterun.cli.text import clean, width


def screen_of(cells: int) -> Screen:
    screen = Screen(io.StringIO())
    screen.width = cells
    return screen


def written(screen: Screen) -> list[str]:
    assert isinstance(screen.stream, io.StringIO)
    return screen.stream.getvalue().splitlines()


columns = st.builds(
    lambda head, cells, right, least, drop: Column(
        head=head, cells=(cells * 3)[:3], right=right, least=least, drop=drop
    ),
    st.text(max_size=9).map(clean),
    st.lists(st.text(max_size=30), min_size=1, max_size=3),
    st.booleans(),
    st.none() | st.integers(1, 9),
    st.integers(0, 5) | st.just(SOON),
)


@given(st.lists(columns, min_size=1, max_size=8), st.integers(1, 120))
def test_no_row_is_wider_than_the_screen(asked: list[Column], cells: int) -> None:
    screen = screen_of(cells)

    table(screen, asked)

    assert len(written(screen)) == 4
    assert all(width(line) <= cells for line in written(screen))


def test_the_least_important_column_goes_first_and_cutting_comes_after() -> None:
    name = Column(head="name", cells=["a" * 20], least=8)
    extra = Column(head="extra", cells=["b" * 10], drop=2)
    took = Column(head="took", cells=["12.5 s"], drop=SOON)

    assert fit([name, extra, took], 40) == [name, extra, took]
    assert fit([name, extra, took], 39) == [name, extra]
    assert fit([name, extra, took], 20) == [name, extra]
    assert (name.width, extra.width) == (8, 10)
    assert fit([name, extra, took], 19) == [name]


def test_numbers_stand_flush_right() -> None:
    screen = screen_of(80)

    table(
        screen,
        [Column(head="n", cells=["1", "100"], right=True), Column(head="x", cells=["a", "b"])],
    )

    assert written(screen) == ["  n  x", "  1  a", "100  b"]


@pytest.mark.parametrize(("cells", "down"), [(80, 1), (30, 3)])
def test_a_grid_takes_as_many_columns_as_fit(cells: int, down: int) -> None:
    screen = screen_of(cells)

    grid(screen, [(f"name{k}", "0.5", k == 0) for k in range(5)])

    assert len(written(screen)) == down
    assert written(screen)[0].startswith("  * name0  0.5")


def test_facts_cut_a_long_one() -> None:
    screen = screen_of(30)

    facts(screen, [("command", "iterun " + "x" * 60), ("b", Span("c", "bold"))])

    assert written(screen) == ["  command  iterun xxxxxxxxxxx…", "  b        c"]


def test_styles_are_codes_only_where_there_is_colour() -> None:
    screen = screen_of(80)
    screen.color = True

    screen.line(Span("ok", "good"), " \x1b[31mno")

    assert written(screen) == ["\x1b[32mok\x1b[0m \\x1b[31mno"]


def test_a_stream_without_unicode_gets_plain_marks() -> None:
    raw = io.BytesIO()
    screen = Screen(io.TextIOWrapper(raw, encoding="ascii"))

    screen.line("ppl ▁█ … é")
    screen.stream.flush()

    assert raw.getvalue() == b"ppl _@ ~ \\xe9\n"
