"""Attribute cohorts: the values of known columns and their intersections.

An analyst with labels would compare these cohorts; they are our reference for the rules that need no labels. With
`age_band` and `gender`, every pair of values is a cohort. Unknown values are never dropped; they form the value
`unspecified`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from sklearn.utils.validation import check_is_fitted, validate_data

from isogloss.cohorts.rule import (
    UNSPECIFIED,
    CohortRule,
    chosen_columns,
    column_names,
    feature_names,
    lacking_columns,
    non_negative_weights,
    other_columns,
    require_rule,
    set_features,
    speaker_labels,
)
from isogloss.config.components import TEXT_COLUMNS, RuleComponent
from isogloss.config.section import Section


class AttributeParams(Section):
    """Cohorts that are the values of known columns, or their intersections."""

    columns: Annotated[list[str], Field(min_length=1)] = ["age_band"]
    """Columns of text whose values are cohorts; with several, each combination of their values is one."""


COMPONENT = RuleComponent(
    name="attribute",
    options=AttributeParams,
    implementation="AttributeCohorts",
    inputs=(TEXT_COLUMNS,),
    title="intersections of known columns",
    about="Values of known attributes ({columns}), as somebody with labels would compare them: the yardstick "
    "for the other rules.",
)


class AttributeCohorts(CohortRule):
    """Cohorts named after attribute values, such as `age_band=65+ & gender=f`.

    Parameters
    ----------
    columns
        Names of the attributes: the columns of X that are used, or, where X is an array, the names of its columns.
        None takes all.

    Attributes
    ----------
    columns_ : list of str
        The attributes in the order in which they name a cohort.
    cohorts_ : list of str
        The cohorts of the rows that were fitted, sorted; `predict` names others the same way.

    Examples
    --------
    >>> rows = pd.DataFrame({"age_band": ["65+", None], "gender": ["f", "m"]})
    >>> AttributeCohorts(columns=["age_band", "gender"]).fit(rows).predict(rows).tolist()
    ['age_band=65+ & gender=f', 'age_band=unspecified & gender=m']
    """

    rule_name = COMPONENT.name

    def __init__(self, *, columns: list[str] | None = None) -> None:
        self.columns = columns

    def fit(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn the cohorts in X (rows, attributes); words and speakers are checked, but not used."""
        del y
        values = self._values(X, reset=True)
        non_negative_weights(sample_weight, len(values))
        speaker_labels(groups, len(values))
        self.columns_ = column_names(self, self.columns, values.shape[1], option="columns")
        self.cohorts_ = sorted(set(self._names(values)))
        return self

    def predict(self, X: ArrayLike | pd.DataFrame, groups: ArrayLike | None = None) -> NDArray[np.object_]:
        """The cohort of each row."""
        del groups
        check_is_fitted(self)
        return self._names(self._values(X, reset=False))

    def input_columns(self, present: Sequence[str]) -> list[str]:
        """The attributes; by default all that are present."""
        return list(self.columns) if self.columns is not None else other_columns(present)

    def lacks(self, utterances: pd.DataFrame) -> str:
        """A chosen attribute, or any value of them."""
        return lacking_columns(utterances, self.input_columns(list(utterances.columns)), all_needed=False)

    def to_json(self) -> dict[str, Any]:
        """Columns and known cohorts."""
        check_is_fitted(self)
        return {
            "rule": self.rule_name,
            "features": feature_names(self),
            "columns": self.columns_,
            "cohorts": self.cohorts_,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The rule that `to_json` described."""
        require_rule(content, cls.rule_name, ("features", "columns", "cohorts"))
        rule = cls(columns=list(content["columns"]))
        rule.columns_, rule.cohorts_ = list(content["columns"]), list(content["cohorts"])
        set_features(rule, content["features"], len(rule.columns_))
        return rule

    def label(self, cohort: str) -> str:
        """The cohort's values, such as `age_band = 65+, gender = f`."""
        if cohort == UNSPECIFIED:
            return f"{', '.join(self.columns_)} unknown"
        parts = [part.partition("=") for part in cohort.split(" & ")]
        return ", ".join(f"{column} = {value}" for column, _, value in parts).replace("&&", "&")

    def _values(self, X: ArrayLike | pd.DataFrame, *, reset: bool) -> NDArray:
        """The attributes of X as an array of shape (rows, attributes)."""
        return validate_data(self, chosen_columns(X, self.columns), dtype=None, ensure_all_finite=False, reset=reset)

    def _names(self, values: NDArray) -> NDArray[np.object_]:
        """The cohort of each row of an array of attributes."""
        names = np.full(len(values), "", dtype=object)
        unknown = np.ones(len(values), dtype=bool)
        for number, column in enumerate(self.columns_):
            try:
                codes, distinct = pd.factorize(pd.Series(values[:, number]), use_na_sentinel=True)
            except TypeError:
                raise TypeError(f"argument must be a string or a number in every row of {column!r}") from None
            texts = np.array([*map(value_text, distinct), UNSPECIFIED], dtype=object)
            unknown &= (texts == UNSPECIFIED)[codes]
            joint = " & " if number else ""
            names = names + np.array([f"{joint}{column}={text}" for text in texts], dtype=object)[codes]
        names[unknown] = UNSPECIFIED
        return names


def value_text(value: Any) -> str:
    """A value as part of a cohort's name: integers without decimals, missing values as `unspecified`."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    text = " ".join(str(value).split())
    # A doubled ampersand cannot be taken for the one that joins attributes.
    return text.replace("&", "&&") if text else UNSPECIFIED
