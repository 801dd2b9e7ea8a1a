"""Embeddings of every utterance of every split by the speaker encoder, or read from a file."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.errors import TableError
from isogloss.inference.embeddings import Floats, with_vectors
from isogloss.speakers import SpeakerEncoder
from isogloss.speakers.embed import embed_cuts
from isogloss.tables import read_parquet, require_columns


def embed_utterances(model: SpeakerEncoder, utterances: pd.DataFrame, *, data: Path, threads: int) -> pd.DataFrame:
    """Embed whole utterances of all splits in the table.

    Parameters
    ----------
    model
        The encoder; it is moved to an accelerator where there is one.
    utterances
        The metadata table.
    data
        Folder of the prepared data: `cuts/<split>.jsonl`.
    threads
        CPU threads; fixed, as sums differ between one and two.

    Returns
    -------
    `utterance_id, speaker_id, split, vector` in the order of the table.
    """
    compute_repeatably(threads)
    vectors: dict[str, Floats] = {}
    for split in utterances["split"].unique():
        vectors |= embed_cuts(model, read_cuts(data / "cuts" / f"{split}.jsonl"))
    return with_vectors(utterances, np.stack([vectors[id_] for id_ in utterances["utterance_id"]]))


def bring_embeddings(path: Path | str, utterances: pd.DataFrame, *, sha256: str | None = None) -> pd.DataFrame:
    """Read the embeddings `utterance_id, vector` of another encoder; utterances outside the corpus are ignored.

    Parameters
    ----------
    path
        A parquet file; `vector` holds lists of numbers.
    utterances
        The metadata table; each of its utterances needs a vector.
    sha256
        Required digest of the file, if it is to be checked.

    Returns
    -------
    As `embed_utterances`.

    Raises
    ------
    TableError
        The file is missing or has another digest, an utterance has no vector or two, or a vector has another width than
        the first, a number that is not finite, or no length.
    """
    brought = read_parquet(path)
    require_columns(brought, ["utterance_id", "vector"], where=str(path))
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if sha256 is not None and found != sha256:
        raise TableError(f"{path} has the digest {found}, not speaker.embeddings_sha256; set that or restore the file")
    twice = brought["utterance_id"][brought["utterance_id"].duplicated()]
    if len(twice):
        raise TableError(f"{path}: utterance {twice.iloc[0]!r} has several vectors; keep one row each")
    vectors = brought.set_index("utterance_id")["vector"]
    missing = utterances["utterance_id"][~utterances["utterance_id"].isin(vectors.index)]
    if len(missing):
        raise TableError(
            f"{path}: {len(missing)} of {len(utterances)} utterances have no vector ({', '.join(missing[:3])}"
            f"{', ...' if len(missing) > 3 else ''}); embed all of data/utterances.parquet"
        )
    return with_vectors(utterances, _stacked(vectors.loc[utterances["utterance_id"]], path))


def _stacked(vectors: pd.Series, path: Path | str) -> Floats:
    """The vectors as one array, each checked."""
    width = None
    for id_, vector in vectors.items():
        try:
            numbers = np.asarray(vector, dtype=np.float64)
        except (TypeError, ValueError):
            raise TableError(f"{path}: the vector of {id_!r} is no list of numbers; write list<float32>") from None
        width = numbers.size if width is None else width
        if numbers.ndim != 1 or numbers.size != width or width == 0:
            raise TableError(f"{path}: the vector of {id_!r} has the shape {numbers.shape}, the first has {(width,)}")
        if not np.isfinite(numbers).all():
            raise TableError(f"{path}: the vector of {id_!r} holds a number that is not finite; embed it again")
        if not numbers.any():
            raise TableError(f"{path}: the vector of {id_!r} is all zeros and has no direction; embed it again")
    return np.stack([np.asarray(vector, dtype=np.float64) for vector in vectors])
