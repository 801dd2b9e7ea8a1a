"""The table of embeddings, of whatever model.

It has `utterance_id, speaker_id, split, vector`; the input of the cohort rule `automatic` has the same identifiers and
a column a dimension. Vectors have length 1. They are biometric data, like the audio.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float32]

IDENTIFIERS = ["utterance_id", "speaker_id", "split"]


def with_vectors(utterances: pd.DataFrame, vectors_ND: Floats) -> pd.DataFrame:
    """The table of embeddings, each scaled to length 1."""
    length_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    table = utterances[IDENTIFIERS].reset_index(drop=True)
    table["vector"] = list((vectors_ND / length_N1).astype(np.float32))
    return table
