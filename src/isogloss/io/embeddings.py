"""Embeddings of speakers, for automatic cohorts. They are biometric data, so no output of an audit contains them."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.checks import LARGEST
from isogloss.errors import TableError
from isogloss.io.roles import hint
from isogloss.io.table_reader import read_table


def speaker_embeddings(path: Path, ids: pd.Series, speakers: pd.Series) -> tuple[pd.Index, NDArray[np.float64]]:
    """The mean embedding of each speaker, (S,) and (S, D); NaN for a speaker without any.

    Parameters
    ----------
    path
        Parquet of `utterance_id` or `speaker_id`, and `vector`, lists of numbers.
    ids, speakers
        Id and speaker of each utterance of the audit.

    Raises
    ------
    TableError
        A column is missing, vectors differ in length or hold no numbers, or none belongs to a speaker of the audit.
    """
    source = read_table(path)
    key = next((name for name in ("utterance_id", "speaker_id") if name in source.names), None)
    if key is None or "vector" not in source.names:
        missing = "vector" if key is not None else "utterance_id"
        raise TableError(f"{path}: column {missing!r} is missing; {hint(missing, source.names)}")
    vectors = source.column("vector")
    sizes = vectors.map(lambda vector: len(vector) if isinstance(vector, list | np.ndarray) else -1)
    if sizes.min() < 1 or sizes.nunique() > 1:
        row = int(np.flatnonzero(sizes != sizes.iloc[0])[0]) if sizes.nunique() > 1 else 0
        raise TableError(
            f"{source.place(row)}: 'vector' is not a list of {max(1, sizes.iloc[0])} numbers, as the first"
        )
    try:
        matrix_ND = np.stack([np.asarray(vector, dtype=np.float64) for vector in vectors])
    except (TypeError, ValueError):
        raise TableError(f"{path}: 'vector' must be a list of numbers in every row") from None
    wrong = np.flatnonzero(~(np.abs(matrix_ND) <= LARGEST).all(axis=1))
    if wrong.size:
        raise TableError(
            f"{source.place(int(wrong[0]))}: 'vector' holds what is no number of a possible size; embed it anew"
        )
    keys = pd.Series(source.column(key)).astype("str")
    owner = keys if key == "speaker_id" else keys.map(dict(zip(ids, speakers, strict=True)))
    names = pd.Index(speakers.unique())
    row_N = names.get_indexer(pd.Index(owner))
    matrix_ND, row_N = matrix_ND[row_N >= 0], row_N[row_N >= 0]
    if not len(row_N):
        raise TableError(f"{path}: none of its {key}s is among ours; the ids must be the same")
    sums_SD = np.zeros((len(names), matrix_ND.shape[1]))
    np.add.at(sums_SD, row_N, matrix_ND)
    counts_S = np.bincount(row_N, minlength=len(names))
    return names, np.where(counts_S[:, None] > 0, sums_SD / np.maximum(counts_S, 1)[:, None], np.nan)
