"""Bad input of learn/curve: one sentence that names the parameter, and a hint."""

from __future__ import annotations

import pytest
from curve_runs import run

from iterun.errors import ConfigError

#: run, overrides -> what the message has to say
REFUSED = {
    ("text", "task.kernel=0"): "task.kernel=0 is too small",
    ("text", "task.slice=0"): "task.slice=0 is too small",
    ("text", "task.test_words=0"): "task.test_words=0 is too small",
    ("text", "task.lookahead=0"): "task.lookahead=0 is too small",
    ("text", "task.folds=0"): "task.folds=0 is too small",
    ("text", "task.tau=0"): "task.tau=0.0 is not between 0 and 1",
    ("text", "task.tau=-1"): "task.tau=-1.0 is not between 0 and 1",
    ("text", "task.nu=0"): "task.nu=0.0 is not between 0 and 1",
    ("text", "task.target=1"): "task.target=1.0 is no accuracy below 1",
    ("text", "task.target=95"): "task.target=95.0 is no accuracy below 1",
    ("text", "task.slice=500"): "make 3 levels up to task.max_words=1200, and a curve takes 4",
    ("text", "task.max_words=100"): "make 0 levels up to task.max_words=100",
    ("text", "task.max_words=null"): "data=toy-pos has no end: task.max_words=null",
    ("text", "task.learner=perceptrn"): "task.learner: perceptrn is no learner",
    ("text", "task.compare=[mft,hm]"): "task.compare: hm is no learner",
    ("text", "task.compare=[mft,mft]"): "task.compare=[mft,mft] names a learner twice",
    ("text", "task.learner=sklearn:Ridge"): "task.learner: scikit-learn has no classifier Ridge",
    ("text", "task.compare=[sklearn:GaussianNB]"): "task.compare: sklearn:GaussianNB does not",
    ("text", "task.learner=sklearn:VotingClassifier"): "task.learner: sklearn:VotingClassifier is",
    ("text", "task.max_words=0"): "make 0 levels up to task.max_words=0, and a curve takes 4",
    ("text", "data=conllu"): "data.path is empty",
    ("text", "data=planted-graphs"): "holds neither tagged words nor pictures",
    ("text", "model=opt-mini"): "model= sets nothing here: task.learner names what is trained",
    ("text", "data.seed=-1"): "data.seed=-1 is too small",
    ("digits", "task.learner=hmm"): "task.learner: hmm tags words, and data=digits holds pictures",
    ("digits", "task.compare=[mft]"): "task.compare: mft tags words",
    ("digits", "task.max_words=2000"): "task.max_words=2000: data=digits has 1132 pictures",
    ("digits", "task.test_words=600"): "task.test_words=600: data=digits has 539 pictures",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_bad_input_is_refused(line, tmp_path):
    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", *line)

    assert REFUSED[line] in refused.value.message
    assert refused.value.hint


def test_a_corpus_that_is_too_small_says_how_much_there_is(tmp_path):
    file = tmp_path / "a.conllu"
    file.write_text("1\tw\t_\tT\t_\t_\t_\t_\t_\t_\n\n" * 100)
    line = ["data=conllu", f"data.path={file}", "task.test_words=50", "task.kernel=10"]

    with pytest.raises(ConfigError, match=r"have 100 words.* would overlap") as refused:
        run(tmp_path / "run", "text", *line, "task.max_words=60", "task.slice=10")
    assert "task.max_words=50" in refused.value.hint
    with pytest.raises(ConfigError, match=r"task.max_words=null of 50 in all"):
        run(tmp_path / "run", "text", *line, "task.max_words=null", "task.slice=30")


@pytest.mark.parametrize("test_words", [100, 5000])
def test_a_corpus_smaller_than_its_test_set_is_told_with_what_helps(test_words, tmp_path):
    file = tmp_path / "a.conllu"
    file.write_text("1\tw\t_\tT\t_\t_\t_\t_\t_\t_\n\n" * 100)
    line = ["data=conllu", f"data.path={file}", "task.max_words=null", "task.compare=[]"]

    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", "text", *line, f"task.test_words={test_words}")
    assert f"have 100 words: task.test_words={test_words} leaves too" in refused.value.message

    hint = refused.value.hint.removeprefix("as in ").split()
    assert run(tmp_path / "again", "text", *line, *hint).status.state == "completed"


@pytest.mark.parametrize(("max_words", "test_words"), [("30", 10), ("null", 70)])
def test_sentences_too_long_for_the_levels_are_told(max_words, test_words, tmp_path):
    """Ten sentences of ten words; thirty of them are three levels."""
    file = tmp_path / "a.conllu"
    words = "".join(f"{k}\tw\t_\tT\t_\t_\t_\t_\t_\t_\n" for k in range(1, 11))
    file.write_text(f"{words}\n" * 10)
    sizes = [f"task.max_words={max_words}", f"task.test_words={test_words}"]

    with pytest.raises(ConfigError, match="make 3 levels that differ") as refused:
        run(
            tmp_path / "run", "text", "data=conllu", f"data.path={file}", "task.kernel=1",
            "task.slice=2", *sizes,
        )  # fmt: skip

    assert refused.value.hint
