"""`iterun fork`: what changes is shown, then the fork goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.analysis.lineage import change
from iterun.cli.console import Screen, Span, err, out
from iterun.cli.run import Displays
from iterun.cli.tables import facts
from iterun.errors import ConfigError, IterunError
from iterun.store.schema import encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.launch.fork import Fork


def fork(
    words: Sequence[str],
    *,
    multirun: bool,
    config_dir: str | None,
    outputs: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Branch off, once or for every combination of values; the first exit status that is not 0.

    Args:
        words: the run, and settings.
        multirun: whether settings may have several values.
        config_dir: a further folder with groups; None: the parent's.
        outputs: the folder with the runs; None: where they are by default.
        quiet: only the directories.
        as_json: an object an event.

    Raises:
        IterunError: it can't be done. Of several forks nothing is made unless all can be.
    """
    from iterun.store import paths
    from iterun.store.index import Index

    name, settings = _split(words)
    root = paths.outputs_root(outputs)
    with Index(root) as index:
        directory, iteration = index.resolve(name)
    from iterun.config.overlay import expanded
    from iterun.launch.fork import prepare

    lines = expanded(settings) if multirun else [settings]
    more = ["--config-dir", config_dir] if config_dir else []
    forks = [
        prepare(
            directory,
            line,
            outputs=root,
            iteration=iteration,
            config_dir=config_dir,
            argv=["fork", name, *line, *more],
        )
        for line in lines
    ]
    with Displays(quiet=quiet, as_json=as_json) as displays:
        statuses = _begin(forks, displays)
    return next((status for status in statuses if status), 0)


def describe(screen: Screen, fork: Fork) -> None:
    """Two parts: where it branches off, and each setting, old → new."""
    record = fork.view.record
    screen.line(
        Span("fork of ", "dim"), Span(f"{record.id}@{fork.iteration}", "bold"), f"  {record.system}"
    )
    facts(screen, [(key, change(pair)) for key, pair in fork.changes.items()])
    if not fork.changes:
        screen.line(Span("  nothing changes", "dim"))


def _split(words: Sequence[str]) -> tuple[str, list[str]]:
    """The run's name, and the settings."""
    is_name = [os.path.isdir(word) or not ("=" in word or word[:1] in "~+") for word in words]
    names = [word for word, it_is in zip(words, is_name, strict=True) if it_is]
    if len(names) != 1:
        said = f"fork takes one run, not {len(names)}: {', '.join(names)}"
        raise ConfigError(
            said if names else "fork needs a run",
            hint="as in iterun fork @-1@7 task.lr=1e-3; `iterun ls` lists the runs",
        )
    return names[0], [word for word, it_is in zip(words, is_name, strict=True) if not it_is]


def _begin(forks: Sequence[Fork], displays: Displays) -> list[int]:
    statuses: list[int] = []
    for n, fork in enumerate(forks):
        _announce(fork, displays, first=n == 0)
        try:
            statuses.append(fork.begin(displays.make).exit_status)
        except IterunError as error:
            if len(forks) == 1:
                raise
            from iterun.cli import failure

            failure.show(error, err())
            statuses.append(error.exit_status)
        if statuses[-1] > 128:  # a signal was meant for all of them
            break
    return statuses


def _announce(fork: Fork, displays: Displays, *, first: bool) -> None:
    if displays.as_json:
        out().raw(encode(_as_json(fork)).decode() + "\n")
    elif not displays.quiet:
        if not first:
            err().line()
        describe(err(), fork)


def _as_json(fork: Fork) -> Mapping[str, Any]:
    return {
        "event": "fork", "run": fork.view.record.id, "iteration": fork.iteration,
        "from": fork.nearest, "changes": dict(fork.changes), "directory": str(Path(fork.directory)),
    }  # fmt: skip
