"""Conversations of a run, out of its transcript: one instance's, and what stayed unsolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.cli.console import Screen, Span, out
from iterun.cli.figures import count, duration
from iterun.cli.formats import json_text
from iterun.cli.tables import Column, table
from iterun.cli.text import clean, clip, pad, wrap_code
from iterun.cli.verdicts import is_right, judged, unsolved, worded
from iterun.errors import StoreError, nearest
from iterun.store import paths
from iterun.store.index import Index
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iterun.cli.console import Part

TRANSCRIPT = "transcript.jsonl"
_MARGIN = 11  # cells, before what is said
_TAB = 4  # cells
_STYLES = {"system": "violet", "user": "accent", "assistant": "", "reply": "good", "prefix": "dim"}

Row = dict[str, Any]


def show(name: str, instance: str | None, *, outputs: str | None, as_json: bool) -> None:
    """Show the conversation about one instance, or list the instances without a right answer.

    Args:
        name: the run; RUN@7 shows round 7 alone.
        instance: as the transcript names it; None: what stayed unsolved.
        outputs: the folder with the runs; None: where they are by default.
        as_json: the rows themselves.

    Raises:
        StoreError: no such run, it has no transcript, or nothing about this instance.
    """
    with Index(paths.outputs_root(outputs)) as index:
        directory, i = index.resolve(name)
        view = RunView(directory)
    rows = _rows(view)
    if i is not None:
        rows = [row for row in rows if row.get("i") == i]
    found = open_failures(rows) if instance is None else _of(view, rows, instance)
    screen = out()
    if as_json:
        screen.raw(json_text(found) + "\n")
    elif instance is None:
        _list(screen, view, rows, found)
    else:
        _conversation(screen, view, instance, found)


def open_failures(rows: Sequence[Row]) -> list[Row]:
    """The instances that an arm has not solved in the end: {instance, arm, answers, last}.

    Answers are what was given a score; critiques, tests and probes are not. `solved` of the last
    one says which arms it serves and whether what counts there is right; where there is none, an
    arm has solved what any of its answers does. The last is what the last round was judged.
    """
    asked: dict[tuple[str, str], Row] = {}
    by_round: dict[tuple[str, str], dict[Any, list[Row]]] = {}
    for row in rows:
        verdicts = [v for v in _verdicts(row) if "score" in v]
        for arm, solved in _solved(row, verdicts).items():
            key = worded(row.get("instance")), arm
            one = asked.setdefault(
                key, {"instance": key[0], "arm": arm, "answers": 0, "solved": False}
            )
            one["answers"] += len(verdicts)
            one["solved"] = (
                one["solved"] or any(map(is_right, verdicts)) if solved is None else solved
            )
            by_round.setdefault(key, {}).setdefault(_round(row), []).extend(verdicts)
    return [
        {name: x for name, x in one.items() if name != "solved"}
        | {"last": unsolved([*by_round[key].values()][-1])}
        for key, one in asked.items()
        if not one["solved"]
    ]


def _solved(row: Row, verdicts: Sequence[Row]) -> dict[str, bool | None]:
    """By arm that the answers serve: whether what counts after them is right; None: not said."""
    if not verdicts:
        return {}
    told = verdicts[-1].get("solved")
    if not isinstance(told, dict):
        return {arm_of(row): None}
    return {arm: solved is True for arm, solved in told.items()}


def _round(row: Row) -> str:
    return worded(row.get("round", row.get("i")))


def arm_of(row: Mapping[str, Any]) -> str:
    """The arm that a row belongs to; of a system without arms, who spoke."""
    return worded(row.get("arm") or row.get("agent") or "")


def _rows(view: RunView) -> list[Row]:
    if not (view.directory / paths.ARTIFACTS / TRANSCRIPT).is_file():
        raise StoreError(
            f"{view.id} has no transcript: {view.system} asks no chat model, or nothing was asked",
            hint=f"iterun show {view.id}",
        )
    return view.appended(TRANSCRIPT)


def _of(view: RunView, rows: Sequence[Row], instance: str) -> list[Row]:
    found = [row for row in rows if worded(row.get("instance")) == instance]
    if not found:
        known = list(dict.fromkeys(worded(row.get("instance")) for row in rows))
        near = nearest(instance, known) or known[:6]
        raise StoreError(
            f"--transcript {instance}: {view.id} asked nothing about it",
            hint=f"it asked about {', '.join(near)}"
            + (f" and {len(known) - len(near)} more" if len(known) > len(near) else ""),
        )
    return found


def _list(screen: Screen, view: RunView, rows: Sequence[Row], failures: Sequence[Row]) -> None:
    n = len({worded(row.get("instance")) for row in rows})
    screen.line(
        Span(f"{view.system}  {view.id}", "bold"),
        f"  {count(n, 'instance')}, {len(failures)} unsolved over all arms",
    )
    if not failures:
        return
    names = ("instance", "arm", "answers", "last")
    heads = ("instance", "arm", "answers", "what the last one was judged")
    cells = {name: [worded(one[name]) for one in failures] for name in names}
    table(
        screen,
        [
            Column(head=head, cells=cells[name], right=name == "answers", least=8)
            for name, head in zip(names, heads, strict=True)
        ],
    )
    screen.line()
    first = failures[0]["instance"]
    screen.line(
        Span("next:", "dim"), Span(f"  iterun show {view.id} --transcript {first}", "accent")
    )


def _conversation(screen: Screen, view: RunView, instance: str, rows: Sequence[Row]) -> None:
    """Arm by arm; what was said before is not said again."""
    screen.line(Span(f"{view.system}  {view.id}  {instance}", "bold"), _who(rows))
    arms: dict[str, list[Row]] = {}
    for row in rows:
        arms.setdefault(arm_of(row), []).append(row)
    said: dict[str, Any] = {}
    for arm, own in arms.items():
        for row in own:
            screen.line()
            speaker = worded(row.get("agent") or "")
            name = arm if speaker in ("", arm) else f"{arm} · {speaker}"
            screen.line(Span(f"{name} · round {_round(row)}", "head"))
            _messages(screen, row, said)
            _replies(screen, row)
            screen.line(Span(" " * _MARGIN + _spent(row), "dim"))


def _who(rows: Sequence[Row]) -> str:
    kinds = {worded(row.get("kind")) for row in rows}
    models = ", ".join(dict.fromkeys(worded(row.get("model")) for row in rows))
    return f"  {models}" + ("  a program, no language model" if "program" in kinds else "")


def _messages(screen: Screen, row: Row, said: dict[str, Any]) -> None:
    for message in _dicts(row.get("messages")):
        role, text = worded(message.get("role")), worded(message.get("content"))
        if text in said:
            first = clip(" ".join(text.split()), max(20, screen.width - _MARGIN - 24))
            _say(screen, role, [Span(f"as in round {said[text]}: {first}", "dim")])
            continue
        said[text] = _round(row)
        _say(screen, role, text.splitlines())
    if prefix := worded(row.get("prefix") or ""):
        _say(screen, "prefix", prefix.splitlines())


def _replies(screen: Screen, row: Row) -> None:
    replies = _dicts(row.get("replies"))
    for k, reply in enumerate(replies, 1):
        head = "reply" if len(replies) == 1 else f"reply {k}"
        _say(screen, head, worded(reply.get("text") or "").splitlines() or [""], style="reply")
        if reply.get("finish") == "length":
            _say(screen, "", [Span("cut at task.max_tokens", "warn")])
        verdict = reply.get("verdict")
        if isinstance(verdict, dict):
            ok = verdict.get("ok")
            style = "good" if ok is True else "bad" if ok is False else ""
            _say(screen, "verdict", [Span(judged(verdict), style)])
    if error := worded(row.get("error") or ""):
        _say(screen, "error", [Span(error, "alarm")])


def _say(screen: Screen, who: str, lines: Sequence[Part], style: str | None = None) -> None:
    """Lines behind who says them, wrapped to the screen."""
    head, room = who, max(20, screen.width - _MARGIN)
    for line in lines or [""]:
        span = line if isinstance(line, Span) else Span(line)
        for piece in wrap_code(clean(span.text.expandtabs(_TAB)), room):
            first = Span(pad(head, _MARGIN), _STYLES.get(style or who, "dim"))
            screen.line(first, Span(piece, span.style))
            head = ""


def _spent(row: Row) -> str:
    parts = [f"{row.get('tokens_prompt', 0)} + {row.get('tokens_completion', 0)} tokens"]
    if isinstance(seconds := row.get("seconds"), int | float):
        parts.append(duration(seconds))
    parts += [word for word in ("constrained", "cached") if row.get(word)]
    return ", ".join(parts)


def _verdicts(row: Row) -> Iterator[Row]:
    for reply in _dicts(row.get("replies")):
        if isinstance(verdict := reply.get("verdict"), dict):
            yield verdict


def _dicts(value: Any) -> list[Row]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
