"""`iterun report`: runs as one HTML page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.cli import picked
from iterun.cli.console import Span, err, out
from iterun.cli.figures import count, size
from iterun.errors import ConfigError, DiskError
from iterun.store import disk, paths
from iterun.store.index import Index

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUFFIXES = (".html", ".htm")


def write(
    words: Sequence[str],
    *,
    outputs: str | None,
    out: str,
    title: str | None,
    whole: int,
    megabytes: int,
    is_opened: bool,
) -> None:
    """Write the page of the runs that `words` mean, and say where.

    Args:
        words: as `picked.runs` takes them.
        outputs: the folder with the runs; None: where they are by default.
        out: the file.
        title: of the page; None: from the systems.
        whole: runs that are shown whole.
        megabytes: how large the page may get, roughly.
        is_opened: open it in the browser.

    Raises:
        ConfigError: no run is named or fits, or the file can't be that of a page, or be written.
        StoreError: a name is no run's, or several runs'.
    """
    path = Path(os.path.expanduser(out))
    _check(words, path, whole, megabytes)
    folder = paths.outputs_root(outputs)
    with Index(folder) as index:
        rows = picked.whole(picked.runs(index, words), "report")
    from iterun.analysis.report import gather, page

    report = gather.read(
        rows, asked=words, outputs=folder, title=title, whole=whole,
        megabytes=megabytes,
    )  # fmt: skip
    data = page.render(report)
    _save(path, data)
    _tell(path, len(data), report.total, report.remarks)
    if is_opened:
        _open(path)


def _check(words: Sequence[str], path: Path, whole: int, megabytes: int) -> None:
    if not words:
        raise ConfigError(
            "no run is named", hint="as in `iterun report @-1` or `iterun report task=prune`"
        )
    if whole < 0:
        raise ConfigError(f"--whole {whole} is no number of runs", hint="as in --whole 10")
    if not 1 <= megabytes <= 2000:
        raise ConfigError(f"--megabytes {megabytes} is no size of a page", hint="from 1 to 2000")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder", hint=f"--out {path / 'report.html'}")
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(
            f"--out {path}: a report is HTML", hint=f"--out {path.with_suffix('.html')}"
        )
    if not path.parent.is_dir():
        raise ConfigError(
            f"there is no folder {path.parent} for the report", hint=f"mkdir -p {path.parent}"
        )


def _save(path: Path, data: bytes) -> None:
    try:
        disk.write_beside(path, data, durable=False)
    except (OSError, DiskError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        why = getattr(cause, "strerror", None) or str(error)
        raise ConfigError(
            f"--out {path} can't be written: {why.lower()}",
            hint="name a file in a folder that you may write in",
        ) from error


def _tell(path: Path, n_bytes: int, n_runs: int, remarks: Sequence[str]) -> None:
    out().line(str(path))
    err().line(Span(f"{count(n_runs, 'run')}, {size(n_bytes)}", "dim"))
    for remark in remarks:
        err().line(Span("left out: ", "warn"), remark)


def _open(path: Path) -> None:
    import webbrowser

    if not webbrowser.open(Path(os.path.abspath(path)).as_uri()):
        raise ConfigError("no browser was found", hint=f"open {path} in one yourself")
