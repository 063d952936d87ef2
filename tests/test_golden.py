"""Seeded runs give the metrics that are stored, to the tolerance stated in each file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("make_golden", ROOT / "scripts/make_golden.py")
assert spec is not None
assert spec.loader is not None
make_golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_golden)
FILES = sorted(make_golden.GOLDEN.glob("*/*.jsonl"))


def test_every_golden_run_is_found() -> None:
    systems = [p for p in (ROOT / "conf/task").glob("*/*.yaml") if "_target_" in p.read_text()]

    assert len(FILES) == len(systems) >= 1


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_golden_run_gives_its_numbers_again(path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    first, wanted = make_golden.read(path)

    found = make_golden.run(first["line"], tmp_path / "run")

    assert len(found) == len(wanted) >= 2
    for got, kept in zip(found, wanted, strict=True):
        assert got["labels"] == kept["labels"]
        assert got["metrics"] == pytest.approx(kept["metrics"], rel=first["tolerance"])
