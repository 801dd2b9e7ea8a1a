"""The `prepare` stage: from a corpus to splits, tokens, features and the metadata table."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from lhotse import CutSet, Recording, RecordingSet
from lhotse.cut import Cut
from lhotse.utils import fastcopy

from isogloss.config import PrepareParams
from isogloss.corpus.frontend.features import Runner, compute_features, feature_statistics
from isogloss.corpus.frontend.sound import SoundMeasures
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.corpus.manifests import make_cuts
from isogloss.corpus.selection import select_utterances
from isogloss.corpus.splits import with_splits
from isogloss.tables import METADATA_COLUMNS, SPLITS, atomic_folder, conform, write_json, write_parquet


def prepare(
    corpus_folder: Path, output: Path, params: PrepareParams, *, work: Path | None = None, run: Runner | None = None
) -> pd.DataFrame:
    """Prepare a corpus for training and discovery.

    Writes under `output`: `features/<split>/`, `cuts/<split>.jsonl` (with features, and with recordings whose
    paths are relative to the corpus' audio root), `tokens.txt` and
    `feature_statistics.json` (both from train and adapt text and train features), `sound.parquet` (how each utterance
    sounds) and `utterances.parquet`.

    Parameters
    ----------
    work
        A folder for finished shards of features, outside `output`: what a killed run leaves there is not done again.
    run
        Runs the shards of features; by default a pool of processes on this host.

    Returns
    -------
    The metadata table of all splits.

    Raises
    ------
    CorpusError
        The corpus has too few speakers for five splits, or audio that cannot be read.
    """
    cuts = make_cuts(corpus_folder)
    recordings = {one.id: one for one in RecordingSet.from_file(corpus_folder / "recordings.jsonl")}
    metadata = _metadata(cuts)
    selected = select_utterances(metadata, params)
    if len(selected) < len(metadata):
        print(
            f"{len(selected)} of {len(metadata)} utterances take part "
            "(prepare.max_duration_s, prepare.speaker_utterances)"
        )
    utterances = _with_splits(selected, params)
    by_id = {cut.id: cut for cut in cuts}
    splits = {
        split: CutSet.from_cuts(by_id[id_] for id_ in utterances.loc[utterances["split"] == split, "utterance_id"])
        for split in SPLITS
    }
    with atomic_folder(output / "features") as temporary:
        splits, sounds = compute_features(
            splits,
            temporary,
            stored_as=output / "features",
            num_filters=params.num_filters,
            work=work or output.parent / f".{output.name}.shards",
            run=run,
        )
    with atomic_folder(output / "cuts") as temporary:
        for split, cuts in splits.items():
            CutSet.from_cuts(_portable(cut, recordings) for cut in cuts).to_file(temporary / f"{split}.jsonl")
    write_json(feature_statistics(splits["train"]), output / "feature_statistics.json")
    learnt = utterances.loc[utterances["split"].isin(["train", "adapt"]), "ref"]
    Tokens.of(learnt, unit=params.tokens, pieces=params.pieces).write(output / "tokens.txt")
    write_parquet(_sound_table(utterances, sounds), output / "sound.parquet")
    write_parquet(utterances, output / "utterances.parquet")
    return utterances


def sentence_overlap(utterances: pd.DataFrame, split: str) -> float:
    """The share of a split's utterances whose sentence occurs in train or adapt."""
    learnt = set(utterances.loc[utterances["split"].isin(["train", "adapt"]), "ref"])
    return float(utterances.loc[utterances["split"] == split, "ref"].isin(learnt).mean())


def _sound_table(utterances: pd.DataFrame, sounds: Mapping[str, SoundMeasures]) -> pd.DataFrame:
    """One row per utterance with its `SoundMeasures`."""
    measures = [sounds[utterance] for utterance in utterances["utterance_id"]]
    return pd.DataFrame(
        {
            "utterance_id": utterances["utterance_id"],
            "level_db": [one.level_db for one in measures],
            "peak": [one.peak for one in measures],
            "dc_offset": [one.dc_offset for one in measures],
            "clipped_share": [one.clipped_share for one in measures],
            "non_finite": [one.non_finite for one in measures],
        }
    )


def _portable(cut: Cut, recordings: Mapping[str, Recording]) -> Cut:
    """The cut with its recording's path from the corpus folder, so that no path of this machine is written."""
    return fastcopy(cut, recording=recordings[cut.recording_id])


def _metadata(cuts: CutSet) -> pd.DataFrame:
    """One row per utterance from the supervisions; values that the corpus does not give are missing."""
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
                "recording_id": cut.recording_id,
                "ref": supervision.text,
                "words": (words := len(supervision.text.split())),
                "duration_s": cut.duration,
                "words_per_s": words / cut.duration,
            }
        )
    table = pd.DataFrame(rows)
    for column in ("latitude", "longitude", "age"):
        table[column] = table[column].astype("float64")
    return table


def _with_splits(utterances: pd.DataFrame, params: PrepareParams) -> pd.DataFrame:
    """The table with a split for every row, in the order of the splits and then of the corpus."""
    utterances = with_splits(utterances, params)
    order = utterances["split"].map({split: number for number, split in enumerate(SPLITS)})
    table = utterances.iloc[np.argsort(order.to_numpy(), kind="stable")]
    return conform(table, METADATA_COLUMNS, where="data/utterances.parquet")
