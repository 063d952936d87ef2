"""What schedule= names: families and files, and what is refused."""

from __future__ import annotations

import pytest
import yaml

from iterun.config.locate import conf_dir
from iterun.config.targets import locate_builder
from iterun.data import schedules
from iterun.errors import ConfigError
from iterun.ops.lr_schedule import multipliers

NAMES = sorted(path.stem for path in (conf_dir() / "schedule").glob("*.yaml"))


def made(name, n_steps, /, **changes):
    node = yaml.safe_load((conf_dir() / "schedule" / f"{name}.yaml").read_text()) | changes
    return locate_builder(node.pop("_target_"), "schedule")(n_steps, **node)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "file"])
def test_every_choice_is_its_family_as_it_stands(name):
    assert made(name, 30).values == pytest.approx(multipliers(name, 30))


def test_settings_reach_the_family():
    assert made("cosine", 30, warmup=0.2, last=0.1).values == pytest.approx(
        multipliers("cosine", 30, warmup=0.2, last=0.1)
    )
    assert made("wsd", 30, decay=0.5).values == pytest.approx(multipliers("wsd", 30, decay=0.5))


def test_a_file_is_read_and_stretched(tmp_path):
    path = tmp_path / "refined.csv"
    path.write_text("step,multiplier\n0,0.5\n1,1.0\n2,0.0\n")

    assert made("file", 3, path=str(path)).values.tolist() == [0.5, 1, 0]
    assert made("file", 5, path=str(path)).values.tolist() == [0.5, 0.75, 1, 0.5, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("step,rate\n0,1\n", "no CSV file with a column `multiplier`"),
        ("step,multiplier\n0,high\n", "no CSV file with a column `multiplier`"),
        ("step,multiplier\n0,-1\n1,1\n", "not all finite and from 0 on"),
        ("step,multiplier\n0,inf\n", "not all finite and from 0 on"),
        ("step,multiplier\n0,0\n", "not all finite and from 0 on"),
        ("step,multiplier\n", "not all finite and from 0 on"),
        ("", "no CSV file with a column `multiplier`"),
    ],
)
def test_a_file_without_usable_numbers_is_refused(text, said, tmp_path):
    path = tmp_path / "refined.csv"
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        made("file", 3, path=str(path))

    assert said in caught.value.message
    assert f"schedule.path={path}" in caught.value.message


def test_a_file_that_is_not_there_is_refused(tmp_path):
    path = str(tmp_path / "none.csv")

    with pytest.raises(ConfigError, match="is not there"):
        made("file", 3, path=path)
    with pytest.raises(ConfigError, match="can't be read"):
        schedules.fingerprint({"path": path})


def test_the_same_multipliers_elsewhere_are_the_same_setting(tmp_path):
    one, other = tmp_path / "a.csv", tmp_path / "b.csv"
    one.write_text("step,multiplier\n0,1\n")
    other.write_text("step,multiplier\n0,1\n")

    assert schedules.fingerprint({"path": str(one)}) == schedules.fingerprint({"path": str(other)})
    assert schedules.fingerprint({"warmup": 0.1}) is None


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("linear", {"warmup": 1}, "schedule.warmup=1 is no share in [0, 1)"),
        ("linear", {"last": "low"}, "schedule.last=low is no share in [0, 1)"),
        ("inv_sqrt", {"t0": 0}, "schedule.t0=0 is not above 0"),
        ("warmup_poly", {"power": True}, "schedule.power=True is not above 0"),
        ("wsd", {"warmup": 0.5, "decay": 0.6}, "more than the training"),
        (
            "constant",
            {"name": "flat"},
            "schedule.name=flat: these settings are of schedule=constant",
        ),
    ],
)
def test_settings_out_of_range_are_refused(name, changes, said):
    with pytest.raises(ConfigError) as caught:
        made(name, 10, **changes)

    assert said in caught.value.message
    assert caught.value.hint
