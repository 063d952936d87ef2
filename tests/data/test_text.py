"""Texts: splits that are disjoint, windows drawn as published, files that can't be read."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iterun.data import pydoc_text, text
from iterun.errors import ConfigError, UnavailableError
from iterun.types import TextDataset

if TYPE_CHECKING:
    from pathlib import Path


class Characters:
    """A tokenizer: one token a character."""

    def __call__(self, text: str, *, verbose: bool) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}


def windows(data: text.Texts, n: int, length: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return text.calibration_windows(data, Characters(), n, length, generator)


def documents(*train: str) -> text.Texts:
    return text.Texts(name="own", fingerprint="0", read=lambda split: train)


def test_pydoc_is_the_topics_of_this_python_in_three_parts() -> None:
    from pydoc_data.topics import topics

    data = text.pydoc()

    whole = "\n\n".join(topics[name] for name in sorted(topics))
    assert data.text("train") + data.text("dev") + data.text("test") == whole
    assert len(data.text("test")) == pytest.approx(0.2 * len(whole), abs=1)
    assert len(data.text("dev")) == pytest.approx(0.05 * len(whole), abs=1)
    assert data.fingerprint == hashlib.sha256(whole.encode()).hexdigest()
    assert isinstance(data, TextDataset)


@given(st.text(), st.floats(0.01, 0.99))
def test_cutting_loses_nothing(whole: str, share: float) -> None:
    assert "".join(pydoc_text.cut(whole, share)) == whole


@pytest.mark.slow
def test_docstrings_are_the_standard_librarys_each_once() -> None:
    found = pydoc_text.stdlib_docstrings()

    assert found.count("Return a shallow copy of x.") <= 1
    assert "Counter" in found
    assert "pytest" not in found.split("\n\n")[0]
    assert len(found) > 1_000_000


def test_windows_of_one_document_lie_in_it() -> None:
    data = documents("abcdefghijklmnopqrstuvwxyz")

    for row in windows(data, 20, 5).tolist():
        assert "".join(map(chr, row)) in data.train[0]


def test_documents_no_longer_than_a_window_are_passed_over() -> None:
    got = windows(documents("aaaaa", "bbbbbb", ""), 10, 5)

    assert got.shape == (10, 5)
    assert set(got.flatten().tolist()) == {ord("b")}


@pytest.mark.parametrize("train", [("short",), ("short", "small")])
def test_too_short_a_text_names_the_setting(train: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"task\.calibration_len=9 is longer .* data=own"):
        windows(documents(*train), 2, 9)


def test_windows_are_a_function_of_the_generator() -> None:
    data = documents("abcdefghijklmnopqrstuvwxyz" * 4)

    assert torch.equal(windows(data, 8, 5), windows(data, 8, 5))
    assert not torch.equal(windows(data, 8, 5), windows(data, 8, 5, seed=1))


def test_a_local_file_is_split_by_shares_or_by_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0123456789" * 10)
    (tmp_path / "b.txt").write_text("held out")

    shares = text.local(path=str(tmp_path / "a.txt"), dev=0.5, test=0.2)
    files = text.local(path=str(tmp_path / "a.txt"), test=str(tmp_path / "b.txt"))

    assert [len(shares.text(s)) for s in ("train", "dev", "test")] == [40, 40, 20]
    assert files.text("test") == "held out"
    assert files.text("train") + files.text("dev") == "0123456789" * 10
    assert files.fingerprint != shares.fingerprint


def test_the_fingerprint_follows_the_content_not_the_path(tmp_path: Path) -> None:
    for name, content in {"a": "one text", "b": "one text", "c": "another"}.items():
        (tmp_path / name).write_text(content)

    a, b, c = (text.fingerprint({"path": str(tmp_path / name)}) for name in "abc")

    assert a == b != c
    assert text.fingerprint({"name": "pydoc"}) == text.pydoc().fingerprint
    assert text.fingerprint({"name": "c4", "revision": None}) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": None}, "data=text needs a file"),
        ({"path": "absent.txt"}, r"data\.path=absent\.txt: there is no such file"),
        ({"path": "."}, r"data\.path=\. cannot be read as text"),
        ({"path": "empty"}, r"data\.path=empty is empty"),
        ({"path": "bytes"}, r"data\.path=bytes cannot be read as text"),
        ({"path": "good", "test": 1.0}, r"data\.test=1\.0 is no share"),
        ({"path": "good", "dev": 0}, r"data\.dev=0 is no share"),
        ({"path": "good", "dev": "absent"}, r"data\.dev=absent: there is no such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    settings: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "good").write_text("some text")

    with pytest.raises(ConfigError, match=message) as refusal:
        text.local(**settings)

    assert refusal.value.hint


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ConfigError, match="no split 'valid'"):
        text.pydoc().text("valid")


def test_ptb_knows_two_splits_to_evaluate_on() -> None:
    with pytest.raises(ConfigError, match=r"data\.eval_split=dev is not a split of PTB"):
        text.ptb(eval_split="dev")


def test_without_datasets_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)

    with pytest.raises(UnavailableError, match="data=c4 needs the package datasets") as refusal:
        text.c4().text("test")

    assert 'pip install "iterun[hub]"' in refusal.value.hint
    assert "data=pydoc" in refusal.value.hint


def test_naming_a_text_imports_neither_torch_nor_datasets() -> None:
    line = (
        "import sys; from iterun.data import text; text.pydoc(); text.c4(); text.wikitext2();"
        "print([m for m in ('torch', 'datasets', 'huggingface_hub') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
