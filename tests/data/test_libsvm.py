"""LIBSVM files as data sets."""

from __future__ import annotations

import bz2

import numpy as np
import pytest

from iterun.data.libsvm import fingerprint, libsvm
from iterun.errors import ConfigError

TEXT = "+1 1:0.5 3:2\n-1 2:1\n" * 10


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a1a.txt"
    path.write_text(TEXT)
    return path


def test_labels_become_classes_and_a_share_is_set_apart(file):
    table = libsvm(path=str(file), test=0.2)

    assert (table.n_features, table.n_classes) == (3, 2)
    assert (len(table.train.y), len(table.test.y)) == (16, 4)
    for part in (table.train, table.test):  # -1 is class 0
        assert part.x.toarray()[part.y == 1] == pytest.approx(
            np.tile([0.5, 0, 2], (part.y.sum(), 1))
        )
    again = libsvm(path=str(file), test=0.2)
    assert (again.train.y == table.train.y).all()


def test_a_test_file_may_have_fewer_features_and_be_packed(file, tmp_path):
    other = tmp_path / "a1a.t.bz2"
    other.write_bytes(bz2.compress(b"-1 1:1\n+1 1:2\n"))

    table = libsvm(path=str(file), test=str(other))

    assert (len(table.train.y), len(table.test.y)) == (20, 2)
    assert table.test.x.shape == (2, 3)
    assert table.test.y.tolist() == [0, 1]


def test_the_content_is_what_tells_sets_apart(file, tmp_path):
    copy = tmp_path / "copy.txt"
    copy.write_text(TEXT)

    assert fingerprint({"path": str(file)}) == fingerprint({"path": str(copy)})
    copy.write_text(TEXT + "+1 1:1\n")
    assert fingerprint({"path": str(file)}) != fingerprint({"path": str(copy)})
    assert libsvm(path=str(file)).fingerprint == fingerprint({"path": str(file)})


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        (None, {}, "data.path is empty"),
        (TEXT, {"path": "none.txt"}, "data.path=none.txt: there is no such file"),
        (TEXT, {"test": "none.txt"}, "data.test=none.txt: there is no such file"),
        (TEXT, {"test": 1.5}, "data.test=1.5 is neither a share nor a file"),
        (TEXT, {"test": None}, "data.test=null is neither a share nor a file"),
        (TEXT, {"test": 0.01}, "data.test=0.01 leaves nothing"),
        ("colors,red\n", {}, "cannot be read as a LIBSVM file"),
        ("1 1:1\n1 1:2\n", {}, "has 1 distinct labels"),
        ("1 1:1\n0 1:nan\n", {}, "set.txt has numbers that are not finite"),
        ("1 1:1\ninf 1:2\n", {}, "set.txt has numbers that are not finite"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_setting(text, settings, said, tmp_path):
    path = tmp_path / "set.txt"
    if text is not None:
        path.write_text(text)
        settings = {"path": str(path)} | settings

    with pytest.raises(ConfigError, match=said.replace(".", r"\.")) as refused:
        libsvm(**settings)

    assert refused.value.hint


def test_a_file_may_be_named_by_a_number(file, monkeypatch):
    """Hydra makes one of data.path=2024."""
    file.rename(file.with_name("2024"))
    monkeypatch.chdir(file.parent)

    assert libsvm(path=2024).fingerprint == fingerprint({"path": "2024"})
    with pytest.raises(ConfigError, match=r"data\.path=2025: there is no such file"):
        fingerprint({"path": 2025})


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (TEXT, "colors,red\n", "data.test={test} cannot be read"),
        ("colors,red\n", TEXT, "data.path={path} cannot be read"),
    ],
)
def test_of_two_files_the_one_that_is_malformed_is_named(train, test, said, tmp_path):
    files = {"path": tmp_path / "a.txt", "test": tmp_path / "a.t.txt"}
    files["path"].write_text(train)
    files["test"].write_text(test)

    with pytest.raises(ConfigError) as refused:
        libsvm(**{name: str(file) for name, file in files.items()})

    assert said.format(**files) in refused.value.message
