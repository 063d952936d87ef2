"""`iterun verify`: runs computed again, and where they differ from their record."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from iterun.cli import failure, picked
from iterun.cli.console import Part, Screen, Span, err, out
from iterun.cli.figures import count
from iterun.cli.formats import json_text
from iterun.cli.run import Displays
from iterun.cli.tables import Column, facts, table
from iterun.errors import ConfigError, IterunError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.analysis.replay import Difference
    from iterun.core.progress import Listener
    from iterun.launch.verify import Verdict
    from iterun.store.rows import Row

_MOST = 12  #: metrics, and causes, that are listed


class _Checked(NamedTuple):
    """A run, and what became of it: a verdict, or why there is none."""

    row: Row
    verdict: Verdict | None
    error: IterunError | None = None

    @property
    def status(self) -> int:
        if self.verdict is not None:
            return self.verdict.exit_status
        return self.error.exit_status if self.error else 0


def verify(
    typed: Sequence[str],
    *,
    after: int | None,
    upto: int | None,
    whole: bool,
    keep: bool,
    outputs: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Verify one or several runs; 0: all are equal, 1: one differs, else the status of an error.

    Args:
        typed: runs, or conditions that runs fit.
        after: begin from this iteration's checkpoint.
        upto: compare no further.
        whole: go on after the first difference.
        keep: leave the replays.
        outputs: the folder with the runs; None: where they are by default.
        quiet: no progress.
        as_json: an object, or of several runs a list, instead.

    Raises:
        IterunError: no run is meant, or the only one can't be computed again.
    """
    from iterun.store import paths
    from iterun.store.index import Index

    if not typed:
        raise ConfigError("verify needs a run", hint="as in iterun verify @-1")
    with Index(paths.outputs_root(outputs)) as index:
        rows = picked.whole(picked.runs(index, typed), "verify")
    from iterun.launch.verify import verify as check

    checks = partial(check, after=after, upto=upto, whole=whole, keep=keep)
    with Displays(quiet=quiet, as_json=False) as displays:
        silent = quiet or as_json
        found = _all(rows, checks, None if silent else displays)
    if len(rows) == 1 and found[0].error is not None:
        raise found[0].error
    _tell(found, alone=len(rows) == 1, as_json=as_json)
    return next((one.status for one in found if one.status), 0)


def _all(
    rows: Sequence[Row], check: Callable[..., Verdict], displays: Displays | None
) -> list[_Checked]:
    """Each run after the other, also when one can't be computed again."""
    found: list[_Checked] = []
    for row in rows:
        listener: Listener = displays.make("verify") if displays else lambda event: None
        try:
            found.append(_Checked(row, check(row.path, listener)))
        except IterunError as error:
            found.append(_Checked(row, None, error))
        if found[-1].status > 128:  # a signal was meant for all of them
            break
    return found


def _tell(found: Sequence[_Checked], *, alone: bool, as_json: bool) -> None:
    screen = out()
    if as_json:
        objects = [_object(one) for one in found]
        screen.raw(json_text(objects[0] if alone else objects) + "\n")
    elif alone and found[0].verdict is not None:
        _page(screen, found[0].verdict)
    else:
        _table(screen, found)
        for one in found:
            if one.error is not None:
                err().line(Span(f"{one.row.id} can't be computed again", "warn"))
                failure.show(one.error, err())


def _page(screen: Screen, verdict: Verdict) -> None:
    parts: list[Part] = [Span(verdict.run, "bold"), f"  {verdict.system}  "]
    parts.append(Span(_word(verdict), "good" if verdict.equal else "bad"))
    screen.line(*parts, f"  {_range(verdict)}" if verdict.equal else "")
    if verdict.ended is not None:
        screen.line(Span("the replay ended: ", "warn"), verdict.ended)
    if verdict.failure is not None:
        screen.line(verdict.failure)
    _differences(screen, verdict.differences)
    if verdict.causes:
        heads = ["has changed since" if verdict.equal else "likely cause", *[""] * _MOST]
        pairs: list[tuple[str, Part]] = [
            (head, f"{cause.what}: {cause.was} → {cause.now}")
            for head, cause in zip(heads, verdict.causes, strict=False)
        ]
        facts(screen, pairs)
    elif verdict.differences or verdict.is_mended:
        screen.prose(
            "Nothing that is recorded has changed: either the system does not compute the same "
            "twice on this machine (a second verify tells), or its code was changed in place.",
            indent="  ",
        )
    if verdict.folder is not None:
        err().line(Span("kept: ", "dim"), str(verdict.folder))


