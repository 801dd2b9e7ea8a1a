"""Embeddings of every utterance by the recogniser that is judged: what it hears, and so what it gets wrong."""

from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.inference.embed import Floats, with_vectors
from isogloss.recognizers import Recognizer
from isogloss.recognizers.decode import embed_heard


def embed_by_recognizer(recognizer: Recognizer, utterances: pd.DataFrame, *, data: Path, threads: int) -> pd.DataFrame:
    """The mean over time of a recogniser's encoder frames for each utterance, as `embed_utterances` returns it.

    Parameters
    ----------
    recognizer
        It is moved to an accelerator where there is one.
    utterances, data, threads
        As of `embed_utterances`.
    """
    compute_repeatably(threads)
    vectors: dict[str, Floats] = {}
    for split in utterances["split"].unique():
        vectors |= embed_heard(recognizer, read_cuts(data / "cuts" / f"{split}.jsonl", hears=recognizer.hears))
    return with_vectors(utterances, np.stack([vectors[id_] for id_ in utterances["utterance_id"]]))
