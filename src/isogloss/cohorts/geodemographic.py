"""Geodemographic cohorts (Dheram et al. 2022, 2207.11345): two groups of ZIP codes, by majority attribute.

The paper partitions ZIP codes by their majority demographic attribute, and by combinations of attributes, and takes the
partition of largest WER discrepancy. Ours: an attribute that is a percentage (`percent_...`) divides ZIPs into those
where it holds the majority and the others, any other attribute at its median over the words of the rows; pairs of
attributes divide ZIPs into those that meet both conditions, or their opposites, and the others. Of all admissible
partitions the one of largest `tree.split_gain` is taken: the WER difference weighted by the words on both sides, so
that a few ZIPs that differ by chance are not chosen.

Shapes: N rows, A attributes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, product
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator
from sklearn.utils.validation import check_is_fitted

from isogloss.cohorts.rule import (
    UNSPECIFIED,
    ErrorRateRule,
    chosen_columns,
    column_names,
    feature_names,
    lacking_columns,
    other_columns,
    require_rule,
    set_features,
)
from isogloss.cohorts.speaker_sums import Floats
from isogloss.cohorts.tree import ROUNDING, split_gain
from isogloss.config.components import ZIP_FIGURES, RuleComponent
from isogloss.config.section import PositiveInt, Section, refuse_duplicates
from isogloss.judging.statistics.effective import effective_speakers


class GeodemographicParams(Section):
    """The partition of ZIP codes in two."""

    attributes: Annotated[list[str], Field(min_length=1)] = [
        "percent_white",
        "percent_black",
        "percent_asian",
        "percent_hispanic",
        "per_capita_income",
        "median_rent",
        "median_age",
    ]
    """Columns of the corpus' ZIP table. A column named percent_... divides ZIPs at 50 %, any other at its median over
    the words."""
    min_speakers: PositiveInt = 30
    """Smallest number of effective speakers (Kish's number) that each side may have."""
    min_words: PositiveInt = 100
    """Smallest number of reference words that each side may have."""
    pairs: bool = True
    """Whether pairs of attributes are tried as well."""

    @model_validator(mode="after")
    def _no_attribute_twice(self) -> Self:
        refuse_duplicates("geodemographic.attributes", self.attributes)
        return self


COMPONENT = RuleComponent(
    name="geodemographic",
    options=GeodemographicParams,
    implementation="GeodemographicPartition",
    inputs=(ZIP_FIGURES,),
    title="demography of the ZIP code",
    about="ZIP codes in two groups by the people who live there, divided where error rates differ most.",
    unit="group of ZIP codes",
)

OTHERS = "others"
"""The cohort of rows that do not meet the conditions."""
EVERYBODY = "all"
"""The cohort of all rows with known attributes, if no partition is admissible."""
MAJORITY = 50.0


@dataclass(frozen=True)
class Condition:
    """A condition on an attribute: above a threshold, or at most the threshold."""

    attribute: str
    threshold: float
    above: bool

    def __str__(self) -> str:
        return f"{self.attribute}{'>' if self.above else '<='}{self.threshold:g}"

    def label(self) -> str:
        """The condition for human readers."""
        name = self.attribute.replace("_", " ")
        return f"{name} {'above' if self.above else 'at most'} {self.threshold:g}"

    def opposite(self) -> "Condition":
        """The condition that holds where this one does not."""
        return Condition(self.attribute, self.threshold, above=not self.above)


class GeodemographicPartition(ErrorRateRule):
    """Two cohorts of ZIP codes that differ in WER, and `unspecified` for unknown ZIPs.

    X holds the demographic figures of each row's ZIP (`isogloss.zips`), one column an attribute.

    Parameters
    ----------
    attributes
        Names of the attributes: the columns of X that are used, or, where X is an array, the names of its columns.
        Names that begin with `percent_` are percentages of the ZIP's population. None takes all.
    min_speakers, min_words
        Least distinct speakers and least weight (reference words) of a cohort.
    pairs
        Whether pairs of attributes are tried as well.

    Attributes
    ----------
    conditions_ : list of Condition
        One or two that are all met in the cohort named after them; empty where no partition is admissible.
    attributes_ : list of str
        The attributes of X in order.

    Examples
    --------
    >>> X = pd.DataFrame({"percent_asian": [80.0, 70.0, 10.0, 5.0, np.nan]})
    >>> rule = GeodemographicPartition(attributes=["percent_asian"], min_speakers=2, min_words=1)
    >>> rule.fit(X, [0.4, 0.3, 0.1, 0.1, 0.9]).predict(X).tolist()
    ['percent_asian>50', 'percent_asian>50', 'others', 'others', 'unspecified']
    """

    rule_name = COMPONENT.name

    def __init__(
        self,
        *,
        attributes: list[str] | None = None,
        min_speakers: int = 20,
        min_words: float = 1000,
        pairs: bool = True,
    ) -> None:
        self.attributes = attributes
        self.min_speakers = min_speakers
        self.min_words = min_words
        self.pairs = pairs

    def fit(
        self,
        X: ArrayLike | pd.DataFrame,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        speaker_weight: ArrayLike | None = None,
    ) -> Self:
        """Choose the partition.

        Parameters
        ----------
        X
            (N, A) figures of the row's ZIP; NaN where unknown.
        y, sample_weight, groups
            (N,) error rate, reference words (None: 1 each), speaker (None: every row is one).
        speaker_weight
            (N,) weight of the row's speaker in the population, by which sides count effective speakers (None: 1 each).
        """
        if self.min_speakers < 1 or self.min_words < 0:
            raise ValueError("min_speakers must be at least 1, min_words at least 0")
        rows = self._observe(chosen_columns(X, self.attributes), y, sample_weight, groups, speaker_weight)
        figures_NA, words_N, errors_N = rows.features_NF, rows.words_N, rows.rate_N * rows.words_N
        self.attributes_ = column_names(self, self.attributes, figures_NA.shape[1], option="attributes")
        speaker_N = np.arange(len(rows)) if rows.speakers_N is None else pd.factorize(rows.speakers_N)[0]
        self.conditions_: list[Condition] = []
        best = 0.0
        for conditions in self._candidates(figures_NA, words_N):
            sides_N = self._sides(conditions, figures_NA)
            gain = self._gain(sides_N, words_N, errors_N, speaker_N, rows.weight_N)
            if gain > best * (1 + ROUNDING):
                self.conditions_, best = conditions, gain
        return self

    def predict(self, X: ArrayLike | pd.DataFrame, groups: ArrayLike | None = None) -> NDArray[np.object_]:
        """The cohort of each row."""
        del groups
        figures_NA = self._features(chosen_columns(X, self.attributes))
        names = np.array([OTHERS, self._name(), UNSPECIFIED], dtype=object)
        return names[self._sides(self.conditions_, figures_NA)]

    def input_columns(self, present: Sequence[str]) -> list[str]:
        """The attributes; all that are present where none are chosen."""
        return list(self.attributes) if self.attributes is not None else other_columns(present)

    def lacks(self, utterances: pd.DataFrame) -> str:
        """ZIP codes."""
        return lacking_columns(utterances, ["zip"], all_needed=True)

    def to_json(self) -> dict[str, Any]:
        """Parameters and conditions."""
        check_is_fitted(self)
        return {
            "rule": self.rule_name,
            "params": self.get_params(),
            "features": feature_names(self),
            "attributes": self.attributes_,
            "conditions": [asdict(condition) for condition in self.conditions_],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The partition that `to_json` described."""
        require_rule(content, cls.rule_name, ("params", "features", "attributes", "conditions"))
        rule = cls(**content["params"])
        rule.attributes_ = list(content["attributes"])
        rule.conditions_ = [Condition(**condition) for condition in content["conditions"]]
        set_features(rule, content["features"], len(rule.attributes_))
        return rule

    def label(self, cohort: str) -> str:
        """The conditions in words; for the other side, their opposites."""
        if cohort == UNSPECIFIED:
            return "ZIP unknown"
        if cohort == EVERYBODY:
            return "all ZIPs"
        if cohort == OTHERS:
            return f"ZIPs with {' or '.join(condition.opposite().label() for condition in self.conditions_)}"
        return f"ZIPs with {' and '.join(condition.label() for condition in self.conditions_)}"

    def _candidates(self, figures_NA: Floats, words_N: Floats) -> list[list[Condition]]:
        """All partitions, single attributes first, each as the conditions of one of its sides."""
        thresholds = {
            name: MAJORITY if name.startswith("percent_") else _weighted_median(figures_N, words_N)
            for name, figures_N in zip(self.attributes_, figures_NA.T, strict=True)
        }
        known = [name for name, threshold in thresholds.items() if np.isfinite(threshold)]
        candidates = [[Condition(name, thresholds[name], above=True)] for name in known]
        if self.pairs:
            candidates += [
                [Condition(one, thresholds[one], above=first), Condition(other, thresholds[other], above=second)]
                for one, other in combinations(known, 2)
                for first, second in product((True, False), repeat=2)
            ]
        return candidates

    def _sides(self, conditions: list[Condition], figures_NA: Floats) -> NDArray[np.int64]:
        """1 where all conditions are met, 0 where not, 2 where that is unknown."""
        sides_N = np.ones(len(figures_NA), dtype=np.int64)
        known_N = ~np.isnan(figures_NA).all(axis=1)
        for condition in conditions:
            figures_N = figures_NA[:, self.attributes_.index(condition.attribute)]
            sides_N &= (figures_N > condition.threshold) == condition.above
            known_N &= ~np.isnan(figures_N)
        sides_N[~known_N] = 2
        return sides_N

    def _gain(
        self,
        sides_N: NDArray[np.int64],
        words_N: Floats,
        errors_N: Floats,
        speaker_N: NDArray[np.int64],
        weight_N: Floats,
    ) -> float:
        """The gain of a partition; 0 where a side is too small."""
        words = np.bincount(sides_N, words_N, minlength=3)
        errors = np.bincount(sides_N, errors_N, minlength=3)
        first = [np.unique(speaker_N[sides_N == side], return_index=True)[1] for side in (0, 1)]
        speakers = [effective_speakers(weight_N[sides_N == side][rows]) for side, rows in enumerate(first)]
        if min(speakers) < self.min_speakers or min(words[:2]) < self.min_words:
            return 0.0
        return float(split_gain(words[1], errors[1], words[:2].sum(), errors[:2].sum()))

    def _name(self) -> str:
        """The id of the cohort that meets the conditions."""
        return " & ".join(map(str, self.conditions_)) if self.conditions_ else EVERYBODY


def _weighted_median(figures_N: Floats, words_N: Floats) -> float:
    """The smallest figure that is not exceeded by half of the words of known rows; NaN without known rows."""
    known_N = ~np.isnan(figures_N)
    if not known_N.any():
        return float("nan")
    order_N = np.argsort(figures_N[known_N], kind="stable")
    below_N = np.cumsum(words_N[known_N][order_N])
    return float(figures_N[known_N][order_N][np.searchsorted(below_N, below_N[-1] / 2)])
