"""Embeddings of utterances by the recogniser that is judged: what it hears, and so what it gets wrong."""

from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.inference.embed import Floats, with_vectors
from isogloss.recognizers import Recognizer
from isogloss.recognizers.decode import embed_heard


def embed_by_recognizer(
    recognizer: Recognizer, utterances: pd.DataFrame, *, data: Path, threads: int, most: int | None = None
) -> pd.DataFrame:
    """The mean over time of a recogniser's encoder frames for each utterance, as `embed_utterances` returns it.

    Parameters
    ----------
    recognizer
        It is moved to an accelerator where there is one.
    utterances, data, threads
        As of `embed_utterances`.
    most
        Utterances of each speaker that are embedded, spread evenly over the table (None: all). The vectors of the
        others are NaN.
    """
    compute_repeatably(threads)
    heard = set(spread_evenly(utterances, most)["utterance_id"])
    vectors: dict[str, Floats] = {}
    for split in utterances["split"].unique():
        cuts = read_cuts(data / "cuts" / f"{split}.jsonl", hears=recognizer.hears)
        vectors |= embed_heard(recognizer, cuts.filter(lambda cut: cut.id in heard).to_eager())
    unknown_D = np.full(recognizer.embedding_dim, np.nan, dtype=np.float32)
    return with_vectors(utterances, np.stack([vectors.get(id_, unknown_D) for id_ in utterances["utterance_id"]]))


def spread_evenly(utterances: pd.DataFrame, most: int | None) -> pd.DataFrame:
    """At most `most` rows of each speaker (None: all), spread evenly over the speaker's rows, the first among them."""
    if most is None:
        return utterances
    place = utterances.groupby("speaker_id").cumcount()
    count = utterances.groupby("speaker_id")["speaker_id"].transform("size").clip(lower=most)
    # Row r of n is taken where a multiple of n / most falls into (r - 1, r].
    taken = np.ceil((place + 1) * most / count) > np.ceil(place * most / count)
    return utterances[taken]
