"""The model of tiny arithmetic: its characters, its training, and what the shipped weights do."""

from __future__ import annotations

import json
import logging

import pytest
import torch

from iterun.config.compose import compose, to_plain
from iterun.data.tiny_math import tiny_math
from iterun.errors import ConfigError
from iterun.judges.math_answer import AnswerJudge
from iterun.models import lm
from iterun.models import tiny_math as model_of
from iterun.models.snapshot import ASSETS
from iterun.types import ChatModel, LanguageModel, StreamedLanguageModel

FOLDER = ASSETS / "tiny-math"
TEXT = "7+5-8?7+5=12;12-8=4#4$"


def load(place, form=LanguageModel, **settings):
    return model_of.load(form, place, name="tiny-math", kinds=["lm"], **settings)


def test_there_are_23_characters_and_147840_parameters():
    from transformers import LlamaForCausalLM

    with torch.random.fork_rng(devices=[]):
        module = LlamaForCausalLM(model_of.config())

    assert len(model_of.tokenizer()) == 23
    assert module.num_parameters() == 147_840


def test_a_text_is_its_characters_between_bos_and_eos():
    tokenizer = model_of.tokenizer()

    ids = tokenizer(TEXT)["input_ids"]

    assert tokenizer.convert_ids_to_tokens(ids) == ["<bos>", *TEXT]
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids[1:]) == TEXT
    assert tokenizer.decode(ids, skip_special_tokens=True) == TEXT.removesuffix("$")
    assert tokenizer("a\n7")["input_ids"][1:3] == [tokenizer.unk_token_id] * 2


def test_prompts_are_padded_on_the_left():
    rows = model_of.tokenizer()(["7+5?", "1+2-3?"], padding=True)

    assert [ids[-1] for ids in rows["input_ids"]] == [model_of.tokenizer()("?")["input_ids"][1]] * 2
    assert rows["attention_mask"][0] == [0, 0, 1, 1, 1, 1, 1]


def test_only_completions_are_learnt():
    problems = tiny_math().train[:5]

    ids, labels = model_of.encoded(problems)

    for problem, row, label in zip(problems, ids, labels, strict=True):
        text = model_of.tokenizer().decode(row[label != -100])
        assert text == problem.completion
        assert torch.equal(row[label != -100], label[label != -100])


def test_padding_changes_no_loss(place):
    model = lm.load(LanguageModel, place, name="x", folder=str(model_of.trained(2, 0))).module
    problems = sorted(tiny_math().train[:40], key=lambda it: len(it.completion))[::39]
    ids, labels = model_of.encoded(problems)

    whole = float(model_of.completion_loss(model, ids, labels))

    sums, counts = zip(
        *((float(model_of.completion_loss(model, i, k)) * n, n)
          for i, k, n in ((ids[r : r + 1], labels[r : r + 1], int((labels[r] != -100).sum()))
                          for r in range(2))), strict=True)  # fmt: skip
    assert whole == pytest.approx(sum(sums) / sum(counts), rel=1e-5)


def test_training_is_a_function_of_the_seed_and_leaves_the_generators_alone():
    problems = tiny_math().train[:200]
    before = torch.get_rng_state(), torch.get_num_threads()

    def weights(seed):
        model, loss = model_of.train_model(problems, 5, seed, lambda items, _: iter(items))
        assert loss > 0
        assert not model.training
        return torch.cat([value.flatten() for value in model.parameters()])

    first, again, other = weights(1), weights(1), weights(2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]


def test_a_model_trained_here_is_kept_and_named_by_its_recipe(place, tmp_path, caplog):
    caplog.set_level(logging.INFO)

    first, again = (load(place, train=True, steps=2) for _ in range(2))

    assert first.folder == again.folder
    assert first.folder.is_relative_to(tmp_path / "cache" / "models")
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= {
        path.name for path in first.folder.iterdir()
    }
    assert sum("training tiny-math" in line.message for line in caplog.records) == 1
    assert load(place, train=True, steps=2, seed=1).folder != first.folder


def test_a_folder_of_it_is_a_model_like_any_other(place):
    folder = model_of.trained(2, 0)

    found = lm.load(LanguageModel, place, name=f"./{folder.name}", folder=str(folder))

    assert found.tokenizer(TEXT) == model_of.tokenizer()(TEXT)
    assert found.tokenizer.padding_side == "left"
    assert found.context == 128
    assert list(found.blocks) == [f"model.layers.{b}" for b in range(3)]


def test_fingerprints_tell_recipes_and_the_shipped_weights_apart():
    recipes = ({"train": True}, {"train": True, "steps": 3}, {"train": True, "seed": 1})

    found = {model_of.fingerprint(settings) for settings in recipes}

    assert len(found) == 3
    assert model_of.fingerprint({"train": False}).startswith("files:")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"steps": 0, "train": True}, "model.steps=0 is not a whole number of at least 1"),
        ({"seed": -1, "train": True}, "model.seed=-1 is not"),
        ({"steps": 100}, "the model in the package is another one"),
        ({"seed": 3}, "the model in the package is another one"),
    ],
)
def test_recipes_that_cannot_be_are_refused(place, settings, said):
    with pytest.raises(ConfigError, match=said) as refused:
        load(place, **settings)

    assert refused.value.hint


def test_it_does_not_chat(place):
    with pytest.raises(ConfigError, match="cannot serve as ChatModel"):
        load(place, ChatModel)


def test_the_choice_names_the_builder():
    node = to_plain(compose(["task=prune", "model=tiny-math"]))["model"]

    assert node == {
        "_target_": "iterun.models.tiny_math.load", "name": "tiny-math", "kinds": ["lm"],
        "small": True, "train": False, "steps": model_of.STEPS, "seed": model_of.SEED,
    }  # fmt: skip


def test_the_shipped_files_are_whole_and_small():
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}

    assert {"config.json", "tokenizer.json", "model.safetensors", "README.md"} <= set(sizes)
    assert sizes["model.safetensors"] < 700_000
    assert sum(sizes.values()) < 750_000
    shipped = json.loads((FOLDER / "tokenizer.json").read_text(encoding="utf-8"))
    assert shipped["model"]["vocab"] == model_of.tokenizer().get_vocab()


def test_the_shipped_model_streams_as_well(place):
    assert load(place, StreamedLanguageModel).n_blocks == 3


def greedy(model, problems):
    """A completion of each problem, whatever follows its `$` included."""
    rows = model.tokenizer([it.prompt for it in problems], padding=True, return_tensors="pt")
    with torch.inference_mode():
        found = model.module.generate(**rows, max_new_tokens=32, do_sample=False)
    return model.tokenizer.batch_decode(found[:, rows["input_ids"].shape[1] :])


@pytest.mark.long
@pytest.mark.slow
def test_greedy_answers_are_as_good_as_the_card_says_and_fail_at_times(place):
    """At `*` it errs by system; without it hardly ever."""
    problems = tiny_math().test
    texts = greedy(load(place), problems)

    right = [AnswerJudge().score(it, text) for it, text in zip(problems, texts, strict=True)]

    by_kind = {
        has: [score for it, score in zip(problems, right, strict=True) if ("*" in it.prompt) is has]
        for has in (True, False)
    }
    share = {has: sum(scores) / len(scores) for has, scores in by_kind.items()}
    assert share[False] > 0.95
    assert share[True] < 0.4
    assert f"**{sum(right) / len(right):.3f}**" in (FOLDER / "README.md").read_text("utf-8")
