"""A params.yaml with other values is the same params.yaml otherwise, however often values are replaced."""

import re

import pytest
from ruamel.yaml import YAML

from isogloss.config import Params, flattened, overridden, overridden_text

PARAMS = Params().model_dump(mode="json")
LISTS = [key for key, value in flattened(PARAMS) if isinstance(value, list)]


@pytest.fixture
def text(default_params) -> str:
    """A params.yaml with a comment on each line that holds a key and its value."""
    lines = default_params.splitlines()
    bare = re.compile(r"\w+:$|- ")  # no scalars
    return "".join(f"{line}\n" if bare.search(line) else f"{line} # {n}\n" for n, line in enumerate(lines))


@pytest.mark.parametrize("key", LISTS)
def test_a_list_can_be_replaced_twice(key, text):
    once = overridden_text(text, {key: ["a", "b"]}, where="params.yaml")
    assert YAML(typ="safe").load(once) == overridden(PARAMS, {key: ["a", "b"]}, where="params.yaml")
    twice = overridden_text(once, {key: []}, where="params.yaml")
    assert YAML(typ="safe").load(twice) == overridden(PARAMS, {key: []}, where="params.yaml")
    assert twice.count("#") == text.count("#") and len(twice.splitlines()) == len(once.splitlines())


def test_all_values_can_be_replaced_at_once(text):
    values = {key: [value, None] for key, value in flattened(PARAMS)}
    replaced = overridden_text(text, values, where="params.yaml")
    assert YAML(typ="safe").load(replaced) == overridden(PARAMS, values, where="params.yaml")
