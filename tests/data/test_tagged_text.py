"""Words that carry their tags: three ways of writing the same, and what is none of them."""

from __future__ import annotations

import numpy as np
import pytest

from iterun.data.tagged import TaggedSet
from iterun.data.tagged_text import fingerprint, tagged_text
from iterun.errors import ConfigError

BROWN = """

\tDogs/nns bark/vb ./.


Cats'/nns$ 1/2/cd
(/( 1/cd )/)
"""
PENN = """

======================================

[ Dogs/NNS ]
bark/VBP ,/, ``/``

[ cats/NNS|NN ]
sleep/VBP ./. ''/''
[ 1\\/2/CD ]

======================================
[ A/DT heading/NN ]
=======================
They/PRP ./.
"""
TREES = """
( (S
    (NP-SBJ (NNS Dogs) )
    (VP (VBP bark)
      (NP (-NONE- *T*-1) ))
    (. .) ))
( (FRAG (-NONE- 0) ))
( (NP (CD 1/2) ))
"""


def written(folder, text, name="a.pos"):
    file = folder / name
    file.write_text(text)
    return str(file)


def sentences(path, **settings):
    return [(one.words, one.tags) for one in tagged_text(path=path, **settings).sentences]


def test_a_line_is_a_sentence(tmp_path):
    assert sentences(written(tmp_path, BROWN)) == [
        (("Dogs", "bark", "."), ("nns", "vb", ".")),
        (("Cats'", "1/2"), ("nns$", "cd")),
        (("(", "1", ")"), ("(", "cd", ")")),
    ]
    assert sentences(written(tmp_path, "on_II dog_and_cat_NN1\n"), separator="_") == [
        (("on", "dog_and_cat"), ("II", "NN1"))
    ]


def test_phrases_in_brackets_go_on_to_the_mark(tmp_path):
    assert sentences(written(tmp_path, PENN)) == [
        (
            ("Dogs", "bark", ",", "``", "cats", "sleep", ".", "''"),
            ("NNS", "VBP", ",", "``", "NNS", "VBP", ".", "''"),
        ),
        (("1/2",), ("CD",)),
        (("A", "heading"), ("DT", "NN")),
        (("They", "."), ("PRP", ".")),
    ]


def test_leaves_of_a_tree_are_its_words(tmp_path):
    assert sentences(written(tmp_path, TREES)) == [
        (("Dogs", "bark", "."), ("NNS", "VBP", ".")),
        (("1/2",), ("CD",)),
    ]


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    written(tmp_path, "b/NN", "b.pos")
    written(tmp_path, "a/NN", "a.pos")
    written(tmp_path, "what these files are", "README")
    (tmp_path / "c.pos").mkdir()

    found = tagged_text(path=str(tmp_path), files="*.pos")

    assert isinstance(found, TaggedSet)
    draw = np.random.default_rng(0)
    assert [one.words for one in found.tagged(draw, None)] == [("a",), ("b",)]
    settings = {"path": str(tmp_path), "files": "*.pos", "separator": "/"}
    assert fingerprint(settings) == found.fingerprint
    written(tmp_path, "b/VB", "b.pos")
    assert fingerprint(settings) != found.fingerprint


@pytest.mark.parametrize("other", ["what these files are", " ", "d\udce9j\udce0"])
def test_other_files_of_a_folder_are_told_with_how_to_leave_them_out(other, tmp_path):
    written(tmp_path, "a/at", "ca01")
    (tmp_path / "README").write_bytes(other.encode(errors="surrogateescape"))

    with pytest.raises(ConfigError, match=rf"data\.path={tmp_path}/README") as refused:
        tagged_text(path=str(tmp_path))

    assert "data.files='c???'" in refused.value.hint
    assert sentences(str(tmp_path), files="c???") == [(("a",), ("at",))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Dogs/NNS bark\n", "line 1: 'bark' has no tag"),
        ("Dogs/NNS\n/NN\n", "line 2: '/NN' has no tag"),
        ("Dogs/\n", "line 1: 'Dogs/' has no tag"),
        ("((S (NN a) )\n", "tree from line 1 on don't match"),
        ("((NN a))\n((NN b)\n", "tree from line 2 on don't match"),
        ("((NN a)))\n", "don't match"),
        ("======\n", "has no sentence"),
        ("", "is empty"),
    ],
)
def test_what_is_not_tagged_is_refused(text, said, tmp_path):
    path = written(tmp_path, text)

    with pytest.raises(ConfigError, match=said) as refused:
        tagged_text(path=path)
    assert f"data.path={path}" in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "data.path is empty"),
        ({"path": "none"}, "data.path=none: there is no such file"),
        ({"path": ".", "files": "*.none"}, r"data\.files=\*\.none: \. has no such file"),
        ({"path": ".", "files": ""}, r"data\.files= is no pattern of names in a folder: Unacc"),
        ({"path": ".", "files": "/a/*"}, r"data\.files=/a/\* is no pattern of names in a folder"),
        ({"path": "x", "separator": " "}, r"data\.separator=' ' separates nothing"),
    ],
)
def test_text_needs_files_and_a_separator(settings, said):
    with pytest.raises(ConfigError, match=said) as refused:
        tagged_text(**settings)
    assert refused.value.hint
