"""What there is to choose from, read from the YAML files alone: no Hydra, no torch, 3 ms.

`iterun tasks`, help, completion and the errors that name what is near all come from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from iterun.config.locate import conf_dir
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: keys of a task's YAML that are no parameters of its class
NOT_PARAMETERS = frozenset({"defaults", "_target_", "about", "objective"})


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter as the YAML has it; its meaning stands in the class."""

    name: str
    value: Any
    comment: str = ""  #: what stands behind `#`: unit or effect, the paper's value


@dataclass(frozen=True, kw_only=True)
class TaskInfo:
    """One system, as `conf/task/<family>/<system>.yaml` describes it."""

    name: str  #: "prune/perp"
    family: str  #: "prune"
    path: Path
    target: str  #: "iterun.tasks.prune.perp.Perp"
    about: Mapping[str, Any] = field(default_factory=dict)  #: paper, arxiv, year, iteration, ...
    objective: Mapping[str, Any] | None = None  #: {metric, goal}
    parameters: Mapping[str, Parameter] = field(default_factory=dict)  #: in the file's order
    model: str | None = None  #: what `model=` is where nothing is typed
    data: str | None = None  #: what `data=` is where nothing is typed

    @property
    def system(self) -> str:
        """The last part of the name: "perp"."""
        return self.name.rpartition("/")[2]


def task_files(extra: Sequence[Path] = ()) -> list[TaskInfo]:
    """Every system, by name.

    Args:
        extra: further folders with groups (`--config-dir`); ours win, as in Hydra.

    Raises:
        ConfigError: a file that can't be read as YAML.
    """
    found: dict[str, TaskInfo] = {}
    for folder in (conf_dir(), *extra):
        for name, path in _files(Path(folder) / "task"):
            if name not in found and (info := _task(name, path)):
                found[name] = info
    return sorted(found.values(), key=lambda info: info.name)


def families(extra: Sequence[Path] = ()) -> dict[str, str]:
    """The system that each family runs by default: {"prune": "prune/perp"}."""
    found: dict[str, str] = {}
    for folder in (conf_dir(), *extra):
        for name, path in _files(Path(folder) / "task"):
            content = _read(path)
            if "/" not in name and "_target_" not in content:
                for item in content.get("defaults") or []:
                    if isinstance(item, str) and item != "_self_":
                        found.setdefault(name, item.partition("@")[0])
    return found


def choices(group: str, extra: Sequence[Path] = ()) -> list[str]:
    """The names that a group's key takes; those of "task" are "prune" and "prune/perp"."""
    return sorted(
        {name for folder in (conf_dir(), *extra) for name, _ in _files(Path(folder) / group)}
    )


def read_choice(group: str, name: str) -> dict[str, Any]:
    """The keys and values of one file of a group."""
    content = _read(conf_dir() / group / f"{name}.yaml")
    return {key: value for key, value in content.items() if key != "defaults"}


def serving(kind: str, extra: Sequence[Path] = (), group: str = "model") -> list[str]:
    """The models that can be used as `kind`, or the data sets of it, by name."""
    files = [item for folder in (conf_dir(), *extra) for item in _files(Path(folder) / group)]
    return sorted({name for name, path in files if kind in kinds_of(_read(path))})


def kinds_of(node: Mapping[str, Any]) -> list[str]:
    """What a model serves as (`kinds`), or what a data set holds (`kind`); [] if it isn't said."""
    return list(node.get("kinds") or ([node["kind"]] if node.get("kind") else []))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*.yaml")):
        yield path.relative_to(folder).with_suffix("").as_posix(), path


def _task(name: str, path: Path) -> TaskInfo | None:
    """The system in the file; None if it only points to another one."""
    content = _read(path)
    if not isinstance(target := content.get("_target_"), str):
        return None
    comments = _comments(path)
    parameters = {
        key: Parameter(name=key, value=value, comment=comments.get(key, ""))
        for key, value in content.items()
        if key not in NOT_PARAMETERS
    }
    return TaskInfo(
        name=name,
        family=name.partition("/")[0],
        path=path,
        target=target,
        about=content.get("about") or {},
        objective=content.get("objective"),
        parameters=parameters,
        **_presets(content.get("defaults") or []),
    )


def _presets(defaults: Sequence[Any]) -> dict[str, str | None]:
    """The model and data that a task's `override` lines choose."""
    chosen: dict[str, str | None] = {}
    for item in defaults:
        for key, value in item.items() if isinstance(item, dict) else ():
            group, _, package = key.removeprefix("override ").strip("/").partition("@")
            if group in ("model", "data") and package in (f"_global_.{group}", group):
                chosen[group] = value
    return chosen


def _read(path: Path) -> dict[str, Any]:
    stat = path.stat()
    return _parsed(path, stat.st_mtime_ns, stat.st_size)[0]


def _comments(path: Path) -> dict[str, str]:
    stat = path.stat()
    return _parsed(path, stat.st_mtime_ns, stat.st_size)[1]


@cache
def _parsed(path: Path, mtime_ns: int, size: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Content and comments of the file as it was at that time."""
    try:
        text = path.read_text(encoding="utf-8")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        content = yaml.load(text, Loader=loader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        first = str(error).strip().replace("\n", " ")
        raise ConfigError(f"{path} can't be read: {first}", hint="mend that file") from error
    if not isinstance(content, dict):
        return {}, {}
    return content, dict(_scan_comments(text))


def _scan_comments(text: str) -> Iterator[tuple[str, str]]:
    """(key, comment) of each top-level key; lines of comment alone, indented, go on with it."""
    key, parts = "", [""]
    for line in text.splitlines():
        code, comment = _split_comment(line)
        if code[:1].strip() and ":" in code:
            yield key, " ".join(parts).strip()
            key, parts = code.partition(":")[0].strip(), []
        if line[:1] != "#":
            parts.append(comment)
    yield key, " ".join(parts).strip()


def _split_comment(line: str) -> tuple[str, str]:
    """Code and comment of a line; a `#` opens one at the start or after a blank, outside quotes."""
    quote = ""
    for at, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and (at == 0 or line[at - 1] in " [{,:"):
            quote = character
        elif character == "#" and (at == 0 or line[at - 1] in " \t"):
            return line[:at].rstrip(), line[at + 1 :].strip()
    return line.rstrip(), ""
