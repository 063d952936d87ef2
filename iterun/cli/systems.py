"""`iterun tasks`, `iterun show task=…` and `iterun task=… --help`: from the YAML and the class."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.cli import meanings
from iterun.cli.console import PROSE, Part, Screen, Span, out
from iterun.cli.figures import setting
from iterun.cli.formats import json_text
from iterun.cli.tables import Column, facts, table
from iterun.cli.text import clean, clip, pad, width, wrap
from iterun.config.menu import choices, families, kinds_of, read_choice, serving, task_files
from iterun.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.config.menu import TaskInfo

_SMALL = {"a", "all", "also", "an", "and", "by", "each", "for", "from", "here", "in", "is", "of",
          "one", "or", "that", "the", "to"}  # fmt: skip
_SHORTEST_PROSE = 30  #: cells that a meaning gets at least, beside name and value


def list_all(family: str | None, *, as_json: bool) -> None:
    """List the systems of a family, or all.

    Raises:
        ConfigError: there is no such family.
    """
    found = task_files()
    if family is not None:
        known = sorted({info.family for info in found})
        family = family.removeprefix("task=").partition("/")[0]
        if family not in known:
            close = nearest(family, known) or known
            raise ConfigError(f"there is no family {family!r}", hint=f"there is {', '.join(close)}")
        found = [info for info in found if info.family == family]
    screen = out()
    if as_json:
        body = ",\n".join(json_text(_object(info)) for info in found)
        screen.raw(f"[\n{body}\n]\n")
        return
    table(screen, _columns(found))
    screen.line()
    example = found[0].name if found else "prune"
    screen.line(Span("next:", "dim"), "  ", Span(f"iterun task={example}", "accent"), "  ",
                Span(f"iterun task={example} --help", "accent"))  # fmt: skip


def _columns(found: list[TaskInfo]) -> list[Column]:
    default = set(families().values())
    names = [info.name for info in found]
    marks = ["default" if name in default else "" for name in names]
    takes = [f"{seconds} s" if seconds else "" for seconds in _about(found, "cpu_seconds")]
    return [
        Column(head="task=", cells=names, style="accent"),
        Column(head="", cells=marks, drop=4, style="dim"),
        Column(head="one iteration", cells=_about(found, "iteration"), least=16),
        Column(head="model", cells=[info.model or "" for info in found], drop=2),
        Column(head="on a CPU", cells=takes, right=True, drop=1),
        Column(head="paper", cells=_about(found, "paper"), least=24, drop=6, style="dim"),
        Column(head="arXiv", cells=_about(found, "arxiv"), drop=5, style="dim"),
    ]  # fmt: skip


def _about(found: list[TaskInfo], key: str) -> list[str]:
    return [str(info.about.get(key, "")) for info in found]


def find(name: str, folders: Sequence[str] = ()) -> TaskInfo:
    """The system that `task=name` runs, ours or of the user's own folders.

    Raises:
        ConfigError: there is none of that name; the nearest are named.
    """
    extra = [Path(folder) for folder in folders]
    found = {info.name: info for info in task_files(extra)}
    wanted = families(extra).get(name, name)
    if wanted in found:
        return found[wanted]
    close = nearest(name, [*found, *families()])
    hint = " or ".join(f"task={one}" for one in close)
    raise ConfigError(
        f"there is no system {name!r}",
        hint=f"did you mean {hint}?" if close else "`iterun tasks` lists them",
    )


def paper_of(name: str) -> str:
    """The paper of a system, "Title (arXiv 2312.15230, 2023)"; empty if it is not known here."""
    try:
        info = next((info for info in task_files() if info.name == name), None)
    except ConfigError:
        return ""
    return _paper(info) if info else ""


def _paper(info: TaskInfo) -> str:
    about = info.about
    arxiv = f"arXiv {about['arxiv']}" if "arxiv" in about else ""
    where = ", ".join(text for text in (arxiv, str(about.get("year", ""))) if text)
    return f"{about.get('paper', info.name)}{f' ({where})' if where else ''}"


def show(name: str, *, as_json: bool = False, folders: Sequence[str] = ()) -> None:
    """A system's page: what it is, its parameters with meaning, value and remark."""
    info, screen = find(name, folders), out()
    if as_json:
        screen.raw(json_text(_object(info)) + "\n")
        return
    found = meanings.read(info.target)
    screen.line(Span(f"task={info.name}", "bold"), f"   {found.summary}" if found.summary else "")
    screen.line(Span(_paper(info), "dim"))
    screen.line()
    facts(screen, _facts(info))
    screen.line()
    screen.line(Span("Parameters", "bold"), Span("   change one with task.NAME=VALUE", "dim"))
    _parameters(screen, info, found.parameters)
    screen.line()
    screen.line(Span("example:", "dim"), "  ", Span(_example(info), "accent"))


