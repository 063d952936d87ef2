"""A project of Trackio, read back by its own storage. Its folder is fixed when it is imported."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trackio", exc_type=ImportError)
pytestmark = pytest.mark.slow

TELL = """
import sys
from pathlib import Path
from iterun.trackers.follow import tell
from iterun.trackers.trackio import Trackio
print(tell(Trackio(place=sys.argv[1], wait=1.0, project="iterun"), Path(sys.argv[2])))
"""
READ = """
import json
from trackio.sqlite_storage import SQLiteStorage
[run] = SQLiteStorage.get_run_records("iterun")
logs = SQLiteStorage.get_logs("iterun", run["name"], run_id=run["id"])
config = SQLiteStorage.get_run_config("iterun", run["name"], run_id=run["id"])
print(json.dumps({"run": run, "logs": logs, "config": config}, default=str))
"""


def process(place: Path, code: str, *words: str) -> str:
    """What the code prints, with trackio's folder at the place."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *words],
        env={"TRACKIO_DIR": str(place), "PYTHONPATH": ":".join(sys.path), "HOME": str(place)},
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()[-1]  # fmt: skip


def read(place: Path) -> Any:
    return json.loads(process(place, READ))


def test_curves_settings_and_the_state_come_back(run: Any, place: Path) -> None:
    assert process(place, TELL, str(place), str(run.directory)) == "5"

    found = read(place)
    assert found["run"]["id"] == "3f9a1c2b"
    assert found["run"]["name"] == run.directory.name
    curve = [(log["step"], log["fd@4"]) for log in found["logs"] if "fd@4" in log]
    assert curve == [(i, value) for i, _, value in run.curve("fd@4")]
    assert {log.get("cost/peak_mem_mb") for log in found["logs"]} == {512.0, None}
    assert [log["step"] for log in found["logs"] if "result/ppl_dense" in log] == [4]
    assert found["config"]["rows"] == "[1,2]"
    assert found["config"]["iterun"]["parent"] == "0a0b0c0d@7"
    assert found["config"]["iterun"]["state"] == "completed"


def test_the_recorded_times_are_kept(run: Any, place: Path) -> None:
    from datetime import datetime

    process(place, TELL, str(place), str(run.directory))

    logs = [log for log in read(place)["logs"] if "ppl" in log]
    stamps = [datetime.fromisoformat(log["timestamp"]).timestamp() for log in logs]
    assert stamps == [when for _, when, _ in run.curve("ppl")]


def test_telling_twice_doubles_nothing(run: Any, place: Path) -> None:
    process(place, TELL, str(place), str(run.directory))
    run.grow(23.0)
    process(place, TELL, str(place), str(run.directory))

    assert [log["step"] for log in read(place)["logs"] if "ppl" in log] == [0, 1, 2, 3, 4, 5]
