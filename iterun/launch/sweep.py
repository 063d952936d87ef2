"""What the jobs of a sweep have in common, small enough to travel to any process or machine.

A launcher gets a `Sweep` and the settings of each job, and gives both to `jobs.do` wherever the job
is to be done. There is no listener, no open file and no config in it: whoever does a job composes
its config anew from `conf/`, and reads the state of the user's code from the sweep's folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Asked(NamedTuple):
    """One job: its number in the sweep, and the settings that make it, as on a command line."""

    number: int
    overrides: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep, as every process sees it. Picklable; all paths absolute."""

    id: str
    folder: str  #: outputs/.sweeps/<id>: sweep.json, jobs/, code.patch
    stamp: str  #: when it began, as in the names of its runs
    key: str  #: what makes the ids of its runs, with their numbers
    outputs: str
    cwd: str  #: where the line was typed; paths in settings are relative to it
    config_name: str = "config"
    config_path: str | None = None  #: --config-path
    config_dir: str | None = None  #: --config-dir
    hydra: tuple[str, ...] = ()  #: settings of Hydra's own node, the same for each job
    flags: tuple[str, ...] = ()  #: options that a job's own line needs
    path: tuple[str, ...] = ()  #: sys.path: where a user's own systems are found
    threads: int | None = None  #: a job's share of the cores; None: it has the machine for itself
    judge: Mapping[str, Any] | None = None
    """Who may complete a job early: {"_target_": "iterun.launch.MODULE.Class", its arguments}.

    Made in the job's own process with `number=` besides; a `core.job.Judge`.
    """

    @property
    def extra(self) -> list[Path]:
        """Further folders with groups."""
        return [Path(self.config_dir)] if self.config_dir else []
