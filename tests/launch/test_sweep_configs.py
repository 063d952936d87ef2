"""Configs of jobs, laid over what was composed once, are what Hydra itself composes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra.types import RunMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from iterun.config.compose import search_path
from iterun.launch.quick import QuickLoader

CONF = Path(__file__).parent / "mine" / "conf"
CHOICES = [
    "task=mine/count", "task=mine/slow", "task=prune/perp", "model=opt-mini", "model=opt-125m",
    "+model@judge=opt-125m", "~experiment", "debug=tiny", "stop=[patience,budget]", "stop=target",
    "checkpoint=all", "data=pydoc", "data@eval_data=pydoc", "model=A/b", "backend=cpu",
    "hydra/launcher=basic", "model=no-such",
]  # fmt: skip
VALUES = [
    "seed=3", "seed=1e2", "seed=null", "seed='7'", "task.to=5", "task.to=2.5", "task.to=null",
    "task.by=1e-3", "task.by=inf", "task.by=${seed}", "task.mode=down", "task.mode='a b'",
    'task.mode="q\\"x"', "task.words=[a,'b c',3]", "task.words=[]", "task.words={a: 1}",
    "tags=[a,${seed}]", "tags=[[1,2],{x: y}]", "stop.patience=3", "stop={patience: 2}",
    "stop.iterations=${task.to}", "backend.threads=2", "+task.new=1", "+task.new={a: [1], b: x}",
    "++task.to=9", "++task.fresh.deep=[1]", "~task.by", "~task.to=3", "+more.deep.er=1",
    "+tags=[z]", "task.about.system=a/b", "model.name=x", "eval_data=null", "seed=???",
    "seed=${oc.env:HOME}", "task.nothere=1", "task.to=", "task.to=a,b", "nothere=1", "task=5",
    "hydra.job.name=other", "hydra.job.env_set={A: b}", "task.mode=${hydra:job.name}",
    "seed=True", "task.mode=a=b", "task.mode=null", "hydra={job: {name: z}}",
]  # fmt: skip
OVERRIDES = st.lists(st.sampled_from([*CHOICES[:3], *CHOICES, *VALUES, *VALUES]), max_size=5)


@pytest.fixture(scope="module")
def loaders() -> tuple[QuickLoader, ConfigLoaderImpl]:
    """Ours, and Hydra's own."""
    found = QuickLoader(search_path(None, str(CONF)))
    Hydra(task_name="iterun", config_loader=found)
    return found, ConfigLoaderImpl(search_path(None, str(CONF)))


def outcome(make: Any) -> Any:
    """What composing gives: all of the config, or the error."""
    try:
        config = make()
    except Exception as error:  # noqa: BLE001  # the error is the result
        return type(error), str(error)
    flags = {k: OmegaConf.is_struct(config.get(k)) for k in ("task", "stop", "hydra")
             if isinstance(config.get(k), dict)}  # fmt: skip
    return OmegaConf.to_container(config, resolve=False), flags, OmegaConf.is_struct(config)


def check(loaders: tuple[QuickLoader, ConfigLoaderImpl], overrides: list[str]) -> None:
    """Twice: the second time nothing is read."""
    quick, hydras = loaders

    expected = outcome(lambda: hydras.load_configuration("config", overrides, RunMode.RUN))

    assert outcome(lambda: quick.job_config("config", overrides)) == expected
    assert outcome(lambda: quick.job_config("config", overrides)) == expected


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["task=mine/count", "task.to=5", "task.words=[a,'b c',3]", "task.by=${seed}", "seed=1e2"],
        ["task=mine/count", "+task.new={a: [1], b: x}", "~task.by", "++task.to=9", "task.new.a=[]"],
        ["stop=[patience,budget]", "stop.iterations=${task.to}", "stop={patience: 2}"],
        ["task=mine/count", "task.to=5", "task.nothere=1"],
        ["task=mine/count", "seed=1,2"],
        ["model=A/b", "hydra.job.name=other", "+more.deep.er=1", "tags=[[1,2],{x: y}]"],
    ],
)
def test_a_jobs_config_is_hydras_own(loaders: Any, overrides: list[str]) -> None:
    check(loaders, overrides)


@pytest.mark.long
@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(overrides=OVERRIDES)
def test_any_settings_give_hydras_own_config(loaders: Any, overrides: list[str]) -> None:
    check(loaders, overrides)


def test_no_job_changes_what_the_next_one_starts_from(loaders: Any) -> None:
    quick, _ = loaders
    first = quick.job_config("config", ["task=mine/count", "task.words=[a]"])
    first.task.words.append("b")

    assert quick.job_config("config", ["task=mine/count"]).task.words == []


def test_a_group_that_only_the_search_path_has_is_a_choice(loaders: Any, tmp_path: Path) -> None:
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "five.yaml").write_text("five: 5\n")
    place = f"hydra.searchpath=[file://{tmp_path}]"

    check(loaders, [place, "+seed@extra=five", "seed=3"])


@pytest.mark.slow
def test_the_files_beside_a_run_are_hydras(line: Any) -> None:
    line("-m", "task=mine/count", "seed=1,2", "hydra/launcher=basic")
    line("-m", "task=mine/count", "seed=1,2")

    basic, ours = ([yaml.safe_load((run / f".hydra/{name}.yaml").read_text())
                    for name in ("config", "overrides")]
                   for run in (line.runs[1], line.runs[3]))  # fmt: skip
    hydra = yaml.safe_load((line.runs[3] / ".hydra/hydra.yaml").read_text())["hydra"]
    assert ours == basic
    assert hydra["job"]["num"] == 1
    assert hydra["runtime"]["output_dir"] == str(line.runs[3])
