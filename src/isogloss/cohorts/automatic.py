"""Automatic cohorts (Dheram et al. 2022, 2207.11345): clusters of voices, without any label.

A speaker is the mean embedding of their utterances, scaled to length 1; k-means makes virtual cohorts, which are
ranked by error. Nobody is identified or labelled, and positions or attributes are not needed. The number of clusters is
given or chosen by `stability` (the paper sets it; the choice is ours).

Embeddings are biometric. A fitted rule holds cluster centres, which are means over speakers, and no
embedding of a single one; like the audio it stays with the private data.

Shapes: N rows, S speakers, D dimensions, K clusters.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, field_validator
from sklearn.cluster import KMeans
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from isogloss.cohorts.rule import (
    UNSPECIFIED,
    ErrorRateRule,
    complete_rows,
    feature_names,
    other_columns,
    require_rule,
    set_features,
    speaker_labels,
)
from isogloss.cohorts.speaker_sums import Floats, Integers
from isogloss.cohorts.stability import stable_number
from isogloss.config.components import EMBEDDINGS, RuleComponent
from isogloss.config.section import Section, Seed


class AutomaticParams(Section):
    """Clusters of speaker embeddings."""

    n_clusters: int | Literal["auto"] = 10
    """Clusters, or auto: as many as come out the same from different halves of the speakers; where one difference
    between voices is much larger than all others (gender, mostly), those are the two of it."""
    max_clusters: Annotated[int, Field(ge=2)] = 12
    """Most clusters that auto may choose."""
    random_state: Seed = 1

    @field_validator("n_clusters", mode="before")
    @classmethod
    def _auto_or_several(cls, value: Any) -> Any:
        if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or value < 2):
            raise ValueError(f"automatic.n_clusters is {value!r}, but must be auto or a whole number of at least 2")
        return value


COMPONENT = RuleComponent(
    name="automatic",
    options=AutomaticParams,
    implementation="SpeakerClusters",
    inputs=(EMBEDDINGS,),
    title="similar voices",
    about="Groups of voices that sound alike, made without any label: a group has a number, and says nothing "
    "about who is in it.",
    unit="group of voices",
)


class SpeakerClusters(ErrorRateRule):
    """Virtual cohorts `voice-01`, `voice-02`, ... of similar voices, the first with the highest error rate.

    X holds the embedding of each utterance; rows with NaN are `unspecified`.

    Parameters
    ----------
    n_clusters
        Cohorts, or "auto": as many, up to `max_clusters`, as are stable.
    max_clusters
        Most cohorts that "auto" may choose.
    random_state
        Seed of k-means and of the halves by which stability is judged.

    Attributes
    ----------
    centres_ : array of shape (K, D)
        Cluster centres of unit-length speaker embeddings, worst cohort first.
    cohorts_ : list of str
        Their names, in this order.
    """

    rule_name = COMPONENT.name

    def __init__(
        self, *, n_clusters: int | Literal["auto"] = "auto", max_clusters: int = 12, random_state: int = 0
    ) -> None:
        self.n_clusters = n_clusters
        self.max_clusters = max_clusters
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Cluster the speakers.

        Every speaker counts once in the clustering, however many utterances they have.

        Parameters
        ----------
        X
            (N, D) embeddings of utterances.
        y, sample_weight, groups
            (N,) error rate, reference words (None: 1 each), speaker (None: every row is one). The errors order the
            cohorts and have no part in the clustering.
        """
        rows = self._observe(X, y, sample_weight, groups)
        rows = rows.where(complete_rows(rows.features_NF))
        points_SD, speaker_N = _speaker_points(rows.features_NF, rows.speakers_N)
        if len(points_SD) == 0:
            self.centres_, self.cohorts_ = np.empty((0, self.n_features_in_)), []
            return self
        # One thread: sums over threads round differently.
        with threadpool_limits(limits=1):
            kmeans = KMeans(self._number(points_SD), n_init=10, random_state=self.random_state).fit(points_SD)
        cluster_N = kmeans.labels_[speaker_N]
        clusters = kmeans.n_clusters
        errors = np.bincount(cluster_N, rows.rate_N * rows.words_N, minlength=clusters)
        wer = errors / np.bincount(cluster_N, rows.words_N, minlength=clusters)
        self.centres_ = kmeans.cluster_centers_[np.argsort(-wer, kind="stable")]
        self.cohorts_ = [f"voice-{number:02d}" for number in range(1, clusters + 1)]
        return self

    def predict(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.object_]:
        """The cohort of each row.

        With `groups` the rows of a speaker are averaged first, so that all of them get the same cohort; rows without
        embedding then follow the speaker's other rows. Without, every row stands for itself.
        """
        embeddings_ND = self._features(X)
        cohorts = np.full(len(embeddings_ND), UNSPECIFIED, dtype=object)
        known_N = complete_rows(embeddings_ND)
        if not self.cohorts_ or not known_N.any():
            return cohorts
        speakers = speaker_labels(groups, len(embeddings_ND))
        points_SD, speaker_N = _speaker_points(embeddings_ND[known_N], None if speakers is None else speakers[known_N])
        names_S = np.array(self.cohorts_, dtype=object)[_nearest(points_SD, self.centres_)]
        cohorts[known_N] = names_S[speaker_N]
        if speakers is not None:
            of_speaker = dict(zip(speakers[known_N], cohorts[known_N], strict=True))
            cohorts[~known_N] = [of_speaker.get(speaker, UNSPECIFIED) for speaker in speakers[~known_N]]
        return cohorts

    def input_columns(self, present: Sequence[str]) -> list[str]:
        """All but the identifiers: the dimensions of the embedding."""
        return other_columns(present)

    def lacks(self, utterances: pd.DataFrame) -> str:
        """Nothing: every utterance has a voice."""
        del utterances
        return ""

    def to_json(self) -> dict[str, Any]:
        """Parameters and centres."""
        check_is_fitted(self)
        return {
            "rule": self.rule_name,
            "params": self.get_params(),
            "features": feature_names(self),
            "dimensions": self.n_features_in_,
            "centres": self.centres_.tolist(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The clusters that `to_json` described."""
        require_rule(content, cls.rule_name, ("params", "features", "dimensions", "centres"))
        rule = cls(**content["params"])
        set_features(rule, content["features"], content["dimensions"])
        rule.centres_ = np.array(content["centres"], dtype=np.float64).reshape(-1, content["dimensions"])
        rule.cohorts_ = [f"voice-{number:02d}" for number in range(1, len(rule.centres_) + 1)]
        return rule

    def label(self, cohort: str) -> str:
        """`voice group 1`, since a cluster has nothing but its number."""
        if cohort == UNSPECIFIED:
            return "voice unknown"
        return f"voice group {self.cohorts_.index(cohort) + 1}"

    def _number(self, points_SD: Floats) -> int:
        """How many clusters."""
        if self.n_clusters == "auto":
            return stable_number(points_SD, most=self.max_clusters, repeats=10, seed=self.random_state)
        distinct = len(np.unique(points_SD, axis=0))
        if not 1 <= self.n_clusters <= distinct:
            raise ValueError(f"n_clusters is {self.n_clusters}, but must be from 1 to the {distinct} distinct speakers")
        return self.n_clusters


def _speaker_points(embeddings_ND: Floats, speakers: NDArray | None) -> tuple[Floats, Integers]:
    """The mean embedding of each speaker at unit length, shape (S, D), and the speaker of each row."""
    if speakers is None:
        means_SD, speaker_N = embeddings_ND, np.arange(len(embeddings_ND))
    else:
        speaker_N = pd.factorize(speakers, sort=True)[0]
        means_SD = pd.DataFrame(embeddings_ND).groupby(speaker_N).mean().to_numpy()
    length_S1 = np.linalg.norm(means_SD, axis=1, keepdims=True)
    return means_SD / np.where(length_S1 > 0, length_S1, 1.0), speaker_N


def _nearest(points_SD: Floats, centres_KD: Floats) -> Integers:
    """The nearest centre of each point."""
    distance_SK = (centres_KD**2).sum(axis=1) - 2 * points_SD @ centres_KD.T
    return distance_SK.argmin(axis=1)
