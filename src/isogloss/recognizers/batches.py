"""Batches of utterances: features or audio, and transcripts.

Lhotse's samplers make the batches, so that each holds like durations.

Shapes: B utterances, T frames, F mel filters, S samples at 16 kHz.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

import torch
from lhotse import CutSet
from lhotse.cut import Cut
from lhotse.dataset import DynamicBucketingSampler, SimpleCutSampler
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from isogloss.corpus.frontend.audio import load_audio

Hears = Literal["features", "audio"]
BUCKETS = 10


@dataclass(frozen=True)
class Batch:
    """Utterances, padded with zeros to the longest one.

    Attributes
    ----------
    ids
        Ids of the cuts.
    cohorts
        The cohort of each utterance under some rule, "" if it is not known.
    texts
        The transcripts; each recogniser converts them to its own tokens.
    lengths_B
        Number of frames, or samples, of each utterance.
    features_BTF, audio_BS
        Log-mel features, or samples at 16 kHz between -1 and 1; only the recogniser's input is given.
    """

    ids: list[str]
    cohorts: list[str]
    texts: list[str]
    lengths_B: Tensor
    features_BTF: Tensor | None = None
    audio_BS: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def audio(self) -> Tensor:
        """The samples of a batch of audio, (B, S)."""
        return cast(Tensor, self.audio_BS)

    def to(self, device: torch.device | str) -> "Batch":
        """The batch on another device; Lightning calls it."""
        return self._with_tensors(lambda tensor: tensor.to(device))

    def row(self, number: int) -> "Batch":
        """One utterance as a batch of its own, without padding."""
        return self.rows(slice(number, number + 1))

    def rows(self, some: slice) -> "Batch":
        """Some of the utterances, at least one, padded to the longest of them."""
        length = int(self.lengths_B[some].max())
        part = replace(self, ids=self.ids[some], cohorts=self.cohorts[some], texts=self.texts[some])
        part = part._with_tensors(lambda tensor: tensor[some])
        return replace(
            part,
            features_BTF=None if part.features_BTF is None else part.features_BTF[:, :length],
            audio_BS=None if part.audio_BS is None else part.audio_BS[:, :length],
        )

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """A copy with every tensor changed in the same way."""
        return replace(
            self,
            lengths_B=change(self.lengths_B),
            features_BTF=None if self.features_BTF is None else change(self.features_BTF),
            audio_BS=None if self.audio_BS is None else change(self.audio_BS),
        )


class Utterances(Dataset):
    """Turns the cuts of one batch into tensors.

    Parameters
    ----------
    hears
        Input of the recogniser: features or audio.
    cache
        Whether features or samples are kept in memory after their first use.
    cohorts
        The cohort of each utterance id, if a model or a loss uses it.
    """

    def __init__(self, hears: Hears, *, cache: bool = False, cohorts: Mapping[str, str] | None = None) -> None:
        self.hears = hears
        self.cohorts = cohorts or {}
        self._cache: dict[str, Tensor] | None = {} if cache else None

    def __getitem__(self, cuts: CutSet) -> Batch:
        sounds = [self._sound(cut) for cut in cuts]
        padded = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)
        return Batch(
            ids=[cut.id for cut in cuts],
            cohorts=[self.cohorts.get(cut.supervisions[0].id, "") for cut in cuts],
            texts=[cut.supervisions[0].text or "" for cut in cuts],
            lengths_B=torch.tensor([len(sound) for sound in sounds]),
            features_BTF=padded if self.hears == "features" else None,
            audio_BS=padded if self.hears == "audio" else None,
        )

    def _sound(self, cut: Cut) -> Tensor:
        """The (T, F) features or the (S,) samples of one cut."""
        if self._cache is None:
            return self._load(cut)
        if cut.id not in self._cache:
            self._cache[cut.id] = self._load(cut)
        return self._cache[cut.id]

    def _load(self, cut: Cut) -> Tensor:
        """The features or samples of one cut, read from the disk."""
        return torch.from_numpy(cut.load_features() if self.hears == "features" else load_audio(cut))


def shuffled_batches(cuts: CutSet, dataset: Utterances, *, seconds: float, seed: int, epoch: int) -> DataLoader:
    """Batches of about `seconds` of audio each, of like durations, in an order that depends on seed and epoch.

    If several processes train, Lhotse gives each the same number of different batches, and `seconds` is divided among
    them.
    """
    # The cuts of a split are in memory on purpose; Lhotse recommends lazy cuts for corpora that do not fit.
    warnings.filterwarnings("ignore", message="You are using DynamicBucketingSampler with an eagerly read CutSet")
    # Lhotse would prefer RANK and WORLD_SIZE of the environment, but Lightning sets only the second.
    joined = torch.distributed.is_initialized()
    processes, rank = (torch.distributed.get_world_size(), torch.distributed.get_rank()) if joined else (1, 0)
    options = {
        "max_duration": seconds / processes,
        "world_size": processes,
        "rank": rank,
        "shuffle": True,
        "seed": seed,
    }
    sampler = (
        DynamicBucketingSampler(cuts, num_buckets=min(BUCKETS, len(cuts)), **options)
        if len(cuts) > 1
        else SimpleCutSampler(cuts, **options)  # A bucket needs more than one utterance.
    )
    sampler.set_epoch(epoch)
    return DataLoader(dataset, sampler=sampler, batch_size=None)


def sorted_batches(cuts: CutSet, dataset: Utterances, *, seconds: float) -> Iterator[Batch]:
    """Every utterance once, longest first, for decoding and for sums over a data set."""
    waiting = sorted(cuts, key=lambda cut: (-cut.duration, cut.id))
    while waiting:
        size = max(1, int(seconds / waiting[0].duration))
        yield dataset[CutSet.from_cuts(waiting[:size])]
        waiting = waiting[size:]


def mean_over_time(hidden_BTD: Tensor, frames_B: Tensor) -> Tensor:
    """The mean of each utterance's own frames, without its padding; 0 for an utterance without frames: (B, D)."""
    within_BT = torch.arange(hidden_BTD.shape[1], device=hidden_BTD.device) < frames_B[:, None]
    return (hidden_BTD * within_BT[:, :, None]).sum(dim=1) / frames_B[:, None].clamp(min=1)
