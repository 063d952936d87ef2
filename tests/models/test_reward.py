"""Reward models: a copy of a body that learns pairs, is kept, and is read back or fetched."""

from __future__ import annotations

import math

import pytest
import torch
from hub_server import Repository, files_of, serving

from iterun.data.tiny_math import problem, tiny_math
from iterun.errors import ConfigError, UnavailableError
from iterun.models import lm
from iterun.models import reward as rewards
from iterun.models import tiny_math as model_of
from iterun.models.adamw_loop import AdamWRecipe
from iterun.models.reward_training import Pair, share_in_order, train
from iterun.types import LanguageModel

PROMPTS = ["7+5-8?", "3*4?", "3*4?", "2*3-1*4?"]
ANSWERS = ["7+5=12;12-8=4#4$", "3*4=12#12$", "3*4=7#7$", "2*3=6;6-1=5;5*4=20#20$"]


def shown(items, label):
    yield from items


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model hardly trained, as a folder."""
    folder = tmp_path_factory.mktemp("base")
    module, _ = model_of.train_model(tiny_math(n_pool=1).train, 2, 0, shown)
    model_of.save(folder, module)
    return folder


@pytest.fixture
def model(base, place):
    return lm.load(LanguageModel, place, name="tiny-math", folder=str(base))


def fresh(model, seed=0):
    return rewards.from_language_model(model, torch.Generator().manual_seed(seed))


def pairs(problems):
    """The true chain above the one with the misconception."""
    found = [(it, problem(it.prompt, mistaken=True)) for it in problems if "*" in it.prompt]
    return [
        Pair(it.prompt, it.completion, wrong.completion)
        for it, wrong in found
        if it.completion != wrong.completion
    ]


def test_the_body_is_a_copy_and_the_head_is_drawn(model):
    before = torch.get_rng_state()

    reward, again, other = fresh(model), fresh(model), fresh(model, 1)

    for name, weight in model.module.base_model.state_dict().items():
        copied = reward.module.base_model.state_dict()[name]
        assert torch.equal(weight, copied)
        assert weight.data_ptr() != copied.data_ptr()
    head = reward.module.score.weight
    assert head.shape == (1, 64)
    assert torch.equal(head, again.module.score.weight)
    assert not torch.equal(head, other.module.score.weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_score_is_read_off_the_last_token(model):
    """The linear head on the hidden state of `$`, computed by hand."""
    reward = fresh(model)
    ids = torch.tensor([reward.encode(PROMPTS[0], ANSWERS[0])])

    with torch.inference_mode():
        hidden = reward.module.base_model(input_ids=ids).last_hidden_state[0, -1]
        expected = float(hidden @ reward.module.score.weight[0])

    assert reward.score(PROMPTS[:1], ANSWERS[:1])[0] == pytest.approx(expected, rel=1e-5)


def test_neither_company_nor_padding_changes_a_score(model):
    reward = fresh(model)

    together = reward.score(PROMPTS, ANSWERS)

    alone = [reward.score([p], [a])[0] for p, a in zip(PROMPTS, ANSWERS, strict=True)]
    assert together == pytest.approx(alone, rel=1e-4, abs=1e-6)
    assert together == pytest.approx(
        reward.score(PROMPTS, ANSWERS, batch_size=1), rel=1e-4, abs=1e-6
    )
    reward.tokenizer.pad_token = None
    assert reward.score(PROMPTS, ANSWERS) == pytest.approx(alone, rel=1e-4, abs=1e-6)


def test_a_model_with_a_template_reads_a_conversation(model):
    reward = fresh(model)
    reward.tokenizer.chat_template = "{% for m in messages %}{{ m.content }}!{% endfor %}"

    ids = reward.encode("3*4?", "3*4=12#12$")

    assert reward.tokenizer.decode(ids) == "3*4?!3*4=12#12$!"  # the template says all


def test_of_a_long_text_the_end_is_kept(model):
    reward = fresh(model)

    ids = reward.encode("7+5-8?", "1" * 200 + "$")

    assert len(ids) == 128
    assert ids[-1] == reward.tokenizer.eos_token_id


def test_training_is_a_function_of_its_generator_and_leaves_the_model_alone(model):
    data, recipe = pairs(tiny_math(n_pool=1).test[:60]), AdamWRecipe(steps=3, lr=1e-3)
    before = {name: w.clone() for name, w in model.module.state_dict().items()}

    def trained(seed):
        reward = fresh(model)
        loss = train(reward, data, recipe, 4, torch.Generator().manual_seed(seed), shown)
        assert loss == pytest.approx(0.69, abs=0.1)  # ln 2, hardly moved
        assert not any(w.requires_grad for w in reward.module.parameters())
        return reward.score(PROMPTS, ANSWERS)

    assert trained(0) == trained(0) != trained(1)
    assert all(torch.equal(w, before[name]) for name, w in model.module.state_dict().items())


def test_every_pair_comes_once_before_any_comes_again(model, monkeypatch):
    data = pairs(tiny_math(n_pool=1).test[:60])[:8]
    reward, met = fresh(model), []
    forward = reward.forward
    reward.forward = lambda rows: met.extend(rows[: len(rows) // 2]) or forward(rows)

    train(reward, data, AdamWRecipe(steps=4, lr=1e-3), 2, torch.Generator().manual_seed(0), shown)

    chosen = sorted(reward.encode(pair.prompt, pair.chosen) for pair in data)
    assert sorted(met) == chosen


def test_nothing_to_learn_from_is_refused(model):
    with pytest.raises(ConfigError, match="has no pair to learn from") as refused:
        train(fresh(model), [], AdamWRecipe(steps=1, lr=1e-3), 4, torch.Generator(), shown)

    assert refused.value.hint


def test_a_pair_in_order_counts_one_and_a_tie_half(model):
    reward = fresh(model)
    reward.score = lambda prompts, answers: [float(len(answer)) for answer in answers]

    share = share_in_order(reward, [Pair("", "aa", "a"), Pair("", "a", "aa"), Pair("", "a", "b")])

    assert share == pytest.approx(0.5)


def test_what_is_saved_is_read_again(model, tmp_path, place):
    reward = fresh(model)
    reward.save(tmp_path / "kept")

    found = rewards.load(str(tmp_path / "kept"), place, setting="task.reward_model=kept")

    assert found.score(PROMPTS, ANSWERS) == reward.score(PROMPTS, ANSWERS)
    assert found.context == 128
    assert not any(w.requires_grad for w in found.module.parameters())


def test_one_from_the_hub_is_the_same(model, tmp_path, place, monkeypatch):
    reward = fresh(model)
    reward.save(tmp_path / "kept")

    with serving({"tiny/reward": Repository(files_of(tmp_path / "kept"))}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        found = rewards.load("tiny/reward", place, setting="task.reward_model=tiny/reward")
        with pytest.raises(UnavailableError, match="tiny/none"):
            rewards.load("tiny/none", place, setting="task.reward_model=tiny/none")

    assert found.name == "tiny/reward"
    assert found.score(PROMPTS, ANSWERS) == reward.score(PROMPTS, ANSWERS)


def test_a_language_model_is_no_reward_model(base, place):
    with pytest.raises(ConfigError, match=r"is no reward model: it lacks score.weight") as refused:
        rewards.load(str(base), place, setting=f"task.reward_model={base}")

    assert refused.value.hint


def test_a_classifier_of_two_labels_is_no_reward_model(model, tmp_path, place):
    from transformers import LlamaForSequenceClassification

    config = model_of.config()
    config.num_labels = 2
    LlamaForSequenceClassification(config).save_pretrained(tmp_path / "two")
    model.tokenizer.save_pretrained(tmp_path / "two")

    with pytest.raises(ConfigError, match="it gives 2 numbers, not one"):
        rewards.load(str(tmp_path / "two"), place, setting="task.reward_model=two")


def test_a_folder_that_is_not_there_is_refused(tmp_path, place):
    with pytest.raises(ConfigError, match="there is no folder"):
        rewards.load("./nowhere", place, setting="task.reward_model=./nowhere")


def test_an_architecture_without_a_head_for_scores_is_refused(model):
    from transformers import Mamba2Config

    model.module.config = Mamba2Config()

    with pytest.raises(ConfigError, match="no reward model can be made of it") as refused:
        fresh(model)

    assert refused.value.hint


@pytest.mark.long
@pytest.mark.slow
def test_a_trained_one_tells_right_from_wrong_on_problems_it_has_not_seen(place):
    """The misconception's chains against the true ones: five standard errors above chance."""
    data = tiny_math()
    reward = fresh(model_of.load(LanguageModel, place, name="tiny-math"))
    held_out = pairs(data.dev)

    train(reward, pairs(data.pool[:1500]), AdamWRecipe(steps=60, lr=1e-3, warmup=5), 32,
          torch.Generator().manual_seed(0), shown)  # fmt: skip

    chance = 0.5 + 5 * math.sqrt(0.25 / len(held_out))
    assert share_in_order(reward, held_out) > chance
