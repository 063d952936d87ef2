"""The task function of a line that is one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from iterun.launch.jobs import settings
from iterun.launch.local import discard, launch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omegaconf import DictConfig

    from iterun.core.job import Outcome
    from iterun.launch.events import Hears
    from iterun.launch.git import Look


@dataclass(kw_only=True)
class One:
    """Does the run.

    Args:
        argv: the line as typed.
        outputs: where runs live.
        make_listener: makes the listener, called with "run".
        extra: further folders with groups.
        look: at the user's repository.
    """

    argv: Sequence[str]
    outputs: Path
    make_listener: Callable[[Literal["run"]], Hears]
    extra: Sequence[Path] = ()
    look: Look | None = None
    outcome: Outcome | None = field(default=None, init=False)
    error: Exception | None = field(default=None, init=False)  #: Hydra keeps it for itself

    def __call__(self, config: DictConfig) -> None:
        """Do the run of the config."""
        from hydra.core.hydra_config import HydraConfig

        hydra = HydraConfig.get()
        directory = Path(hydra.runtime.output_dir)
        try:
            self.outcome = launch(
                settings(config, hydra.runtime.choices.get("task")), directory=directory,
                argv=self.argv, listener=self.make_listener("run"), outputs=self.outputs,
                experiment=hydra.runtime.choices.get("experiment"), extra=self.extra,
                look=self.look,
            )  # fmt: skip
        except Exception as error:
            self.error = error
            raise
        finally:
            if self.outcome is None or self.outcome.directory != directory:
                discard(directory, self.outputs)
