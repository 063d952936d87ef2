"""Event files, read back by TensorBoard itself."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.trackers.follow import Follower
from iterun.trackers.tensorboard import Tensorboard

pytest.importorskip("tensorboard")

FOLDER = "prune/perp/20261124-1015-sweep/20261124-101500-opt-mini-3f9a1c2b"


def read(place: Path) -> Any:
    """TensorBoard's own reader of one run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(place / FOLDER), size_guidance={"scalars": 0, "images": 0})
    return found.Reload()


def text(found: Any, tag: str) -> list[str]:
    return [bytes(event.tensor_proto.string_val[0]).decode() for event in found.Tensors(tag)]


def test_curves_have_the_recorded_steps_and_times(
    run: Any, told: Callable[..., int], place: Path
) -> None:
    assert told(Tensorboard) == 5

    found = [(e.step, e.wall_time, e.value) for e in read(place).Scalars("ppl")]
    assert found[0] == run.curve("ppl")[0]
    assert [event[:2] for event in found] == [(i, when) for i, when, _ in run.curve("ppl")]
    assert math.isnan(found[2][2])
    assert math.isinf(found[3][2])


def test_costs_results_labels_and_remarks_are_there(told: Callable[..., int], place: Path) -> None:
    told(Tensorboard)

    found = read(place)
    assert found.Scalars("cost/peak_mem_mb")[0].value == 512.0
    assert found.Scalars("fd@4")[4].value == 0.5
    assert [(e.step, e.value) for e in found.Scalars("result/ppl_dense")] == [(4, 20.25)]
    assert text(found, "label/phase") == ["warm", "prune"]
    assert "0a0b0c0d@7" in text(found, "iterun/run")[0]
    assert r"looks \|good\|" in text(found, "iterun/run")[0]
    assert "completed" in text(found, "iterun/end")[0]


def test_a_picture_comes_out_as_it_went_in(run: Any, told: Callable[..., int], place: Path) -> None:
    told(Tensorboard)

    [picture] = read(place).Images("mask.png")
    assert (picture.step, picture.width, picture.height) == (2, 3, 2)
    original = run.directory / "artifacts" / "0002" / "mask.png"
    assert picture.encoded_image_string == original.read_bytes()


def test_telling_twice_doubles_nothing(run: Any, told: Callable[..., int], place: Path) -> None:
    told(Tensorboard)
    run.grow(23.0)
    told(Tensorboard)

    assert [e.step for e in read(place).Scalars("tokens")] == [0, 1, 2, 3, 4, 5]
    assert len(list((place / FOLDER).iterdir())) == 1


def test_what_is_told_is_on_the_disk_at_once(run: Any, place: Path) -> None:
    follower = Follower(Tensorboard(place=str(place), wait=1.0), run.directory)
    follower.catch_up()

    assert len(read(place).Scalars("tokens")) == 5  # the file is not closed
    follower.finish()


@pytest.mark.filterwarnings("ignore:html5lib's sanitizer is deprecated")  # html5lib-python #443
def test_the_hparams_tab_groups_seeds_and_shows_values(
    run: Any, told: Callable[..., int], place: Path
) -> None:
    told(Tensorboard)

    [group] = session_groups(place)
    assert group["hparams"] | {"sparsity": 0.5, "warm": True, "rows": "[1,2]"} == group["hparams"]
    assert "seed" not in group["hparams"]
    values = {value["name"]["tag"]: value["value"] for value in group["metricValues"]}
    assert values["result/best"] == 24.25
    [session] = group["sessions"]
    assert session["status"] == "STATUS_SUCCESS"


def test_events_of_another_run_stay(run: Any, told: Callable[..., int], place: Path) -> None:
    told(Tensorboard)
    [own] = place.glob("prune/perp/**/events.*")
    other = own.with_name(own.name.replace("3f9a1c2b", "0a0b0c0d"))
    own.rename(other)

    told(Tensorboard)

    assert other.exists()
    assert own.exists()


def session_groups(place: Path) -> Any:
    """What the HPARAMS tab shows, by the requests that it makes."""
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin
    from werkzeug.test import Client

    events = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(place)).Reload()
    provider = data_provider.MultiplexerDataProvider(events, str(place))
    plugin = HParamsPlugin(base_plugin.TBContext(data_provider=provider, logdir=str(place)))
    apps = plugin.get_plugin_apps()
    experiment = Client(apps["/experiment"]).post("/", json={}).json
    asked = {
        "startIndex": 0, "sliceSize": 10, "allowedStatuses": ["STATUS_SUCCESS"],
        "colParams": [{"metric": info["name"]} for info in experiment["metricInfos"]],
    }  # fmt: skip
    return Client(apps["/session_groups"]).post("/", json=asked).json["sessionGroups"]


def test_neither_torch_nor_tensorflow_is_imported(told: Callable[..., int]) -> None:
    before = set(sys.modules)

    told(Tensorboard)

    assert not {"torch", "tensorflow"} & (set(sys.modules) - before)
