"""`iterun compare`: which runs, what of them, and in which form."""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.cli import picked
from iterun.cli.console import Span, err, out
from iterun.errors import ConfigError, StoreError
from iterun.store import filters, paths
from iterun.store.bodies import read_bodies
from iterun.store.index import Index
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.analysis.baseline import Against
    from iterun.analysis.comparison import Comparison
    from iterun.analysis.published import Figure
    from iterun.cli.picked import Picked

FIRST = "first"


@dataclass(kw_only=True)
class Asked:
    """The options of a line."""

    words: Sequence[str]
    metrics: str | None = None
    runs: bool = False
    baseline: str | None = None
    at: int | None = None
    paper: bool = False
    all_states: bool = False
    sort: str | None = None
    reverse: bool = False
    number: int = 40
    csv: bool = False
    json: bool = False
    markdown: bool = False
    parquet: str | None = None

    def check(self) -> None:
        """Refuse what can't be.

        Raises:
            ConfigError: a number out of range, or two forms.
        """
        if self.number < 1:
            raise ConfigError(
                f"-n {self.number}: a comparison has at least one row", hint="as in -n 10"
            )
        if self.at is not None and self.at < 0:
            raise ConfigError(
                f"--at {self.at}: iterations count from 0", hint="0 is what a run began from"
            )
        if self.csv + self.json + self.markdown + (self.parquet is not None) > 1:
            raise ConfigError("--csv, --json, --md and --parquet exclude one another", hint="")
        if self.paper and (self.csv or self.parquet is not None):
            raise ConfigError(
                "--paper: published figures don't stand in the columns of measured ones",
                hint="--json and --md have them apart",
            )


def show(asked: Asked, *, outputs: str | None) -> None:
    """Compare, and write the comparison.

    Raises:
        ConfigError: a word, metric, baseline or sort key that no run has.
        StoreError: a run can't be found or read.
    """
    from iterun.analysis import selection

    asked.check()
    folder = paths.outputs_root(outputs)
    with Index(folder) as index, _uncollected():
        runs, which = _runs(index, asked.words)
        if not runs:
            from iterun.cli.ls import say_none

            say_none(err(), index, folder, filtered=False)
            return
        found = _compared(asked, runs)
        if asked.baseline is not None:
            found.against = _against(index, asked, found, runs)
        found.remarks += _on_tests(found)
        if mixed := selection.mixed(entry.setting for entry in found.entries):
            found.remarks.append(mixed)
        figures = _figures(found) if asked.paper else []
        _write(asked, found, figures)
    _tell([which, *found.remarks] if which else found.remarks, index)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: with 10,000 runs in memory it takes 0.13 s, for nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _runs(index: Index, words: Sequence[str]) -> tuple[list[Picked], str]:
    """The runs that are meant; and which those are, where no word says it."""
    if words:
        found = picked.runs(index, words)
        for one in found:
            _check_iteration(one)
        return found, ""
    for newest in index.rows(limit=1):
        sweep = newest.get("sweep")
        word = f"sweep={sweep}" if sweep else f"task={newest.system}"
        rows = index.rows(filters.parse([word]))
        runs = [picked.Picked(row) for row in rows]
        return runs, f"{'the newest sweep' if sweep else 'the newest system'}: {word}"
    return [], ""


def _check_iteration(one: Picked) -> None:
    """Refuse an iteration that its run does not have."""
    if one.iteration is None:
        return
    done = [line.i for line in RunView(one.row.path).iterations()]
    if one.iteration not in done:
        last = f"its last one is {done[-1]}" if done else "it has none yet"
        raise StoreError(
            f"{one.row.id} has no iteration {one.iteration}: {last}",
            hint=f"iterun show {one.row.id} lists them",
        )


def _compared(asked: Asked, runs: Sequence[Picked]) -> Comparison:
    from iterun.analysis.compare import compare

    rows = [one.row for one in runs]
    read_bodies(rows)
    is_machine = asked.csv or asked.json or asked.parquet is not None
    return compare(
        rows,
        metrics=[name.strip() for name in (asked.metrics or "").split(",") if name.strip()],
        at=asked.at,
        own={one.row.path: one.iteration for one in runs if one.iteration is not None},
        all_states=asked.all_states,
        grouped=not asked.runs,
        all_costs=is_machine,
    )


def _against(index: Index, asked: Asked, found: Comparison, runs: Sequence[Picked]) -> Against:
    from iterun.analysis import baseline

    word = asked.baseline or ""
    if word == FIRST:
        named = any(not picked.is_condition(each) for each in asked.words)
        rows = [one.row for one in runs]
        return baseline.by_run(found, rows[0] if named else baseline.oldest(rows), word)
    if picked.is_condition(word):
        return baseline.by_condition(found, word)
    [row] = picked.whole(picked.runs(index, [word]), "--baseline")
    return baseline.by_run(found, row, word)


def _on_tests(found: Comparison) -> list[str]:
    """What is to be known of the tests."""
    if found.against is None:
        return []
    tests = [
        found.against.metrics[found.names[entry.system][0]][k]
        for k, entry in enumerate(found.entries)
        if found.names[entry.system]
    ]
    n = sum(test is not None and test.p is not None for test in tests)
    remarks = [f"p of each of {n} tests by itself, not corrected for their number"] if n > 1 else []
    if len(found.against.baselines) > 1:
        remarks.append(f"each against {found.against.word} with otherwise its own settings")
    if sure := sum(test is not None and test.low == test.high for test in tests):
        remarks.append(f"{sure} with the same difference at every seed: no spread to test by")
    if alone := sum(test is not None and test.n == 1 for test in tests):
        remarks.append(f"{alone} with one common seed: a difference, but no test")
    pairs = [(k, base) for k, base in enumerate(found.against.of) if base is not None]
    if apart := sum(_are_apart(found, *pair) for pair in pairs):
        remarks.append(f"{apart} without a common seed: no difference")
    if not found.against.baselines:
        remarks.append(f"--baseline {found.against.word}: no setting could be held against it")
    return remarks


def _are_apart(found: Comparison, k: int, base: int) -> bool:
    """Whether both entries have seeds, but none in common."""
    own, other = (set(found.entries[j].seeds) for j in (k, base))
    return bool(own and other) and not own & other


def _figures(found: Comparison) -> list[Figure]:
    from iterun.analysis import published

    return published.figures(found, found.systems)


def _write(asked: Asked, found: Comparison, figures: Sequence[Figure]) -> None:
    from iterun.cli import compare_forms, compare_table

    order = found.sort(asked.sort, reverse=asked.reverse) if asked.sort else None
    if order is None:
        order = found.ranked()[::-1] if asked.reverse else found.ranked()
    if asked.csv:
        compare_forms.write_csv(out(), found, order)
    elif asked.json:
        compare_forms.write_json(out(), found, order, figures)
    elif asked.parquet is not None:
        compare_forms.write_parquet(asked.parquet, found, order)
    elif asked.markdown:
        compare_forms.write_markdown(out(), found, order, figures)
    else:
        found.remarks += compare_table.draw(out(), found, order, figures, most=asked.number)
    out().stream.flush()


def _tell(remarks: Sequence[str], index: Index) -> None:
    from iterun.cli.ls import tell_problems

    for remark in remarks:
        err().line(Span(remark, "dim"))
    tell_problems(err(), index.problems)
