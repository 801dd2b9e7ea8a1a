"""Geographic cohorts (Trinh et al. 2022, 2207.07850): a tree over latitude and longitude.

The splits maximise the WER difference between the two sides, weighted by the words on them (`growth`); leaves have at
least so many speakers and words; with `alpha` a region is split only where speakers show that it should be
(`significance`). The paper says neither how differences are weighted nor when to stop: both are our choice.

Longitudes are taken as they are: no region reaches over the antimeridian.

Shapes: N rows, L leaves.
"""

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from isogloss.cohorts.growth import Bounds, Node, grow_tree
from isogloss.cohorts.labels import label_rectangles
from isogloss.cohorts.moments import SpeakerMoments, colour_classes, speaker_moments
from isogloss.cohorts.rule import (
    UNSPECIFIED,
    CohortRule,
    Rectangle,
    feature_names,
    non_negative_weights,
    require_rule,
    set_features,
    speaker_labels,
)
from isogloss.cohorts.significance import SpeakerPermutationTest
from isogloss.cohorts.units import Floats, Integers, gather_units

BOUND_STEP = 0.1
"""Degrees to which the outline of the data is rounded outwards, so that it tells no speaker's position."""


class GeographicTree(CohortRule):
    """Regions of different WER, as leaves of a tree over (latitude, longitude).

    Parameters
    ----------
    max_leaves
        Regions at most.
    min_speakers, min_words
        Least distinct speakers and least weight (reference words) of a region.
    alpha
        Level of the speaker-level permutation test that a split must pass; None splits as long as the WER differs.
    random_state
        Seed of the test's permutations.

    Attributes
    ----------
    leaves_ : list of dict
        Of each leaf: `cohort`, `rectangle` (south, west, north, east; clipped to the outline of the data), `speakers`,
        `words`, `wer`, `ci95` (Student interval over speakers or None) and `colour_class` (`moments.colour_classes`).
    nodes_ : list of dict
        The tree: `axis`, `threshold`, `below`, `above` of a split, `cohort` of a leaf.

    Examples
    --------
    >>> positions = [[30, -100], [31, -101], [45, -100], [46, -99]]
    >>> tree = GeographicTree(max_leaves=2, min_speakers=1, min_words=1)
    >>> tree.fit(positions, [0.5, 0.4, 0.1, 0.1]).predict([[33, -90], [47, -90], [float("nan"), 0]]).tolist()
    ['geo-001', 'geo-002', 'unspecified']
    """

    rule_name = "geographic"

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
        """
        self._check_options()
        features_NF, rate_N = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=True)
        position_N2 = self._positions(features_NF)
        words_N = non_negative_weights(sample_weight, len(rate_N))
        speakers_N = speaker_labels(groups, len(rate_N))
        known_N = ~np.isnan(position_N2).any(axis=1) & (words_N > 0)
        if not known_N.all():
            position_N2, rate_N, words_N = position_N2[known_N], rate_N[known_N], words_N[known_N]
            speakers_N = None if speakers_N is None else speakers_N[known_N]
        latitude_N, longitude_N = np.ascontiguousarray(position_N2.T)
        if len(rate_N) == 0:
            self.nodes_, self.leaves_ = [], []
            return self._prepare()
        units = gather_units(latitude_N, longitude_N, np.asarray(rate_N, np.float64), words_N, speakers_N)
        bounds = Bounds(self.min_speakers, self.min_words)
        test = None
        if self.alpha is not None:
            test = SpeakerPermutationTest(units, bounds, alpha=self.alpha, seed=self.random_state)
        self.nodes_ = _written(grow_tree(units, max_leaves=self.max_leaves, bounds=bounds, accept=test))
        self.leaves_ = [{"cohort": node["cohort"]} for node in self.nodes_ if "cohort" in node]
        self._prepare()
        leaf_U = self._leaf_of(*units.coordinates)
        moments = speaker_moments(units.words_U, units.errors_U, leaf_U, units.speaker_U, len(self.leaves_))
        self._describe_leaves(units.coordinates, moments)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.object_]:
        """The leaf of each position of X (N, 2); `unspecified` where a coordinate is NaN or no leaf exists."""
        check_is_fitted(self)
        position_N2 = self._positions(
            validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        )
        names = np.array([*(leaf["cohort"] for leaf in self.leaves_), UNSPECIFIED], dtype=object)
        if not self.leaves_:
            return np.full(len(position_N2), UNSPECIFIED, dtype=object)
        leaf_N = self._leaf_of(position_N2[:, 0], position_N2[:, 1])
        leaf_N[np.isnan(position_N2).any(axis=1)] = len(self.leaves_)
        return names[leaf_N]

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
        return tree._prepare()

    def label(self, cohort: str) -> str:
        """The ranges of latitude and longitude, such as `25–31° N, 97–104° W`."""
        if cohort == UNSPECIFIED:
            return "position unknown"
        return self._labels[cohort]

    def geometry(self, cohort: str) -> list[Rectangle] | None:
        """The rectangle of a leaf."""
        return [leaf["rectangle"] for leaf in self.leaves_ if leaf["cohort"] == cohort] or None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

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

    def _prepare(self) -> Self:
        """Compute what prediction and labels need from nodes_ and leaves_."""
        thresholds = [
            np.unique([node["threshold"] for node in self.nodes_ if node.get("axis") == axis]).astype(np.float64)
            for axis in (0, 1)
        ]
        self._thresholds = thresholds
        self._leaf_of_cell = np.zeros((len(thresholds[0]) + 1, len(thresholds[1]) + 1), dtype=np.int64)
        numbers = {leaf["cohort"]: number for number, leaf in enumerate(self.leaves_)}
        for cohort, box in self._boxes().items():
            self._leaf_of_cell[slice(*box[0]), slice(*box[1])] = numbers[cohort]
        self._labels = {}
        if self.leaves_ and "rectangle" in self.leaves_[0]:
            texts = label_rectangles([leaf["rectangle"] for leaf in self.leaves_])
            self._labels = dict(zip(numbers, texts, strict=True))
        return self

    def _boxes(self) -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
        """Of each leaf, the range of cells between thresholds that it covers on both axes."""
        boxes = {}
        whole = ((0, len(self._thresholds[0]) + 1), (0, len(self._thresholds[1]) + 1))
        waiting = [(0, whole)] if self.nodes_ else []
        while waiting:
            index, box = waiting.pop()
            node = self.nodes_[index]
            if "cohort" in node:
                boxes[node["cohort"]] = box
                continue
            axis = node["axis"]
            cell = int(np.searchsorted(self._thresholds[axis], node["threshold"])) + 1
            (low, high), other = box[axis], box[1 - axis]
            below, above = ((low, cell), other), ((cell, high), other)
            waiting.append((node["below"], below if axis == 0 else below[::-1]))
            waiting.append((node["above"], above if axis == 0 else above[::-1]))
        return boxes

    def _leaf_of(self, latitude_N: Floats, longitude_N: Floats) -> Integers:
        """The number of the leaf at each position; NaN goes anywhere."""
        row_N = np.searchsorted(self._thresholds[0], latitude_N, side="left")
        column_N = np.searchsorted(self._thresholds[1], longitude_N, side="left")
        return self._leaf_of_cell[row_N, column_N]

    def _describe_leaves(self, coordinates: tuple[Floats, Floats], moments: SpeakerMoments) -> None:
        """Give each leaf its rectangle, size, WER, interval and colour."""
        outline = [_outline(values) for values in coordinates]
        sides = [np.concatenate([[low], self._thresholds[axis], [high]]) for axis, (low, high) in enumerate(outline)]
        boxes = self._boxes()
        intervals, colours = moments.intervals(), colour_classes(moments)
        for number, leaf in enumerate(self.leaves_):
            (south, north), (west, east) = boxes[leaf["cohort"]]
            leaf["rectangle"] = tuple(
                float(side) for side in (sides[0][south], sides[1][west], sides[0][north], sides[1][east])
            )
            leaf["speakers"] = int(moments.speakers_L[number])
            leaf["words"] = float(moments.words_L[number])
            leaf["wer"] = float(moments.wer[number])
            interval = intervals[number]
            leaf["ci95"] = None if interval is None else list(interval)
            leaf["colour_class"] = colours[number]
        self._prepare()


def _written(nodes: list[Node]) -> list[dict[str, Any]]:
    """The grown tree as plain content; leaves are numbered from the south and west, depth first."""
    order, waiting = [], [0]
    while waiting:
        index = waiting.pop()
        if nodes[index].split is None:
            order.append(index)
        else:
            waiting += [nodes[index].above, nodes[index].below]
    number = {index: position for position, index in enumerate(order, start=1)}
    written: list[dict[str, Any]] = []
    for index, node in enumerate(nodes):
        if node.split is None:
            written.append({"cohort": f"geo-{number[index]:03d}"})
        else:
            written.append(
                {
                    "axis": node.split.axis,
                    "threshold": node.split.threshold,
                    "below": node.below,
                    "above": node.above,
                }
            )
    return written


def _outline(values: Floats) -> tuple[float, float]:
    """The range of the data, rounded outwards."""
    low = math.floor(float(values.min()) / BOUND_STEP) * BOUND_STEP
    high = math.ceil(float(values.max()) / BOUND_STEP) * BOUND_STEP
    return round(low, 1), round(high, 1)
