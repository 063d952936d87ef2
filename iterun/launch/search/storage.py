"""Where a study is kept: a journal file in the sweep's folder, or what the user names."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, UnavailableError
from iterun.launch.search.samplers import optuna, pruner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna import Study, Trial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

JOURNAL = "study.journal"  #: in the sweep's folder
_SQLITE = "sqlite:///"


def url_of(named: str | None, folder: Path) -> str:
    """What a process that runs a job needs to find the storage: a URL, or a journal's full path.

    Args:
        named: `hydra.sweeper.storage`.
        folder: the sweep's.
    """
    if named is None:
        return str((folder / JOURNAL).absolute())
    if "://" in named:
        return named
    return str(Path(named).expanduser().absolute())


def open_storage(url: str) -> BaseStorage:
    """The storage of a URL or a journal's path; its folder is made.

    Raises:
        ConfigError: it can't be opened.
        UnavailableError: a package is missing.
    """
    storages = optuna().storages
    if "://" in url:
        return _database(url)
    path = Path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(url)
        _mend(path, lock)
        backend = storages.journal.JournalFileBackend(url, lock_obj=lock)
        return storages.JournalStorage(backend)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"hydra.sweeper.storage={url} is no journal that can be read: {error}",
            hint="name another file, or sqlite:///FILE.db",
        ) from error


@lru_cache(maxsize=4)
def load(url: str, name: str, pruning: tuple[tuple[str, Any], ...]) -> Study:
    """A study as a job sees it: to report to, and to ask whether to go on.

    Args:
        url: of `url_of`.
        name: the study's.
        pruning: the settings of the pruner.
    """
    return optuna().load_study(
        study_name=name, storage=open_storage(url), pruner=pruner(dict(pruning))
    )


def trial(study: Study, number: int) -> Trial:
    """A trial by its number, to be reported to or told something."""
    store = study._storage
    study_id = store.get_study_id_from_name(study.study_name)
    trial_id = store.get_trial_id_from_study_id_trial_number(study_id, number)
    return optuna().trial.Trial(study, trial_id)


def frozen(trial: Trial) -> FrozenTrial:
    """A trial as it stands in the storage now."""
    found: FrozenTrial = trial.storage.get_trial(trial._trial_id)
    return found


def as_items(settings: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Settings in a form that hashes and travels to other processes."""
    return tuple(sorted(settings.items()))


def _database(url: str) -> BaseStorage:
    import sqlalchemy.exc

    if url.startswith(_SQLITE):
        Path(url.removeprefix(_SQLITE)).absolute().parent.mkdir(parents=True, exist_ok=True)
    try:
        return optuna().storages.RDBStorage(url)
    except ImportError as error:
        raise UnavailableError(
            f"hydra.sweeper.storage={_told(url)} needs a package that isn't here: {error}",
            hint="install it, or leave hydra.sweeper.storage away: a journal file needs none",
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, OSError, RuntimeError) as error:
        raise ConfigError(
            f"hydra.sweeper.storage={_told(url)} can't be opened: " + str(error).partition("\n")[0],
            hint="as in sqlite:///study.db; or a file's name for a journal",
        ) from error


def _told(url: str) -> str:
    """A URL without its user and password."""
    return re.sub(r"//.*@", "//…@", url)


def _mend(path: Path, lock: Any) -> None:
    """Cut off a torn last line, which would make the journal unreadable for good."""
    with contextlib.ExitStack() as stack:
        if lock is not None and path.exists():
            lock.acquire()
            stack.callback(lock.release)
        try:
            file = stack.enter_context(open(path, "r+b"))
        except FileNotFoundError:
            return
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - (1 << 20)))
        tail = file.read()
        if tail and not tail.endswith(b"\n"):
            file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)


class _Flock:
    """A lock that dies with its process; optuna's own stays for 30 s after a kill -9."""

    def __init__(self, url: str) -> None:
        self._path = f"{url}.lock"
        self._fd = -1

    def acquire(self) -> bool:
        import fcntl

        self._fd = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o666)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        os.close(self._fd)


def _lock(url: str) -> Any:
    """The lock of a journal; None: optuna's, where there is no flock."""
    return _Flock(url) if sys.platform != "win32" else None
