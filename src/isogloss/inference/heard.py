"""Embeddings of utterances by the recogniser that is judged: what it hears, and so what it gets wrong."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from lhotse import CutSet

from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.inference.embeddings import with_vectors
from isogloss.recognizers import Hypothesis, Recognizer
from isogloss.recognizers.decode import embed_heard


def embeddings_of_hypotheses(hypotheses: Mapping[str, Hypothesis], utterances: pd.DataFrame) -> pd.DataFrame:
    """The embeddings that transcribing has yielded, as `embed_utterances` returns them; without rows if it yields none.

    Parameters
    ----------
    hypotheses
        By utterance id, of one recogniser.
    utterances
        The metadata table; utterances without a hypothesis are left out.
    """
    vectors = {id_: one.embedding_D for id_, one in hypotheses.items() if one.embedding_D is not None}
    rows = utterances[utterances["utterance_id"].isin(vectors)]
    if rows.empty:
        return with_vectors(rows, np.empty((0, 1), dtype=np.float32))
    return with_vectors(rows, np.stack([vectors[id_] for id_ in rows["utterance_id"]]))


def embed_by_recognizer(
    recognizer: Recognizer,
    utterances: pd.DataFrame,
    *,
    data: Path,
    threads: int,
    most: int | None = None,
    known: pd.DataFrame | None = None,
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
    known
        Embeddings that `embeddings_of_hypotheses` gives; they are not computed again.
    """
    compute_repeatably(threads)
    heard = set(spread_evenly(utterances, most)["utterance_id"])
    vectors = {} if known is None else dict(zip(known["utterance_id"], known["vector"], strict=True))
    for split, rows in utterances.groupby("split", sort=False):
        if missing := heard.intersection(rows["utterance_id"]).difference(vectors):
            cuts = read_cuts(data / "cuts" / f"{split}.jsonl", hears=recognizer.hears)
            vectors |= embed_heard(recognizer, CutSet.from_cuts(cut for cut in cuts if cut.id in missing))
    unknown_D = np.full(recognizer.embedding_dim, np.nan, dtype=np.float32)
    chosen = [vectors[id_] if id_ in heard else unknown_D for id_ in utterances["utterance_id"]]
    return with_vectors(utterances, np.stack(chosen))


def spread_evenly(utterances: pd.DataFrame, most: int | None) -> pd.DataFrame:
    """At most `most` rows of each speaker (None: all), spread evenly over the speaker's rows, the first among them."""
    if most is None:
        return utterances
    place = utterances.groupby("speaker_id").cumcount()
    count = utterances.groupby("speaker_id")["speaker_id"].transform("size").clip(lower=most)
    # Row r of n is taken where a multiple of n / most falls into (r - 1, r].
    taken = np.ceil((place + 1) * most / count) > np.ceil(place * most / count)
    return utterances[taken]
