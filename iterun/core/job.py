"""What the runner is given, and what it gives back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.core.progress import IterationDone, Listener, ignore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iterun.core.procedure import Procedure
    from iterun.store.schema import RunRecord, Summary
    from iterun.types import Placement

Judge = Callable[[IterationDone], str | None]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A run that is gone through again up to some iteration: to check it, or to branch off there.

    It takes no checkpoint on its way and has no result; it ends as interrupted, reason "replay".
    """

    until: Callable[[int], bool]  #: asked after each iteration, the baseline too: was it the last?
    keep: bool = False  #: take a checkpoint there


@dataclass(kw_only=True)
class Job:
    """One run to be done: everything `launch` resolved."""

    procedure: Procedure
    config: Mapping[str, Any]  #: plain dict, as it goes to config.json
    record: RunRecord
    directory: Path
    place: Placement
    builders: Mapping[str, Callable[..., Any]] = field(
        default_factory=dict
    )  #: by role: model, data
    stop: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    objective: Mapping[str, Any] | None = None  #: {"metric": ..., "goal": "min" or "max"}
    listener: Listener = ignore
    resume_from: int | None = None  #: None: a new run; -1: an old one that has no checkpoint yet
    replay: Replay | None = None
    patch: str | None = None  #: `git diff` of the code, kept beside run.json
    clock: Callable[[], float] = time.monotonic  #: seconds; for budgets, grace and shares
    judge: Judge | None = None  #: told of each iteration: why to complete the run after it, or None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    exit_status: 0 completed, 1 failed, 3 diverged, 128 + the signal's number interrupted: 130 for
    SIGINT, 143 for SIGTERM, 140 for SIGUSR2 (SLURM's warning; a requeued job goes on by resume).
    """

    state: str  #: completed, interrupted, failed or diverged
    reason: str | None  #: the rule that ended it, the signal, or the metric that diverged
    error: str | None  #: message and hint, for failed and diverged
    exit_status: int
    directory: Path
    iterations: int  #: the last one recorded; 0 if there is only a baseline, or nothing
    summary: Summary | None
    exception: BaseException | None = None  #: what made it fail; its traceback stands in log.txt
