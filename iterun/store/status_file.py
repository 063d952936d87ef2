"""status.json while a run goes: who runs it, how far it is, and that it is still alive."""

import contextlib
import threading
import time
from pathlib import Path

from iterun.errors import DiskError
from iterun.store import disk
from iterun.store.schema import RUNNING, Status, encode


class StatusFile:
    """Writes status.json by rename, from the run itself and from a heartbeat thread.

    Args:
        path: of status.json.
        status: what it says now.
    """

    def __init__(self, path: Path, status: Status) -> None:
        self.now = status
        self._path = path
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def set(
        self, state: str, *, reason: str | None, error: str | None, iteration: int | None
    ) -> None:
        """Say how the run stands; its end waits until that is on the disk."""
        with self._lock:
            self.now.state, self.now.reason, self.now.error = state, reason, error
            if iteration is not None:
                self.now.iteration = iteration
            self._write(durable=state != RUNNING)

    def start_heartbeat(self, every: float) -> None:
        """Write the status every `every` seconds for as long as it says `running`."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._beat, args=(every,), daemon=True)
            self._thread.start()

    def stop_heartbeat(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _beat(self, every: float) -> None:
        while not self._stop.wait(every):
            # A full disk or a server that is away must not end the thread; the loop will say so.
            with self._lock, contextlib.suppress(OSError, DiskError):
                if self.now.state == RUNNING:
                    self._write(durable=False)

    def _write(self, *, durable: bool) -> None:
        self.now.heartbeat = time.time()
        data = encode(self.now.to_json()) + b"\n"
        try:
            disk.write_beside(self._path, data, durable=durable)
        except DiskError:
            disk.write_over(self._path, data)
            disk.touch(self._path.parent)  # the index looks at the folder's time
