"""A test of whether the tables of a synthetic corpus reveal the planted groups by more than place and demography.

A forest predicts each speaker's planted group from the columns that may be related to it (place and demography), and a
second forest also gets the suspect columns: weights, the numbers in ids, the order of rows, counts. If the suspects
reveal the group, alone or combined with the other columns, the second forest gives a higher probability to the true
group of speakers that it has not seen. Columns that depend on the audio (durations, embeddings, hypotheses) are not
suspects, since voices differ by dialect.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.tables import require_columns

FOLDS = 5
TREES = 50
STANDARD_ERRORS = 3.0
"""A gain of more than this number of standard errors is a leak."""
_COLUMNS = ("speaker_id", "recording_id", "weight", "latitude", "longitude", "zip", "gender", "age", "words")


@dataclass(frozen=True)
class Leak:
    """The mean probability that the forests give to speakers' true planted groups.

    Attributes
    ----------
    speakers
        Number of speakers.
    known, with_suspects
        The probability without and with the suspects, for speakers outside the training folds.
    error
        Standard error of the difference, paired by speaker.
    """

    speakers: int
    known: float
    with_suspects: float
    error: float

    @property
    def leaks(self) -> bool:
        """Whether the suspects improve the prediction significantly."""
        return self.with_suspects - self.known > STANDARD_ERRORS * self.error


def score_leak(known: pd.DataFrame, suspects: pd.DataFrame, group: pd.Series, *, seed: int = 0) -> Leak:
    """Measure how much the columns `suspects` improve the prediction of the planted `group` from `known`.

    Parameters
    ----------
    known
        (N, K) numbers, a row a speaker: position, figures of the ZIP, age, gender.
    suspects
        (N, S) numbers of the same speakers, in the same order.
    group
        (N,) planted groups.
    """
    alone_N = _probability_of_group(known.to_numpy(np.float64), group, seed)
    beside_N = _probability_of_group(
        np.hstack([known.to_numpy(np.float64), suspects.to_numpy(np.float64)]), group, seed
    )
    difference_N = beside_N - alone_N
    return Leak(
        speakers=len(group),
        known=float(alone_N.mean()),
        with_suspects=float(beside_N.mean()),
        error=float(difference_N.std(ddof=1) / np.sqrt(len(group))),
    )


def describe_speakers(utterances: pd.DataFrame, zips: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The known and the suspect columns of the speakers of a table; one row per speaker, indexed by `speaker_id`.

    Parameters
    ----------
    utterances
        Some rows of `data/utterances.parquet`, in their order there.
    zips
        `data/corpus/zips.parquet`.

    Raises
    ------
    TableError
        A column is missing, or there is no row.
    """
    require_columns(utterances, _COLUMNS, where="the utterances")
    if utterances.empty:
        raise TableError("there are no utterances, so no table can give anything away")
    speakers = utterances.drop_duplicates("speaker_id").set_index("speaker_id")
    figures = zips.set_index("zip").reindex(speakers["zip"]).drop(columns=["latitude", "longitude"])
    known = speakers[["latitude", "longitude", "age"]].assign(female=speakers["gender"].eq("female").astype(float))
    known = known.join(figures.set_axis(speakers.index))
    by_speaker = utterances.assign(row=np.arange(len(utterances))).groupby("speaker_id", sort=False)
    suspects = pd.DataFrame(
        {
            "weight": by_speaker["weight"].first(),
            "weights": by_speaker["weight"].nunique(),
            "number": pd.Series(speakers.index, speakers.index).str.extract(r"(\d+)", expand=False).astype(float),
            "row": by_speaker["row"].mean(),
            "zip": pd.to_numeric(speakers["zip"]),
            "utterances": by_speaker.size(),
            "recordings": by_speaker["recording_id"].nunique(),
            "words": by_speaker["words"].sum(),
        }
    )
    return known, suspects.loc[known.index]


def _probability_of_group(features_NF: NDArray[np.float64], group: pd.Series, seed: int) -> NDArray[np.float64]:
    """The probability given to each speaker's true group by a forest that has not seen them, of shape (N,)."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import KFold

    code_N, names = pd.factorize(group, sort=True)
    sure_N = np.zeros(len(code_N))
    for learnt, tested in KFold(FOLDS, shuffle=True, random_state=seed).split(features_NF):
        forest = ExtraTreesClassifier(TREES, max_features=None, min_samples_leaf=3, random_state=seed)
        forest.fit(features_NF[learnt], code_N[learnt])
        probability_NG = np.zeros((len(tested), len(names)))
        probability_NG[:, forest.classes_] = forest.predict_proba(features_NF[tested])
        sure_N[tested] = probability_NG[np.arange(len(tested)), code_N[tested]]
    return sure_N
