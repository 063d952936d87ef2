"""A chat model that reads its replies from a file: for tests, demonstrations, and recorded runs.

A line of the file is a JSON object:

    {"reply": "0: red", "match": "colou?r", "agent": "solver", "times": 2}

`reply` is the text. The others are optional: `match` is a regular expression looked for in the last
message; `agent` must be the request's; `times` says how often the row may answer (1; null: always).
Each sample takes the first row that fits and is not used up, so that rows without conditions answer
in order.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from iterun.data.cache import file_digest
from iterun.errors import ConfigError
from iterun.models.chat.checks import check_requests
from iterun.models.chat.counting import Counted, all_stopped, beginning_with, count
from iterun.models.forms import wrong_form
from iterun.types import ChatModel, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.types import Placement, Request

_KEYS = {"reply", "match", "agent", "times"}
_SHOWN = 200  # characters of a prompt that a message shows


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the file."""

    reply: str
    match: re.Pattern[str] | None = None
    agent: str | None = None
    times: int | None = 1  #: None: any number of times

    def fits(self, request: Request) -> bool:
        if self.agent is not None and str(request.tag.get("agent")) != self.agent:
            return False
        last = request.messages[-1].content if request.messages else ""
        return self.match is None or self.match.search(last) is not None


def load(
    form: type,
    place: Placement,
    *,
    name: str,
    path: str | None,
    kinds: Sequence[str] | None = None,
) -> ScriptedChat:
    """The chat model of `conf/model/scripted.yaml`.

    Args:
        form: `types.ChatModel`.
        place: not used.
        name: as typed after `model=`.
        path: the file.
        kinds: judged before this is called.

    Raises:
        ConfigError: there is no such file, or a line of it can't be used.
    """
    if form is not ChatModel:
        raise wrong_form(name, "a script of replies", form, kinds or ["chat"])
    return ScriptedChat(name, rows(_file(path)))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """The SHA-256 of the file.

    Raises:
        ConfigError: there is no such file.
    """
    return "script:" + file_digest(_file(settings.get("path")))


def rows(path: Path) -> list[Row]:
    """The file's rows.

    Raises:
        ConfigError: a line can't be used, or there are none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"model.path={path} can't be read: {error}", hint="name a text file in UTF-8"
        ) from error
    found = [_row(line, f"model.path={path}, line {k}") for k, line in enumerate(lines, 1) if line]
    if not found:
        raise ConfigError(f"model.path={path} holds no replies", hint=_AS_IN)
    return found


class ScriptedChat(Counted):
    """The model (types.ChatModel); it counts no tokens, since it has none.

    Args:
        name: as typed after `model=`.
        rows: in the file's order.
    """

    kind: Literal["llm", "scripted", "program"] = "scripted"

    def __init__(self, name: str, rows: Sequence[Row]) -> None:
        super().__init__()
        self.name = name
        self._rows = list(rows)
        self._used = [0] * len(rows)

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """A reply to each, in order; rows are used up in that order.

        Raises:
            ConfigError: no row is left that fits.
        """
        check_requests(requests, seeded=False)
        replies = []
        for request in requests:
            texts = tuple(
                beginning_with(request.prefix, self._next(request)) for _ in range(request.n)
            )
            replies.append(Reply(texts=texts, finish=all_stopped(request.n)))
            count(self._usage, replies[-1])
        return replies

    def score(self, request: Request, continuations: Sequence[str]) -> list[float]:
        """Not to be had.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"model={self.name} is a script, which has no probabilities",
            hint="use a language model on this machine: model=smollm2-135m",
        )

    def state(self) -> dict[str, Any]:
        return {"usage": super().state(), "used": list(self._used)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where the state was taken.

        Raises:
            ConfigError: it was taken with another file.
        """
        if len(state["used"]) != len(self._rows):
            raise ConfigError(
                f"model.path: the state is of a file of {len(state['used'])} replies, "
                f"not of {len(self._rows)}",
                hint="put the old file back, or begin a new run",
            )
        super().restore(state["usage"])
        self._used = list(state["used"])

    def close(self) -> None:
        """Nothing is open."""

    def _next(self, request: Request) -> str:
        for k, row in enumerate(self._rows):
            if (row.times is None or self._used[k] < row.times) and row.fits(request):
                self._used[k] += 1
                return row.reply
        last = request.messages[-1].content if request.messages else ""
        shown = last if len(last) <= _SHOWN else last[:_SHOWN] + " ..."
        told = f" of agent {agent}" if (agent := request.tag.get("agent")) else ""
        raise ConfigError(
            f"model={self.name} has no reply left for this prompt{told}: {shown}",
            hint="add a row to the file of model.path, or let one answer more often: "
            '"times": null answers always',
        )


_AS_IN = 'a line is as {"reply": "yes"} or {"match": "color", "reply": "red", "times": null}'


def _file(path: object) -> Path:
    if not path:
        raise ConfigError(
            "model=scripted does not say where its replies are: model.path is empty",
            hint="model.path=replies.jsonl",
        )
    file = Path(str(path)).expanduser()
    if not file.is_file():
        raise ConfigError(f"model.path={path}: there is no such file", hint="check the path")
    return file


def _row(line: str, where: str) -> Row:
    try:
        given = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{where} is no JSON: {error}", hint=_AS_IN) from error
    if not isinstance(given, dict) or not isinstance(given.get("reply"), str):
        raise ConfigError(f"{where} has no text as its reply", hint=_AS_IN)
    if others := sorted(set(given) - _KEYS):
        raise ConfigError(f"{where} has the unknown key {others[0]!r}", hint=_AS_IN)
    times, pattern, agent = given.get("times", 1), given.get("match"), given.get("agent")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ConfigError(f"{where}: times={times} is no count from 1", hint=_AS_IN)
    if any(it is not None and not isinstance(it, str) for it in (pattern, agent)):
        raise ConfigError(f"{where}: match and agent are texts", hint=_AS_IN)
    try:
        compiled = None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"{where}: match={pattern!r} is no regular expression: {error}", hint=_AS_IN
        ) from error
    return Row(reply=given["reply"], match=compiled, agent=agent, times=times)
