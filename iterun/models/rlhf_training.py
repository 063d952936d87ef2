"""The optimizer steps of a round, of the loop and of its control, which may be left at any of them.

The loop learns from its own answers. The control takes as many steps on the data that the policy
learnt from before: what it gains is not the loop's doing.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Protocol

import torch

from iterun.errors import ConfigError, DivergedError
from iterun.models.policy_losses import Imitation, examples, sequence_logprobs, token_logprobs
from iterun.models.policy_update import batch_of
from iterun.ops.policy import grpo_advantages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from torch import Tensor, nn

    from iterun.models.policy_losses import Examples, Objective
    from iterun.models.policy_update import Learner
    from iterun.models.rlhf_answers import Answer
    from iterun.models.rlhf_policy import Policy
    from iterun.models.rlhf_writing import Writer

SAFE_EVERY = 4  # steps between two points at which a run may be left
LOOP, REPLAY = "loop", "replay"


class Host(Protocol):
    """What training needs of a run."""

    def progress(self, items: Iterable[Any], label: str) -> Iterator[Any]: ...
    def safe_point(self) -> None: ...
    def append(self, name: str, rows: Sequence[Any]) -> None: ...


class RoundTraining:
    """The steps that make up one round.

    Args:
        run: hears of progress and takes checkpoints.
        policy: what is trained.
        learners: by arm.
        n_steps: of each arm in a round.
        size: of a batch.
    """

    def __init__(
        self, run: Host, policy: Policy, learners: Mapping[str, Learner], *, n_steps: int, size: int
    ) -> None:
        self._run, self._policy, self.learners = run, policy, learners
        self._n_steps, self._size = n_steps, size
        self.clear()

    def clear(self) -> None:
        """Begin a round: nothing is done yet."""
        self.losses: dict[str, list[float]] = {arm: [] for arm in self.learners}
        self.seconds = dict.fromkeys(self.learners, 0.0)

    def train(
        self,
        arm: str,
        objective: Objective,
        draw: Callable[[int], torch.Generator],
        *,
        first: int,
        where: str,
    ) -> None:
        """Do the arm's steps that are not done yet.

        Args:
            arm: LOOP or REPLAY.
            objective: its loss.
            draw: gives the generator of the order's permutation 0, 1, ...
            first: number of the round's first step in that order.
            where: for the bar and messages.

        Raises:
            DivergedError: a loss is not finite.
        """
        losses = self.losses[arm]
        learner = self.learners[arm]
        self._policy.wear(learner.values)
        for t in self._run.progress(range(len(losses), self._n_steps), f"{where}, {arm}"):
            began = time.perf_counter()
            index = batch_of(len(objective), self._size, first + t, draw)
            loss = learner.step(objective.parts(self._policy.module, index))
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the loss is {loss} in {where} of the {arm}, step {t + 1}",
                    hint="a lower rate, as in task.lr=1e-5 or task.replay_lr=1e-5",
                )
            losses.append(loss)
            self.seconds[arm] += time.perf_counter() - began
            if (t + 1) % SAFE_EVERY == 0:
                self._run.safe_point()

    def losses_of(self, arm: str) -> dict[str, float]:
        """The mean of the round's losses and the first of them; nothing if nothing was trained."""
        losses = self.losses[arm]
        return {"loss": sum(losses) / len(losses), "loss_first": losses[0]} if losses else {}

    def norms_of(self, arm: str) -> dict[str, float]:
        """The means of the round's gradient norms, which go to the run; nothing without a step."""
        norms = self.learners[arm].norms
        return norms.tell(self._run) if norms is not None else {}

    def costs(self) -> dict[str, float]:
        """Seconds of the round's steps, by arm."""
        names = {LOOP: "seconds_train", REPLAY: "seconds_train_replay"}
        return {names[arm]: spent for arm, spent in self.seconds.items()}

    def state(self) -> dict[str, Any]:
        return {
            "model": self._policy.name,
            "losses": self.losses,
            "seconds": self.seconds,
            "learners": {arm: learner.state() for arm, learner in self.learners.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take all arms from a checkpoint.

        Raises:
            ConfigError: a fork has other arms, or trains other parameters.
        """
        if set(state["learners"]) != set(self.learners):
            raise ConfigError(
                f"data=: the state has the arms {', '.join(state['learners'])}, "
                f"and these data make {', '.join(self.learners)}",
                hint="leave data= as it was, or begin a new run",
            )
        self.losses, self.seconds = dict(state["losses"]), dict(state["seconds"])
        for arm, learner in self.learners.items():
            self._policy.check(state["model"], state["learners"][arm]["values"])
            learner.restore(state["learners"][arm])


def replay(known: Sequence[Any], writer: Writer, *, rows: int, shots: int) -> Imitation | None:
    """What the control imitates; None where there are no completions.

    Args:
        known: problems with completions.
        writer: reads them as it reads prompts.
        rows: answers a forward pass.
        shots: worked examples before each prompt.

    Raises:
        ConfigError: a prompt and its completion are longer than the policy's context.
    """
    if not known:
        return None
    prompts = writer.reading.tokens([it.prompt for it in known])
    data = examples(prompts, writer.reading.completions([it.completion for it in known]))
    if (length := data.ids.shape[1]) > writer.context:
        raise ConfigError(
            f"task.shots={shots}: a prompt of the replay and its completion have {length} tokens, "
            f"the model's context {writer.context}",
            hint=f"task.shots={shots // 2}" if shots else "a model that reads more",
        )
    return Imitation(data=data, rows=rows)


def of_pairs(pairs: Sequence[tuple[Answer, Answer]]) -> Examples:
    """The better answers, and after them the worse ones in the same order."""
    return of_answers([better for better, _ in pairs] + [worse for _, worse in pairs])


def of_answers(answers: Sequence[Answer]) -> Examples:
    return examples([it.prompt for it in answers], [it.drawn.tokens for it in answers])


def of_groups(groups: Sequence[Sequence[Answer]]) -> Examples:
    """All answers, with their advantages within the group and the log-probabilities as drawn."""
    answers = [it for group in groups for it in group]
    found = of_answers(answers)
    rewards = torch.tensor([it.reward for it in answers])
    old = torch.zeros(found.ids.shape[0], found.ids.shape[1] - 1)
    for row, answer in enumerate(answers):
        begin = len(answer.prompt) - 1  # column t is of token t + 1
        old[row, begin : begin + len(answer.drawn.tokens)] = torch.tensor(answer.drawn.logprobs)
    found.more = {"advantages": grpo_advantages(rewards, group=len(groups[0])), "old": old}
    return found


@torch.no_grad()
def reference_logprobs(
    module: nn.Module, data: Examples, rows: int, *, temperature: float | None = None
) -> Tensor:
    """Under what the module is now: of whole answers, (n,), or of tokens, (n, length - 1).

    Args:
        module: computes.
        data: the answers.
        rows: a forward pass.
        temperature: of tokens; None: whole answers.
    """
    device, parts = next(module.parameters()).device, []
    for index in torch.split(torch.arange(len(data)), rows):
        batch = data.rows(index, device)
        if temperature is None:
            parts.append(sequence_logprobs(module, batch).cpu())
        else:
            found = token_logprobs(module, batch, temperature).cpu()
            missing = data.ids.shape[1] - 1 - found.shape[1]
            parts.append(torch.nn.functional.pad(found, (0, missing)))
    return torch.cat(parts)
