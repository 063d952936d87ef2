"""The handle a procedure sees."""

import json
import math

import numpy as np
import pytest
import torch
from core_procedures import Count, Everything, Oracle, Slow, attempt

from iterun.core.progress import InnerProgress
from iterun.errors import ConfigError, StoreError
from iterun.store.reader import RunView
from iterun.types import Placement


def with_run(tmp_path, act, **more):
    """What `act(run)` returns from inside the first iteration."""
    returned = []

    class Acting(Count):
        def step(self, i):
            returned.append(act(self.run))
            return super().step(i)

    outcome = attempt(Acting(to=1), tmp_path / "run", **more)
    if outcome.exception is not None:
        raise outcome.exception
    return returned[0]


def artifact(tmp_path, name):
    return tmp_path / "run" / "artifacts" / name


def test_device_and_dtype_are_those_of_the_backend(tmp_path):
    place = Placement(device="cpu", dtype="bfloat16", threads=1)

    device, dtype = with_run(tmp_path, lambda run: (run.device, run.dtype), place=place)

    assert (device, dtype) == (torch.device("cpu"), torch.bfloat16)


def test_a_model_is_built_once_for_each_role_and_form(tmp_path):
    built = []
    builders = {"model": lambda form: built.append(form) or form(), "judge": lambda: "j"}

    def act(run):
        assert run.model(Oracle) is run.model(Oracle)
        assert isinstance(run.model(dict), dict)
        return run.judge()

    assert with_run(tmp_path, act, builders=builders) == "j"
    assert built == [Oracle, dict]


def test_a_role_without_a_model_is_refused_by_its_name_on_the_command_line(tmp_path):
    with pytest.raises(ConfigError, match="asks for model@critic="):
        with_run(tmp_path, lambda run: run.model(Oracle, role="critic"))


def test_eval_data_is_data_where_no_other_is_named(tmp_path):
    same = with_run(tmp_path / "a", lambda run: run.data("eval_data") is run.data())
    other = {"data": lambda: [1], "eval_data": lambda: [2]}

    assert same
    assert with_run(tmp_path / "b", lambda run: run.data("eval_data"), builders=other) == [2]


def test_a_model_with_a_state_has_it_in_checkpoints(tmp_path):
    attempt(Everything(), tmp_path / "whole")
    attempt(Everything(), tmp_path / "run", stop={"iterations": 3})
    attempt(Everything(), tmp_path / "run")

    asked = [line.metrics["asked"] for line in RunView(tmp_path / "run").iterations()[1:]]
    assert asked == [1, 2, 3, 1, 2, 3, 1, 2]


def test_a_model_first_asked_for_after_a_resume_gets_its_state(tmp_path):
    class Late(Count):
        def step(self, i):
            return super().step(i) | {"asked": self.run.model(Oracle).answer(f"q{i}")}

    attempt(Late(to=5), tmp_path, stop={"iterations": 3})
    attempt(Late(to=5), tmp_path)

    assert RunView(tmp_path).summary.last["asked"] == 5


def test_generators_are_the_same_in_every_run_of_a_seed(tmp_path):
    def draw(run):
        kept, keyed = run.generator("noise"), run.generator("noise", 1)
        assert run.generator("noise") is kept
        assert run.generator("noise", 1) is not keyed
        return torch.rand(3, generator=kept).tolist(), run.numpy("noise").random()

    assert with_run(tmp_path / "a", draw) == with_run(tmp_path / "b", draw)


def test_progress_gives_the_items_and_tells_at_most_ten_times_a_second(tmp_path, clock):
    events = []

    def hook(i, j):
        clock.now += 0.04

    attempt(Slow(to=1, inner=10, hook=hook), tmp_path, listener=events.append, clock=clock)

    told = [event for event in events if isinstance(event, InnerProgress)]
    assert [event.done for event in told] == [0, 3, 6, 9, 10]
    assert {(event.label, event.total) for event in told} == {("train", 10)}


def test_progress_takes_what_has_no_length(tmp_path):
    assert with_run(tmp_path, lambda run: list(run.progress(iter("abc"), "read"))) == [
        "a",
        "b",
        "c",
    ]


def test_an_array_becomes_a_picture(tmp_path):
    from PIL import Image

    grey = np.array([[0.0, 0.5], [1.0, 2.0]])
    with_run(tmp_path, lambda run: run.save_image("grey.png", grey))

    with Image.open(artifact(tmp_path, "grey.png")) as image:
        assert np.asarray(image).tolist() == [[0, 128], [255, 255]]


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (4, 5, 4)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32, torch.float32, torch.uint8, bool])
def test_arrays_and_tensors_of_every_kind_are_pictures(tmp_path, shape, kind):
    from iterun.core.render import png

    of_torch = isinstance(kind, torch.dtype)
    array = torch.ones(shape, dtype=kind) if of_torch else np.ones(shape, dtype=kind)

    assert png(array).startswith(b"\x89PNG")


