"""What a search tells besides what its jobs do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.launch.search.findings import Findings


@dataclass(frozen=True, slots=True)
class StudyStarted:
    """The first trials are about to be asked for."""

    text: str  #: what is searched how: "12 trials of 2 seeds by tpe, seed 1"
    n_jobs: int  #: of all trials that are still to be done


@dataclass(frozen=True, slots=True)
class StudyEnded:
    """The search is over, or left: what it has come to."""

    findings: Findings
    folder: Path  #: of the sweep, which holds the study
