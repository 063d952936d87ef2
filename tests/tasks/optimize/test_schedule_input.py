"""Bad input of optimize/schedule: one sentence that names the parameter, and a hint."""

from __future__ import annotations

import pytest
from schedule_runs import run

from iterun.errors import ConfigError

REFUSED = {
    "task.steps=9": "task.steps=9 is too small",
    "task.batch=0": "task.batch=0 is too small",
    "task.refine_rounds=-1": "task.refine_rounds=-1 is too small",
    "task.tau=0.6": "task.tau=0.6 is outside [0, 0.5]",
    "task.tau=nan": "task.tau=nan is outside [0, 0.5]",
    "task.t0=0": "task.t0=0.0 is not a number above 0",
    "task.init_scale=-1": "task.init_scale=-1.0 is not a number above 0",
    "task.lrs=[]": "task.lrs=[] is no list of rates above 0",
    "task.lrs=[0.1,0]": "task.lrs=[0.1,0.0] is no list of rates above 0",
    "task.steep_lrs=[inf]": "task.steep_lrs=[inf] is no list of rates",
    "task.seeds=[]": "task.seeds=[] is no list",
    "task.seeds=[1,1]": "task.seeds=[1,1] is no list of different whole numbers",
    "task.seeds=[-1]": "task.seeds=[-1] is no list",
    "task.baselines=[linear,linnear]": "has linnear, which is no schedule",
    "task.baselines=[linear,linear]": "names a schedule twice",
    "task.baselines=[cosine]": "lacks linear, whose norms are refined",
    "task.power=3": "task.power=3",
    "task.problem=mnist": "task.problem=mnist",
    "task.optimizer=lion": "task.optimizer=lion",
    "data=pydoc": "data= sets nothing here: it is read by task.problem=libsvm, text, pictures",
    "model=opt-mini": "model= sets nothing here: it is read by task.problem=text, pictures",
}


@pytest.mark.parametrize("word", REFUSED)
def test_bad_input_is_refused_before_anything_is_computed(word, tmp_path):
    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", "digits_noisy", word)

    assert REFUSED[word] in refused.value.message
    assert refused.value.hint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task.problem=libsvm"], "asks for data=..."),
        (["task.problem=text", "data=pydoc"], "asks for model=..."),
        (["task.problem=libsvm", "data=libsvm"], "data.path is empty"),
        (["task.problem=text", "data=pydoc", "model=lenet"], "lenet"),
        (["task.problem=libsvm", "data=digits"], "data=digits does not hold rows of features"),
        (["task.problem=text", "model=opt-mini", "data=digits"], "data=digits does not hold text"),
        (["task.problem=pictures", "model=lenet", "data=pydoc"], "data=pydoc does not hold pict"),
    ],
)
def test_a_problem_says_what_it_lacks(words, said, tmp_path):
    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", "digits_noisy", *words)

    assert said in refused.value.message
    assert refused.value.hint
