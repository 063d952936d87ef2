"""Losses, gradients and advantages equal TRL's, whose trainers are built and asked.

Their models' log-probabilities are replaced by ours, so that both sides see the same numbers.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from iterun.models import tiny_math
from iterun.ops.policy import grpo_advantages, grpo_loss, rloo_advantages
from iterun.ops.preference import bradley_terry_loss, dpo_loss

trl = pytest.importorskip("trl", reason="pip install trl")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore"),  # TRL's own, of its own libraries
]
SMALL = {
    "use_cpu": True,
    "bf16": False,
    "report_to": "none",
    "save_strategy": "no",
    "disable_tqdm": True,
}


def network(kind="LlamaForCausalLM", **changes):
    import transformers

    config = tiny_math.config()
    config.update({"num_hidden_layers": 1, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return getattr(transformers, kind)(config)


def data_of(rows):
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_list(rows)


def gradients(loss, *leaves):
    return torch.autograd.grad(loss, leaves)


def leaf(draw, *shape):
    return torch.randn(*shape, generator=draw).requires_grad_()


@pytest.fixture(scope="module")
def sampling(tmp_path_factory):
    """TRL's GRPO and RLOO trainers on a random model, rewards being what the test puts there."""
    rewards = []
    built = {}
    for name in ("GRPO", "RLOO"):
        settings = getattr(trl, f"{name}Config")(
            output_dir=str(tmp_path_factory.mktemp(name)),
            per_device_train_batch_size=8,
            num_generations=4,
            max_completion_length=6,
            beta=0.0,
            **SMALL,
        )
        built[name] = getattr(trl, f"{name}Trainer")(
            model=network(),
            reward_funcs=lambda completions, **_: rewards[: len(completions)],
            args=settings,
            train_dataset=data_of([{"prompt": "1+2?"}, {"prompt": "3*4?"}]),
            processing_class=tiny_math.tokenizer(),
        )
    return SimpleNamespace(rewards=rewards, **built)


def advantages_of(trainer, rewards, held):
    held[:] = rewards
    trainer.model.train()
    prompts = [{"prompt": "1+2?"}] * 4 + [{"prompt": "3*4?"}] * 4
    return trainer._generate_and_score_completions(prompts)["advantages"]


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_group_advantages_are_trls(sampling, scale):
    sampling.GRPO.scale_rewards = scale
    rewards = [1.0, 0.0, 0.5, 0.0, 2.0, -1.0, 2.0, 2.0]

    theirs = advantages_of(sampling.GRPO, rewards, sampling.rewards)

    torch.testing.assert_close(grpo_advantages(torch.tensor(rewards), 4, scale), theirs)


def test_leave_one_out_advantages_are_trls(sampling):
    rewards = [1.0, 0.0, 0.5, 0.0, 2.0, -1.0, 2.0, 2.0]

    theirs = advantages_of(sampling.RLOO, rewards, sampling.rewards)

    torch.testing.assert_close(rloo_advantages(torch.tensor(rewards), 4), theirs)


@pytest.mark.parametrize("loss_type", ["grpo", "bnpo", "dr_grpo"])
@pytest.mark.parametrize(("beta", "kl_ratio"), [(0.0, False), (0.3, False), (0.3, True)])
def test_the_clipped_loss_and_its_gradient_are_trls(sampling, loss_type, beta, kl_ratio):
    draw = torch.Generator().manual_seed(1)
    lp, old, ref = (
        leaf(draw, 5, 6),
        torch.randn(5, 6, generator=draw),
        torch.randn(5, 6, generator=draw),
    )
    mask = (torch.arange(6) < torch.tensor([6, 3, 1, 5, 2])[:, None]).long()
    adv = torch.randn(5, generator=draw)
    trainer = sampling.GRPO
    trainer.loss_type, trainer.beta, trainer.current_gradient_accumulation_steps = (
        loss_type,
        beta,
        1,
    )
    trainer.args.use_bias_correction_kl = kl_ratio
    trainer._get_per_token_logps_and_entropies = lambda *_, **__: (lp, torch.zeros(5, 6), None)
    tokens = torch.zeros(5, 6, dtype=torch.long)
    inputs = {
        "prompt_ids": tokens, "prompt_mask": tokens, "completion_ids": tokens,
        "completion_mask": mask, "advantages": adv, "old_per_token_logps": old,
        "ref_per_token_logps": ref,
    }  # fmt: skip

    theirs = trainer._compute_loss(trainer.model, inputs)
    ours = grpo_loss(
        lp, old, mask, adv, ref, beta, loss_type=loss_type, max_len=6, kl_ratio=kl_ratio
    )

    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(gradients(ours, lp), gradients(theirs, lp), rtol=1e-6, atol=1e-6)


