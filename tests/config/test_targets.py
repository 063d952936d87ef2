"""What a `_target_` may name."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from iterun.config.targets import instantiate, locate_builder, locate_class, locate_target
from iterun.core.procedure import Procedure
from iterun.errors import ConfigError, UnavailableError

COUNT = "own_targets.Count"
CODE = """
from dataclasses import dataclass
from iterun.core.procedure import Procedure
@dataclass(kw_only=True)
class Count(Procedure):
    to: int
    by: float
def build(**settings): return settings
number = 3
"""


@dataclass
class Stranger:
    """No procedure."""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_targets.py").write_text(CODE)
    (tmp_path / "needs_more.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_procedure_from_anywhere_is_built_in_its_types() -> None:
    made = instantiate(COUNT, {"to": 3, "by": 1}, Procedure)

    assert (made.to, made.by, type(made.by)) == (3, 1.0, float)  # type: ignore[attr-defined]  # Count


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("os.system", "is no Procedure"),
        ("own_targets.build", "is no Procedure"),
        ("own_targets.number", "is no Procedure"),
        ("own_targets.Cuont", "own_targets has no Cuont"),
        ("no_such_module.Thing", "there is no module no_such_module"),
        ("own_targets.sub.Thing", "there is no module"),
        ("Thing", "names no module"),
        ("a b.Thing", "is not the dotted name of a class"),
        (".Thing", "is not the dotted name of a class"),
        (3, "is not the dotted name of a class"),
        (None, "is not the dotted name of a class"),
    ],
)
def test_anything_else_is_refused(target: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        locate_class(target, "task", Procedure)

    assert f"task._target_={target}" in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(ConfigError) as caught:
        locate_target("own_targets.Cuont", "task")

    assert caught.value.hint == "did you mean own_targets.Count?"


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(UnavailableError, match="needs the package no_such_package") as caught:
        locate_target("needs_more.Thing", "task")

    assert caught.value.hint == "pip install no_such_package"


def test_builders_are_ours_or_of_a_package_that_offers_some() -> None:
    assert callable(locate_builder("iterun.data.text.pydoc", "data"))
    for target in ("own_targets.build", "subprocess.run", "iterun.cli.app.main"):
        with pytest.raises(ConfigError, match="offers no builders to iterun"):
            locate_builder(target, "data")


def test_a_package_offers_builders_by_an_entry_point(tmp_path: Path) -> None:
    metadata = tmp_path / "own_targets-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: own-targets\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[iterun]\nown = own_targets\n")

    assert locate_builder("own_targets.build", "data")(a=1) == {"a": 1}
    with pytest.raises(ConfigError, match="is no builder"):
        locate_builder("own_targets.number", "data")


@pytest.mark.parametrize("name", ["data.hub_text.find_spec", "data.cache.Path", "models.lm.Any"])
def test_what_a_module_merely_imports_is_no_builder(name: str) -> None:
    with pytest.raises(ConfigError, match="is no builder"):
        locate_builder(f"iterun.{name}", "data")
