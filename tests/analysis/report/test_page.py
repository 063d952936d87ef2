"""The page is one sound HTML file that fetches nothing and takes recorded text as text."""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.analysis.report import page

VOID = {"meta", "link", "img", "input", "br", "line", "circle", "path"}
EVIL = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028\u202e\x1b[31m'\"{{7*7}}"
)


class Reader(HTMLParser):
    """What a browser would see, roughly: elements, attributes, whether all is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> list[str]:
        return [data for name, data in self.texts if name == tag]


def hash_of(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.fixture
def several(make: Callable, html: Callable) -> str:
    """The page of two settings with two seeds each."""
    found = [
        make(f"run{s}{seed}", ppl=[30.0, 20.0 + s + seed], seed=seed, signature=f"s{s}",
             parameters={"sparsity": 0.5 + s / 10})
        for s in range(2) for seed in (1, 2)
    ]  # fmt: skip
    return html(*found)


def test_every_element_is_closed(several: str) -> None:
    assert Reader(several).open == []


def test_only_our_style_and_script_may_run(several: str) -> None:
    found = Reader(several)
    style, data, script = found.text("style")[0], *found.text("script")[::-1]
    policy = next(m["content"] for m in found.all("meta") if "http-equiv" in m)

    assert hash_of(style) in policy
    assert hash_of(script) in policy
    assert json.loads(data)[0]["metrics"][0] == "ppl"
    for rule in ("default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"):
        assert rule in policy
    assert "unsafe" not in policy


def test_nothing_is_fetched(several: str) -> None:
    found = Reader(several)
    links = [a[name] for _, a in found.elements for name in ("src", "href") if a.get(name)]

    assert not [a for _, a in found.elements if any(k.startswith("on") or k == "style" for k in a)]
    assert {link.split(":")[0] for link in links if link[0] != "#"} == {"data", "https"}
    assert {link for link in links if link.startswith("https")} == {
        "https://arxiv.org/abs/2312.15230"
    }
    assert "url(" not in several
    assert "@import" not in several


def test_recorded_text_stays_text(make: Callable, html: Callable) -> None:
    directory = make(
        EVIL, state=EVIL, error=EVIL, parameters={EVIL: EVIL}, labels={EVIL: EVIL},
        more={EVIL: 1.0}, note=EVIL, about={"paper": EVIL, "arxiv": EVIL, "year": EVIL},
        model=EVIL, data=EVIL, host=EVIL, packages={EVIL: EVIL}, environment={EVIL: EVIL},
        command=[EVIL], git={"commit": EVIL, "dirty": True},
        objective={"metric": EVIL, "goal": EVIL},
    )  # fmt: skip
    (directory / "log.txt").write_text(EVIL)
    (directory / "code.patch").write_text(EVIL)
    other = make("other", seed=2, system=EVIL, signature=EVIL)

    found = Reader(text := html(directory, other, title=EVIL))

    assert (found.open, len(found.all("script")), found.all("img")) == ([], 2, [])
    assert not re.search("[\x1b\u2028\u202e]", text)
    assert "\\u202e" not in text.replace("\\\\u202e", "").partition('id="curves"')[2]
    assert {a["href"] for a in found.all("a") if a["href"][0] != "#"} == {
        "https://arxiv.org/abs/2312.15230"
    }
    assert any("\\u202e" in text and "{{7*7}}" in text for text in found.text("bdi"))


@given(st.lists(st.text() | st.floats(allow_nan=False, allow_infinity=False)))
def test_embedded_data_is_read_back_and_ends_no_script(value: object) -> None:
    text = page.embed(value)

    assert json.loads(text) == value
    assert text.isascii()
    assert not set(text) & set("<>&")


@given(st.text(st.characters()))
def test_a_visible_text_can_be_written(text: str) -> None:
    shown = page.visible(text)

    assert "\r" not in shown
    assert shown.encode() is not None
    assert page.visible(shown) == shown


def test_settings_have_means_and_the_best_is_marked(several: str) -> None:
    found = Reader(several)

    assert [text for text in found.text("bdi") if text in ("21.5", "22.5")] == ["21.5", "22.5"]
    assert "21 to 22" in found.text("bdi")
    assert found.text("span").count("★") == 1


def test_a_single_run_has_no_table_of_runs(make: Callable, html: Callable) -> None:
    found = Reader(html(make()))

    assert not [a for a in found.all("table") if a.get("id") == "all"]
    assert all("open" in a for a in found.all("details") if a.get("class") == "run")
