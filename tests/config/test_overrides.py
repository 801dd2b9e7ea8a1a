"""A params.yaml with other values is the same params.yaml otherwise, however often values are replaced."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from isogloss.config import flattened, overridden, overridden_text

TEXT = (Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8")
PARAMS = YAML(typ="safe").load(TEXT)
LISTS = [key for key, value in flattened(PARAMS) if isinstance(value, list)]


@pytest.mark.parametrize("key", LISTS)
def test_a_list_can_be_replaced_twice(key):
    once = overridden_text(TEXT, {key: ["a", "b"]}, where="params.yaml")
    assert YAML(typ="safe").load(once) == overridden(PARAMS, {key: ["a", "b"]}, where="params.yaml")
    twice = overridden_text(once, {key: []}, where="params.yaml")
    assert YAML(typ="safe").load(twice) == overridden(PARAMS, {key: []}, where="params.yaml")
    assert twice.count("#") == TEXT.count("#") and len(twice.splitlines()) == len(once.splitlines())


def test_all_values_can_be_replaced_at_once():
    values = {key: [value, None] for key, value in flattened(PARAMS)}
    text = overridden_text(TEXT, values, where="params.yaml")
    assert YAML(typ="safe").load(text) == overridden(PARAMS, values, where="params.yaml")
