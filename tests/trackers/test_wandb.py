"""An offline folder of Weights & Biases, read back by its own reader."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iterun.trackers.wandb import Wandb

pytest.importorskip("wandb")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SETTINGS = {"project": "iterun", "entity": None, "mode": "offline"}


def records(place: Path) -> list[Any]:
    """The records of the one run at the place, by wandb's own definition of them."""
    from wandb.proto import wandb_internal_pb2

    [path] = (place / "wandb").glob("offline-run-*-3f9a1c2b*/run-3f9a1c2b.wandb")
    return [wandb_internal_pb2.Record.FromString(data) for data in framed(path.read_bytes())]


def framed(data: bytes) -> Iterator[bytes]:
    """The contents of a leveldb log: blocks of 32 KiB, pieces with their length and kind."""
    at, whole = 7, b""  # after wandb's own head
    while at + 7 <= len(data):
        if (left := -at % 32768) < 7 and left:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


def items(found: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in found}


def history(place: Path) -> list[dict[str, Any]]:
    return [
        items(r.history.item) for r in records(place) if r.WhichOneof("record_type") == "history"
    ]


def test_curves_have_the_recorded_steps_and_times(
    run: Any, told: Callable[..., int], place: Path
) -> None:
    assert told(Wandb, **SETTINGS) == 5

    found = history(place)
    assert [(h["_step"], h["_timestamp"], h["fd@4"]) for h in found] == run.curve("fd@4")
    assert found[1]["label/phase"] == "warm"
    assert found[1]["cost/peak_mem_mb"] == 512.0


def test_settings_group_and_the_summary_are_there(
    run: Any, told: Callable[..., int], place: Path
) -> None:
    told(Wandb, **SETTINGS)

    [opened] = [r.run for r in records(place) if r.WhichOneof("record_type") == "run"][:1]
    assert (opened.run_id, opened.run_group) == ("3f9a1c2b", "20261124-1015-sweep")
    assert list(opened.tags) == ["first", "large"]
    assert opened.notes == "looks |good|"
    config = items(opened.config.update)
    assert config["rows"] == "[1,2]"
    assert config["iterun"]["parent"] == "0a0b0c0d@7"
    summary: dict[str, Any] = {}
    for record in records(place):
        summary |= items(record.summary.update)
    assert summary["result/ppl_dense"] == 20.25
    assert summary["iterun/state"] == "completed"


def test_a_run_that_goes_on_is_one_folder(run: Any, told: Callable[..., int], place: Path) -> None:
    told(Wandb, **SETTINGS)
    run.grow(23.0)
    told(Wandb, **SETTINGS)

    assert [h["_step"] for h in history(place)] == [0, 1, 2, 3, 4, 5]


def test_folders_of_other_runs_stay(run: Any, told: Callable[..., int], place: Path) -> None:
    others = [
        f"offline-run-20261124_101500-{name}" for name in ("abc-3f9a1c2b", "abc", "x-3f9a1c2b-1")
    ]
    for other in others:
        (place / "wandb" / other).mkdir(parents=True)

    told(Wandb, **SETTINGS)

    assert {path.name for path in (place / "wandb").iterdir()} >= set(others)