def test_trl_multiplies_the_divergence_by_the_ratio_unless_told_otherwise(tmp_path):
    assert trl.GRPOConfig(output_dir=str(tmp_path), **SMALL).use_bias_correction_kl is True


@pytest.fixture(scope="module")
def preferring(tmp_path_factory):
    settings = trl.DPOConfig(output_dir=str(tmp_path_factory.mktemp("dpo")), **SMALL)
    rows = [{"prompt": "1+2?", "chosen": "1+2=3#3$", "rejected": "1+2=4#4$"}]
    return trl.DPOTrainer(
        model=network(),
        ref_model=network(),
        args=settings,
        train_dataset=data_of(rows),
        processing_class=tiny_math.tokenizer(),
    )


def trl_dpo(trainer, logps, reference, kind, beta, smoothing):
    """TRL's loss of sums of log-probabilities, chosen above rejected: (2 n,)."""
    trainer.loss_types, trainer.loss_weights = [kind], [1.0]
    trainer.beta, trainer.label_smoothing = beta, smoothing
    trainer.precompute_ref_logps = True
    rows = len(logps)
    spread = torch.cat([logps[:, None], torch.zeros(rows, 1)], 1)  # one token holds the whole sum
    mask = torch.tensor([[0, 1, 1]]).expand(rows, 3)
    told = ("entropy", "mean_logits", "is_top1")  # for its log alone
    log = {name: torch.zeros(rows, 2, dtype=torch.bool) for name in told}
    outputs = SimpleNamespace(log_probs=spread, **log)
    chosen, rejected = reference.chunk(2)
    inputs = {
        "input_ids": torch.zeros(rows, 3, dtype=torch.long), "attention_mask": torch.ones(rows, 3),
        "completion_mask": mask, "ref_chosen_logps": chosen, "ref_rejected_logps": rejected,
    }  # fmt: skip
    return trainer._compute_loss(lambda **_: outputs, inputs, return_outputs=False)


@pytest.mark.parametrize(("kind", "smoothing"), [("sigmoid", 0.0), ("robust", 0.1)])
def test_the_preference_loss_and_its_gradient_are_trls(preferring, kind, smoothing):
    """Its `robust` loss is made of the two terms that ours mixes, in other shares."""
    draw = torch.Generator().manual_seed(2)
    logps, reference = (
        (5 * leaf(draw, 8)).detach().requires_grad_(),
        5 * torch.randn(8, generator=draw),
    )
    chosen, rejected = logps.chunk(2)
    beta = 0.3

    theirs = trl_dpo(preferring, logps, reference, kind, beta, smoothing)
    ours = dpo_loss(chosen, rejected, *reference.chunk(2), beta, smoothing)
    if kind == "robust":  # ((1 - e) a - e b) / (1 - 2 e), where ours is (1 - e) a + e b
        flipped = dpo_loss(rejected, chosen, *reference.chunk(2)[::-1], beta)
        ours = (ours - 2 * smoothing * flipped) / (1 - 2 * smoothing)

    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        gradients(ours, logps), gradients(theirs, logps), rtol=1e-6, atol=1e-6
    )


def test_trl_leaves_label_smoothing_out_of_its_usual_loss(preferring):
    draw = torch.Generator().manual_seed(3)
    logps, reference = leaf(draw, 8), torch.randn(8, generator=draw)

    plain, smoothed = (
        trl_dpo(preferring, logps, reference, "sigmoid", 0.3, smoothing) for smoothing in (0.0, 0.4)
    )

    assert float(plain) == float(smoothed)


@pytest.mark.parametrize("margin", [None, [0.5, 0.0, 2.0, -1.0]])
@pytest.mark.parametrize("center", [None, 0.01])
def test_the_reward_models_loss_and_its_gradient_are_trls(tmp_path, margin, center):
    settings = trl.RewardConfig(
        output_dir=str(tmp_path), center_rewards_coefficient=center, **SMALL
    )
    trainer = trl.RewardTrainer(
        model=network("LlamaForSequenceClassification", num_labels=1),
        args=settings,
        train_dataset=data_of([{"chosen": "1+2?1+2=3#3$", "rejected": "1+2?1+2=4#4$"}]),
        processing_class=tiny_math.tokenizer(),
    )
    scores = leaf(torch.Generator().manual_seed(4), 8)
    inputs = {"attention_mask": torch.ones(8, 3)}
    if margin is not None:
        inputs["margin"] = torch.tensor(margin)

    theirs = trainer.compute_loss(lambda **_: SimpleNamespace(logits=scores[:, None]), inputs)
    ours = bradley_terry_loss(*scores.chunk(2), inputs.get("margin"), center)

    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        gradients(ours, scores), gradients(theirs, scores), rtol=1e-6, atol=1e-6
    )
