"""Threads that wait for a server: which of their errors is told."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from fault_server import PATIENCE

from iterun.models.chat import pool
from iterun.models.chat.retry import AbandonedError


class Thorough(threading.Event):
    """Comes back from `set` when the threads that were waiting for it have ended."""

    def set(self) -> None:
        super().set()
        for thread in threading.enumerate():
            if thread.name == "iterun-chat" and thread is not threading.current_thread():
                thread.join(PATIENCE)


def test_the_error_that_ends_the_others_is_the_one_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = threading.Barrier(2)
    monkeypatch.setattr(pool, "threading", SimpleNamespace(Event=Thorough, Thread=threading.Thread))

    def work(item: int, stop: threading.Event) -> None:
        both.wait(PATIENCE)
        if item == 0:
            raise ValueError("the reason")
        stop.wait(PATIENCE)
        raise AbandonedError

    with pytest.raises(ValueError, match="the reason"):
        list(pool.as_completed(work, [0, 1], limit=2, while_waiting=lambda: None))
