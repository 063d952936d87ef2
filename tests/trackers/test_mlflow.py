"""An MLflow database, read back by MLflow's own client."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.store import marks
from iterun.trackers.mlflow import Mlflow

mlflow = pytest.importorskip("mlflow", exc_type=ImportError)
pytestmark = [
    pytest.mark.slow,
    # of MLflow itself, and of what it is built on
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # it leaves sqlite connections open
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database: MLflow takes seconds to make one."""
    folder = tmp_path_factory.mktemp("mlflow")
    mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def client(database: Path, place: Path) -> Any:
    """Of the database at the place."""
    place.mkdir()
    (place / "mlflow.db").write_bytes(database.read_bytes())
    return mlflow.MlflowClient(f"sqlite:///{place}/mlflow.db")


def runs(client: Any) -> list[Any]:
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(ids))


def test_curves_have_the_recorded_steps_and_times(
    run: Any, told: Callable[..., int], client: Any
) -> None:
    assert told(Mlflow, experiment=None) == 5

    [found] = runs(client)
    history = client.get_metric_history(found.info.run_id, "fd_at_4")
    wanted = [(i, int(when * 1000), value) for i, when, value in run.curve("fd@4")]
    assert sorted((m.step, m.timestamp, m.value) for m in history) == wanted
    ppl = {m.step: m.value for m in client.get_metric_history(found.info.run_id, "ppl")}
    assert math.isnan(ppl[2])
    assert ppl[3] > 1e300  # MLflow's infinity
    assert found.data.metrics["cost/peak_mem_mb"] == 512.0
    assert found.data.metrics["result/ppl_dense"] == 20.25


def test_settings_tags_and_the_state_are_there(
    run: Any, told: Callable[..., int], client: Any
) -> None:
    told(Mlflow, experiment=None)

    [found] = runs(client)
    assert found.data.params | {"sparsity": "0.5", "rows": "[1,2]"} == found.data.params
    tags = found.data.tags
    assert tags["iterun.parent"] == "0a0b0c0d@7"
    assert tags["iterun.sweep"] == "20261124-1015-sweep"
    assert tags["iterun.tags"] == "first, large"
    assert tags["iterun.label.phase"] == "prune"
    assert tags["iterun.name.fd_at_4"] == "fd@4"
    assert tags["mlflow.note.content"] == "looks |good|"
    assert found.info.run_name == run.directory.name
    assert (found.info.status, tags["iterun.state"]) == ("FINISHED", "completed")
    assert client.get_experiment(found.info.experiment_id).name == "prune/perp"


def test_a_run_that_goes_on_stays_one_run(run: Any, told: Callable[..., int], client: Any) -> None:
    assert told(Mlflow, experiment=None) == 5
    assert told(Mlflow, experiment=None) == 0
    run.grow(23.0, 22.0, state="failed")
    assert told(Mlflow, experiment=None) == 2

    [found] = runs(client)
    history = client.get_metric_history(found.info.run_id, "tokens")
    assert sorted(m.step for m in history) == [0, 1, 2, 3, 4, 5, 6]
    assert found.info.status == "FAILED"


def test_a_note_that_was_taken_away_is_empty(
    run: Any, told: Callable[..., int], client: Any
) -> None:
    told(Mlflow, experiment=None)
    marks.set_note(run.directory, "")
    told(Mlflow, experiment=None)

    [found] = runs(client)
    assert found.data.tags["iterun.note"] == found.data.tags["mlflow.note.content"] == ""


def test_a_picture_is_an_artifact(
    run: Any, told: Callable[..., int], client: Any, tmp_path: Path
) -> None:
    told(Mlflow, experiment="pictures")

    [found] = runs(client)
    [folder] = client.list_artifacts(found.info.run_id)
    [picture] = client.list_artifacts(found.info.run_id, folder.path)
    assert picture.path == "0002/mask.png"
    assert picture.file_size == (run.directory / "artifacts/0002/mask.png").stat().st_size


def test_more_than_a_thousand_numbers_are_written(
    run: Any, told: Callable[..., int], client: Any
) -> None:
    run.grow(*(float(i) for i in range(600)))

    assert told(Mlflow, experiment=None) == 605
    [found] = runs(client)
    assert len(client.get_metric_history(found.info.run_id, "ppl")) == 605


def test_a_password_is_not_taken_into_a_record() -> None:
    tracker = Mlflow(place="https://me:secret@host", wait=1.0, experiment=None)

    [fault] = tracker.check()
    assert "MLFLOW_TRACKING_PASSWORD" in fault.hint
    assert "secret" not in fault.message


def test_an_address_that_is_none_is_said() -> None:
    [fault] = Mlflow(place="http://[x", wait=1.0, experiment=None).check()

    assert "is no address" in fault.message
