"""Every combination of the values on a line: Hydra's own sweeper, without its slow look ahead.

It composes the config of each job to see whether it can. Our launchers check more than that, before
the first job begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from iterun.launch.launcher import Local

if TYPE_CHECKING:
    from collections.abc import Sequence


class Grid(BasicSweeper):
    """Hydra's basic sweeper; settings as there: max_batch_size, params."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        if not isinstance(self.launcher, Local):
            super().validate_batch_is_legal(batch)
