"""Several processes at the same runs: two write, one reads, one deletes."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from iterun.store import trash
from iterun.store.index import Index
from iterun.store.rows import row_of

SECONDS = 4


@pytest.mark.slow
def test_two_write_one_reads_one_deletes(
    outputs: Path, child: Callable[..., subprocess.Popen[str]]
) -> None:
    outputs.mkdir()
    processes = [
        *(child("write_runs", outputs, name, SECONDS) for name in "ab"),
        child("read_rows", outputs, SECONDS),
        child("remove_runs", outputs, SECONDS),
    ]

    counts = [process.communicate(timeout=120)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert all(int(count) > 10 for count in counts), counts
    with Index(outputs) as index:
        rows = {row.id: row.to_json() for row in index.rows()}
    found = [path.parent for path in (outputs / "prune" / "perp").glob("*/run.json")]
    fresh = {row.id: row.to_json() | {"path": str(path)} for path in found if (row := row_of(path))}
    assert rows == fresh
    assert len({*rows} & {removed.record.id for removed in trash.listed(outputs)}) == 0
