"""Which judge a preference loop asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from iterun.models import reward, rlhf_chat_judge
from iterun.models.chat.desk import Desk
from iterun.models.rlhf_chat_judge import ChatJudge
from iterun.models.rlhf_reward_judge import RewardJudge
from iterun.types import ChatModel

if TYPE_CHECKING:
    import torch

    from iterun.models.rlhf_answers import Exact, Judge
    from iterun.types import LanguageModel, Placement


class Host(rlhf_chat_judge.Keeper, Protocol):
    """What judges need of a run."""

    place: Placement

    def model(self, form: type[Any], role: str = "model") -> Any: ...
    def generator(self, name: str, *key: object) -> torch.Generator: ...


def judge_of(
    kind: str, run: Host, model: LanguageModel, exact: Exact, *, reward_model: str | None, rows: int
) -> Judge:
    """The judge that task.judge names.

    Args:
        kind: "checker", "rm" or "chat".
        run: gives the chat model of model@judge=..., and generators.
        model: a reward model that is yet to be trained begins as its copy.
        exact: knows the right answers.
        reward_model: a ready one: folder or OWNER/NAME.
        rows: answers scored at once.

    Raises:
        ConfigError: the model that is to judge is not there, or none that can.
    """
    if kind == "checker":
        return exact
    if kind == "chat":
        return ChatJudge(Desk(run.model(ChatModel, role="judge"), run), run)
    if reward_model is None:
        made = reward.from_language_model(model, run.generator("reward head", 0))
        return RewardJudge(made, is_ready=False, rows=rows)
    ready = reward.load(reward_model, run.place, setting=f"task.reward_model={reward_model}")
    return RewardJudge(ready, is_ready=True, rows=rows)
