"""What `iterun watch` shows: a picture drawn anew, a line an iteration, or JSON."""

from __future__ import annotations

import io
import os
import shutil
from typing import TYPE_CHECKING, Literal, Protocol

from iterun.analysis.numbers import count
from iterun.cli import plain, watch_panel
from iterun.cli.console import Screen, Span, err, out
from iterun.cli.formats import json_text
from iterun.cli.tables import table

if TYPE_CHECKING:
    from rich.live import Live

    from iterun.cli.watch import Runs, Told
    from iterun.cli.watched import Watched

_BACKLOG = 10  #: earlier iterations that a pipe gets
_ROWS = 10, 40  #: of a picture: at least; without a terminal


class Display(Protocol):
    """Shows what was seen."""

    def show(self, runs: Runs, told: Told) -> None:
        """Show a look."""

    def end(self, runs: Runs) -> None:
        """Show the last one."""

    def __enter__(self) -> Display:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """Take off what has been drawn."""


def display(*, once: bool, as_json: bool) -> Display:
    if as_json:
        return Objects()
    if once:
        return Picture()
    screen = out()
    lively = screen.is_terminal and os.environ.get("TERM", "dumb") != "dumb"
    return LivePicture() if lively else Lines()


class Picture:
    """The picture as it is at the end, and nothing before."""

    def __init__(self) -> None:
        self.screen = out()

    def show(self, runs: Runs, told: Told) -> None:
        """Nothing yet."""

    def end(self, runs: Runs) -> None:
        """Write it."""
        draw(
            self.screen,
            runs,
            shutil.get_terminal_size().lines if self.screen.is_terminal else _ROWS[1],
        )

    def __enter__(self) -> Picture:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class LivePicture(Picture):
    """Drawn anew at each look; the last one stays."""

    def __init__(self) -> None:
        super().__init__()
        self._live: Live | None = None

    def show(self, runs: Runs, told: Told) -> None:
        """Draw."""
        from rich.text import Text

        if self._live is None:
            return
        console = self._live.console
        sheet = out()
        sheet.stream, sheet.width = io.StringIO(), console.width - 1
        draw(sheet, runs, console.height - 2)
        hint = Span("Ctrl-C leaves; the run goes on", "dim")
        text = sheet.stream.getvalue() + sheet.render("  ", hint)
        self._live.update(Text.from_ansi(text, no_wrap=True, overflow="crop"), refresh=True)

    def end(self, runs: Runs) -> None:
        """Leave the last picture on the screen."""
        self.__exit__()
        super().end(runs)

    def __enter__(self) -> LivePicture:
        from rich.console import Console
        from rich.live import Live

        color: Literal["standard"] | None = "standard" if self.screen.color else None
        console = Console(
            color_system=color, no_color=not color, markup=False, emoji=False, highlight=False
        )
        self._live = Live(
            console=console, auto_refresh=False, transient=True, vertical_overflow="crop"
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


class Lines:
    """A line an iteration, for pipes; how it ended on stderr."""

    def __init__(self) -> None:
        self.screen = out()
        self._begun: set[Watched] = set()

    def show(self, runs: Runs, told: Told) -> None:
        """Write the lines that came."""
        for run, events in told:
            backlog = _BACKLOG if runs.is_one else 1
            if run.has_restarted and events:
                err().line(Span("note: ", "warn"), f"{run.record.id} was resumed: read anew")
            is_new = run not in self._begun or run.has_restarted
            self._begun.add(run)
            for event in events[-backlog:] if is_new else events:
                name = "" if runs.is_one else f"{run.record.id} "
                self.screen.line(name + plain.iteration_line(event))
        self.screen.stream.flush()

    def end(self, runs: Runs) -> None:
        """Say how they ended."""
        screen = err()
        for run in runs.all:
            for parts in watch_panel.ending(run, screen.width, is_one=runs.is_one):
                screen.line(*parts)
        if runs.n_removed:
            screen.line(Span("note: ", "warn"), f"{count(runs.n_removed, 'run')} removed meanwhile")

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Objects:
    """A JSON object an iteration, all from the first; and one when a run has ended."""

    def __init__(self) -> None:
        self.screen = out()

    def show(self, runs: Runs, told: Told) -> None:
        """Write what came."""
        for run, events in told:
            for event in events:
                self.screen.raw(json_text({"run": run.record.id, **plain.as_json(event)}) + "\n")
        self.screen.stream.flush()

    def end(self, runs: Runs) -> None:
        """Write how they stand."""
        for run in runs.all:
            status = run.status
            body = {"event": "state", "run": run.record.id, "state": run.state,
                    "reason": status.reason, "error": status.error, "iteration": run.tracker.i,
                    "length": status.length, "seconds_left": run.seconds_left,
                    "directory": str(run.directory)}  # fmt: skip
            self.screen.raw(json_text({k: v for k, v in body.items() if v is not None}) + "\n")

    def __enter__(self) -> Objects:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def draw(screen: Screen, runs: Runs, rows: int) -> None:
    """Write the picture: one run, or a table.

    Args:
        screen: where to.
        runs: looked at.
        rows: lines that there are.
    """
    rows = max(rows, _ROWS[0])
    if runs.is_one:
        lines = watch_panel.one(runs.all[0], screen.width, rows, unicode=screen.unicode)
        for parts in lines:
            screen.line(*parts)
        return
    labelled = sorted(
        zip(runs.all, runs.labels(), strict=True), key=lambda pair: not pair[0].is_running
    )
    shown = labelled[: rows - 3]
    table(screen, watch_panel.several(*zip(*shown, strict=True)))
    states: dict[str, int] = {}
    for run in runs.all:
        states[run.state] = states.get(run.state, 0) + 1
    said = [f"{n} {state}" for state, n in states.items()]
    if len(labelled) > len(shown):
        said.append(f"{count(len(labelled) - len(shown), 'run')} not shown")
    if runs.n_removed:
        said.append(f"{runs.n_removed} removed meanwhile")
    if runs.is_cut:
        said.append(f"only the newest {len(runs.all)} that fit are watched")
    screen.line(Span(", ".join(said), "dim"))
