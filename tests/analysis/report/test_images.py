"""A picture is known by its content."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.analysis.report import images


@pytest.mark.parametrize(("kind", "name"), [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif")])
def test_each_kind_is_told_by_its_content(png: Callable, kind: str, name: str) -> None:
    assert images.data_uri(png(8, 6, kind)).startswith(f"data:image/{name};base64,")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_the_size_stands_in_the_header(png: Callable, kind: str) -> None:
    assert set(images._size(png(80, 60, kind), kind.lower()) or ()) == {80, 60}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_a_header_without_its_size_is_torn(png: Callable, kind: str) -> None:
    with pytest.raises(ValueError, match="torn"):
        images.data_uri(png(8, 6, kind)[:9])


@pytest.mark.parametrize(
    "text",
    [
        "<svg/ >",
        '\ufeff<?xml version="1.0"?>\n<!-- a --><svg xmlns="x">',
        "<!DOCTYPE svg>\n<svg\n>",
    ],
)
def test_an_svg_may_have_a_prologue(text: str) -> None:
    assert images.data_uri(text.encode()).startswith("data:image/svg+xml")


def test_many_comments_are_read_at_once() -> None:
    with pytest.raises(ValueError, match="no PNG"):
        images.data_uri(b"<!---->" * 1000)


@given(st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"\x89PNG\r\n\x1a\n"]), st.binary())
def test_any_bytes_are_a_picture_or_refused(head: bytes, tail: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert images.data_uri(head + tail).startswith("data:image/")