def _facts(info: TaskInfo) -> list[tuple[str, Part]]:
    objective = info.objective or {}
    goal = {"min": "lower is better", "max": "higher is better"}.get(str(objective.get("goal")), "")
    seconds = info.about.get("cpu_seconds")
    pairs: list[tuple[str, Part]] = [
        ("one iteration", str(info.about.get("iteration", ""))),
        ("objective", f"{objective.get('metric')}, {goal}" if objective else ""),
        ("takes", f"about {seconds} s on a CPU" if seconds is not None else ""),
        ("model", _choice("model", info.model)), ("data", _choice("data", info.data)),
        ("file", str(info.path)),
    ]  # fmt: skip
    return [(name, part) for name, part in pairs if part]


def _choice(group: str, preset: str | None) -> str:
    """The preset, and what of its kind there is besides."""
    known = choices(group)
    if preset not in known:
        return preset or ""
    kinds = kinds_of(read_choice(group, preset))
    fitting = {name for kind in kinds for name in serving(kind, group=group)} if kinds else known
    others = sorted({*fitting} - {preset})
    return f"{preset}; also {group}={', '.join(others)}" if others else preset


def _parameters(screen: Screen, info: TaskInfo, meaning: dict[str, str]) -> None:
    """Name and value; beside them, or below on a narrow screen, the meaning and the remark."""
    rows = [(clean(p.name), clip(clean(setting(p.value)), 24), p) for p in info.parameters.values()]
    names = max((width(name) for name, _, _ in rows), default=0)
    values = max((width(text) for _, text, _ in rows), default=0)
    beside = 2 + names + 2 + values + 2
    is_narrow = screen.width - beside < _SHORTEST_PROSE
    indent = 6 if is_narrow else beside
    room = max(20, min(screen.width - indent, PROSE))
    for name, text, parameter in rows:
        said = meaning.get(parameter.name, "")
        lines = [Span(line) for line in wrap(clean(said), room)]
        if more := added(parameter.comment, said):
            lines += [Span(line, "dim") for line in wrap(clean(more), room)]
        first = "" if is_narrow else lines.pop(0)
        screen.line("  ", Span(pad(name, names), "accent"), "  ", pad(text, values), "  ", first)
        for line in lines:
            screen.line(" " * indent, line)


def added(remark: str, meaning: str) -> str:
    """What of the YAML's remark has words that the class's own comment lacks.

    It goes part by part, as semicolons set them apart; a part may begin with what was said.
    """
    known = _words(meaning)
    parts = []
    for part in remark.split("; "):
        clauses = part.split(", ")
        while len(clauses) > 1 and ":" not in clauses[0] and _words(clauses[0]) <= known:
            clauses.pop(0)
        if not _words(rest := ", ".join(clauses)) <= known:
            parts.append(rest)
    return "; ".join(parts)


def _words(text: str) -> set[str]:
    """Without those that carry little, and singular."""
    found = re.findall(r"\w+(?:[.-]\w+)*", text.lower())
    return {word.removesuffix("s") for word in found if word not in _SMALL}


def _example(info: TaskInfo) -> str:
    for parameter in info.parameters.values():
        if isinstance(parameter.value, int | float) and not isinstance(parameter.value, bool):
            return f"iterun task={info.name} task.{parameter.name}={setting(parameter.value)}"
    return f"iterun task={info.name}"


def _object(info: TaskInfo) -> dict[str, Any]:
    meaning = meanings.read(info.target).parameters
    return {
        "name": info.name, "family": info.family, "target": info.target, "about": dict(info.about),
        "objective": info.objective, "model": info.model, "data": info.data, "path": str(info.path),
        "parameters": {
            p.name: {"value": p.value, "meaning": meaning.get(p.name, ""), "remark": p.comment}
            for p in info.parameters.values()
        },
    }  # fmt: skip
