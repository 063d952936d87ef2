"""What is made once: by one process of several, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from iterun.data import cache
from iterun.data.cache import file_digest, made_once
from iterun.errors import DiskError

if TYPE_CHECKING:
    from pathlib import Path

MAKE = """
import sys, os
from pathlib import Path
from iterun.data.cache import made_once

def make(folder):
    with open(sys.argv[2], "a") as log:
        log.write(f"{os.getpid()}\\n")
    for k in range(200):
        (folder / str(k)).write_text("x" * 1000)

print(len(list(made_once(Path(sys.argv[1]), make).iterdir())))
"""


def test_of_several_processes_one_makes_it_and_all_get_it(tmp_path: Path) -> None:
    line = [sys.executable, "-c", MAKE, str(tmp_path / "made"), str(tmp_path / "log")]

    started = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate()[0].strip() for process in started]

    assert said == ["200"] * 4
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".made.part-dead" / "made").mkdir(parents=True)

    made_once(tmp_path / "made", lambda folder: (folder / "a").touch())

    assert sorted(p.name for p in tmp_path.iterdir()) == [".made.lock", "made"]


def test_a_failed_making_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        made_once(tmp_path / "made", fail)

    assert [p.name for p in tmp_path.iterdir()] == [".made.lock"]


def test_a_cache_that_cannot_be_written_says_how_to_move_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DiskError, match="cannot be written") as refusal:
        made_once(tmp_path / "file" / "made", lambda folder: None)

    assert "ITERUN_CACHE=FOLDER" in refusal.value.hint


def test_a_large_files_digest_sees_size_and_both_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "WHOLE", 10)
    monkeypatch.setattr(cache, "SAMPLE", 4)
    contents = [b"a" * 99, b"a" * 98 + b"b", b"b" + b"a" * 98, b"a" * 100]
    for k, content in enumerate(contents):
        (tmp_path / str(k)).write_bytes(content)

    assert len({file_digest(tmp_path / str(k)) for k in range(4)}) == 4


def test_the_cache_moves_with_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path))
    assert cache.cache_root() == tmp_path
    monkeypatch.delenv("ITERUN_CACHE")
    assert cache.cache_root().name == "iterun"


def test_both_layers_know_the_same_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    from iterun.store.paths import cache_root

    monkeypatch.delenv("ITERUN_CACHE", raising=False)
    assert cache.cache_root() == cache_root()
