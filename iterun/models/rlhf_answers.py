"""A policy's answers to prompts, several to each, and what a judge says of them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, pstdev
from typing import TYPE_CHECKING, Any, Protocol

from iterun.errors import ConfigError
from iterun.models.policy_sampling import Ask
from iterun.ops.preference import select_pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from torch import Tensor

    from iterun.models.policy_sampling import Drawn, Engine
    from iterun.models.rlhf_policy import Policy, Reading

PREVIOUS = "previous"


class Problem(Protocol):
    """What a prompt data set holds; those with `answer` can be checked."""

    @property
    def prompt(self) -> str: ...


@dataclass(kw_only=True)
class Answer:
    """One answer to one prompt."""

    problem: Problem
    prompt: tuple[int, ...]  #: tokens
    drawn: Drawn
    text: str
    reward: float = 0.0
    kind: str = ""  #: right, wrong, malformed or truncated; "": nobody could tell

    def row(self) -> dict[str, Any]:
        """As samples-<i>.jsonl has it."""
        said = {"prompt": self.problem.prompt, "text": self.text, "reward": self.reward}
        return said | ({"judged": self.kind} if self.kind else {})


class Judge(Protocol):
    """Gives answers their rewards; what is higher is better."""

    floor: float  #: an answer whose reward is no higher is never imitated

    def rewards(self, answers: Sequence[Answer]) -> list[float]: ...


class Checker(Protocol):
    """Knows the right answers."""

    def kind(self, answer: Answer) -> str:
        """right, wrong, malformed or truncated."""


class Seeds(Protocol):
    """What drawing needs of a run."""

    def seed_of(self, name: str, *key: object) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Where some of the answers to each prompt come from."""

    source: (
        str | float | None
    )  #: "previous": the policy of a round ago; a temperature; None: nowhere
    share: float  #: of the answers, rounded to whole ones


@dataclass(kw_only=True)
class Writer:
    """Writes answers of what the policy wears."""

    policy: Policy
    reading: Reading
    engine: Engine
    run: Seeds
    max_tokens: int  #: of an answer
    longest: int  #: tokens that a prompt may have

    def write(
        self, problems: Sequence[Problem], *, n: int, temperature: float, key: tuple[object, ...]
    ) -> list[list[Answer]]:
        """Answers to each problem.

        Args:
            problems: whose prompts are given.
            n: answers to each.
            temperature: 0: the likeliest token each time.
            key: of the seeds; equal keys draw equal numbers.
        """
        prompts = self.checked(problems)
        asks = [
            Ask(
                prompt=prompt, seed=self.run.seed_of("answers", *key, k, j), temperature=temperature
            )
            for k, prompt in enumerate(prompts)
            for j in range(n)
        ]
        drawn = self.engine.draw(asks)
        answers = [
            Answer(problem=problems[k // n], prompt=ask.prompt, drawn=answer, text=text)
            for k, (ask, answer, text) in enumerate(
                zip(asks, drawn, self.reading.texts(drawn), strict=True)
            )
        ]
        return [answers[k : k + n] for k in range(0, len(answers), n)]

    def checked(self, problems: Sequence[Problem]) -> list[tuple[int, ...]]:
        """The tokens of each prompt.

        Raises:
            ConfigError: one leaves no room for an answer.
        """
        prompts = self.reading.tokens([it.prompt for it in problems])
        if (longest := max(map(len, prompts))) > self.longest:
            raise ConfigError(
                f"task.max_tokens={self.max_tokens}: a prompt of {longest} tokens and the answer "
                f"are longer than the model's context of {self.longest + self.max_tokens}",
                hint=f"at most task.max_tokens={self.longest + self.max_tokens - longest}",
            )
        return prompts

    def explore(
        self,
        problems: Sequence[Problem],
        *,
        n: int,
        temperature: float,
        exploration: Exploration,
        previous: Mapping[str, Tensor],
        key: tuple[object, ...],
    ) -> list[list[Answer]]:
        """As `write`, the last of each prompt's answers from elsewhere."""
        source = exploration.source
        others = 0 if source is None else round(exploration.share * n)
        found = self.write(problems, n=n - others, temperature=temperature, key=(*key, "own"))
        if not others:
            return found
        key = (*key, "explored")
        if source == PREVIOUS:
            with self.policy.wearing(previous):
                more = self.write(problems, n=others, temperature=temperature, key=key)
        else:
            assert source is not None
            more = self.write(problems, n=others, temperature=float(source), key=key)
        return [own + explored for own, explored in zip(found, more, strict=True)]


def is_tied(group: Sequence[Answer]) -> bool:
    """Whether no answer to the prompt is better than another."""
    return len({it.reward for it in group}) == 1


def described(groups: Sequence[Sequence[Answer]]) -> dict[str, float]:
    """Metrics of a round's answers."""
    answers = [it for group in groups for it in group]
    rewards, n = [it.reward for it in answers], len(answers)
    found = {
        "reward_mean": mean(rewards),
        "reward_std": pstdev(rewards),
        "response_length": sum(len(it.drawn.tokens) for it in answers) / n,
        "pairs": sum(not is_tied(group) for group in groups),
        "truncated_rate": sum(not it.drawn.has_ended for it in answers) / n,
    }
    if answers[0].kind:
        found["malformed_rate"] = sum(it.kind == "malformed" for it in answers) / n
    return found


def pairs(
    groups: Sequence[Sequence[Answer]],
    pairing: str,
    length_penalty: float,
    draw: np.random.Generator,
) -> list[tuple[Answer, Answer]]:
    """At most one pair a prompt, (better, worse); prompts whose answers tie have none.

    Args:
        groups: the answers to each prompt.
        pairing: `random`: any two of unlike rewards; else as `select_pair`.
        length_penalty: of `max_min_p`, per token.
        draw: for `random`.
    """
    found = []
    for group in groups:
        rewards = [it.reward for it in group]
        if pairing == "random":
            pair = _any_pair(rewards, draw)
        else:
            lengths = [len(it.drawn.tokens) for it in group]
            pair = select_pair(rewards, lengths, pairing, length_penalty)  # type: ignore[arg-type]  # checked before
        if pair is not None:
            found.append((group[pair[0]], group[pair[1]]))
    return found


def best(groups: Sequence[Sequence[Answer]], floor: float) -> list[Answer]:
    """The answers that share their prompt's highest reward, where that is above `floor`."""
    found = []
    for group in groups:
        highest = max(it.reward for it in group)
        found += [it for it in group if it.reward == highest > floor]
    return found


def _any_pair(rewards: Sequence[float], draw: np.random.Generator) -> tuple[int, int] | None:
    """Uniformly one of all (better, worse); the number drawn does not depend on there being any."""
    at = float(draw.random())
    n = range(len(rewards))
    unlike = [(a, b) for a in n for b in n if rewards[a] > rewards[b]]
    return unlike[int(at * len(unlike))] if unlike else None
