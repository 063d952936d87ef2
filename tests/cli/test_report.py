"""`iterun report`: writes the page of the runs that are meant, or says what is wrong."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def test_the_page_is_written_and_named(iterun: Any, runs: Any, tmp_path: Path) -> None:
    runs()
    out = tmp_path / "page.html"

    answer = iterun("report", "@-1", "--out", str(out), "--title", "Two criteria")

    assert (answer.status, answer.lines) == (0, [str(out)])
    assert answer.err.startswith("1 run, ")
    assert "<title>Two criteria</title>" in (text := out.read_text())
    assert "<code>iterun report @-1</code>" in text


def test_it_goes_to_the_current_folder_by_default(
    iterun: Any, runs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs("aaaa1111")
    runs("bbbb2222", seed=2)
    monkeypatch.chdir(tmp_path)

    assert iterun("report", "task=prune").lines == ["report.html"]
    assert "prune/perp: 2 runs" in (tmp_path / "report.html").read_text()


def test_names_and_conditions_may_be_mixed(iterun: Any, runs: Any, tmp_path: Path) -> None:
    for n in range(3):
        runs(f"{n}{n}{n}", seed=n)
    out = tmp_path / "page.html"

    answer = iterun("report", "000", "seed>1", "--whole", "1", "--out", str(out))

    assert answer.err.splitlines()[1] == "left out: 1 of 2 runs are shown whole (--whole 1)"


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "no run is named"), (["zzz"], "no run is called 'zzz'"), (["seed=77"], "no run fits"),
     (["@-1", "--out", "~nobody-here/x.html"], "there is no folder ~nobody-here"),
     (["@-1", "--out", "/proc/x.html"], "--out /proc/x.html can't be written: no such file"),
     (["@-1@1"], "3f9a1c2b@1 names an iteration"), (["@-1", "--whole", "-1"], "--whole -1"),
     (["@-1", "--megabytes", "0"], "--megabytes 0"), (["@-1", "--out", "."], "is a folder"),
     (["@-1", "--out", "notes.md"], "--out notes.md: a report is HTML"),
     (["@-1", "--out", "not/there/a.html"], "there is no folder not/there")],
)  # fmt: skip
def test_what_cannot_be_done_is_said(
    iterun: Any, runs: Any, words: list[str], said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    runs()
    monkeypatch.chdir(tmp_path)

    answer = iterun("report", *words)

    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err
    assert "hint: " in answer.err
    assert not list(tmp_path.glob("*.html"))


def test_a_page_that_exists_is_replaced_and_a_link_is_not_followed(
    iterun: Any, runs: Any, tmp_path: Path
) -> None:
    runs()
    kept = tmp_path / "kept.html"
    kept.write_text("mine")
    (tmp_path / "page.html").symlink_to(kept)

    assert iterun("report", "@-1", "--out", str(tmp_path / "page.html")).status == 0

    assert kept.read_text() == "mine"
    assert "prune/perp" in (tmp_path / "page.html").read_text()
    assert sorted(p.name for p in tmp_path.glob("*.html")) == ["kept.html", "page.html"]


@pytest.mark.slow
def test_it_is_opened_in_the_browser_that_is_set(runs: Any, tmp_path: Path) -> None:
    runs()
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path / "told"}\n')
    browser.chmod(0o755)

    subprocess.run(
        [sys.executable, "-m", "iterun", "report", "@-1", "--open"],
        env={**os.environ, "BROWSER": f"{browser} %s"}, cwd=tmp_path, check=True,
    )  # fmt: skip

    assert (tmp_path / "told").read_text().strip() == (tmp_path / "report.html").as_uri()
