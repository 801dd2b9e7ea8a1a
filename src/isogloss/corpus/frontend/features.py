"""Log-mel filterbanks, computed once: 25 ms windows every 10 ms at 16 kHz, through Lhotse.

Audio of another rate is resampled first. The cuts are dealt to shards, each made with one thread, so that the files are
the same bytes on any number of cores and whoever runs the shards. Storage is Lhotse's chunked lilcom, whose file for
the same features is the same (others name their entries at random). While the samples are there, they are measured.
"""

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lhotse import CutSet, Fbank, FbankConfig, Features, LilcomChunkyWriter
from lhotse.cut import Cut
from lhotse.serialization import deserialize_item
from lhotse.utils import fastcopy

from isogloss.corpus.frontend.samples import SAMPLING_RATE, load_mono
from isogloss.corpus.frontend.sound import SoundMeasures
from isogloss.errors import CorpusError
from isogloss.tables import atomic_path

FRAMES_PER_SECOND = 100
SHARDS = 8
"""Fewest shards of a split."""
SHARD_CUTS = 4000
"""A shard of more cuts is divided, so that what a process holds does not grow with the corpus."""


@dataclass(frozen=True)
class Shard:
    """Some cuts of a split, and the folder in which their features are written."""

    name: str
    """`<split>/shard-<number>`."""
    cuts: list[dict[str, Any]]
    """Manifests of the cuts, with audio that can be loaded."""
    folder: Path
    num_filters: int

    @property
    def key(self) -> str:
        """What the features depend on: cuts, sizes and times of their files, filters."""
        files = {source["source"] for cut in self.cuts for source in cut["recording"]["sources"]}
        stats = [(file, (stat := Path(file).stat()).st_size, stat.st_mtime_ns) for file in sorted(files)]
        return hashlib.sha256(json.dumps([self.cuts, stats, self.num_filters]).encode()).hexdigest()


Runner = Callable[[Callable[[Shard], list[dict[str, Any]]], Sequence[Shard]], Iterable[list[dict[str, Any]]]]
"""Calls a function for every shard, in any order and process, and returns the results in the order of the shards."""


def compute_features(
    splits: dict[str, CutSet], folder: Path, *, stored_as: Path, num_filters: int, work: Path, run: Runner | None = None
) -> tuple[dict[str, CutSet], dict[str, SoundMeasures]]:
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
    work
        A folder for shards that are finished, so that a run that was killed does not compute them again; it is removed
        at the end.
    run
        Runs the shards; by default a pool of processes on this host.

    Returns
    -------
    The same cuts in the same order, with features (T, F) beside their audio; and how each cut sounds, by its id.

    Raises
    ------
    CorpusError
        The audio of a cut cannot be read, or is too short for one frame.
    """
    ordered = {split: list(cuts) for split, cuts in splits.items()}
    shards = [shard for split, cuts in ordered.items() for shard in _shards(split, cuts, work, num_filters)]
    done: dict[str, tuple[str, dict[str, Any]]] = {}
    measured: dict[str, SoundMeasures] = {}
    for shard, made in zip(shards, (run or on_this_host)(compute_shard, shards), strict=True):
        for cut in made:
            measured[cut["id"]] = SoundMeasures.of(cut["sound"])
            done[cut["id"]] = (shard.name, cut["features"])
    for split in ordered:
        (folder / split).mkdir()
    for shard in shards:
        shutil.move(_stored(shard), folder / f"{shard.name}.lca")
    shutil.rmtree(work, ignore_errors=True)
    found = {
        split: CutSet.from_cuts(_with_features(cut, *done[cut.id], stored_as) for cut in cuts)
        for split, cuts in ordered.items()
    }
    return found, measured


def compute_shard(shard: Shard) -> list[dict[str, Any]]:
    """Features and measures of one shard; taken from the disk where an earlier run has finished it.

    Returns
    -------
    `{"id", "features", "sound"}` for each cut: a manifest of features, and the sums of `SoundMeasures`.
    """
    finished, key = shard.folder / f"{shard.name}.json", shard.key  # Lhotse takes the manifests apart
    if finished.is_file():
        known = json.loads(finished.read_text(encoding="utf-8"))
        if known["key"] == key and _stored(shard).is_file():
            made: list[dict[str, Any]] = known["cuts"]
            return made
    torch.set_num_threads(1)
    _stored(shard).parent.mkdir(parents=True, exist_ok=True)
    _stored(shard).unlink(missing_ok=True)
    extractor = feature_extractor(shard.num_filters)
    with LilcomChunkyWriter(shard.folder / shard.name) as storage:
        made = [_computed(deserialize_item(cut), extractor, storage) for cut in shard.cuts]
    with atomic_path(finished) as temporary:
        temporary.write_text(json.dumps({"key": key, "cuts": made}), encoding="utf-8")
    return made


def on_this_host(
    function: Callable[[Shard], list[dict[str, Any]]], shards: Sequence[Shard]
) -> Iterator[list[dict[str, Any]]]:
    """Run shards in a pool of processes, as many as there are cores."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(len(shards), os.cpu_count() or 1), mp_context=context) as pool:
        yield from pool.map(function, shards)


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


def _shards(split: str, cuts: list[Cut], work: Path, num_filters: int) -> Iterator[Shard]:
    """The cuts of a split, dealt out."""
    count = max(SHARDS, -(-len(cuts) // SHARD_CUTS))
    for number in range(min(count, len(cuts))):
        dealt = [cut.to_dict() for cut in cuts[number::count]]
        yield Shard(f"{split}/shard-{number}", dealt, work, num_filters)


def _stored(shard: Shard) -> Path:
    """The file of a shard's features, named by Lhotse."""
    return shard.folder / f"{shard.name}.lca"


def _computed(cut: Cut, extractor: Fbank, storage: LilcomChunkyWriter) -> dict[str, Any]:
    """Features and measures of one cut."""
    try:
        samples_S = load_mono(cut)
        sound = SoundMeasures()
        sound.add(samples_S)
        features = extractor.extract_from_samples_and_store(
            samples_S[None], storage=storage, sampling_rate=SAMPLING_RATE, offset=cut.start, channel=cut.channel
        )
    except Exception as error:  # decoders and Lhotse raise whatever comes
        first = str(next(iter(error.args), "")).strip().partition("\n")[0] or type(error).__name__
        raise CorpusError(
            f"the audio of utterance {cut.id!r} cannot be read ({first}); run the corpus stage again, which names the "
            "file and the row"
        ) from None
    return {"id": cut.id, "features": features.to_dict(), "sound": sound.sums()}


def _with_features(cut: Cut, shard: str, computed: dict[str, Any], stored_as: Path) -> Cut:
    """The cut, its audio as it was, with the features of its resampled copy."""
    features = Features.from_dict(computed)
    path = stored_as / f"{shard}.lca"
    return fastcopy(cut, features=fastcopy(features, storage_path=str(path), recording_id=cut.recording_id))
