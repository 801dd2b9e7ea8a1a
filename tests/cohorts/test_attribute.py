import json

import numpy as np
import pandas as pd
import pytest

from isogloss.cohorts.attribute import AttributeCohorts
from isogloss.cohorts.rule import UNSPECIFIED
from isogloss.errors import TableError


def test_cohorts_are_values_and_unknown_values_are_unspecified():
    table = pd.DataFrame({"age_band": ["65+", None, " ", np.nan, "18-29"]})
    rule = AttributeCohorts(columns=["age_band"]).fit(table)
    assert rule.predict(table).tolist() == ["age_band=65+", UNSPECIFIED, UNSPECIFIED, UNSPECIFIED, "age_band=18-29"]
    assert rule.cohorts_ == ["age_band=18-29", "age_band=65+", UNSPECIFIED]


def test_several_columns_intersect_and_an_unknown_part_is_named():
    table = pd.DataFrame({"gender": ["f", "m", None], "age": [7.0, np.nan, np.nan], "other": 1})
    rule = AttributeCohorts(columns=["gender", "age"]).fit(table)
    assert rule.predict(table).tolist() == ["gender=f & age=7", "gender=m & age=unspecified", UNSPECIFIED]
    assert rule.label("gender=f & age=7") == "gender = f, age = 7"
    assert rule.label(UNSPECIFIED) == "gender, age unknown"


def test_rows_of_new_values_get_cohorts_named_the_same_way():
    rule = AttributeCohorts(columns=["accent"]).fit(pd.DataFrame({"accent": ["a"]}))
    assert rule.predict(pd.DataFrame({"accent": ["b", "a"]})).tolist() == ["accent=b", "accent=a"]


def test_values_cannot_pretend_to_be_intersections():
    one = pd.DataFrame({"a": ["x & b=y"], "b": ["z"]})
    other = pd.DataFrame({"a": ["x"], "b": ["y & b=z"]})
    rule = AttributeCohorts(columns=["a", "b"]).fit(one)
    assert rule.predict(one)[0] != rule.predict(other)[0]
    assert rule.label(rule.predict(one)[0]) == "a = x & b=y, b = z"


def test_a_written_rule_predicts_the_same():
    table = pd.DataFrame({"accent": ["a", None, "b"], "gender": ["f", "m", "f"]})
    rule = AttributeCohorts(columns=["gender", "accent"]).fit(table)
    again = AttributeCohorts.from_json(json.loads(json.dumps(rule.to_json())))
    assert again.predict(table).tolist() == rule.predict(table).tolist()
    assert again.to_json() == rule.to_json()
    with pytest.raises(TableError, match="discover it anew"):
        AttributeCohorts.from_json({"rule": "geographic"})


def test_a_column_that_x_lacks_is_named():
    with pytest.raises(ValueError, match="lacks the column 'accent'; it has gender"):
        AttributeCohorts(columns=["accent"]).fit(pd.DataFrame({"gender": ["f"]}))


def test_names_must_match_the_columns_of_an_array():
    with pytest.raises(ValueError, match="columns holds 1 names, but X has 2 features"):
        AttributeCohorts(columns=["accent"]).fit(np.array([["f", "a"]]))
