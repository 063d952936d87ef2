"""Tagged words: the generated language is as described; treebanks are read, or refused by line."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from iterun.data.conllu import conllu, fingerprint
from iterun.data.tagged import TaggedSet, count
from iterun.data.toy_pos import SIZES, lexicons, toy_pos
from iterun.errors import ConfigError

WORD = "1\tDogs\tdog\tNOUN\tNNS\t_\t2\tnsubj\t_\t_"
TREEBANK = f"""# sent_id = 1
{WORD}
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
4\tbark\tbark\tVERB\tVB\t_\t0\troot\t_\t_
4.1\tloudly\t_\tADV\tRB\t_\t_\t_\t_\t_

# sent_id = 2
{WORD}
"""


def draw(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def language():
    return lexicons(draw())


@pytest.fixture(scope="module")
def sentences():
    return toy_pos().tagged(draw(), 20000)


def test_lexicons_have_their_sizes_and_reuse_forms(language):
    assert {tag: len(forms) for tag, forms in language.items()} == SIZES
    for tag, source in (("VERB", "NOUN"), ("ADV", "ADJ"), ("PROPN", "NOUN"), ("PRON", "DET")):
        size = SIZES[tag]
        reused = [
            form == language[source][rank * SIZES[source] // size]
            for rank, form in enumerate(language[tag])
        ]
        assert abs(np.mean(reused) - 0.15) < 5 * np.sqrt(0.15 * 0.85 / size)


def test_names_have_a_capital_and_other_lexicons_none(language):
    names = [form[0].isupper() for form in language["PROPN"]]

    assert 0.8 < np.mean(names) < 0.9  # all but what is reused
    assert not any(form[0].isupper() for form in language["VERB"])


def test_words_come_by_rank(language, sentences):
    """P(0) / P(9) = 11.7 / 2.7 in a lexicon of 12."""
    seen = Counter(
        word
        for one in sentences
        for word, tag in zip(one.words, one.tags, strict=True)
        if tag == "DET"
    )

    first, later = seen[language["DET"][0]], seen[language["DET"][9]]
    assert first / later == pytest.approx(11.7 / 2.7, rel=0.25)


def test_sentences_follow_the_grammar(sentences):
    assert 20000 <= count(sentences) < 20000 + 200
    shares = Counter(tag for one in sentences for tag in one.tags)
    for one in sentences:
        assert one.tags[-1] == "PUNCT"
        assert one.tags.count("PUNCT") == 1
        assert "VERB" in one.tags
    verbs, marks = shares["VERB"], shares["PUNCT"]
    # S has one more VP with 0.2; a VP another with 0.1, that one none.
    assert verbs / marks == pytest.approx(1.2 * 1.1, rel=0.05)
    assert shares["AUX"] / verbs == pytest.approx(0.3, rel=0.1)


def test_a_language_belongs_to_its_seed():
    one = toy_pos().tagged(draw(0), 200)

    assert one == toy_pos().tagged(draw(0), 200)
    assert one != toy_pos().tagged(draw(1), 200)
    assert toy_pos(seed=7).tagged(draw(0), 200) == toy_pos(seed=7).tagged(draw(1), 200)
    more = toy_pos().tagged(draw(0), 400)
    assert more[: len(one)] == one


def test_a_language_has_no_end():
    with pytest.raises(ConfigError, match=r"task\.max_words=null"):
        toy_pos().tagged(draw(), None)


def test_a_language_has_no_seed_below_0():
    with pytest.raises(ConfigError, match=r"data\.seed=-1 is too small") as refused:
        toy_pos(seed=-1)

    assert refused.value.hint == "at least data.seed=0"


def test_words_of_the_syntax_are_read(tmp_path):
    file = tmp_path / "a.conllu"
    file.write_text(TREEBANK)

    found = conllu(path=str(file))

    assert isinstance(found, TaggedSet)
    first, second = found.tagged(draw(), None)
    assert first.words == ("Dogs", "do", "n't", "bark")
    assert first.tags == ("NOUN", "AUX", "PART", "VERB")
    assert second.words == ("Dogs",)  # no blank line ends the file
    (own, *_) = conllu(path=str(file), tags="xpos").sentences
    assert own.tags == ("NNS", "VBP", "RB", "VB")


def test_a_treebank_is_known_by_its_content(tmp_path):
    file = tmp_path / "a.conllu"
    file.write_text(TREEBANK)
    one, own = (conllu(path=str(file), tags=tags) for tags in ("upos", "xpos"))

    assert fingerprint({"path": str(file), "tags": "upos"}) == one.fingerprint != own.fingerprint
    file.write_text(TREEBANK + "\n")
    assert fingerprint({"path": str(file), "tags": "upos"}) != one.fingerprint


def test_lines_end_as_on_windows_too(tmp_path):
    file = tmp_path / "a.conllu"
    file.write_bytes(TREEBANK.replace("\n", "\r\n").encode())

    assert count(conllu(path=str(file)).sentences) == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Dogs bark\n", "line 1: 1 columns, not 10"),
        (WORD.replace("1\t", "x\t", 1), "line 1: 'x' is no number of a word"),
        (f"{WORD}\n" + WORD.replace("NOUN", "_"), "line 2: the word 'Dogs' has no tag"),
        ("# nothing\n", "has no sentence"),
        ("", "is empty"),
    ],
)
def test_what_is_no_treebank_is_refused(text, said, tmp_path):
    file = tmp_path / "a.conllu"
    file.write_text(text)

    with pytest.raises(ConfigError, match=said) as refused:
        conllu(path=str(file))
    assert f"data.path={file}" in refused.value.message
    assert refused.value.hint


def test_a_treebank_needs_a_file(tmp_path):
    for settings, said in (
        ({}, "data.path is empty"),
        ({"path": str(tmp_path / "none")}, "there is no such file"),
    ):
        with pytest.raises(ConfigError, match=said):
            conllu(**settings)
        with pytest.raises(ConfigError, match=said):
            fingerprint(settings)
    with pytest.raises(ConfigError, match=r"data\.tags=lemma is no column"):
        conllu(path="x", tags="lemma")
