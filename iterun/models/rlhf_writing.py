"""What writes a policy's answers to prompts, some of them by another temperature or policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from iterun.errors import ConfigError
from iterun.models.policy_sampling import Ask, Sampler
from iterun.models.rlhf_answers import Answer
from iterun.models.vllm_engine import VllmEngine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from iterun.models.policy_sampling import Engine
    from iterun.models.rlhf_answers import Problem
    from iterun.models.rlhf_policy import Policy, Reading
    from iterun.types import LanguageModel

PREVIOUS = "previous"


class Host(Protocol):
    """What drawing needs of a run."""

    def seed_of(self, name: str, *key: object) -> int: ...
    def tick(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Where some of the answers to each prompt come from."""

    #: "previous": the policy of a round ago; a temperature; None: nowhere
    source: str | float | None
    share: float  #: of the answers, rounded to whole ones


@dataclass(kw_only=True)
class Writer:
    """Writes answers of what the policy wears."""

    policy: Policy
    reading: Reading
    engine: Engine
    run: Host
    max_tokens: int  #: of an answer
    longest: int  #: tokens that a prompt may have

    @property
    def context(self) -> int:
        """Of the policy, tokens."""
        return self.longest + self.max_tokens

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
        if (longest := max(map(len, prompts), default=0)) > self.longest:
            few = f"at most task.max_tokens={self.context - longest}"
            raise ConfigError(
                f"task.max_tokens={self.max_tokens}: a prompt of {longest} tokens and the answer "
                f"are longer than the model's context of {self.context}",
                hint=few if longest < self.context else "a model that reads more",
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


def writer(
    model: LanguageModel,
    policy: Policy,
    reading: Reading,
    run: Host,
    *,
    max_tokens: int,
    rows: int,
    engine: str,
) -> Writer:
    """A writer of what the policy wears.

    Args:
        model: that the policy was made of.
        policy: the policy.
        reading: how it reads prompts.
        run: gives seeds and hears signals.
        max_tokens: of an answer.
        rows: answers drawn at once.
        engine: "hf" draws in this process, "vllm" by its package.
    """
    limits: dict[str, Any] = {"ends": reading.ends, "max_tokens": max_tokens}
    return Writer(
        policy=policy,
        reading=reading,
        engine=VllmEngine(policy, model.folder, **limits)
        if engine == "vllm"
        else Sampler(policy.module, model.name, rows=rows, tick=run.tick, **limits),
        run=run,
        max_tokens=max_tokens,
        longest=model.context - max_tokens,
    )
