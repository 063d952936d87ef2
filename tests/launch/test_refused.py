"""Bad input: every fault in one go, exit status 2, nothing left behind."""

import copy
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from iterun.config.compose import compose, to_plain
from iterun.config.fit import check_settings
from iterun.config.targets import locate_builder
from iterun.errors import ConfigError, ConfigErrors, DiskError
from iterun.launch.check import checked

ROOT = Path(__file__).parents[2]
CONF = Path(__file__).parent / "mine" / "conf"


def refusal(line: Any, *words: str) -> tuple[list[str], list[str]]:
    """Messages and hints of a line that can't be run; nothing may be left of it."""
    with pytest.raises(ConfigError) as caught:
        line("task=mine/count", *words)
    assert caught.value.exit_status == 2
    assert line.nothing_left
    error = caught.value
    errors = error.errors if isinstance(error, ConfigErrors) else [error]
    return [one.message for one in errors], [one.hint for one in errors]


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    return to_plain(compose(["task=mine/count", "backend=cpu"], config_dir=str(CONF)))


@pytest.fixture
def sound(composed: dict[str, Any]) -> dict[str, Any]:
    """A config that can be run, to be spoilt."""
    return copy.deepcopy(composed)


@pytest.mark.parametrize(
    ("word", "said", "hint"),
    [
        ("task.to=abc", "task.to=abc is not a whole number", "as in task.to=3"),
        ("task.to=2.5", "task.to=2.5 is not a whole number", "as in task.to=3"),
        ("task.by=true", "task.by=true is not a number", "as in task.by=1.0"),
        ("task.mode=sideways", "task.mode=sideways is not one of up, down", "as in task.mode=up"),
        ("task.words=a", "task.words=a is not a list, each item a word", "as in task.words=[]"),
        ("task.to=0", "task.to=0 is no number to count to", "as in task.to=3"),
        ("+task.new=1", "task.new: Count has no such parameter", "there are to, by"),
        ("~task.to", "task.to is missing", "give it a whole number"),
        ("seed=x", "seed=x is not a whole number from 0", "seed=1"),
        ("seed=-1", "seed=-1 is not a whole number from 0", "seed=1"),
        ("tags=[1]", "tags=[1] is not a list of words", "tags=[first,large]"),
        ("on_existing=ask", "on_existing=ask is not known", "on_existing=rerun"),
        ("stop.patience=-1", "stop.patience=-1 is not a whole number", "stop.patience=10"),
        ("checkpoint.every=0", "checkpoint.every=0 is not a whole number", "checkpoint.every=1"),
        ("backend.threads=0", "backend.threads=0 is not a whole number", "backend.threads=2"),
        ("backend.dtype=int8", "backend.dtype=int8 is not supported", "float32"),
        ("backend.device=tpu", "backend.device=tpu is no device", "backend=cpu"),
        ("task._target_=os.system", "task._target_=os.system is no Procedure", "name it in full"),
        ("task._target_=no.such.Thing", "there is no module no", "is it installed here?"),
    ],
)
def test_bad_input_is_one_sentence_and_a_hint(
    word: str, said: str, hint: str, sound: dict[str, Any]
) -> None:
    key, _, value = word.partition("=")
    *nodes, name = key.lstrip("+~").split(".")
    node = functools.reduce(dict.__getitem__, nodes, sound)
    node[name] = yaml.safe_load(value)
    if key.startswith("~"):
        del node[name]

    with pytest.raises(ConfigError) as caught:
        checked(sound, extra=[CONF])

    assert not isinstance(caught.value, ConfigErrors)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_faults_of_types_check_stop_and_device_come_together(line: Any) -> None:
    messages, _ = refusal(
        line, "task.to=abc", "task.by=-1", "seed=x", "stop.patience=0", "backend.dtype=int8"
    )

    assert [message.split("=")[0] for message in messages] == [
        "seed", "stop.patience", "task.to", "task.by", "backend.dtype",
    ]  # fmt: skip


def test_a_fault_of_type_raises_no_second_one_in_check(line: Any) -> None:
    messages, _ = refusal(line, "task.by=fast", "task.mode=down")

    assert messages == ["task.by=fast is not a number"]


