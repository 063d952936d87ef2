"""What a line has wrong: named as typed, with the nearest names, all of it together."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from iterun.config.compose import compose
from iterun.errors import ConfigError, ConfigErrors


def faults(*overrides: str) -> Sequence[ConfigError]:
    with pytest.raises(ConfigError) as caught:
        compose(overrides)
    assert caught.value.exit_status == 2
    return caught.value.errors if isinstance(caught.value, ConfigErrors) else [caught.value]


@pytest.mark.parametrize(
    ("word", "said", "hint"),
    [
        ("task=prune/perpp", "task=prune/perpp: there is no such system", "task=prune/perp or"),
        ("task=perp", "task=perp: there is no such system", "did you mean task=prune/perp"),
        ("task=", "task= names no system", "task=learn/curve"),
        ("task=zzz", "task=zzz: there is no such system", "there are task=learn,"),
        ("task.sparsty=0.6", "task.sparsty=0.6: prune/perp has no setting", "task.sparsity?"),
        ("model=opt-min", "model=opt-min: there is no such model", "model=opt-mini or"),
        ("model=opt-min", "model=opt-min", "model=OWNER/NAME takes it from the hub"),
        ("model=./nowhere", "model=./nowhere: there is no such folder", "check the path"),
        ("model.asst=x", "model.asst=x: opt-mini has no setting asst", "model.asset"),
        ("data=wikitext", "data=wikitext: there is no such data set", "data=wikitext2"),
        ("data=./no.txt", "data=./no.txt: there is no such file", "data=./FILE.txt"),
        ("data@eval_data=pydok", "data@eval_data=pydok: there is no", "data@eval_data=pydoc?"),
        ("data@evl_data=pydoc", "data@evl_data=pydoc: there is no such key", "data@eval_data?"),
        ("backend=gpuu", "backend=gpuu: there is no such backend", "backend=gpu or"),
        ("backend.thread=1", "backend.thread=1: backend has no setting thread", "backend.threads"),
        ("stop=[patence]", "stop=patence: there is no such stop", "stop=patience?"),
        ("stop.patiense=3", "stop.patiense=3: stop has no setting", "did you mean stop.patience"),
        ("checkpoint=al", "checkpoint=al: there is no such checkpoint", "checkpoint=all?"),
        ("sed=3", "sed=3: there is no such key", "did you mean seed"),
        ("modle=opt-mini", "modle=opt-mini: there is no such key", "did you mean model?"),
        ("experiment=prune/perp-papr", "there is no such experiment", "=prune/perp-paper"),
        ("debug=tny", "debug=tny: there is no such debug", "debug=tiny"),
        ("hydra.rn.dir=x", "hydra.rn.dir=x: hydra has no setting rn.dir", "hydra.run"),
        ("hydra/launcher=jobl", "hydra/launcher=jobl: there is no", "hydra/launcher=joblib"),
        ("task.steps.x=1", "task.steps.x=1: task.steps has no keys", "task.steps is a value"),
        ("eval_data.x=1", "eval_data.x=1: eval_data has no keys", "data@eval_data=..."),
        ("+seed=1", "+seed=1: seed is there already", "type seed=1"),
        ("~task.stps", "~task.stps", "task.steps"),
        ("seed=1,2", "seed=1,2 gives several values", "add -m to run each: iterun -m seed=1,2"),
        ("prune", "'prune' is neither a command nor a setting", "key=value"),
        ("task.train=[a", "task.train=[a can't be read", "lists are [a,b]"),
        ("model=null", "model=null: a choice can't be null", "taken back by ~model"),
        ("seed={", "seed={ can't be read", "quoted"),
    ],
)
def test_a_mistyped_word_is_one_sentence_and_a_hint(word: str, said: str, hint: str) -> None:
    [fault] = faults(word)

    assert said in fault.message
    assert hint in fault.hint
    assert "\n" not in fault.message


def test_all_faults_of_a_line_come_together() -> None:
    found = faults("task=prune/perpp", "model=opt-min", "task.sparsty=0.6", "sed=1", "backend=gpuu")

    assert [fault.message.split(":")[0] for fault in found] == [
        "task=prune/perpp", "model=opt-min", "backend=gpuu", "task.sparsty=0.6", "sed=1",
    ]  # fmt: skip


def test_keys_of_a_system_nobody_can_guess_are_not_judged() -> None:
    assert [fault.message for fault in faults("task=zzz", "task.levels=3")] == [
        "task=zzz: there is no such system"
    ]


def test_a_broken_file_of_the_users_is_named(tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "mine.yaml").write_text("defaults:\n  - override /modell: x\n")

    with pytest.raises(ConfigError, match=r"this config can't be composed: .*modell"):
        compose(["task=mine"], config_dir=str(tmp_path))
