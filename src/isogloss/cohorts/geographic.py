"""Geographic cohorts (Trinh et al. 2022, 2207.07850): a tree over latitude and longitude.

The splits maximise the WER difference between the two sides, weighted by the words on them (`tree`); leaves have a
minimum of speakers and words; with `alpha` a region is split only if a test over speakers is significant
(`significance`). Each speaker counts once, at the mean of their positions (`speaker_sums`). The paper says neither how
differences are weighted nor when to stop: both are our choice.

Longitudes are not wrapped, so no region crosses the antimeridian.

Shapes: N rows, S speakers, L leaves.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from isogloss.cohorts.labels import label_rectangles
from isogloss.cohorts.moments import SpeakerMoments, colour_classes, speaker_moments
from isogloss.cohorts.rule import (
    UNSPECIFIED,
    ErrorRateRule,
    Rectangle,
    complete_rows,
    feature_names,
    lacking_columns,
    require_rule,
    set_features,
)
from isogloss.cohorts.significance import SpeakerPermutationTest
from isogloss.cohorts.speaker_sums import Floats, speaker_sums
from isogloss.cohorts.tree import Node, grow_tree, leaf_names, leaf_of, rectangles
from isogloss.config.components import RuleComponent
from isogloss.config.section import PositiveInt, Section, Seed


class GeographicParams(Section):
    """The tree over latitude and longitude."""

    max_leaves: Annotated[int, Field(ge=2)] = 10
    """Largest number of regions, the leaves of the tree."""
    min_speakers: PositiveInt = 24
    """Smallest number of effective speakers (Kish's number) of a region."""
    min_words: PositiveInt = 100
    """Smallest number of reference words of a region."""
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Level of the permutation test over speakers that a split must pass; null splits regions without a test, as long
    as their error rates differ."""
    random_state: Seed = 1
    """Seed of that test's permutations."""


COMPONENT = RuleComponent(
    name="geographic",
    options=GeographicParams,
    implementation="GeographicTree",
    inputs=("latitude", "longitude"),
    title="region",
    about="Regions of the map, divided where error rates differ most.",
    unit="region",
)

BOUND_STEP = 0.1
"""Step in degrees to which the outline of the data is rounded outwards, so that it reveals no speaker's position."""


class GeographicTree(ErrorRateRule):
    """Regions of different WER, as leaves of a tree over (latitude, longitude).

    Parameters
    ----------
    max_leaves
        Largest number of regions.
    min_speakers, min_words
        Smallest number of effective speakers and smallest weight (reference words) of a region.
    alpha
        Level of the speaker-level permutation test that a split must pass; None splits as long as the WER differs.
    random_state
        Seed of the test's permutations.

    Attributes
    ----------
    leaves_ : list of dict
        For each leaf: `cohort`, `rectangle` (south, west, north, east; clipped to the outline of the data), `speakers`,
        `words`, `wer`, `ci95` (Student interval over speakers or None) and `colour_class` (`moments.colour_classes`).
    nodes_ : list of dict
        The tree: a split has `axis`, `threshold`, `below` and `above`, a leaf has `cohort`.

    Examples
    --------
    >>> positions = [[30, -100], [31, -101], [45, -100], [46, -99]]
    >>> tree = GeographicTree(max_leaves=2, min_speakers=1, min_words=1)
    >>> tree.fit(positions, [0.5, 0.4, 0.1, 0.1]).predict([[33, -90], [47, -90], [float("nan"), 0]]).tolist()
    ['geo-001', 'geo-002', 'unspecified']
    """

    rule_name = COMPONENT.name

    def __init__(
        self,
        *,
        max_leaves: int = 126,
        min_speakers: int = 20,
        min_words: float = 1000,
        alpha: float | None = None,
        random_state: int = 0,
    ) -> None:
        self.max_leaves = max_leaves
        self.min_speakers = min_speakers
        self.min_words = min_words
        self.alpha = alpha
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        speaker_weight: ArrayLike | None = None,
    ) -> Self:
        """Grow the tree.

        Parameters
        ----------
        X
            (N, 2) latitude and longitude in degrees; rows with NaN take no part.
        y
            (N,) error rate of each row.
        sample_weight
            (N,) reference words; rows without words take no part. None: 1 each.
        groups
            (N,) speakers. None: every row is a speaker.
        speaker_weight
            (N,) weight of the row's speaker in the population, by which leaves count effective speakers; it has no part
            in the error rates. None: 1 each.
        """
        self._check_options()
        rows = self._observe(X, y, sample_weight, groups, speaker_weight)
        rows = replace(rows, features_NF=self._positions(rows.features_NF))
        rows = rows.where(complete_rows(rows.features_NF))
        self.nodes_: list[Node] = []
        self.leaves_: list[dict[str, Any]] = []
        if len(rows) == 0:
            return self
        speakers = speaker_sums(rows.features_NF, rows.rate_N, rows.words_N, rows.speakers_N, rows.weight_N)
        least: dict[str, Any] = {"min_speakers": self.min_speakers, "min_words": self.min_words}
        test = None
        if self.alpha is not None:
            test = SpeakerPermutationTest(speakers, **least, alpha=self.alpha, seed=self.random_state)
        self.nodes_ = grow_tree(speakers, max_leaves=self.max_leaves, **least, accept=test)
        leaf_S = leaf_of(self.nodes_, speakers.position_S2)
        leaves = sum("cohort" in node for node in self.nodes_)
        moments = speaker_moments(speakers.words_S, speakers.errors_S, leaf_S, None, leaves)
        self._describe_leaves(_outline(rows.features_NF), moments)
        return self

    def predict(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.object_]:
        """The leaf of each position of X (N, 2); `unspecified` where a coordinate is NaN or no leaf exists."""
        del groups
        position_N2 = self._positions(self._features(X))
        if not self.leaves_:
            return np.full(len(position_N2), UNSPECIFIED, dtype=object)
        known_N = complete_rows(position_N2)
        leaf_N = np.full(len(known_N), len(self.leaves_))
        leaf_N[known_N] = leaf_of(self.nodes_, position_N2[known_N])
        return np.array([*self._cohorts, UNSPECIFIED], dtype=object)[leaf_N]

    def input_columns(self, present: Sequence[str]) -> list[str]:
        """Latitude and longitude."""
        del present
        return ["latitude", "longitude"]

    def lacks(self, utterances: pd.DataFrame) -> str:
        """Positions."""
        return lacking_columns(utterances, ["latitude", "longitude"], all_needed=True)

    def to_json(self) -> dict[str, Any]:
        """Parameters, nodes and leaves."""
        check_is_fitted(self)
        return {
            "rule": self.rule_name,
            "params": self.get_params(),
            "features": feature_names(self),
            "nodes": [dict(node) for node in self.nodes_],
            "leaves": [{**leaf, "rectangle": list(leaf["rectangle"])} for leaf in self.leaves_],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The tree that `to_json` described."""
        require_rule(content, cls.rule_name, ("params", "features", "nodes", "leaves"))
        tree = cls(**content["params"])
        set_features(tree, content["features"], 2)
        tree.nodes_ = [dict(node) for node in content["nodes"]]
        tree.leaves_ = [{**leaf, "rectangle": tuple(leaf["rectangle"])} for leaf in content["leaves"]]
        return tree

    def label(self, cohort: str) -> str:
        """The ranges of latitude and longitude, such as `25–31° N, 97–104° W`."""
        if cohort == UNSPECIFIED:
            return "position unknown"
        labels = label_rectangles([leaf["rectangle"] for leaf in self.leaves_])
        return labels[self._cohorts.index(cohort)]

    def geometry(self, cohort: str) -> list[Rectangle] | None:
        """The rectangle of a leaf."""
        return [leaf["rectangle"] for leaf in self.leaves_ if leaf["cohort"] == cohort] or None

    @property
    def _cohorts(self) -> list[str]:
        """The names of the leaves, in their order."""
        return [leaf["cohort"] for leaf in self.leaves_]

    def _check_options(self) -> None:
        """Raise ValueError for an option out of range."""
        if self.max_leaves < 1 or self.min_speakers < 1 or self.min_words < 0:
            raise ValueError("max_leaves and min_speakers must be at least 1, min_words at least 0")
        if self.alpha is not None and not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be None or between 0 and 1, got {self.alpha!r}")

    def _positions(self, features_NF: Floats) -> Floats:
        """Latitude and longitude, shape (N, 2); raises ValueError where X has another number of columns."""
        if features_NF.shape[1] != 2:
            raise ValueError(
                f"{type(self).__name__} takes 2 features, latitude and longitude; X has {features_NF.shape[1]} features"
            )
        return features_NF

    def _describe_leaves(self, outline: Rectangle, moments: SpeakerMoments) -> None:
        """Give each leaf its rectangle, size, WER, interval and colour."""
        intervals, colours = moments.intervals(), colour_classes(moments)
        cohorts = leaf_names(self.nodes_)
        self.leaves_ = [
            {
                "cohort": cohort,
                "rectangle": rectangle,
                "speakers": int(moments.speakers_L[number]),
                "words": float(moments.words_L[number]),
                "wer": float(moments.wer[number]),
                "ci95": intervals[number],
                "colour_class": colours[number],
            }
            for number, (cohort, rectangle) in enumerate(zip(cohorts, rectangles(self.nodes_, outline), strict=True))
        ]


def _outline(position_N2: Floats) -> Rectangle:
    """South, west, north and east of the data, rounded outwards."""
    low_2 = np.floor(position_N2.min(axis=0) / BOUND_STEP) * BOUND_STEP
    high_2 = np.ceil(position_N2.max(axis=0) / BOUND_STEP) * BOUND_STEP
    south, west, north, east = (round(float(side), 1) for side in (*low_2, *high_2))
    return south, west, north, east