def _word(verdict: Verdict) -> str:
    if verdict.differences:
        return f"differs from iteration {verdict.differences[0].i} on"
    if verdict.is_mended:
        return "differs in how it ends"
    return "equal" if verdict.equal else "not comparable to the end"


def _range(verdict: Verdict) -> str:
    """What was compared, as a phrase."""
    if verdict.first is None:
        return "there is no iteration to compare"
    many = verdict.first != verdict.reached
    where = (
        f"iterations {verdict.first} to {verdict.reached}" if many else f"iteration {verdict.first}"
    )
    return f"{where}, bit for bit"


def _differences(screen: Screen, found: Sequence[Difference]) -> None:
    """One line a metric: its first difference, how many there are, the largest."""
    names = list(dict.fromkeys(difference.name for difference in found))
    if not names:
        return
    groups = [[d for d in found if d.name == name] for name in names[:_MOST]]
    columns = [
        Column(head="metric", cells=[group[0].name for group in groups], least=10),
        Column(head="at", cells=[str(group[0].i) for group in groups], right=True),
        Column(head="recorded", cells=[_exact(group[0].was) for group in groups], least=8),
        Column(head="now", cells=[_exact(group[0].now) for group in groups], least=8),
        Column(head="difference", cells=[_size(group[0]) for group in groups]),
    ]
    if any(len(group) > 1 for group in groups):
        columns += [
            Column(head="times", cells=[str(len(group)) for group in groups], right=True, drop=1),
            Column(head="largest", cells=[_largest(group) for group in groups], drop=2),
        ]
    table(screen, columns, indent=2)
    if len(names) > _MOST:
        screen.line(Span(f"  and {len(names) - _MOST} more; --json has them all", "dim"))


def _exact(x: Any) -> str:
    """A number with all its digits."""
    return "none" if x is None else repr(x) if isinstance(x, float) else str(x)


def _size(difference: Difference) -> str:
    if difference.size is None:
        return ""
    share = difference.relative
    return f"{difference.size:.2g}" + ("" if share is None else f" ({share:.1g} of it)")


def _largest(group: Sequence[Difference]) -> str:
    sizes = [(d.size, d.i) for d in group if d.size is not None]
    return "{:.2g} at {}".format(*max(sizes)) if sizes else ""


def _table(screen: Screen, found: Sequence[_Checked]) -> None:
    words = [_verdict_word(one) for one in found]
    first = [next(iter(one.verdict.differences), None) if one.verdict else None for one in found]
    table(
        screen,
        [
            Column(head="run", cells=[one.row.id for one in found], style="bold"),
            Column(head="system", cells=[one.row.system for one in found], least=8, drop=3),
            Column(
                head="verdict", cells=words,
                styles=["good" if word == "equal" else "bad" for word in words],
            ),
            Column(head="at", cells=["" if d is None else str(d.i) for d in first], right=True),
            Column(head="metric", cells=["" if d is None else d.name for d in first], least=8),
            Column(head="difference", cells=["" if d is None else _size(d) for d in first], drop=2),
            Column(head="likely cause", cells=[_cause(one) for one in found], least=12, drop=1),
        ],
    )  # fmt: skip
    equal = words.count("equal")
    err().line(Span(f"{equal} of {count(len(found), 'run')} equal", "dim"))


def _verdict_word(one: _Checked) -> str:
    if one.verdict is None:
        return "refused"
    if one.verdict.differences or one.verdict.is_mended:
        return "differs"
    return "equal" if one.verdict.equal else "ended early"


def _cause(one: _Checked) -> str:
    if one.verdict is None or not (one.verdict.differences or one.verdict.is_mended):
        return ""
    return "{}: {} → {}".format(*one.verdict.causes[0]) if one.verdict.causes else "not recorded"


def _object(one: _Checked) -> dict[str, Any]:
    verdict = one.verdict
    if verdict is None:
        error = one.error
        return {"run": one.row.id, "equal": None, "error": error.message if error else None}
    differences = [
        {
            "i": d.i, "name": d.name, "kind": d.kind, "was": d.was, "now": d.now,
            "size": d.size, "relative": d.relative,
        }
        for d in verdict.differences
    ]  # fmt: skip
    return {
        "run": verdict.run, "system": verdict.system, "equal": verdict.equal,
        "after": verdict.after, "reached": verdict.reached, "upto": verdict.upto,
        "differences": differences, "causes": [cause._asdict() for cause in verdict.causes],
        "ended": verdict.ended, "failure": verdict.failure,
        "directory": str(verdict.folder) if verdict.folder else None,
    }  # fmt: skip
