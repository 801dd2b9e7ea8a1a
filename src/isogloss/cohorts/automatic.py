"""Automatic cohorts (Dheram et al. 2022, 2207.11345): clusters of voices, without any label.

A speaker is the mean embedding of their utterances, scaled to length 1; k-means makes virtual cohorts, which are
ranked by error. Nobody is identified or labelled, and positions or attributes are not needed. The number of clusters is
given or chosen by `stability` (the paper sets it; the choice is ours).

Two options are ours. `normalization` removes the mean of all voices, or also the variation between utterances of one
speaker (within-class covariance normalisation of Hatch et al. 2006, with the covariance of Ledoit & Wolf 2004).
`error_weight` includes errors in the clustering, similar to error-aware slice discovery (Domino, 2203.14960); the
cohort of a speaker is still predicted from their voice alone.

Embeddings are biometric data. A fitted rule holds cluster centres, which are means over speakers, but no embedding of a
single speaker; like the audio it stays with the private data.

Shapes: N rows, S speakers, D dimensions, K clusters.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, field_validator
from sklearn.cluster import KMeans
from sklearn.covariance import LedoitWolf
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

Normalization = Literal["none", "mean", "within_speaker"]
ROUNDING = 1e-20
"""Share of the squared embeddings below which the variation between utterances of one speaker is rounding."""


class AutomaticParams(Section):
    """Clusters of speaker embeddings."""

    n_clusters: int | Literal["auto"] = 2
    """Number of clusters. auto chooses the number for which clusterings of different halves of the speakers agree; if
    one difference between voices is much larger than all others (usually gender), this gives the two clusters of that
    difference."""
    max_clusters: Annotated[int, Field(ge=2)] = 12
    """Largest number of clusters that auto may choose."""
    normalization: Normalization = "within_speaker"
    """What is done to the embeddings of utterances before they are averaged by speaker: none; mean subtracts the mean
    over all utterances; within_speaker also scales all directions to the same variance between utterances of one
    speaker (which comes from their content or their channels, for example)."""
    error_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Weight of a speaker's error rate in the clustering; at 1 it has as much variance as all dimensions of the
    embeddings together. 0 clusters by voice alone."""
    random_state: Seed = 1
    """Seed of k-means, and of the halves by which auto chooses the number."""

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
    about="Groups of voices that are alike to the model, made without any label: a group has a number, and says "
    "nothing about who is in it.",
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
    normalization
        How an utterance's embedding is normalised first: "none", "mean" or "within_speaker".
    error_weight
        Weight of a speaker's standardised error rate in the clustering; with 1 it has as much variance as the voice.
    random_state
        Seed of k-means and of the halves by which stability is judged.

    Attributes
    ----------
    mean_ : array of shape (D,)
        The vector that is subtracted from every embedding.
    whitening_ : array of shape (D, D)
        The matrix with which it is then multiplied.
    centres_ : array of shape (K, D)
        Cluster centres of unit-length speaker embeddings, worst cohort first.
    cohorts_ : list of str
        Their names, in this order.
    """

    rule_name = COMPONENT.name

    def __init__(
        self,
        *,
        n_clusters: int | Literal["auto"] = "auto",
        max_clusters: int = 12,
        normalization: Normalization = "none",
        error_weight: float = 0.0,
        random_state: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.max_clusters = max_clusters
        self.normalization = normalization
        self.error_weight = error_weight
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Cluster the speakers.

        Every speaker counts once in the clustering, with any number of utterances.

        Parameters
        ----------
        X
            (N, D) embeddings of utterances.
        y, sample_weight, groups
            (N,) error rate, reference words (None: 1 each), speaker (None: every row is one). The errors order the
            cohorts and, unless `error_weight` is above 0, have no part in the clustering.
        """
        rows = self._observe(X, y, sample_weight, groups)
        rows = rows.where(complete_rows(rows.features_NF))
        self.mean_ = np.zeros(self.n_features_in_)
        self.whitening_ = np.eye(self.n_features_in_)
        if len(rows.features_NF) == 0:
            self.centres_, self.cohorts_ = np.empty((0, self.n_features_in_)), []
            return self
        # One thread, since sums over several threads round differently.
        with threadpool_limits(limits=1):
            self._learn_normalization(rows.features_NF, rows.speakers_N)
            points_SD, speaker_N = self._points(rows.features_NF, rows.speakers_N)
            errors_S = np.bincount(speaker_N, rows.rate_N * rows.words_N)
            words_S = np.bincount(speaker_N, rows.words_N)
            seen_SD = self._with_errors(points_SD, errors_S / words_S)
            kmeans = KMeans(self._number(seen_SD), n_init=10, random_state=self.random_state).fit(seen_SD)
        clusters = kmeans.n_clusters
        wer_K = np.bincount(kmeans.labels_, errors_S, clusters) / np.bincount(kmeans.labels_, words_S, clusters)
        self.centres_ = kmeans.cluster_centers_[np.argsort(-wer_K, kind="stable"), : self.n_features_in_]
        self.cohorts_ = [f"voice-{number:02d}" for number in range(1, clusters + 1)]
        return self

    def predict(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.object_]:
        """The cohort of each row.

        With `groups` the rows of a speaker are averaged first, so that all of them get the same cohort; rows without an
        embedding then get the cohort of the speaker's other rows. Without `groups`, every row is predicted separately.
        """
        embeddings_ND = self._features(X)
        cohorts = np.full(len(embeddings_ND), UNSPECIFIED, dtype=object)
        known_N = complete_rows(embeddings_ND)
        if not self.cohorts_ or not known_N.any():
            return cohorts
        speakers = speaker_labels(groups, len(embeddings_ND))
        points_SD, speaker_N = self._points(embeddings_ND[known_N], None if speakers is None else speakers[known_N])
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
        """Nothing is lacking, since every utterance has an embedding."""
        del utterances
        return ""

    def to_json(self) -> dict[str, Any]:
        """Parameters, normalisation and centres."""
        check_is_fitted(self)
        return {
            "rule": self.rule_name,
            "params": self.get_params(),
            "features": feature_names(self),
            "dimensions": self.n_features_in_,
            "mean": self.mean_.tolist(),
            "whitening": None if self.normalization != "within_speaker" else self.whitening_.tolist(),
            "centres": self.centres_.tolist(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The clusters that `to_json` described."""
        require_rule(content, cls.rule_name, ("params", "features", "dimensions", "mean", "whitening", "centres"))
        rule = cls(**content["params"])
        set_features(rule, content["features"], content["dimensions"])
        rule.mean_ = np.array(content["mean"], dtype=np.float64)
        whitening = content["whitening"]
        rule.whitening_ = np.eye(content["dimensions"]) if whitening is None else np.array(whitening, dtype=np.float64)
        rule.centres_ = np.array(content["centres"], dtype=np.float64).reshape(-1, content["dimensions"])
        rule.cohorts_ = [f"voice-{number:02d}" for number in range(1, len(rule.centres_) + 1)]
        return rule

    def label(self, cohort: str) -> str:
        """`voice group 1`, since a cluster is known only by its number."""
        if cohort == UNSPECIFIED:
            return "voice unknown"
        return f"voice group {self.cohorts_.index(cohort) + 1}"

    def _learn_normalization(self, embeddings_ND: Floats, speakers_N: NDArray | None) -> None:
        """Set `mean_` and `whitening_`."""
        if self.normalization == "none":
            return
        self.mean_ = embeddings_ND.mean(axis=0)
        if self.normalization == "within_speaker":
            _, counts = np.unique(speakers_N, return_counts=True) if speakers_N is not None else (None, np.ones(1))
            if counts.max() < 2:
                raise ValueError("normalization is within_speaker, but no speaker has two utterances; take mean")
            rows = pd.DataFrame(embeddings_ND)
            within_ND = (rows - rows.groupby(speakers_N).transform("mean")).to_numpy()
            if np.square(within_ND).sum() <= ROUNDING * np.square(embeddings_ND - self.mean_).sum():
                raise ValueError(
                    "normalization is within_speaker, but all utterances of a speaker have the same embedding; "
                    "take mean"
                )
            covariance_DD = LedoitWolf(assume_centered=True).fit(within_ND).covariance_
            variance_D, directions_DD = np.linalg.eigh(covariance_DD)
            self.whitening_ = (directions_DD / np.sqrt(variance_D)) @ directions_DD.T

    def _points(self, embeddings_ND: Floats, speakers_N: NDArray | None) -> tuple[Floats, Integers]:
        """The mean normalised embedding of each speaker at unit length, shape (S, D), and the speaker of each row."""
        if self.normalization != "none":
            embeddings_ND = embeddings_ND - self.mean_
        if self.normalization == "within_speaker":
            embeddings_ND = embeddings_ND @ self.whitening_
        return _speaker_points(embeddings_ND, speakers_N)

    def _with_errors(self, points_SD: Floats, rate_S: Floats) -> Floats:
        """The points with the error rate as an additional coordinate if `error_weight` is not 0."""
        spread = rate_S.std()
        if self.error_weight == 0 or spread == 0:
            return points_SD
        scale = np.sqrt(self.error_weight * points_SD.var(axis=0).sum()) / spread
        return np.column_stack([points_SD, scale * (rate_S - rate_S.mean())])

    def _number(self, points_SD: Floats) -> int:
        """The number of clusters."""
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
