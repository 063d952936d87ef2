"""One module is every arm and reference in turn; how prompts are put and answers read."""

from __future__ import annotations

import pytest
import tiny_policy
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from iterun.errors import ConfigError
from iterun.models.lm import load_folder
from iterun.models.policy_sampling import Drawn
from iterun.models.rlhf_policy import Policy, Reading
from iterun.types import Placement

IDS = torch.tensor([[1, 11, 14, 9, 21]])
CPU = Placement(device="cpu", dtype="float32", threads=1)


def logits(module):
    with torch.no_grad():
        return module(IDS).logits


def trained(policy):
    """Other values than at first."""
    draw = torch.Generator().manual_seed(2)
    return {n: v + 0.1 * torch.randn(v.shape, generator=draw) for n, v in policy.first.items()}


@pytest.mark.parametrize("rank", [None, 2])
def test_a_trained_policy_can_be_asked_what_it_was_at_first(rank):
    base = logits(tiny_policy.model().module)
    policy = tiny_policy.policy(rank)
    assert torch.equal(logits(policy.module), base)

    policy.wear(trained(policy))
    now = logits(policy.module)
    with policy.as_at_first():
        before = logits(policy.module)

    assert torch.equal(before, base)
    assert torch.equal(logits(policy.module), now)
    assert not now.allclose(base, atol=1e-3)


def test_adapters_alone_are_trained_and_are_few():
    policy = tiny_policy.policy(2)

    assert set(policy.parameters) == {
        n for n, p in policy.module.named_parameters() if p.requires_grad
    }
    assert sum(p.numel() for p in policy.parameters.values()) == 3 * 4 * 2 * (64 + 64)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks for it
def test_saved_adapters_are_read_by_peft(tmp_path):
    from peft import PeftModel

    policy = tiny_policy.policy(2)
    policy.wear(trained(policy))

    policy.save(tmp_path)

    again = PeftModel.from_pretrained(tiny_policy.model().module, tmp_path)
    assert logits(again).allclose(logits(policy.module), atol=1e-5)


def test_a_saved_policy_is_a_language_model(tmp_path):
    policy = tiny_policy.policy()
    policy.wear(trained(policy))

    policy.save(tmp_path)

    again = load_folder(tmp_path, "again", CPU)
    assert torch.equal(logits(again.module), logits(policy.module))
    assert again.tokenizer("7+5?")["input_ids"] == policy.tokenizer("7+5?")["input_ids"]


def test_layers_that_are_not_there_are_refused():
    with pytest.raises(ConfigError, match=r"lora_targets: model=tiny has no layer named c_attn"):
        Policy(
            tiny_policy.model(), lora_rank=2, lora_targets=["c_attn"], generator=torch.Generator()
        )


def test_a_state_of_other_adapters_is_refused():
    with pytest.raises(ConfigError, match=r"task\.lora_rank=2: the state is of a run that trained"):
        tiny_policy.policy(2).check("tiny", tiny_policy.policy(3).first)


def test_a_state_of_another_model_is_refused():
    with pytest.raises(ConfigError, match="model=tiny: the state is of model=opt-mini"):
        tiny_policy.policy().check("opt-mini", tiny_policy.policy().first)


def native(**changes):
    usual = {"template": "plain", "examples": (), "end": "$"}
    return Reading(tokenizer=tiny_policy.tokenizer(), **usual | changes)


def test_a_model_made_for_the_data_writes_its_end():
    reading = native()
    (ids,) = reading.completions(["7+5=12#12$"])

    assert ids == tiny_policy.tokenizer()("7+5=12#12$", add_special_tokens=False)["input_ids"]
    assert reading.ends == [ids[-1]]
    assert reading.tokens(["7+5?"])[0][0] == reading.tokenizer.bos_token_id
    answers = [Drawn(tokens=ids, has_ended=True), Drawn(tokens=ids[:-1])]
    assert reading.texts(answers) == ["7+5=12#12$", "7+5=12#12"]


def other_tokenizer():
    """Words and lines: its own end is none of the data's."""
    tokens = ["<end>", "7+5?", "12", "#12", "\n", "#12\n", "1+1?", "2#2", " "]
    core = Tokenizer(models.WordLevel({t: k for k, t in enumerate(tokens)}, unk_token="<end>"))
    core.pre_tokenizer = pre_tokenizers.Split("|", "removed")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>")


def test_behind_worked_examples_a_line_is_an_answer():
    reading = Reading(
        tokenizer=other_tokenizer(), template="plain", examples=[("1+1?", "2#2$")], end="$"
    )

    assert reading.ends == [0, 4, 5]
    answers = [
        Drawn(tokens=[8, 2, 5], has_ended=True),
        Drawn(tokens=[2, 3, 0], has_ended=True),
        Drawn(tokens=[2, 3]),
    ]
    assert reading.texts(answers) == ["12#12$", "12#12$", "12#12"]
    assert reading.completions(["12$"]) == [[2, 4]]


def test_a_template_puts_the_prompt_as_a_turn_of_the_user():
    tokenizer = other_tokenizer()
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.content }}|{% endfor %}"
        "{% if add_generation_prompt %}12{% endif %}"
    )

    reading = Reading(tokenizer=tokenizer, template="chat", examples=(), end="")

    assert reading.tokens(["7+5?"]) == [(1, 2)]


def test_a_template_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"task\.template=chat"):
        native(template="chat")
