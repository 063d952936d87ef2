"""Every combination of the values on a line: Hydra's own sweeper, without its slow look ahead.

It composes the config of each job to see whether it can. Our launchers check more than that; here
they do it for all jobs, before the first batch.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from iterun.launch.launcher import Local
from iterun.launch.sweep import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence


class Grid(BasicSweeper):
    """Hydra's basic sweeper; settings as there: max_batch_size, params."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        if not isinstance(self.launcher, Local):
            super().validate_batch_is_legal(batch)
        elif self.launcher.checked is None:
            jobs = chain.from_iterable(self.overrides or ())
            self.launcher.check([Asked(n, tuple(words)) for n, words in enumerate(jobs)])
