"""A kept model that is damaged."""

from __future__ import annotations

from lcm_runs import DIGITS, SMALL, USUAL, run
from task_runs import done

from iterun.core.progress import Remark


def test_a_damaged_model_is_told_to_the_user_and_trained_again(tmp_path, monkeypatch):
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))
    line, told = [*DIGITS, *SMALL, "task.rounds=1"], []
    run(tmp_path / "first", *line)
    (file,) = (tmp_path / "cache/models").glob("digits-denoiser-*/model.safetensors")
    file.write_bytes(b"torn")

    done(tmp_path / "second", [*USUAL, *line], told.append)

    remarks = [event.text for event in told if isinstance(event, Remark)]
    (remark,) = [text for text in remarks if "cannot be read and is trained again" in text]
    assert remark in (tmp_path / "second/log.txt").read_text()
