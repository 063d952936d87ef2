"""Pictures and texts of a run come onto the page, within bounds, and nothing from beyond it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.analysis.report import artifacts
from iterun.analysis.report.artifacts import Artifacts, Budget
from iterun.store.reader import RunView

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def read(directory: Path, budget: int = 1 << 25) -> Artifacts:
    view = RunView(directory)
    return artifacts.read(view, view.iterations(), Budget(budget))


def test_pictures_of_one_name_are_a_series_in_the_order_of_iterations(
    make: Callable, png: Callable
) -> None:
    files = {("samples-{i}.png", i): png(4 + i) for i in (2, 0, 1)} | {("mask.png", 1): png()}

    series = {one.name: one for one in read(make(files=files)).series}

    assert [frame.i for frame in series["samples-{i}.png"].frames] == [0, 1, 2]
    assert [frame.name for frame in series["mask.png"].frames] == ["0001/mask.png"]


def test_a_long_series_is_thinned_and_the_rest_is_named(make: Callable, png: Callable) -> None:
    n = artifacts.MOST_FRAMES + 20
    files = {("mask.png", i): png() for i in range(n)}

    found = read(make(ppl=[1.0] * n, files=files))

    shown = [frame.i for frame in found.series[0].frames]
    assert (len(shown), shown[0], shown[-1]) == (artifacts.MOST_FRAMES, 0, n - 1)
    assert (found.series[0].total, len(found.files), found.count) == (n, 20, n)


def test_an_svg_is_a_picture_and_never_markup(make: Callable, html: Callable) -> None:
    text = html(make(files={"plot.svg": SVG}))

    assert "alert" not in text
    assert '<img src="data:image/svg+xml;base64,' in text


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"<html><svg>", "no PNG, JPEG, GIF or SVG"), (b"\x89PNG\r\n\x1a\n", "a torn picture"),
     (b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>", "no PNG, JPEG, GIF or SVG"),
     (b"<svg><!ENTITY a 'b'></svg>", "an SVG with entities"),
     (b"<svg>" + b"<g/>" * 50_000, "an SVG too large to be drawn")],
)  # fmt: skip
def test_what_is_no_good_picture_is_only_named(make: Callable, data: bytes, why: str) -> None:
    found = read(make(files={"a.png": data}))

    assert [(file.name, file.why) for file in found.files] == [("a.png", why)]
    assert found.series == []


def test_a_picture_that_unpacks_to_a_huge_one_is_only_named(make: Callable, png: Callable) -> None:
    small = png()
    bomb = small[:16] + (60_000).to_bytes(4) * 2 + small[24:]

    assert "60,000 by 60,000 pixels" in read(make(files={"a.png": bomb})).files[0].why


def test_links_are_not_followed(make: Callable, png: Callable, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not tell")
    directory = make(files={"a.png": png()})
    (directory / "artifacts" / "b.txt").symlink_to(secret)
    (directory / "artifacts" / "c").symlink_to(tmp_path)
    os.mkfifo(directory / "artifacts" / "d.txt")

    found = read(directory)

    assert (found.count, [one.name for one in found.series]) == (1, ["a.png"])


def test_a_text_is_shown_from_its_beginning(make: Callable) -> None:
    long = b"first line\n" + b"x" * artifacts.MOST_TEXT

    found = read(make(files={"a.csv": b"a,b\n1,2\n", "b.txt": long, "c.txt": b"\0\1"}))

    assert [(text.name, text.is_cut) for text in found.texts] == [("a.csv", False), ("b.txt", True)]
    assert found.texts[1].body.startswith("first line")
    assert [(file.name, file.why) for file in found.files] == [("c.txt", "not a text")]


def test_a_full_page_takes_no_more(make: Callable, png: Callable) -> None:
    files: dict[Any, bytes] = {"a.png": png(), "b.png": png(300, 300), "c.txt": b"text"}

    found = read(make(files=files), budget=300)

    assert [one.name for one in found.series] == ["a.png"]
    assert [(file.name, file.why) for file in found.files] == [("b.png", "the page is full")]
