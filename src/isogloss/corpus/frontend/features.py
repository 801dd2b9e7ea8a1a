"""Log-mel filterbanks, computed once: 25 ms windows every 10 ms at 16 kHz, through Lhotse.

Audio of another rate is resampled first. The cuts are dealt to a fixed number of shards, each made by one process
with one thread, so that the files are the same bytes on any number of cores. Storage is Lhotse's chunked lilcom, whose
file for the same features is the same (others name their entries at random).
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from lhotse import CutSet, Fbank, FbankConfig, LilcomChunkyWriter
from lhotse.cut import Cut
from lhotse.utils import fastcopy

SAMPLING_RATE = 16_000
FRAMES_PER_SECOND = 100
SHARDS = 8


def compute_features(
    splits: dict[str, CutSet], folder: Path, *, stored_as: Path, num_filters: int
) -> dict[str, CutSet]:
    """Compute the features of every cut and write them under `folder`, a subfolder a split.

    Parameters
    ----------
    splits
        The cuts of each split, with audio that can be loaded.
    folder
        Where the shards are written.
    stored_as
        The path under which readers will find them (`folder` may be a temporary one that is moved there).
    num_filters
        F, mel filters.

    Returns
    -------
    The same cuts in the same order, with features (T, F) beside their audio.
    """
    ordered = {split: list(cuts) for split, cuts in splits.items()}
    jobs = []
    for split, cuts in ordered.items():
        (folder / split).mkdir()
        shards = [(number, cuts[number::SHARDS]) for number in range(SHARDS)]
        jobs += [(shard, folder / split / f"shard-{number}", num_filters) for number, shard in shards if shard]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(len(jobs), os.cpu_count() or 1), mp_context=context) as pool:
        done = {cut.id: cut for shard in pool.map(_compute_shard, *zip(*jobs, strict=True)) for cut in shard}
    return {
        split: CutSet.from_cuts(_with_features(cut, done[cut.id], stored_as / split) for cut in cuts)
        for split, cuts in ordered.items()
    }


def feature_extractor(num_filters: int) -> Fbank:
    """The one definition of the features, for whole utterances and for streams."""
    return Fbank(FbankConfig(sampling_rate=SAMPLING_RATE, num_filters=num_filters))


def feature_statistics(cuts: CutSet) -> dict[str, list[float]]:
    """Mean and standard deviation of each filter over all frames of the cuts: {"mean": F, "scale": F}."""
    frames, total_F, squares_F = 0, np.zeros(()), np.zeros(())
    for cut in cuts:
        features_TF = cut.load_features().astype(np.float64)
        frames += len(features_TF)
        total_F = total_F + features_TF.sum(axis=0)
        squares_F = squares_F + (features_TF**2).sum(axis=0)
    mean_F = total_F / frames
    scale_F = np.sqrt(np.maximum(squares_F / frames - mean_F**2, 1e-8))
    return {"mean": mean_F.tolist(), "scale": scale_F.tolist()}


def _compute_shard(cuts: list[Cut], path: Path, num_filters: int) -> list[Cut]:
    """Features of one shard, in a process of its own."""
    torch.set_num_threads(1)
    resampled = CutSet.from_cuts(cuts).resample(SAMPLING_RATE)
    stored = resampled.compute_and_store_features(
        feature_extractor(num_filters), storage_path=path, storage_type=LilcomChunkyWriter, progress_bar=False
    )
    return list(stored)


def _with_features(cut: Cut, computed: Cut, folder: Path) -> Cut:
    """The cut, its audio as it was, with the features of its resampled copy, which are found under `folder`."""
    path = folder / Path(computed.features.storage_path).name
    features = fastcopy(computed.features, storage_path=str(path), recording_id=cut.recording_id)
    return fastcopy(cut, features=features)
