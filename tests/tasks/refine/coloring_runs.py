"""Small runs of refine/coloring in this process, and a recount of their transcripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from task_runs import done

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.store.reader import RunView

LINE = ["task=refine/coloring", "backend=cpu", "backend.threads=1", "model=program"]


def run(directory: Path, *overrides: str) -> RunView:
    return done(directory, [*LINE, *overrides])


def scripted(folder: Path, rows: Sequence[dict[str, Any]]) -> list[str]:
    """The overrides of a model that says these rows."""
    folder.mkdir(exist_ok=True)
    path = folder / "replies.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["model=scripted", f"model.path={path}"]


def graph_file(folder: Path, text: str) -> list[str]:
    """The overrides of a problem of one's own."""
    folder.mkdir(exist_ok=True)
    (folder / "graph.col").write_text(text)
    return ["data=dimacs", f"data.path={folder / 'graph.col'}"]


def metrics(view: RunView) -> list[dict[str, float]]:
    """By iteration."""
    return [dict(line.metrics) for line in view.iterations()]


def transcript(view: RunView) -> list[dict[str, Any]]:
    path = view.directory / "artifacts/transcript.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def instances(view: RunView) -> dict[str, tuple[int, list[tuple[int, int]], int]]:
    """Vertices, edges from 0 and colors by name, read without the package's own reader."""
    found = {}
    for path in sorted((view.directory / "artifacts/instances").glob("*.col")):
        words = [line.split() for line in path.read_text().splitlines()]
        n = next(int(w[2]) for w in words if w[0] == "p")
        colors = next(int(w[2]) for w in words if w[:2] == ["c", "colors"])
        edges = [(int(w[1]) - 1, int(w[2]) - 1) for w in words if w[0] == "e"]
        found[path.stem] = (n, edges, colors)
    return found


def recounted(view: RunView, arm: str, i: int) -> int:
    """How many graphs an arm has solved by round i, counted anew from what was said."""
    given: dict[str, list[str]] = {}
    for row in transcript(view):
        if row["i"] <= i and row["agent"] in ("direct", arm) and row["replies"]:
            given.setdefault(row["instance"], []).append(row["replies"][0]["text"])
    problems = instances(view)
    is_right = {
        name: [_proper(text, *problems[name]) for text in texts] for name, texts in given.items()
    }
    if arm == "self":  # nobody picks: what was said last counts, if it is a coloring
        valid = [[right for right in one if right is not None] for one in is_right.values()]
        return sum(bool(one and one[-1]) for one in valid)
    return sum(any(one) for one in is_right.values())


def _proper(text: str, n: int, edges: list[tuple[int, int]], k: int) -> bool | None:
    """None if the text is no coloring with k colors."""
    said = dict(line.split(": ") for line in text.splitlines() if line.count(": ") == 1)
    if set(said) != {str(v) for v in range(n)} or len(set(said.values())) > k:
        return None
    return all(said[str(u)] != said[str(v)] for u, v in edges)
