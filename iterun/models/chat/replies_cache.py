"""Replies of servers that were paid for once: a table in `$ITERUN_CACHE/llm`.

A row's key is the SHA-256 of all that decides the reply, and of how often this run has asked the
same before, so that the k-th of several equal requests gets the k-th reply and not the first one k
times. The messages themselves are not kept. SQLite keeps two processes apart; whatever is wrong
with the file costs a warning and the replies in it, never the run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from typing import TYPE_CHECKING, Any, Literal

from iterun.types import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from iterun.types import Request

log = logging.getLogger(__name__)
FILE = "replies.sqlite"
BUSY = 30.0  # seconds that another process may hold the file
_KEPT = ("texts", "finish", "prompt_tokens", "completion_tokens", "constrained")


def described(request: Request, **model: str) -> dict[str, Any]:
    """All of a request that decides its reply, as JSON has it.

    Args:
        request: asked.
        **model: what tells the model from others.
    """
    return {
        **model,
        "messages": [[message.role, message.content] for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop,
        "seed": request.seed,
        "n": request.n,
        "choices": request.choices,
        "json_schema": request.json_schema,
        "prefix": request.prefix,
    }


class Askings:
    """How often each request was made in this run: the sample index of the next one."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def key(self, description: Mapping[str, Any]) -> str:
        """The cache's key for one more of these requests; 64 hex digits."""
        short = _digest(description)[:16]  # of a run's requests, no two share 64 bits
        index = self._counts.get(short, 0)
        self._counts[short] = index + 1
        return _digest({**description, "sample": index})

    def state(self) -> dict[str, int]:
        return dict(self._counts)

    def restore(self, state: Mapping[str, int]) -> None:
        self._counts = dict(state)


class RepliesCache:
    """The table.

    Args:
        folder: made if it is not there.
        mode: "off": no file is opened.
    """

    def __init__(self, folder: Path, mode: Literal["readwrite", "read", "off"]) -> None:
        self._path = folder / FILE
        self._reads, self._writes = mode != "off", mode == "readwrite"
        self._open: sqlite3.Connection | None = None

    def get(self, key: str) -> Reply | None:
        """The reply kept under the key."""
        if not self._reads:
            return None
        row = self._tried(lambda table: table.execute(_SELECT, (key,)).fetchone())
        if row is None:
            return None
        try:
            return _reply(row[0])
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("a reply in %s can't be read; it is asked for again", self._path)
            if self._writes:
                self._tried(
                    lambda table: table.execute("DELETE FROM replies WHERE key = ?", (key,))
                )
            return None

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply; what another process has kept meanwhile stands."""
        if self._writes and not reply.error:
            text = json.dumps({name: getattr(reply, name) for name in _KEPT})
            self._tried(lambda table: table.execute(_INSERT, (key, text)))

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _tried(self, act: Callable[[sqlite3.Connection], Any]) -> Any:
        try:
            return act(self._table())
        except (sqlite3.Error, OSError) as error:
            self._reads = self._writes = False
            log.warning(
                "the cache of replies %s can't be used: %s; all requests are sent. "
                "Delete that file, or say model.cache=off",
                self._path, error,
            )  # fmt: skip
            return None

    def _table(self) -> sqlite3.Connection:
        if self._open is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._open = sqlite3.connect(
                self._path, timeout=BUSY, isolation_level=None, check_same_thread=False
            )
            self._open.execute(
                "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT)"
            )
        return self._open


_SELECT = "SELECT reply FROM replies WHERE key = ?"
_INSERT = "INSERT OR IGNORE INTO replies VALUES (?, ?)"


def _reply(text: str) -> Reply:
    """A reply as it was written.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is damaged.
    """
    row = json.loads(text)
    texts, finish = tuple(row["texts"]), tuple(row["finish"])
    if not texts or len(texts) != len(finish) or not all(isinstance(it, str) for it in texts):
        raise ValueError("texts without ends")
    return Reply(
        texts=texts,
        finish=finish,
        prompt_tokens=int(row["prompt_tokens"]),
        completion_tokens=int(row["completion_tokens"]),
        constrained=bool(row["constrained"]),
        cached=True,
    )


def _digest(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode()).hexdigest()
