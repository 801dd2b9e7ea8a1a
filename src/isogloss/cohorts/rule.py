"""The base of the cohort rules: scikit-learn estimators that can be saved as JSON.

A rule is fitted on the rows of discovery and predicts a cohort, a string that stays the same, for any row. Rows without
the inputs of the rule go to `UNSPECIFIED`, which is a cohort like any other: it has a WER and may be the worst.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from isogloss.errors import TableError

UNSPECIFIED = "unspecified"
"""The cohort of rows for which an input of the rule is missing."""

IDENTIFIERS = ("utterance_id", "speaker_id", "split")
"""Columns of every input table that are not features of the rule."""

Rectangle = tuple[float, float, float, float]
"""South, west, north, east, in degrees."""


class CohortRule(BaseEstimator):
    """Base of the rules.

    `fit(X, y, sample_weight=None, groups=None)`: `y` the error rate of a row, `sample_weight` its reference words,
    `groups` its speaker. A rule with a least number of speakers also takes `speaker_weight`, the weight of the row's
    speaker in the population, and counts effective speakers by it. Errors about arguments are ValueErrors, as
    scikit-learn's are.
    """

    rule_name: ClassVar[str]

    @abstractmethod
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Find cohorts."""

    @abstractmethod
    def predict(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.object_]:
        """The cohort of each row, an array of strings; a rule on embeddings averages the rows of a speaker first."""

    @abstractmethod
    def input_columns(self, present: Sequence[str]) -> list[str]:
        """Which columns of the rule's input table (`present`, identifiers included) are its X, in order."""

    @abstractmethod
    def lacks(self, utterances: pd.DataFrame) -> str:
        """What an utterance table lacks for this rule, in words; empty if the rule can be used."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The fitted rule as JSON-compatible content; `from_json` gives the same rule back."""

    @classmethod
    @abstractmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The rule that `to_json` described. Raises `TableError` where the content is not such a description."""

    @abstractmethod
    def label(self, cohort: str) -> str:
        """The readable name of a cohort."""

    def geometry(self, cohort: str) -> list[Rectangle] | None:
        """The rectangles that a cohort covers on the map; None if it is not a region."""
        del cohort
        return None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@dataclass(frozen=True)
class Observations:
    """The rows that a rule is fitted on, checked: shapes (N, F) and (N,).

    `speakers_N` is None where every row is a speaker of its own. `weight_N` is the weight of each row's speaker in the
    population, by which leaves count effective speakers.
    """

    features_NF: NDArray[np.float64]
    rate_N: NDArray[np.float64]
    words_N: NDArray[np.float64]
    speakers_N: NDArray | None
    weight_N: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rate_N)

    def where(self, kept_N: NDArray[np.bool_]) -> "Observations":
        """The rows that are kept; nothing is copied if all are kept."""
        if kept_N.all():
            return self
        speakers_N = None if self.speakers_N is None else self.speakers_N[kept_N]
        return Observations(
            self.features_NF[kept_N], self.rate_N[kept_N], self.words_N[kept_N], speakers_N, self.weight_N[kept_N]
        )


def complete_rows(features_NF: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A mask of the rows without missing features."""
    missing_N = np.isnan(features_NF[:, 0])
    for column_N in features_NF.T[1:]:
        missing_N |= np.isnan(column_N)
    return ~missing_N


