"""Answer fresh prompts, have the answers judged, train on what won against what lost; again.

Paper: RLHF Workflow, online iterative direct preference (arXiv 2405.07863).

    round i    K answers to each of n fresh prompts by the policy; some of the K by another
               temperature or by the policy of a round ago (exploration)
    judge      the exact answer, a reward model trained first, or a chat model
    pairs      a better and a worse answer a prompt; none where all tie
    dpo        -log sigmoid(beta (log pi(c)/ref(c) - log pi(w)/ref(w))), smoothed, plus
               sft_coef x the chosen answers' loss a token; ref is the policy before the round
    grpo       clipped policy gradient on advantages within each prompt (arXiv 2402.03300)
    expert     imitation of each prompt's best answers (expert iteration)
    replay     the control: as many steps of imitation on what the policy learnt from before

One step is one round. One AdamW an arm is kept through the run. Shapes: an answer's
log-probability is a sum over its tokens, (n,).

Departures: the embedded policy is tiny, with a misconception that imitation repeats; the published
figures are of benchmarks of chat. Rates do not decay, unless `schedule=` says so.
Pairs are drawn at random among unlike answers; the paper's best against worst is
task.pairing=max_min. The optimizer is not begun anew in each round. The reward model is trained on
pairs that the exact judge made.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, Literal

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.data.tiny_math import END
from iterun.errors import ConfigError
from iterun.judges.math_answer import AnswerJudge
from iterun.models import rlhf_answers, rlhf_check, rlhf_report, vllm_engine
from iterun.models.gradient_norms import GradientNorms
from iterun.models.policy_losses import Examples
from iterun.models.policy_update import Learner
from iterun.models.rlhf_answers import Answer, Exact
from iterun.models.rlhf_chat_judge import ChatJudge
from iterun.models.rlhf_evaluation import Evaluation
from iterun.models.rlhf_judges import judge_of
from iterun.models.rlhf_learning import LR, NOTHING, TITLES, Algorithm, Learning, Pairing
from iterun.models.rlhf_policy import Policy, Reading
from iterun.models.rlhf_prompts import Prompts
from iterun.models.rlhf_reward_judge import Lesson, RewardJudge, exact_pairs
from iterun.models.rlhf_training import LOOP, REPLAY, RoundTraining, replay
from iterun.models.rlhf_writing import Exploration, writer
from iterun.ops.lr_schedule import rising
from iterun.types import LanguageModel

BOTH = ("accuracy_greedy", "accuracy_sampled", "kl_to_base", "loss")  # metrics of both arms
FAR = 10.0  # nats from the base beyond which the policy may have run away
PATIENCE = 3  # rounds in a row without anything to train on
KEPT = ("round", "found", "previous", "n_empty", "history")  # attributes that are in a checkpoint


@dataclass(kw_only=True)
class OnlineDpo(Procedure):
    """Rounds of answers, judgments and updates, beside a control that only imitates."""

    threads: ClassVar = 1
    model_kind: ClassVar = "lm"
    takes_schedule: ClassVar = True

    algorithm: Algorithm  #: what the loop learns by
    rounds: int  #: of answering and training
    prompts: int  #: fresh ones a round
    samples: int  #: answers to each (K)
    temperature: float  #: of answers, above 0
    max_tokens: int  #: of an answer
    explore: Literal["previous"] | float | None  #: the policy of a round ago, or a temperature
    explore_share: float  #: of the samples that come from there, in (0, 1)
    pairing: Pairing  #: which two make a pair
    length_penalty: float  #: reward per token taken off, of max_min_p
    beta: float  #: inverse temperature of the preference loss
    label_smoothing: float  #: probability that a pair is the wrong way round, in [0, 0.5)
    sft_coef: float  #: weight of the chosen answers' loss a token
    reference: Literal["previous", "initial"]  #: the policy before the round, or before the run
    clip_ratio: float | None  #: grpo: how far ratios count; null: however far
    kl_coef: float  #: grpo: weight of the divergence from the reference
    steps: int  #: optimizer steps a round, of the loop and of the control
    batch_size: int  #: pairs or answers a step
    lr: float | None  #: null: 3e-5 for dpo, 5e-5 for grpo, 3e-4 for expert
    warmup: int  #: steps in which the rate rises
    replay_lr: float  #: the control's rate
    judge: Literal["checker", "rm", "chat"]  #: exact answers, reward model, model@judge=...
    reward_model: str | None  #: rm: folder or OWNER/NAME; null: one is trained first
    rm_prompts: int  #: fresh ones on whose answers it is trained; a fifth is held out
    rm_steps: int  #: optimizer steps of that
    rm_lr: float  #: rate of that
    lora_rank: int | None  #: of adapters; null: everything is trained
    lora_targets: list[str]  #: ends of the names of the layers that take them
    template: Literal["plain", "chat"]  #: how prompts are put
    shots: int  #: worked examples before each prompt
    eval_prompts: int | None  #: how many of the test split are evaluated; null: all
    rows: int  #: answers drawn or read at once; may change last bits
    engine: Literal["hf", "vllm"]  #: what draws answers

    def check(self) -> Iterator[ConfigError]:
        yield from rlhf_check.faults(vars(self))
        if self.engine == "vllm" and (error := vllm_engine.missing()) is not None:
            yield error

    def start(self, run: Run) -> None:
        self.run = run
        self.asked = Prompts(run, self.eval_prompts)
        self._check_judge()
        model = run.model(LanguageModel)  # type: ignore[type-abstract]  # a protocol
        self.exact = Exact(AnswerJudge().verdict)
        self.checker = self.exact if self.asked.checkable else None
        # Before adapters are put on: a reward model copies the plain module.
        self.judged_by = judge_of(
            self.judge, run, model, self.exact, reward_model=self.reward_model, rows=self.rows
        )
        self.policy = Policy(
            model,
            lora_rank=self.lora_rank,
            lora_targets=self.lora_targets,
            generator=run.generator("adapters", 0),
        )
        reading = Reading(
            tokenizer=model.tokenizer,
            template=self.template,
            examples=self.asked.worked(self.shots),
            end=END if self.checker else "",
        )
        limits: dict[str, Any] = {"max_tokens": self.max_tokens, "rows": self.rows}
        self.writer = writer(model, self.policy, reading, run, engine=self.engine, **limits)
        self.writer.checked(self.asked.test)
        self.writer.checked(self.asked.once(0, self._n_fresh()))
        self.evaluation = Evaluation(
            writer=self.writer,
            problems=self.asked.test,
            judge=self.judged_by,
            checker=self.checker,
            rows=self.rows,
        )
        names = [field.name for field in fields(Learning)]
        self.learning = Learning(**{name: getattr(self, name) for name in names})
        self.training = self._training()
        self.round = 0  #: the one whose answers were drawn
        self.data: Examples | None = None  #: what this round trains on
        self.found: dict[str, float] = {}  #: this round's metrics so far
        self.previous = self.policy.first  #: the policy before this round's training
        self.n_empty = 0  #: rounds in a row without anything to train on
        self.history: list[dict[str, float]] = []

    def length(self) -> int:
        return self.rounds

    def baseline(self) -> Mapping[str, float]:
        self.policy.wear(self.policy.first)
        if isinstance(self.judged_by, RewardJudge) and not self.judged_by.is_ready:
            self._train_reward_model(self.judged_by)
        return self._closed(0)

    def step(self, i: int) -> Mapping[str, float]:
        if self.round < i:  # not yet done where a resume goes on inside the round
            self._collect(i)
        if self.data is not None:
            self._train(i)
        return self._closed(i)

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in KEPT} | {
            "position": self.asked.position,
            "data": None if self.data is None else vars(self.data),
            "evaluation": self.evaluation.state(),
            "training": self.training.state(),
            "judge": self.judged_by.state() if isinstance(self.judged_by, RewardJudge) else {},
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.training.restore(state["training"])
        for name in KEPT:
            setattr(self, name, state[name])
        self.asked.position = state["position"]
        self.data = None if state["data"] is None else Examples(**state["data"])
        self.evaluation.restore(state["evaluation"])
        if isinstance(self.judged_by, RewardJudge):
            self.judged_by.restore(state["judge"])
        self._check_rest()

    def result(self) -> Mapping[str, Any]:
        self.policy.wear(self.training.learners[LOOP].values)
        name = "policy" if self.lora_rank is None else "adapter"
        with self.run.folder(name) as folder:
            self.policy.save(folder)
        self.run.save_image("curve.png", rlhf_report.curve(self.history, TITLES[self.algorithm]))
        return rlhf_report.result(self.history)

    # Prompts and judges.

    def _check_judge(self) -> None:
        if not self.asked.checkable and (self.judge == "checker" or self._trains_judge()):
            raise ConfigError(
                f"task.judge={self.judge}: data={self.asked.data.name} has no right answers",
                hint="task.judge=rm task.reward_model=OWNER/NAME; or task.judge=chat",
            )

    def _n_fresh(self) -> int:
        """How many prompts of the pool a whole run takes."""
        return self.rounds * self.prompts + (self.rm_prompts if self._trains_judge() else 0)

    def _trains_judge(self) -> bool:
        return self.judge == "rm" and self.reward_model is None

    def _check_rest(self) -> None:
        """Refuse settings of a fork under which the rounds to come can't be done."""
        first = self.asked.position
        last = first + (self.rounds - self.round) * self.prompts
        self.writer.checked(self.asked.once(max(first, self._n_fresh()), last))
        taken, ended = self.training.learners[LOOP].n_steps, self.round
        if self.data is not None:  # inside a round
            taken, ended = taken - len(self.training.losses[LOOP]), ended - 1
        n_steps = self.rounds * self.steps
        if taken > ended * self.steps and self.run.schedule(n_steps) is not None:
            raise ConfigError(
                f"task.steps={self.steps}: the state took {taken} steps in {ended} rounds, and "
                f"schedule= has {n_steps} for all {self.rounds}",
                hint=f"at least task.steps={-(-taken // ended)}, or schedule=null",
            )

    def _training(self) -> RoundTraining:
        """The loop's learner, and the control's where the data has something to imitate."""
        lr = LR[self.algorithm] if self.lr is None else self.lr
        self.run.resolve(lr=lr)
        course = self.run.schedule(self.rounds * self.steps) or partial(rising, warmup=self.warmup)
        trained, norms = self.policy.parameters, GradientNorms(l1=True)
        learners = {LOOP: Learner(trained, lr=lr, multiplier=course, norms=norms)}
        self.replayed = replay(self.asked.data.train, self.writer, rows=self.rows, shots=self.shots)
        if self.replayed is not None:
            learners[REPLAY] = Learner(trained, lr=self.replay_lr, multiplier=course)
        else:
            self.run.warn(f"data={self.asked.data.name} has no completions: no replay control")
        return RoundTraining(
            self.run, self.policy, learners, n_steps=self.steps, size=self.batch_size
        )

    def _train_reward_model(self, judge: RewardJudge) -> None:
        """On a right and a wrong answer of the base to each of some fresh prompts."""
        fresh = self.asked.fresh(self.rm_prompts)
        groups = self.writer.write(fresh, n=self.samples, temperature=1.0, key=("reward",))
        pairs = exact_pairs(groups, self.exact, self.run.numpy("reward pairs", 0))
        lesson = Lesson(
            steps=self.rm_steps,
            lr=self.rm_lr,
            generator=self.run.generator("reward order", 0),
            shown=self.run.progress,
        )
        self.found = judge.learn(pairs, lesson)
        with self.run.folder("reward-model") as folder:
            judge.reward.save(folder)

    # A round.

    def _collect(self, i: int) -> None:
        """Answers to fresh prompts, and what is to be learnt from them."""
        values = self.training.learners[LOOP].values
        self.policy.wear(values)
        groups = self._answered(i)
        self.found = rlhf_answers.described(groups)
        self._add_spent(self.found)
        self.run.save_text("samples-{i}.jsonl", rlhf_report.samples(groups), at=i)
        pairs = self.learning.pairs(groups, self.run.numpy("pairs", i))
        if self.algorithm == "dpo":
            self.found["pairs"] = len(pairs)
        if self.algorithm == "dpo" and pairs:
            write = partial(rlhf_report.write_pairs, pairs=pairs)
            self.run.save_file(f"pairs-{{i}}.{rlhf_report.pairs_suffix()}", write, at=i)
        self.data = self.learning.examples(groups, pairs, self.judged_by.floor)
        if self.data is not None:
            is_initial = self.reference == "initial"
            reference = self.policy.as_at_first() if is_initial else nullcontext()
            self.learning.refer(self.data, self.policy.module, reference)
        self._count_empty(i)
        self.training.clear()
        self.previous = {name: value.clone() for name, value in values.items()}
        self.round = i

    def _answered(self, i: int) -> list[list[Answer]]:
        """K answers to each of the next prompts, judged."""
        began = time.perf_counter()
        groups = self.writer.explore(
            self.asked.fresh(self.prompts),
            n=self.samples,
            temperature=self.temperature,
            exploration=Exploration(source=self.explore, share=self.explore_share),
            previous=self.previous,
            key=(i,),
        )
        self.run.cost(seconds_generate=time.perf_counter() - began)
        answers = [it for group in groups for it in group]
        for answer, earned in zip(answers, self.judged_by.rewards(answers), strict=True):
            answer.reward = earned
            answer.kind = self.checker.kind(answer) if self.checker else ""
        self.run.tokens(sum(len(it.drawn.tokens) for it in answers))
        return groups

    def _count_empty(self, i: int) -> None:
        """Warn of a round that trains nothing; three in a row end the run."""
        self.found["examples"] = 0 if self.data is None else len(self.learning.objective(self.data))
        self.n_empty = 0 if self.data is not None else self.n_empty + 1
        if self.n_empty:
            self.run.warn(f"round {i}: {NOTHING[self.algorithm]}; nothing is trained")
        if self.n_empty == PATIENCE:
            self.run.stop("stalled")

    def _train(self, i: int) -> None:
        assert self.data is not None
        objective = self.learning.objective(self.data)
        order = partial(self.run.generator, "order", i)
        self.training.train(LOOP, objective, order, first=0, where=f"round {i}")
        if self.replayed is not None:
            done = self.training.learners[REPLAY].n_steps - len(self.training.losses[REPLAY])
            order = partial(self.run.generator, "replay")
            self.training.train(REPLAY, self.replayed, order, first=done, where=f"round {i}")

    def _closed(self, i: int) -> Mapping[str, float]:
        """Evaluate both arms; the round's metrics."""
        learners = self.training.learners
        self.policy.wear(learners[LOOP].values)
        metrics = self.found | self.evaluation.of_loop(
            self.previous if self.reference == "previous" else None
        )
        metrics |= self.training.losses_of(LOOP) | self.training.norms_of(LOOP)
        if REPLAY in learners:
            self.policy.wear(learners[REPLAY].values)
            # At first both arms are the base.
            control = self.evaluation.of_control() if i else metrics
            control = control | self.training.losses_of(REPLAY)
            metrics |= {f"{name}_replay": control[name] for name in BOTH if name in control}
        self._add_spent(metrics)
        if self.data is not None:
            self.run.cost(**self.training.costs())
        self._warn_of_running_away(i, metrics["kl_to_base"])
        self.data = None
        self.history.append(metrics)
        return metrics

    def _add_spent(self, metrics: dict[str, float]) -> None:
        """What the chat model that judges has cost since the last time."""
        if isinstance(self.judged_by, ChatJudge):
            for name, spent in self.judged_by.spent().items():
                metrics[name] = metrics.get(name, 0) + spent

    def _warn_of_running_away(self, i: int, distance: float) -> None:
        if distance > FAR:
            self.run.warn(
                f"round {i}: the policy is {distance:.0f} nats from the base, and may have run "
                "away; a lower task.lr or a larger task.beta holds it"
            )
