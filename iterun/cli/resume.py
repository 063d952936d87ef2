"""`iterun resume`: runs that go on, one after the other."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from iterun.cli import ask, picked, words
from iterun.cli.console import Screen, Span, err, out
from iterun.cli.figures import count
from iterun.cli.run import Displays
from iterun.cli.tables import Column, table
from iterun.errors import ConfigError, IterunError
from iterun.store.schema import COMPLETED, RUNNING, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.cli.picked import Picked

_MOST = 8  #: runs named in one line
_SETTINGS = ("stop", "checkpoint", "logger")  #: what may change when a run goes on


def resume(
    typed: Sequence[str],
    *,
    dry_run: bool,
    yes: bool,
    outputs: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Go on with one or several runs, one after the other; the first exit status that is not 0.

    Args:
        typed: runs or conditions, and settings that hold for all of them.
        dry_run: only say which runs would go on, and from where.
        yes: don't ask before several runs that fit conditions go on.
        outputs: the folder with the runs; None: where they are by default.
        quiet: only the directories.
        as_json: an object an event.

    Raises:
        IterunError: no run is meant, or the only one can't go on.
    """
    from iterun.store import paths
    from iterun.store.index import Index

    names, settings = _split(typed)
    by_condition = any(picked.is_condition(name) for name in names)
    with Index(paths.outputs_root(outputs)) as index:
        found = picked.runs(index, names)
    going = _those_that_can(found, err(), anyway=bool(settings)) if by_condition else found
    if not going:
        err().line("no run is left to go on with")
    if dry_run and (going or as_json):
        _show(going, as_json=as_json)
    if dry_run or not going:
        return 0
    if by_condition and not (quiet or as_json):
        err().line(f"{count(len(going), 'run')} to go on with: {_named(going)}")
        told = len(going) < 2 or yes or not sys.stdin.isatty()
        if not ask.sure(f"go on with {count(len(going), 'run')}", yes=told):
            return 0
    with Displays(quiet=quiet, as_json=as_json) as displays:
        return _one_after_the_other(going, settings, displays)


def _split(typed: Sequence[str]) -> tuple[list[str], list[str]]:
    """Runs or conditions, and settings.

    Beside a run's name everything with `=` is a setting: a condition would mean further runs.
    """
    named = any(not picked.is_condition(word) for word in typed)
    settings = [word for word in typed if picked.is_condition(word) and (named or _is_set(word))]
    names = [word for word in typed if word not in settings]
    if not names:
        raise ConfigError(
            "resume needs a run",
            hint="as in iterun resume @-1, or iterun resume status=lost since=1d",
        )
    return names, settings


def _is_set(word: str) -> bool:
    return word.lstrip("+~").partition("=")[0].partition(".")[0] in _SETTINGS


def _those_that_can(found: Sequence[Picked], screen: Screen, *, anyway: bool) -> list[Picked]:
    """Without runs that are alive, and without completed ones unless their end is set anew."""
    going = []
    left = {RUNNING: 0, COMPLETED: 0}
    for one in found:
        state = one.row.state
        if state == RUNNING or (state == COMPLETED and not anyway):
            left[state] += 1
        else:
            going.append(one)
    for state, n in left.items():
        if n:
            verb = "is" if n == 1 else "are"
            screen.line(Span(f"left out: {count(n, 'run')} that {verb} {state}", "dim"))
    return going


def _named(going: Sequence[Picked]) -> str:
    some = ", ".join(one.row.id for one in going[:_MOST])
    return some + (f" and {len(going) - _MOST} more" if len(going) > _MOST else "")


def _show(going: Sequence[Picked], *, as_json: bool) -> None:
    """What would be done."""
    starts, screen = [_start(one) for one in going], out()
    if as_json:
        objects = [
            {"id": one.row.id, "state": one.row.state, "from": start, "path": str(one.row.path)}
            for one, start in zip(going, starts, strict=True)
        ]
        screen.raw(encode(objects).decode() + "\n")
        return
    rows = [one.row for one in going]
    states = [row.state for row in rows]
    table(
        screen,
        [
            Column(head="id", cells=[row.id for row in rows], style="bold"),
            Column(head="system", cells=[row.system for row in rows], least=10),
            Column(head="state", cells=states, styles=[words.STYLES.get(s, "") for s in states]),
            Column(head="done", cells=[str(row.iterations or 0) for row in rows], right=True),
            Column(head="from", cells=starts, least=10),
        ],
    )


def _start(one: Picked) -> str:
    """The iteration that a run would go on from, or why it can't."""
    from iterun.core.resume import plan

    try:
        return str(max(plan(one.row.path, one.iteration), 0))
    except IterunError as error:
        return error.message


def _one_after_the_other(
    going: Sequence[Picked], settings: Sequence[str], displays: Displays
) -> int:
    from iterun.cli import failure
    from iterun.launch.local import resume as go_on

    statuses: list[int] = []
    for one in going:
        try:
            outcome = go_on(one.row.path, settings, displays.make, one.iteration)
            statuses.append(outcome.exit_status)
        except IterunError as error:
            if len(going) == 1:
                raise
            err().line(Span(f"{one.row.id} can't go on", "warn"))
            failure.show(error, err())
            statuses.append(error.exit_status)
        if statuses[-1] > 128:  # a signal was meant for all of them
            break
    return next((status for status in statuses if status), 0)
