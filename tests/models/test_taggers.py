"""Taggers: what they are told to learn they learn, from their level alone."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest

from iterun.data.digits import digits
from iterun.data.tagged import Sentence
from iterun.data.toy_pos import toy_pos
from iterun.errors import ConfigError, IterunError
from iterun.models.hidden_markov_tagger import Transitions, _counted, _transitions, _viterbi
from iterun.models.nested import distinct, nested_pictures, nested_text
from iterun.models.tag_windows import shape, windows
from iterun.models.taggers import LEARNERS, ON_WINDOWS, check_text, learner

LEVELS = [400, 800, 1200]


def sentence(text):
    words, tags = zip(*(token.split("/") for token in text.split()), strict=True)
    return Sentence(words, tags)


def text_of(test, *train):
    """Nested text of one level with this test sentence."""
    sentences = [sentence(one) for one in (test, *train)]
    n = sum(len(one.words) for one in sentences[1:])
    return nested_text(sentences, np.arange(len(sentences)), [n], 1)


def tags_of(data, told):
    return [data.tag_names[tag] for tag in told.classes]


@pytest.fixture(scope="module")
def toy():
    sentences = toy_pos().tagged(np.random.default_rng(5), 2200)
    return nested_text(sentences, np.arange(len(sentences)), LEVELS, 600)


def test_levels_are_nested_whole_sentences_apart_from_the_test(toy):
    assert all(0 <= size - level < 40 for size, level in zip(toy.sizes, LEVELS, strict=True))
    assert set(toy.sizes) <= set(toy.train.starts)
    assert len(toy.held_out.words) == toy.held_out.starts[-1] >= 600
    everything = toy.held_out.words + toy.train.words
    sentences = toy_pos().tagged(np.random.default_rng(5), 2200)
    assert everything == [word for one in sentences for word in one.words][: len(everything)]


def test_a_test_that_would_overlap_the_training_set_is_refused():
    with pytest.raises(ConfigError, match="would overlap") as refused:
        nested_text([sentence("a/A b/B")] * 3, np.arange(3), [4], 3)

    assert "task.max_words=3" in refused.value.hint


def test_levels_that_no_sentence_tells_apart_are_one():
    sentences = [sentence("a/A b/B c/C")] * 5

    nested = nested_text(sentences, np.arange(5), [2, 4, 5, 9, 11], 1)
    (found,) = distinct([nested])

    assert nested.sizes == [3, 6, 6, 9, 12]
    assert found.sizes == [3, 6, 9, 12]
    assert found.training(3)[0].shape[0] == 12


def test_levels_at_the_end_are_what_is_left():
    """One word was to be the test set, which took three: 11 and 12 are 10."""
    lines = ("a/A b/B c/C", "a/A", "b/B c/C d/D e/D f/A", "c/C a/A", "a/A b/B")

    nested = nested_text([sentence(one) for one in lines], np.arange(5), [1, 6, 8, 11, 12], 1)

    assert nested.sizes == [1, 6, 8, 10, 10]
    assert distinct([nested])[0].sizes == [1, 6, 8, 10]


def test_all_folds_keep_the_same_levels():
    """What one fold repeats another may not: 2 and 3 are 3 and 3 words, or 2 and 5."""
    sentences = [sentence(one) for one in ("a/A", "a/A b/B c/C", "a/A b/B", "a/A b/B c/C")]
    orders = np.array([[0, 1, 2, 3], [0, 2, 1, 3]])

    folds = distinct([nested_text(sentences, order, [2, 3, 7, 8], 1) for order in orders])

    assert [fold.sizes for fold in folds] == [[3, 3, 8], [2, 5, 8]]


def test_tags_are_those_of_the_sentences_used():
    """The last sentence is beyond the last level."""
    sentences = [sentence(one) for one in ("b/B", "a/A", "a/C", "d/D")]

    assert nested_text(sentences, np.arange(4), [1, 2], 1).tag_names == ["A", "B", "C"]


def test_a_test_set_that_takes_all_is_refused_with_its_own_setting():
    for n in (5, 90):
        with pytest.raises(ConfigError, match=f"have 6 words: task.test_words={n}") as refused:
            nested_text([sentence("a/A b/B c/C")] * 2, np.arange(2), [1], n)
        assert "task.test_words=1" in refused.value.hint
        assert "max_words" not in refused.value.hint


@pytest.mark.parametrize("name", LEARNERS)
def test_a_level_learns_nothing_of_what_comes_after_it(name, toy):
    sentences = toy_pos().tagged(np.random.default_rng(5), 2200)
    short = nested_text(sentences, np.arange(len(sentences)), LEVELS[:1], 600)
    names = {tag: number for number, tag in enumerate(short.tag_names)}
    assert short.tag_names == toy.tag_names
    assert names

    assert (
        LEARNERS[name](short, 0, 3).classes.tolist() == LEARNERS[name](toy, 0, 3).classes.tolist()
    )


@pytest.mark.parametrize("name", LEARNERS)
def test_more_words_make_a_better_tagger_than_the_commonest_tag(name, toy):
    right = [(LEARNERS[name](toy, k, 3).classes == toy.test_classes).mean() for k in (0, 2)]

    commonest = np.bincount(toy.test_classes).max() / len(toy.test_classes)
    assert commonest + 0.2 < right[0] < right[1]


def test_the_most_frequent_tag_is_taken_and_the_commonest_for_new_words():
    data = text_of("run/N new/N", "run/V a/N b/N", "run/V c/N", "run/N")

    assert tags_of(data, LEARNERS["mft"](data, 0, 0)) == ["V", "N"]


def test_a_trigram_tells_apart_what_a_word_alone_cannot():
    """ "b" is B as often as C; after two A it was always B."""
    train = ["a/A a/A b/B"] * 6 + ["c/C b/C"] * 6

    data = text_of("a/A a/A b/B", *train)
    assert tags_of(data, LEARNERS["hmm"](data, 0, 0)) == ["A", "A", "B"]
    data = text_of("c/C b/C", *train)
    assert tags_of(data, LEARNERS["hmm"](data, 0, 0)) == ["C", "C"]


def test_a_new_word_is_known_by_its_suffix_and_capital():
    train = ["walking/V Berling/P", "talking/V Worming/P", "house/N the/D", "mouse/N the/D"] * 2

    for line in ("baking/V Harling/P", "grouse/N the/D"):
        data = text_of(line, *train)
        assert tags_of(data, LEARNERS["hmm"](data, 0, 0)) == list(sentence(line).tags)


def test_frequent_words_say_nothing_of_suffixes():
    """ "the" is seen eleven times, "he" ten: suffix e of D is left to "he"."""
    words, tags = ["the"] * 11 + ["he"] * 10, np.array([0] * 11 + [1] * 10)

    found = _counted(words, tags, 2)

    assert found.suffixes[False, "e"] == {1: 10}
    # θ is the deviation of 11/21 and 10/21; "" and "e" count the same.
    theta, shares = np.std([11 / 21, 10 / 21], ddof=1), np.array([11, 10]) / 21
    empty = (np.array([0, 1]) + theta * shares) / (1 + theta)
    expected = (np.array([0, 1]) + theta * empty) / (1 + theta) / shares
    np.testing.assert_allclose(np.exp(found.emission("ze")), expected)
    np.testing.assert_allclose(np.exp(found.emission("he")), [0, 1])


def some_transitions(rng, n_counted):
    """Of three tags: some trigrams are likelier than the last two tags alone say."""
    others = np.log(rng.dirichlet(np.ones(4), size=4))
    t_2, t_3, t_1 = np.unravel_index(np.sort(rng.choice(64, n_counted, replace=False)), (4, 4, 4))
    values = others[t_2, t_3] + rng.random(n_counted)
    return Transitions(counted=(t_1, t_2, t_3), values=values, others=others)


def value_of(path, transitions, emissions):
    """The log-probability of a path."""
    row = np.array([3, 3, *path, 3])
    steps = transitions.at(row[:-2], row[1:-1], row[2:])
    return steps.sum() + sum(emissions[k, tag] for k, tag in enumerate(path))


@pytest.mark.parametrize("n_counted", [1, 30, 64])
def test_the_path_is_the_likeliest_of_all(n_counted):
    """Sentences of five, five, two words and one; of each word a tag or two may be impossible."""
    rng, lengths = np.random.default_rng(0), [5, 5, 2, 1]
    transitions = some_transitions(rng, n_counted)
    emissions = np.log(rng.random((4, 5, 3)))
    emissions[rng.random((4, 5)) < 0.4, 1] = -np.inf

    found = _viterbi(transitions, [emissions[: sum(n > k for n in lengths), k] for k in range(5)])

    assert [len(tags) for tags in found] == [4, 3, 2, 2, 2]
    for i, (own, n) in enumerate(zip(emissions, lengths, strict=True)):
        values = {path: value_of(path, transitions, own) for path in product(range(3), repeat=n)}
        assert tuple(found[k][i] for k in range(n)) == max(values, key=values.get)


def test_transitions_are_interpolated_by_leaving_one_out():
    """One sentence A A: trigrams (|,|,A), (|,A,A), (A,A,|), each once.

    Leaving it out, no trigram is left: 0/0 counts as 0. Bigrams: of (|,A) one of two is left over,
    0/(2-1); unigrams: A 1/2, 1/2 again, the end 0/2. The largest is the unigram's for A twice,
    and all are 0 for the end, which goes to the first too: λ = (1, 0, 0).
    """
    found = _transitions([np.array([0, 0])], 1)

    every = np.exp(found.at(*np.ix_(*3 * [[0, 1]])))
    np.testing.assert_allclose(every, np.broadcast_to([2 / 3, 1 / 3], (2, 2, 2)))
    assert np.stack(found.counted, 1).tolist() == [[1, 0, 0], [0, 0, 1], [1, 1, 0]]


def test_a_trigram_that_was_counted_is_no_less_likely_than_its_last_two_tags():
    """A A B and C A B A have no (B, A, B)."""
    found = _transitions([np.array([0, 0, 1]), np.array([2, 0, 1, 0])], 3)

    t_1, t_2, t_3 = found.counted
    assert (found.values >= found.others[t_2, t_3]).all()
    assert (found.at(t_1, t_2, t_3) == found.values).all()
    assert found.at(np.array([1]), np.array([0]), np.array([1])) == found.others[0, 1]


@pytest.mark.parametrize("name", ["hmm", "perceptron"])
def test_four_hundred_tags_take_no_room_for_all_their_triples(name):
    """A word a tag; 400³ numbers are 512 MB."""
    rng = np.random.default_rng(0)
    lines = [" ".join(f"w{k}/T{k}" for k in row) for row in rng.integers(400, size=(150, 10))]
    data = text_of(*lines)

    tracemalloc.start()
    told = LEARNERS[name](data, 0, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 250e6
    assert (told.classes == data.test_classes).mean() > 0.5


def test_the_perceptron_takes_its_own_last_tags_into_account():
    """The first word decides on the others, and no window of two words reaches so far."""
    train = ["a/A x/A x/A x/A x/A x/A", "b/B x/B x/B x/B x/B x/B"] * 6

    for line in ("a/A x/A x/A x/A x/A x/A", "b/B x/B x/B x/B x/B x/B"):
        data = text_of(line, *train)
        assert tags_of(data, LEARNERS["perceptron"](data, 0, 0)) == list(sentence(line).tags)


def test_the_perceptrons_order_comes_from_its_seed(toy):
    one, again, other = (LEARNERS["perceptron"](toy, 2, seed).classes for seed in (1, 1, 2))

    assert one.tolist() == again.tolist()
    assert one.tolist() != other.tolist()


def test_windows_end_with_the_sentence():
    known = {}

    found = windows(["a", "b", "a"], [0, 2, 3], known)

    slots = {number: slot for slot, number in known.items()}
    first, _, alone = [[slots[i][1] for i in row] for row in found.ids]
    assert first[:5] == ["\0", "\0", "a", "b", "\0"]
    assert alone[:5] == ["\0", "\0", "a", "\0", "\0"]
    assert found.matrix().sum() == found.ids.size
    assert found.matrix(n=2).shape == (2, len({*found.ids[:2].ravel()}))
    assert found.n_features(3) == len(known)


@pytest.mark.parametrize(
    ("word", "seen"),
    [
        ("Anna", "Xx"),
        ("NATO", "X"),
        ("20th", "dx"),
        ("two-way", "x-x"),
        ("...", "."),
        ("é3_", "xd_"),
    ],
)
def test_shapes_say_each_run_of_letters_once(word, seen):
    assert shape(word) == seen


@pytest.mark.parametrize("name", ["logistic", "sklearn:GaussianNB", "sklearn:KNeighborsClassifier"])
def test_classifiers_learn_pictures(name):
    data = nested_pictures(digits(), np.random.default_rng(0), [40, 400], 200)

    right = [(learner(name, "task.learner")(data, k, 0).classes == data.test_classes).mean()
             for k in (0, 1)]  # fmt: skip

    assert 0.2 < right[0] < right[1]  # a tenth by chance


@pytest.mark.parametrize(
    "name", ["GaussianNB", "LinearDiscriminantAnalysis", "HistGradientBoostingClassifier"]
)
def test_what_wants_dense_rows_is_refused_for_text(name):
    with pytest.raises(ConfigError, match=f"task.compare: sklearn:{name} does not") as refused:
        check_text(f"sklearn:{name}", "task.compare")

    assert ON_WINDOWS in refused.value.hint


@pytest.mark.parametrize("name", [*ON_WINDOWS.split(" or "), "sklearn:DecisionTreeClassifier"])
def test_what_learns_from_sparse_rows_passes_and_learns(name, toy):
    check_text(name, "task.learner")

    assert (learner(name, "task.learner")(toy, 2, 0).classes == toy.test_classes).mean() > 0.5


def test_trying_a_classifier_draws_nothing_from_a_global_generator():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002  this is the one in question

    check_text("sklearn:RandomForestClassifier", "task.learner")

    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_a_classifier_that_a_level_defeats_is_told_with_the_level():
    data = text_of("a/A", "a/A b/B c/C")

    with pytest.raises(IterunError, match="CalibratedClassifierCV makes nothing of level 1, size"):
        learner("sklearn:CalibratedClassifierCV", "task.learner")(data, 0, 0)


def test_a_level_of_one_class_needs_no_learning():
    data = text_of("a/A", "b/A c/A")

    assert tags_of(data, LEARNERS["logistic"](data, 0, 0)) == ["A"]


def test_what_a_library_warns_of_is_told():
    data = nested_pictures(digits(), np.random.default_rng(0), [100], 20)

    told = learner("sklearn:LogisticRegression", "task.learner")
    impatient = told.func(lambda: told.args[0](max_iter=1), data, 0, 0)

    assert any("converge" in text for text in impatient.warnings)


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("perceptrom", "task.learner: perceptrom is no learner", "perceptron"),
        ("sklearn:LogisticRegresion", "no classifier LogisticRegresion", "LogisticRegression"),
        ("sklearn:Ridge", "no classifier Ridge", "sklearn:"),
        ("sklearn:os.system", "no classifier os.system", "sklearn:LogisticRegression"),
        ("sklearn:VotingClassifier", "task.learner: sklearn:VotingClassifier is not made", "sklea"),
    ],
)
def test_what_is_no_learner_is_refused(name, said, hint):
    with pytest.raises(ConfigError, match=said) as refused:
        learner(name, "task.learner")

    assert hint in refused.value.hint


def test_pictures_that_are_not_there_are_refused():
    for sizes, n_test, said in (([2000], 10, "max_words=2000"), ([10], 600, "test_words=600")):
        with pytest.raises(ConfigError, match=f"task.{said}"):
            nested_pictures(digits(), np.random.default_rng(0), sizes, n_test)