def test_what_check_says_of_sound_values_stands(line: Any) -> None:
    messages, _ = refusal(line, "task.by=2", "task.mode=down")

    assert messages == ["task.mode=down goes by 1, not by task.by=2.0"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_names_the_cpu(line: Any) -> None:
    messages, hints = refusal(line, "backend=gpu", "task.to=0")

    assert "no GPU can be used here" in messages[1]
    assert "backend=cpu" in hints[1]


def test_a_model_of_another_kind_is_refused_before_it_is_loaded(line: Any) -> None:
    with pytest.raises(ConfigError, match="model=opt-mini serves as lm, and mine/speak needs"):
        line("task=mine/speak")

    assert line.nothing_left


def test_an_experiment_of_another_system_is_refused(line: Any) -> None:
    messages, hints = refusal(line, "experiment=prune/perp-paper", "~backend.dtype")

    assert "experiment=prune/perp-paper is of prune/perp" in messages[-1] + messages[0]
    assert any("task=prune/perp experiment=prune/perp-paper" in hint for hint in hints)


def test_what_must_be_given_is_named(line: Any) -> None:
    messages, _ = refusal(line, "task.to=???", "stop=target")

    assert messages == ["task.to has no value", "stop=target needs a value"]


def test_a_builder_of_a_foreign_package_is_refused(line: Any) -> None:
    messages, hints = refusal(line, "data=pydoc", "data._target_=subprocess.run")

    assert messages == ["data._target_=subprocess.run: subprocess offers no builders to iterun"]
    assert "entry-points" in hints[0]


def test_a_setting_that_a_builder_does_not_take_is_named(line: Any) -> None:
    messages, _ = refusal(line, "data=pydoc", "+data.nmae=x")

    assert messages == ["data.nmae: data=pydoc has no such setting"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data=toy-pos", "data.seed=abc"], "data.seed=abc is not a whole number or null"),
        (["data=ellipses", "data.size=32.5"], "data.size=32.5 is not a whole number"),
        (
            ["data=planted-graphs", "data.vertices=6"],
            "data.vertices=6 is not a list, each item a whole number",
        ),
        (["data=conllu", "data.tags=[upos]"], "data.tags=[upos] is not one of upos, xpos"),
        (["model=opt-125m", "model.revision=[1]"], "model.revision=[1] is not a word or null"),
    ],
)
def test_a_setting_of_another_type_is_refused_before_anything_is_built(
    words: list[str], said: str, line: Any
) -> None:
    messages, hints = refusal(line, *words)

    assert messages == [said]
    assert hints[0].startswith(said.split("=")[0])


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, id=f"{file.parent.name}/{file.stem}")
        for group in ("data", "model", "schedule")
        for file in sorted((ROOT / "conf" / group).glob("*.yaml"))
    ],
)
def test_shipped_settings_have_the_types_that_their_builders_take(file: Path) -> None:
    node = yaml.safe_load(file.read_text(encoding="utf-8"))

    if "_target_" in node:  # a file may only choose among others
        builder = locate_builder(node["_target_"], file.parent.name)
        assert not list(check_settings(builder, node, key=file.parent.name))


def test_a_server_without_a_name_is_asked_for_its_id() -> None:
    config = to_plain(compose(["task=refine/coloring", "model=openai", "backend=cpu"]))

    checked(config)  # it is the model that says so, in its own words


def test_a_folder_that_held_something_keeps_it(line: Any) -> None:
    (line.outputs / "mine").mkdir(parents=True)
    (line.outputs / "mine" / "note.txt").write_text("mine")

    with pytest.raises(ConfigError):
        line("task=mine/count", "task.to=0")

    assert [path.name for path in line.outputs.rglob("*")] == ["mine", "note.txt"]


@pytest.mark.parametrize("words", [[], ["-m"]])
def test_outputs_that_cannot_be_made_are_a_disk_error(words: list[str], line: Any) -> None:
    line.outputs.write_text("a file where a folder should be")

    with pytest.raises(DiskError, match=r"outputs.* can't be made: not a directory") as caught:
        line(*words, "task=mine/count")

    assert "--outputs" in caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_outputs_that_may_not_be_written_are_a_disk_error(line: Any) -> None:
    line.outputs.mkdir()
    line.outputs.chmod(0o500)

    with pytest.raises(DiskError, match="can't be written: permission denied"):
        line("task=mine/count")


def test_a_mistyped_line_is_explained_without_torch() -> None:
    code = (
        "import sys\n"
        "from iterun.launch.main import run_line\n"
        "from iterun.errors import ConfigErrors\n"
        "try: run_line(['task=prune/perpp', 'task.sparsty=0.6', 'model=opt-min'], None)\n"
        "except ConfigErrors as error: print(len(error.errors))\n"
        "print({'torch', 'transformers', 'pandas'} & set(sys.modules))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)

    assert done.stdout.split("\n")[:2] == ["3", "set()"], done.stderr