def test_a_figure_and_an_image_become_pictures(tmp_path):
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure()
    figure.subplots().plot([1, 2])
    with_run(tmp_path / "a", lambda run: run.save_image("curve.png", figure))
    with_run(tmp_path / "b", lambda run: run.save_image("x.png", Image.new("RGB", (2, 2))))

    assert artifact(tmp_path / "a", "curve.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_picture_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"shape \(4,\)"):
        with_run(tmp_path, lambda run: run.save_image("x.png", np.ones(4)))


def test_tables_are_csv_or_json_by_their_suffix(tmp_path):
    import pandas as pd

    rows = [{"name": "a,b", "x": 0.1}, {"name": "c", "y": math.nan, "x": math.inf}]

    def act(run):
        run.save_table("t.csv", rows)
        run.save_table("t.json", rows)
        run.save_table("frame.csv", pd.DataFrame({"n": [1, 2]}))

    with_run(tmp_path, act)

    assert artifact(tmp_path, "t.csv").read_text() == 'name,x,y\n"a,b",0.1,\nc,Infinity,NaN\n'
    assert json.loads(artifact(tmp_path, "t.json").read_text())[1]["y"] == "NaN"
    assert artifact(tmp_path, "frame.csv").read_text() == "n\n1\n2\n"


def test_tensors_are_saved_whatever_their_strides_and_sharing(tmp_path):
    from safetensors.torch import load_file

    base = torch.arange(6.0).reshape(2, 3)
    tensors = {"t": base.T, "a": base[0], "b": base, "n": np.arange(3), "h": base.bfloat16()}

    with_run(tmp_path, lambda run: run.save_tensors("t.safetensors", tensors))

    back = load_file(artifact(tmp_path, "t.safetensors"))
    assert torch.equal(back["t"], base.T)
    assert torch.equal(back["a"], base[0])
    assert back["n"].tolist() == [0, 1, 2]


def test_an_artifact_of_an_iteration_lies_in_its_folder_and_in_its_line(tmp_path):
    def act(run):
        return [
            run.save_text("note.txt", "ü", at=run.i).path,
            run.save_json("s-{i}.json", {"x": math.inf}, at=run.i).path,
            run.save_text("whole.txt", "x").path,
        ]

    paths = with_run(tmp_path, act)

    assert paths == ["artifacts/0001/note.txt", "artifacts/s-1.json", "artifacts/whole.txt"]
    assert RunView(tmp_path / "run").iterations()[1].files == paths[:2]
    assert json.loads(artifact(tmp_path, "s-1.json").read_text()) == {"x": "Infinity"}


def test_rows_carry_their_iteration(tmp_path):
    with_run(tmp_path, lambda run: run.append("talk.jsonl", [{"said": "a"}, {"said": "b"}]))

    rows = artifact(tmp_path, "talk.jsonl").read_text().splitlines()
    assert [json.loads(row) for row in rows] == [{"i": 1, "said": "a"}, {"i": 1, "said": "b"}]


def test_a_folder_appears_when_it_is_whole(tmp_path):
    def act(run):
        with run.folder("model") as folder:
            (folder / "config.json").write_text("{}")
            assert not artifact(tmp_path, "model").exists()

    with_run(tmp_path, act)

    assert artifact(tmp_path, "model/config.json").read_text() == "{}"


def test_a_ref_is_read_back_with_its_content_checked(tmp_path):
    def act(run):
        ref = run.save_text("a.txt", "first")
        assert run.load(ref).read_text() == "first"
        artifact(tmp_path, "a.txt").write_text("changed")
        return run.load(ref)

    with pytest.raises(StoreError, match="not what this run wrote"):
        with_run(tmp_path, act)


def test_no_artifact_leads_out_of_the_run(tmp_path):
    with pytest.raises(StoreError, match="artifact name"):
        with_run(tmp_path, lambda run: run.save_text("../../escape.txt", "x"))
    assert not (tmp_path / "escape.txt").exists()


def test_a_cost_that_is_no_number_is_a_bug(tmp_path):
    with pytest.raises(TypeError, match="'speed' is str"):
        with_run(tmp_path, lambda run: run.cost(speed="fast"))


@pytest.mark.parametrize(
    "act",
    [
        lambda run: run.append("rows.jsonl", [{"a": 1}]),
        lambda run: run.save_text("a.txt", "x", at=0),
    ],
)
def test_start_writes_nothing_of_an_iteration(tmp_path, act):
    class Early(Count):
        def start(self, run):
            act(run)

    outcome = attempt(Early(), tmp_path)

    assert outcome.state == "failed"
    assert "in `start`: do it in `baseline` or `step`" in outcome.error


def test_a_data_set_that_no_one_named_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="asks for data@calibration="):
        with_run(tmp_path, lambda run: run.data("calibration"))
