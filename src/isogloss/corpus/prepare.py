"""The `prepare` stage: from a corpus to splits, tokens, features, the metadata table and the inputs of cohort rules."""

from pathlib import Path

import numpy as np
import pandas as pd
from lhotse import CutSet

from isogloss.config import PrepareParams
from isogloss.corpus.frontend.features import compute_features, feature_statistics
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.corpus.manifests import make_cuts
from isogloss.corpus.splits import assign_splits
from isogloss.tables import METADATA_COLUMNS, SPLITS, atomic_folder, conform, read_parquet, write_json, write_parquet
from isogloss.zips import join_zip_attributes, zip_attributes

IDENTIFIERS = ("utterance_id", "speaker_id", "split")


def prepare(corpus_folder: Path, output: Path, params: PrepareParams) -> pd.DataFrame:
    """Prepare a corpus for training and discovery.

    Writes under `output`: `features/<split>/`, `cuts/<split>.jsonl` (with features, without audio), `tokens.txt` and
    `feature_statistics.json` (both from train and adapt text and train features), `utterances.parquet` and
    `cohort_inputs/{geographic,geodemographic,attribute}.parquet`.

    Returns
    -------
    The metadata table of all splits.

    Raises
    ------
    CorpusError
        The corpus has too few speakers for five splits, or audio that cannot be read.
    """
    cuts = make_cuts(corpus_folder)
    utterances = _with_splits(_metadata(cuts), params)
    by_id = {cut.id: cut for cut in cuts}
    splits = {
        split: CutSet.from_cuts(by_id[id_] for id_ in utterances.loc[utterances["split"] == split, "utterance_id"])
        for split in SPLITS
    }
    with atomic_folder(output / "features") as temporary:
        splits = compute_features(splits, temporary, stored_as=output / "features", num_filters=params.num_filters)
    with atomic_folder(output / "cuts") as temporary:
        for split, cuts in splits.items():
            cuts.to_file(temporary / f"{split}.jsonl")
    write_json(feature_statistics(splits["train"]), output / "feature_statistics.json")
    learnt = utterances["split"].isin(["train", "adapt"])
    Tokens.of(utterances.loc[learnt, "ref"]).write(output / "tokens.txt")
    write_parquet(utterances, output / "utterances.parquet")
    zips = read_parquet(corpus_folder / "zips.parquet")
    for rule, inputs in cohort_inputs(utterances, zips).items():
        write_parquet(inputs, output / "cohort_inputs" / f"{rule}.parquet")
    return utterances


def cohort_inputs(utterances: pd.DataFrame, zips: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What each cohort rule may look at: identifiers and its X columns, for all splits.

    The attribute rule is offered every column of text but the ZIP (which has too many values to be a cohort), the
    geodemographic rule every figure that the corpus' ZIP table gives of the row's ZIP; params choose among them. The
    automatic rule looks at voices, which `train_speaker` provides.
    """
    identifiers = utterances[list(IDENTIFIERS)]
    hidden = {*IDENTIFIERS, "ref", "zip"}
    named = [c for c in utterances.columns if c not in hidden and pd.api.types.is_string_dtype(utterances[c])]
    figures = join_zip_attributes(utterances["zip"], zips, zip_attributes(zips), where="data/corpus/zips.parquet")
    return {
        "geographic": identifiers.join(utterances[["latitude", "longitude"]]),
        "geodemographic": identifiers.join(figures),
        "attribute": identifiers.join(utterances[named]),
    }


def _metadata(cuts: CutSet) -> pd.DataFrame:
    """One row an utterance from the supervisions; what a corpus does not say is missing."""
    rows = []
    for cut in cuts:
        (supervision,) = cut.supervisions
        rows.append(
            {
                "weight": 1.0,
                "split": None,
                **{name: None for name in METADATA_COLUMNS if name not in ("weight", "split")},
                **(supervision.custom or {}),
                "utterance_id": cut.id,
                "speaker_id": supervision.speaker,
                "ref": supervision.text,
                "words": len(supervision.text.split()),
                "duration_s": cut.duration,
            }
        )
    table = pd.DataFrame(rows)
    for column in ("latitude", "longitude", "age"):
        table[column] = table[column].astype("float64")
    return table


def _with_splits(utterances: pd.DataFrame, params: PrepareParams) -> pd.DataFrame:
    """The table with a split for every row, ordered by split and then as in the corpus."""
    if utterances["split"].isna().any():
        utterances["split"] = assign_splits(utterances, params)
    order = utterances["split"].map({split: number for number, split in enumerate(SPLITS)})
    table = utterances.iloc[np.argsort(order.to_numpy(), kind="stable")]
    return conform(table, METADATA_COLUMNS, where="data/utterances.parquet")
