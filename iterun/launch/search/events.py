"""What a search tells besides what its jobs do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.launch.search.findings import Findings


@dataclass(frozen=True, slots=True)
class StudyRemark:
    """A sentence for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class StudyEnded:
    """The search is over, or left: what it has come to."""

    findings: Findings
    folder: Path  #: of the sweep, which holds the study
