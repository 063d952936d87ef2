"""One run, whole, as the page shows it. What can't be read is said in its place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from iterun.analysis import facts, states
from iterun.analysis.numbers import count, duration, setting, value
from iterun.analysis.report import artifacts, history
from iterun.analysis.report.listing import clip
from iterun.errors import StoreError
from iterun.store import disk, marks, paths
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterun.analysis.report.artifacts import Artifacts, Budget
    from iterun.analysis.report.history import History
    from iterun.store.rows import Row
    from iterun.store.schema import Iteration, RunRecord

T = TypeVar("T")
Pairs = list[tuple[str, str]]

LOG_LINES = 100
LOG_BYTES = 32_000
CONFIG_BYTES = 64_000
PATCH_BYTES = 64_000
LONGEST_VALUE = 1000  #: characters of a parameter's or a result's value
LONGEST_ERROR = 8000
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_ARXIV = re.compile(r"\d{4}\.\d{4,5}(v\d{1,2})?")


@dataclass
class RunPage:
    """What the page says of a run."""

    id: str
    anchor: str
    system: str
    state: str
    reason: str = ""
    error: str = ""
    paper: str = ""
    arxiv: str = ""
    label: str = ""  #: its setting
    headline: Pairs = field(default_factory=list)  #: the objective's newest and best value
    facts: Pairs = field(default_factory=list)
    note: str = ""
    tags: list[str] = field(default_factory=list)
    command: str = ""
    parameters: list[tuple[str, str, bool]] = field(default_factory=list)
    result: Pairs = field(default_factory=list)
    costs: Pairs = field(default_factory=list)
    history: History | None = None
    artifacts: Artifacts | None = None
    log: str = ""
    config: str = ""
    packages: Pairs = field(default_factory=list)
    environment: Pairs = field(default_factory=list)
    git: Pairs = field(default_factory=list)
    patch: str = ""
    problems: list[str] = field(default_factory=list)


def read(row: Row, anchor: str, label: str, budget: Budget) -> RunPage:
    """Read a run directory for the page.

    Args:
        row: the run.
        anchor: its place on the page.
        label: what tells its setting apart.
        budget: of the page.
    """
    page = RunPage(row.id, anchor, row.system, row.state, label=label)
    view = RunView(row.path)
    page.reason = states.reason(row.state, row.reason, row.iterations, row.costs)
    page.error, page.tags = clip(row.error or "", LONGEST_ERROR), row.tags
    page.headline = _headline(row)
    page.result = _shown(row.result)
    page.costs = _shown(row.costs)
    page.note = _try(page, lambda: marks.of(view).note, "")
    record = _try(page, lambda: view.record, None)
    if record is not None:
        _tell_origin(page, view, record, row)
    none: list[Iteration] = []
    lines = _try(page, view.iterations, none)
    best = (row.best or {}).get("i")
    page.history = history.read(lines, (row.objective or {}).get("metric"), best)
    page.artifacts = artifacts.read(view, lines, budget)
    page.log = log_tail(_try(page, lambda: view.log(4 * LOG_BYTES), ""))
    return page


def _try(page: RunPage, ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except StoreError as error:
        if error.message not in page.problems:
            page.problems.append(error.message)
        return otherwise


def _shown(values: dict[str, Any]) -> Pairs:
    return [(name, clip(value(x), LONGEST_VALUE)) for name, x in values.items()]


def _headline(row: Row) -> Pairs:
    objective = row.objective or {}
    metric = objective.get("metric")
    if metric is None or metric not in row.last:
        return []
    found = [(metric, value(row.last[metric]))]
    if row.best:
        found.append(("best", f"{value(row.best['value'])} at {row.best['i']}"))
    return found


def _tell_origin(page: RunPage, view: RunView, record: RunRecord, row: Row) -> None:
    title, arxiv = facts.paper(view)
    page.paper = title
    page.arxiv = arxiv_number(arxiv)
    page.command = facts.command(record)
    page.parameters = _try(
        page,
        lambda: [
            (p.name, clip(setting(p.value), LONGEST_VALUE), p.is_typed)
            for p in facts.parameters(view)
        ],
        [],
    )
    page.facts = _facts(record, row)
    page.config = _try(page, lambda: _yaml(view.config), "")
    page.packages = [("iterun", record.version), ("python", record.python)]
    page.packages += record.packages.items()
    page.environment = list(record.environment.items())
    git = record.git or {}
    if git:
        page.git = [("commit", str(git.get("commit") or "")), ("changed", _changed(git))]
        page.patch = _patch(view)


def arxiv_number(text: str) -> str:
    """The text if it is an arXiv number, which may stand in an address; else empty."""
    return text if _ARXIV.fullmatch(text) else ""


def _changed(git: dict[str, Any]) -> str:
    return "yes, by the patch below" if git.get("dirty") else "no"


def _facts(record: RunRecord, row: Row) -> Pairs:
    since = datetime.fromisoformat(record.created)
    threads = f", {count(record.threads, 'thread')}" if record.device == "cpu" else ""
    parent, sweep = record.parent or {}, record.sweep or {}
    attempts = f" in {row.attempt} attempts" if row.attempt > 1 else ""
    took = "" if row.seconds is None else duration(row.seconds) + attempts
    pairs = [
        ("model", record.model), ("data", record.data), ("seed", record.seed),
        ("started", f"{since:%Y-%m-%d %H:%M:%S}"), ("took", took),
        ("device", f"{record.device} {record.dtype}{threads}"), ("host", record.host),
        ("fork of", f"{parent['run']}@{parent['iteration']}" if parent else ""),
        ("sweep", sweep.get("id", "")), ("signature", record.signature),
        ("directory", row.path),
    ]  # fmt: skip
    return [(name, str(x)) for name, x in pairs if x not in (None, "")]


def _yaml(config: dict[str, Any]) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    try:
        text = yaml.dump(config, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    except (yaml.YAMLError, RecursionError, UnicodeEncodeError) as error:  # half a character
        raise StoreError(f"the config can't be shown: {error}") from error
    return _cut(str(text), CONFIG_BYTES)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}\n… and {len(text) - most:,} more"


def _patch(view: RunView) -> str:
    """The changes that the code had beside its commit; empty if they were not kept."""
    try:
        with open(view.directory / paths.PATCH, "rb", opener=disk.no_link) as file:
            raw = file.read(PATCH_BYTES + 1)
    except OSError:
        return ""
    cut = "\n… and more: code.patch has it" if len(raw) > PATCH_BYTES else ""
    return raw[:PATCH_BYTES].decode(errors="replace") + cut


def log_tail(text: str) -> str:
    """The last lines of a log, without a terminal's colours."""
    lines = _COLOR.sub("", text).replace("\r\n", "\n").splitlines()
    kept = "\n".join(lines[-LOG_LINES:])
    is_cut = len(lines) > LOG_LINES or len(kept) > LOG_BYTES or len(text) >= 4 * LOG_BYTES
    return f"…\n{kept[-LOG_BYTES:]}" if is_cut else kept
