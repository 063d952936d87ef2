"""Lines and bands as characters."""

import numpy as np

from iterun.cli.canvas import Canvas

NAN = float("nan")


def text(canvas: Canvas) -> list[str]:
    return ["".join(span.text for span in spans) for spans in canvas.lines(["accent", "warn"])]


def test_a_diagonal_goes_from_corner_to_corner() -> None:
    canvas = Canvas(2, 1)

    canvas.line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0)

    assert text(canvas) == ["⡠⠊"]  # dots 7, 6 and 2, 4 from the lower left


def test_without_unicode_a_cell_has_two_levels() -> None:
    canvas = Canvas(4, 1, unicode=False)

    canvas.line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0)

    assert text(canvas) == ["..''"]


def test_what_is_not_finite_is_a_gap() -> None:
    canvas = Canvas(5, 1)

    canvas.line(np.linspace(0, 1, 5), np.array([0.5, 0.5, NAN, 0.5, 0.5]), 0)

    assert [char == " " for char in text(canvas)[0]] == [False, False, True, False, False]


def test_a_cell_takes_the_style_of_its_line() -> None:
    canvas = Canvas(1, 2)

    for y, number in ((1.0, 0), (0.0, 1)):
        canvas.line(np.array([0.0, 1.0]), np.array([y, y]), number)

    styles = [spans[0].style for spans in canvas.lines(["accent", "warn"])]
    assert styles == ["accent", "warn"]


def test_bands_of_two_lines_have_two_textures_and_show_both_where_they_overlap() -> None:
    drawn = []
    for numbers in ([0], [1], [0, 1]):
        canvas = Canvas(3, 2)
        for number in numbers:
            canvas.band(np.array([0.0, 1.0]), np.zeros(2), np.ones(2), number)
        drawn.append(text(canvas)[0][0])

    first, second, both = (ord(char) - 0x2800 for char in drawn)
    assert first != second
    assert both == first | second


def test_a_band_ends_where_a_bound_is_missing() -> None:
    canvas = Canvas(4, 2)

    canvas.band(np.linspace(0, 1, 4), np.array([0, 0, NAN, NAN]), np.ones(4), 0)

    assert [char == " " for char in text(canvas)[0]] == [False, False, True, True]


def test_a_mark_does_not_cover_another() -> None:
    canvas = Canvas(2, 1)

    assert canvas.mark(0.1, 0.5, "A", 0)
    assert not canvas.mark(0.2, 0.5, "B", 1)
    assert text(canvas) == ["A "]


def test_points_beyond_the_canvas_are_not_drawn() -> None:
    canvas = Canvas(2, 2)

    canvas.line(np.array([0.0, 2.0]), np.array([5.0, -3.0]), 0)

    assert text(canvas) == ["  ", "  "]
