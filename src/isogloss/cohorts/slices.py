"""Slices: combinations of known attributes and signal measures with high error rates, found by a search.

`slice_search` searches the speakers of discovery for what an analyst would look for by hand (noisy recordings of old
speakers, fast speech over the telephone). As with every rule, the figures are about other speakers.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from isogloss.cohorts.attribute import value_text
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
from isogloss.cohorts.slice_search import Condition, Rows, Slice, find_slices
from isogloss.config.components import TEXT_COLUMNS, RuleComponent
from isogloss.config.section import PositiveInt, Section

MEASURES = ("age", "duration_s", "snr_db", "words_per_s")
REST = "rest"


class SlicesParams(Section):
    """Combinations of attributes and measures with high error rates."""

    columns: list[str] | None = None
    """Columns of text and measures whose values or quartiles are conditions; null takes all that the corpus has."""
    max_slices: PositiveInt = 5
    """Largest number of slices."""
    max_conditions: Annotated[int, Field(ge=1, le=3)] = 2
    """Largest number of conditions of a slice, such as `age at most 30` and `device = phone`."""
    min_speakers: PositiveInt = 24
    """Smallest number of effective speakers (Kish's number) of a slice, and of the rest."""
    min_words: PositiveInt = 100
    """Smallest number of reference words of a slice, and of the rest."""
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    """Largest p value of a slice, after multiplication by the number of slices that were tried."""


COMPONENT = RuleComponent(
    name="slices",
    options=SlicesParams,
    implementation="Slices",
    inputs=(TEXT_COLUMNS, *MEASURES),
    title="combinations of what is known",
    about="Combinations of up to {max_conditions} attributes or measures with a high error rate, searched on "
    "discovery; each held there against the number that was tried, and is judged here on other speakers.",
    unit="slice",
)


class Slices(CohortRule):
    """Cohorts `slice-01`, `slice-02`, ... in the order in which they were found, and `rest`.

    Parameters
    ----------
    columns
        The columns of X that are used, or, where X is an array, the names of its columns. None takes all. Columns of
        numbers are measures, all others attributes.
    max_slices, max_conditions, min_speakers, min_words, alpha
        See `SlicesParams`.

    Attributes
    ----------
    slices_ : list of Slice
        The slices that were found.
    columns_ : list of str
        The columns of X.
    """

    rule_name = COMPONENT.name

    def __init__(
        self,
        *,
        columns: list[str] | None = None,
        max_slices: int = 5,
        max_conditions: int = 2,
        min_speakers: float = 24,
        min_words: float = 100,
        alpha: float = 0.05,
    ) -> None:
        self.columns = columns
        self.max_slices = max_slices
        self.max_conditions = max_conditions
        self.min_speakers = min_speakers
        self.min_words = min_words
        self.alpha = alpha

    def fit(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        speaker_weight: ArrayLike | None = None,
    ) -> Self:
        """Search the slices.

        Parameters
        ----------
        X
            (N, F) attributes and measures.
        y, sample_weight, groups, speaker_weight
            (N,) error rate, reference words (None: 1 each), speaker (None: every row is one), the speaker's weight, by
            which effective speakers are counted (None: 1 each).
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        values, rate_N = validate_data(
            self, chosen_columns(X, self.columns), y, dtype=None, ensure_all_finite="allow-nan", y_numeric=True
        )
        words_N = non_negative_weights(sample_weight, len(values))
        speakers_N = speaker_labels(groups, len(values))
        self.columns_ = column_names(self, self.columns, values.shape[1], option="columns")
        speaker_N = np.arange(len(values)) if speakers_N is None else pd.factorize(speakers_N, sort=True)[0]
        weight_N = non_negative_weights(speaker_weight, len(values))
        weight_S = np.bincount(speaker_N, weight_N) / np.bincount(speaker_N)
        self.slices_: list[Slice] = find_slices(
            Rows(self._typed(values), np.asarray(rate_N, np.float64) * words_N, words_N, speaker_N, weight_S),
            max_slices=self.max_slices,
            max_conditions=self.max_conditions,
            min_speakers=self.min_speakers,
            min_words=self.min_words,
            alpha=self.alpha,
        )
        return self

    def predict(self, X: ArrayLike | pd.DataFrame, groups: ArrayLike | None = None) -> NDArray[np.object_]:
        """The first slice that contains each row; `unspecified` if all values of a row are missing."""
        del groups
        check_is_fitted(self)
        known = chosen_columns(X, self.columns)
        columns = self._typed(validate_data(self, known, dtype=None, ensure_all_finite="allow-nan", reset=False))
        rows = len(next(iter(columns.values())))
        cohorts = np.full(rows, REST, dtype=object)
        free_N = np.ones(rows, dtype=bool)
        for name, found in zip(self._names, self.slices_, strict=True):
            inside_N = free_N & np.logical_and.reduce([c.holds(columns[c.column]) for c in found.conditions])
            cohorts[inside_N] = name
            free_N &= ~inside_N
        unknown_N = np.logical_and.reduce([pd.isna(values_N) for values_N in columns.values()])
        cohorts[unknown_N] = UNSPECIFIED
        return cohorts

    def input_columns(self, present: Sequence[str]) -> list[str]:
        """The chosen columns; by default all that are present."""
        return list(self.columns) if self.columns is not None else other_columns(present)

    def lacks(self, utterances: pd.DataFrame) -> str:
        """A chosen column, or any value of them."""
        return lacking_columns(utterances, self.input_columns(list(utterances.columns)), all_needed=False)

    def to_json(self) -> dict[str, Any]:
        """Parameters, columns and slices."""
        check_is_fitted(self)
        return {
            "rule": self.rule_name,
            "params": self.get_params(),
            "features": feature_names(self),
            "columns": self.columns_,
            "slices": [
                {
                    "conditions": [[c.column, c.kind, c.value] for c in found.conditions],
                    "searched": found.searched,
                    "p": found.p,
                }
                for found in self.slices_
            ],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The rule that `to_json` described."""
        require_rule(content, cls.rule_name, ("params", "features", "columns", "slices"))
        rule = cls(**content["params"])
        rule.columns_ = list(content["columns"])
        rule.slices_ = [
            Slice(tuple(Condition(*one) for one in found["conditions"]), found["searched"], found["p"])
            for found in content["slices"]
        ]
        set_features(rule, content["features"], len(rule.columns_))
        return rule

    def label(self, cohort: str) -> str:
        """The conditions of a slice, such as `gender = f, age at most 31`."""
        if cohort == REST:
            return "all others"
        if cohort == UNSPECIFIED:
            return "nothing known"
        found = self.slices_[self._names.index(cohort)]
        return ", ".join(_in_words(condition) for condition in found.conditions)

    @property
    def _names(self) -> list[str]:
        """The names of the slices."""
        return [f"slice-{number:02d}" for number in range(1, len(self.slices_) + 1)]

    def _typed(self, values: NDArray) -> dict[str, NDArray]:
        """Each column as floats where all its values are numbers, else as text with None for what is missing."""
        typed: dict[str, NDArray] = {}
        for column, values_N in zip(self.columns_, values.T, strict=True):
            known = values_N[~pd.isna(values_N)]
            if not all(isinstance(value, str | int | float | np.generic) for value in known):
                raise TypeError(f"argument must be a string or a number in every row of {column!r}")
            if all(isinstance(value, int | float | np.number) for value in known):
                typed[column] = np.array([np.nan if pd.isna(v) else v for v in values_N], dtype=np.float64)
            else:
                texts = [None if pd.isna(value) else value_text(value) for value in values_N]
                typed[column] = np.array([None if text == UNSPECIFIED else text for text in texts], dtype=object)
        return typed

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _in_words(condition: Condition) -> str:
    """A condition in words."""
    if condition.kind == "is":
        return f"{condition.column} = {condition.value}"
    return f"{condition.column} {'at most' if condition.kind == 'at_most' else 'above'} {condition.value:.3g}"
