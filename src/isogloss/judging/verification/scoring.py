"""Scores of trials from embeddings: cosines, and adaptive symmetric score normalisation."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.tables import require_columns

Floats = NDArray[np.float64]

CHUNK_CELLS = 1 << 22
"""Number of values in memory at once."""


def score_trials(
    trials: pd.DataFrame, embeddings: pd.DataFrame, *, impostors: pd.DataFrame | None = None, top: int = 200
) -> Floats:
    """The score of each trial.

    Parameters
    ----------
    trials
        `enrol_id, test_id`.
    embeddings
        `utterance_id, vector` of at least these utterances.
    impostors
        `speaker_id, vector` of speakers who are in no trial (train's): scores are then normalised by `adaptive_s_norm`
        over the mean vector of each of them.
    top
        How many of the nearest impostors count.

    Raises
    ------
    TableError
        A column is missing, or a trial names an utterance without embedding.
    """
    require_columns(trials, ["enrol_id", "test_id"], where="the trials")
    require_columns(embeddings, ["utterance_id", "vector"], where="the embeddings")
    places = pd.Index(embeddings["utterance_id"])
    sides = []
    for side in ("enrol_id", "test_id"):
        place_N = places.get_indexer(pd.Index(trials[side]))
        if (place_N < 0).any():
            row = int(np.flatnonzero(place_N < 0)[0])
            raise TableError(
                f"the trials: row {row} names the utterance {trials[side].iloc[row]!r}, which has no embedding; "
                "drop the trial or embed the utterance"
            )
        sides.append(place_N)
    vectors_UD = _unit(np.stack(embeddings["vector"].to_list()).astype(np.float64))
    score_N = _cosines(vectors_UD, *sides)
    if impostors is None:
        return score_N
    mean_U, scale_U = impostor_statistics(vectors_UD, _speaker_means(impostors), top=top)
    return adaptive_s_norm(score_N, [(mean_U[place_N], scale_U[place_N]) for place_N in sides])


def adaptive_s_norm(score_N: Floats, sides: list[tuple[Floats, Floats]]) -> Floats:
    """Each score in standard deviations from the impostors' mean score, averaged over both sides.

    Adaptive symmetric normalisation (Matejka et al. 2017, "Analysis of score normalization in multilingual speaker
    recognition", S-norm1 with the nearest impostors of each side).
    """
    return np.mean([(score_N - mean_N) / scale_N for mean_N, scale_N in sides], axis=0)


def impostor_statistics(vectors_UD: Floats, impostors_ID: Floats, *, top: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each utterance's cosines to its `top` nearest impostors, (U,) each."""
    top = min(top, len(impostors_ID))
    if top < 2:
        raise TableError(f"score normalisation has {len(impostors_ID)} impostor speaker(s); it needs two")
    means, scales = [], []
    chunk = max(1, CHUNK_CELLS // len(impostors_ID))
    for start in range(0, len(vectors_UD), chunk):
        cosines = vectors_UD[start : start + chunk] @ impostors_ID.T
        nearest = np.partition(cosines, -top, axis=1)[:, -top:]
        means.append(nearest.mean(axis=1))
        scales.append(nearest.std(axis=1))
    return np.concatenate(means), np.maximum(np.concatenate(scales), 1e-9)


def _speaker_means(impostors: pd.DataFrame) -> Floats:
    """The mean embedding of each speaker, at unit length."""
    require_columns(impostors, ["speaker_id", "vector"], where="the impostors")
    vectors_UD = np.stack(impostors["vector"].to_list()).astype(np.float64)
    return _unit(pd.DataFrame(vectors_UD).groupby(impostors["speaker_id"].to_numpy(), sort=True).mean().to_numpy())


def _cosines(vectors_UD: Floats, enrol_N: NDArray[np.intp], test_N: NDArray[np.intp]) -> Floats:
    """Inner products of pairs of rows."""
    score_N = np.empty(len(enrol_N))
    chunk = max(1, CHUNK_CELLS // vectors_UD.shape[1])
    for start in range(0, len(enrol_N), chunk):
        stop = start + chunk
        score_N[start:stop] = np.einsum("nd,nd->n", vectors_UD[enrol_N[start:stop]], vectors_UD[test_N[start:stop]])
    return score_N


def _unit(vectors: Floats) -> Floats:
    """Rows at length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
