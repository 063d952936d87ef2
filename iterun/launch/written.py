"""What Hydra does around a job: its files in `.hydra/`, its callbacks, its logging, its folder.

Hydra's own function for it copies the config three times and writes YAML through python, 20 ms and
more. Where a job needs nothing of the rest, only the files are written, by the same words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from iterun.launch import home, mirrors

if TYPE_CHECKING:
    from pathlib import Path

    from omegaconf import DictConfig

    from iterun.core.job import Job, Outcome
    from iterun.launch.sweep import Sweep

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def run(job: Job, config: DictConfig, sweep: Sweep) -> Outcome:
    """Do the run of a job as Hydra does one."""
    from hydra.core.utils import env_override

    hydra = config.hydra
    if not _is_bare(hydra):
        return _by_hydra(job, config, sweep)
    with env_override(hydra.job.env_set):
        if hydra.output_subdir is not None:
            write(config, job.directory / hydra.output_subdir)
        return mirrors.run(job)


def write(config: DictConfig, folder: Path) -> None:
    """Write config.yaml, hydra.yaml and overrides.yaml, as they are before anything is resolved."""
    from omegaconf import OmegaConf

    found = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    assert isinstance(found, dict)
    hydra = found.pop("hydra")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("config", found), ("hydra", {"hydra": hydra}), ("overrides", hydra["overrides"]["task"]),
    ):  # fmt: skip
        with open(folder / f"{name}.yaml", "w", encoding="utf-8") as file:
            yaml.dump(
                content, file, Dumper=_Dumper, sort_keys=False, allow_unicode=True,
                default_flow_style=False,
            )  # fmt: skip


def _is_bare(hydra: Any) -> bool:
    """Whether the job wants nothing but its files."""
    if hydra.callbacks or hydra.job.chdir or hydra.verbose:
        return False
    return hydra.job_logging is not None and hydra.job_logging.get("root") is None


def _by_hydra(job: Job, config: DictConfig, sweep: Sweep) -> Outcome:
    from hydra._internal.callbacks import Callbacks
    from hydra.core.utils import run_job
    from hydra.types import HydraContext

    context = home.context(sweep)
    if context is None:
        loader = home.loader(sweep)
        context = HydraContext(config_loader=loader, callbacks=Callbacks(config))
    kept: list[Outcome] = []

    def task(_: DictConfig) -> float | None:
        kept.append(outcome := mirrors.run(job))
        summary = outcome.summary
        metric = (summary.objective or {}).get("metric") if summary else None
        return summary.last.get(str(metric)) if summary else None

    done = run_job(
        hydra_context=context, task_function=task, config=config,
        job_dir_key="hydra.sweep.dir", job_subdir_key="hydra.sweep.subdir",
    )  # fmt: skip
    if not kept:
        raise done._return_value  # what kept the job from being a run; its property prints besides
    return kept[0]