class ErrorRateRule(CohortRule):
    """Base of the rules that learn from numbers and error rates, so that they need y."""

    def _observe(
        self,
        X: Any,
        y: ArrayLike | None,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
        speaker_weight: ArrayLike | None = None,
    ) -> Observations:
        """The arguments of `fit`, checked, without rows that have no words. Raises ValueError as scikit-learn does."""
        features_NF, rate_N = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=True)
        words_N = non_negative_weights(sample_weight, len(rate_N))
        speakers_N = speaker_labels(groups, len(rate_N))
        weight_N = non_negative_weights(speaker_weight, len(rate_N))
        rows = Observations(features_NF, np.asarray(rate_N, np.float64), words_N, speakers_N, weight_N)
        return rows.where(words_N > 0)

    def _features(self, X: Any) -> NDArray[np.float64]:
        """The argument of `predict`, checked, shape (N, F)."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def counted_by(rule: CohortRule, weight_N: ArrayLike) -> dict[str, ArrayLike]:
    """The argument `speaker_weight` of `fit`; empty for a rule that does not take it."""
    return {"speaker_weight": weight_N} if has_fit_parameter(rule, "speaker_weight") else {}


def chosen_columns(X: Any, names: Sequence[str] | None) -> Any:
    """The named columns of a table; X itself where it has no names or none are chosen. ValueError if one is missing."""
    if not isinstance(X, pd.DataFrame) or names is None:
        return X
    missing = [name for name in names if name not in X.columns]
    if missing:
        raise ValueError(f"X lacks the column {missing[0]!r}; it has {', '.join(map(str, X.columns))}")
    return X[list(names)]


def column_names(rule: CohortRule, names: Sequence[str] | None, features: int, *, option: str) -> list[str]:
    """The names of the columns of X: from an option of the rule, from X itself, or x0, x1, ...

    Raises ValueError where the option names another number of columns than X has.
    """
    found = names if names is not None else feature_names(rule) or [f"x{number}" for number in range(features)]
    if len(found) != features:
        raise ValueError(f"{option} holds {len(found)} names, but X has {features} features")
    return list(found)


def other_columns(present: Sequence[str]) -> list[str]:
    """The columns of an input table that are not identifiers."""
    return [column for column in present if column not in IDENTIFIERS]


def lacking_columns(table: pd.DataFrame, columns: Sequence[str], *, all_needed: bool) -> str:
    """Why columns cannot be used: one is missing, or no row has a value in all (or any) of them; empty if they can."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        return f"there is no column {missing[0]!r}"
    known = table[list(columns)].notna()
    if (known.all(axis=1) if all_needed else known.any(axis=1)).any():
        return ""
    return f"no row has {(' and ' if all_needed else ' or ').join(columns)}"


def non_negative_weights(sample_weight: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    """Sample weights as an array of shape (rows,), ones where None. Raises ValueError if some are not usable."""
    if sample_weight is None:
        return np.ones(rows)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight has shape {weights.shape}, but there are {rows} rows")
    if not np.all(np.isfinite(weights) & (weights >= 0)):
        raise ValueError("sample_weight must be finite and not negative")
    if not np.any(weights > 0):
        raise ValueError("every sample_weight is zero, so no row counts")
    return weights


def speaker_labels(groups: ArrayLike | None, rows: int) -> NDArray | None:
    """Speakers as an array of shape (rows,). Raises ValueError if the length differs or one is missing."""
    if groups is None:
        return None
    speakers = np.asarray(groups)
    if speakers.shape != (rows,):
        raise ValueError(f"groups has shape {speakers.shape}, but there are {rows} rows")
    if pd.isna(speakers).any():
        raise ValueError("groups must name the speaker of every row; some are missing")
    return speakers


def require_rule(content: Any, rule_name: str, keys: tuple[str, ...]) -> None:
    """Raise a `TableError` unless the content describes this rule and has these keys."""
    if not isinstance(content, dict) or content.get("rule") != rule_name:
        found = content.get("rule") if isinstance(content, dict) else type(content).__name__
        raise TableError(f'a rule file must say "rule": "{rule_name}", but it says {found!r}; discover it anew')
    for key in keys:
        if key not in content:
            raise TableError(f"the rule file of {rule_name} lacks the key {key!r}; discover it anew")


def feature_names(rule: CohortRule) -> list[str] | None:
    """The names of the columns a rule was fitted on, for its file; None where X had no names."""
    names = getattr(rule, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def set_features(rule: CohortRule, names: list[str] | None, count: int) -> None:
    """Set the attributes that scikit-learn sets when fitting, on a rule that was read from a file."""
    rule.n_features_in_ = count
    if names is not None:
        rule.feature_names_in_ = np.array(names, dtype=object)
