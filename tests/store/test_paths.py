from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from iterun.errors import StoreError
from iterun.store import paths


def test_outputs_are_the_option_then_the_environment_then_here(monkeypatch):
    monkeypatch.setenv("ITERUN_OUTPUTS", "/runs")
    assert paths.outputs_root("mine") == Path("mine")
    assert paths.outputs_root() == Path("/runs")

    monkeypatch.delenv("ITERUN_OUTPUTS")
    assert paths.outputs_root() == Path("outputs")


def test_the_cache_is_the_environment_s_then_the_user_s(monkeypatch):
    monkeypatch.setenv("ITERUN_CACHE", "/cache")
    assert paths.cache_root() == Path("/cache")

    monkeypatch.delenv("ITERUN_CACHE")
    assert paths.cache_root().name == "iterun"


@given(st.integers(0, 10**9))
def test_an_iteration_s_folder_names_it(i):
    assert len(paths.iteration_folder(i)) >= 4
    assert paths.iteration_number(paths.iteration_folder(i)) == i


@given(texts)
def test_a_folder_of_another_name_is_no_iteration(name):
    i = paths.iteration_number(name)

    assert i is None or paths.iteration_folder(i) == name


@pytest.mark.parametrize(
    ("name", "at", "path"),
    [
        ("mask.safetensors", None, "mask.safetensors"),
        ("mask.safetensors", 7, "0007/mask.safetensors"),
        ("level_{i}/mask.safetensors", 7, "level_7/mask.safetensors"),
        ("a/b/c.png", None, "a/b/c.png"),
        ("größe ✓.png", None, "größe ✓.png"),
    ],
)
def test_an_artifact_lies_where_its_name_says(name, at, path):
    assert paths.artifact_name(name, at) == path


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", "C:/x", "a\\b", "x\0y",
     "x\ny", ".kept/x", "a/.part-1", "x" * 201, "a/" * 500 + "b", "samples-{i}.png", "\ud800"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(StoreError) as caught:
        paths.artifact_name(name)

    assert caught.value.hint


@given(texts | st.text("./\\{i}a", max_size=12), st.none() | st.integers(0, 9))
def test_no_name_leaves_the_folder(name, at):
    try:
        path = Path("/root", paths.artifact_name(name, at))
    except StoreError:
        return
    assert path.resolve().is_relative_to("/root")
    assert not any(part.startswith(".") for part in path.parts)
