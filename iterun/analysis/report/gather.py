"""All that the page says, before it is HTML: the runs side by side, then each of them whole."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from iterun import __version__
from iterun.analysis import facts
from iterun.analysis.compare import compare
from iterun.analysis.numbers import count, duration
from iterun.analysis.report import charts, evaluations, groups, listing, runs
from iterun.analysis.report.artifacts import MOST_FILES, Budget
from iterun.analysis.settings import block_of
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.analysis.comparison import Comparison, Entry
    from iterun.analysis.report.charts import Chart
    from iterun.analysis.report.evaluations import Evaluation
    from iterun.analysis.report.groups import Groups
    from iterun.analysis.report.listing import Listing
    from iterun.analysis.report.runs import RunPage
    from iterun.store.rows import Row

WHOLE = 50  #: runs that are shown whole
MEGABYTES = 32  #: of the page
_CELL = 45  #: bytes of a table's cell in HTML, roughly
_POINT = 9  #: of a number among the curves


@dataclass
class System:
    """What is said of one system."""

    name: str
    paper: str
    arxiv: str
    groups: Groups
    chart: Chart
    evaluations: list[Evaluation]


@dataclass
class Report:
    """A page."""

    title: str
    asked: str  #: the line that made it
    made: str
    total: int
    states: list[tuple[str, int]]
    cards: list[tuple[str, str]]
    version: str = __version__
    systems: list[System] = field(default_factory=list)
    listing: Listing | None = None  #: None with one run
    runs: list[RunPage] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)  #: what was left out


def read(
    rows: Sequence[Row],
    *,
    asked: Sequence[str],
    outputs: Path | None = None,
    title: str | None = None,
    whole: int = WHOLE,
    megabytes: int = MEGABYTES,
) -> Report:
    """Read the runs for a page.

    Args:
        rows: at least one run.
        asked: the words of the command.
        outputs: the folder with the runs, whose evaluations are looked for.
        title: of the page; None: from the systems.
        whole: how many runs, the first ones, are shown whole.
        megabytes: how large the page may get, roughly.
    """
    states = Counter(row.state for row in rows)
    page = Report(
        title or _title(rows), shlex.join(["iterun", "report", *asked]),
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}", len(rows), states.most_common(),
        _cards(rows),
    )  # fmt: skip
    budget = Budget(int(megabytes * 1e6) - 100_000)
    # Fresh seeds are held against tuning seeds in a table of their own, never in one mean.
    tuned = {block_of(row) for row in rows if not evaluations.is_one(row)}
    found = compare(
        [row for row in rows if not (evaluations.is_one(row) and block_of(row) in tuned)]
    )
    evaluated = evaluations.read(outputs, rows) if outputs else []
    for name in found.systems:
        page.systems.append(system := _system(name, found))
        system.evaluations = [one for one in evaluated if one.system == name]
        parts = [part for own in system.chart.points.values() for part in own if part]
        budget.left -= _POINT * sum(len(numbers) for part in parts for numbers in part)
    budget.left -= 10 * _CELL * len(rows) if len(rows) > 1 else 0
    anchors = _whole(page, rows[:whole], found.entries, budget)
    if len(rows) > 1:
        page.listing = listing.read(rows, anchors)
    _tell_left_out(page, whole, megabytes, budget)
    return page


def _title(rows: Sequence[Row]) -> str:
    systems = list(dict.fromkeys(row.system for row in rows))
    named = ", ".join(systems[:3]) + (" …" if len(systems) > 3 else "")
    return f"{named}: {rows[0].id}" if len(rows) == 1 else f"{named}: {count(len(rows), 'run')}"


def _cards(rows: Sequence[Row]) -> list[tuple[str, str]]:
    seconds = [row.seconds for row in rows if row.seconds is not None]
    by_age = sorted(rows, key=lambda row: row.stamp)
    since, until = (
        f"{datetime.fromisoformat(row.created):%d %b %Y}" for row in (by_age[0], by_age[-1])
    )
    models = list(dict.fromkeys(row.model for row in rows if row.model))
    cards = [
        ("started", since if since == until else f"{since} to {until}"),
        ("computed for", duration(sum(seconds)) if seconds else ""),
        ("model" if len(models) == 1 else "models", listing.clip(", ".join(models))),
    ]
    return [(name, text) for name, text in cards if text]


def _system(name: str, compared: Comparison) -> System:
    found = groups.read(compared, name)
    title, arxiv = facts.paper(RunView(found.entries[0].setting.rows[0].path))
    return System(name, title, runs.arxiv_number(arxiv), found, charts.read(found), [])


def _whole(
    page: Report, rows: Sequence[Row], entries: Sequence[Entry], budget: Budget
) -> dict[str, str]:
    """Read runs as long as the page has room for them; their anchors by path."""
    settings = [entry.setting for entry in entries if entry.setting.differing]
    labels = {str(row.path): one.label for one in settings for row in one.rows}
    anchors: dict[str, str] = {}
    for row in rows:
        path, anchor = str(row.path), f"run-{len(anchors) + 1}"
        found = runs.read(row, anchor, labels.get(path, ""), budget)
        if not budget.take(_weight(found)):
            break
        page.runs.append(found)
        anchors[path] = anchor
    return anchors


def _weight(page: RunPage) -> int:
    """Bytes of a run's HTML, roughly; pictures and texts of artifacts are counted already."""
    history, files = page.history, page.artifacts.files if page.artifacts else []
    cells = sum(map(len, history.rows)) if history else 0
    sparks = 1500 * len(history.sparks) if history else 0
    texts = len(page.log) + len(page.config) + len(page.patch) + len(page.note)
    pairs = len(page.parameters) + len(page.result) + len(page.costs)
    named = 120 * (pairs + min(len(files), MOST_FILES))
    return 4000 + _CELL // 2 * cells + sparks + named + texts * 5 // 4


def _tell_left_out(page: Report, whole: int, megabytes: int, budget: Budget) -> None:
    shown = len(page.runs)
    if shown < page.total:
        is_full = shown < min(whole, page.total)
        why = f"--megabytes {megabytes}" if is_full else f"--whole {whole}"
        page.remarks.append(f"{shown:,} of {page.total:,} runs are shown whole ({why})")
    if budget.refused:
        page.remarks.append(
            f"the page is full (--megabytes {megabytes}): "
            "pictures and texts that had no room are only named"
        )
