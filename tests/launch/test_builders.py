"""What a builder is called with."""

from iterun.launch.builders import settings_of


def test_only_a_data_set_says_its_kind_of_itself() -> None:
    node = {"_target_": "iterun.data.text.pydoc", "name": "pydoc", "kind": "text"}

    assert settings_of(node, "data") == settings_of(node, "eval_data") == {"name": "pydoc"}
    assert settings_of(node, "judge") == {"name": "pydoc", "kind": "text"}
