"""Batches of utterances with their features and tokens: Lhotse samplers, so that a batch holds equal lengths.

Shape legend in `isogloss.recognizers.transducer`.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from lhotse import CutSet
from lhotse.dataset import DynamicBucketingSampler, SimpleCutSampler
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from isogloss.corpus.frontend.tokens import Tokens

BUCKETS = 10


@dataclass
class Batch:
    """Utterances padded to the longest: zeros after an utterance's frames, blanks after its tokens.

    `cohorts` names the cohort of each under some rule, "" where none is known.
    """

    ids: list[str]
    cohorts: list[str]
    features_BTF: Tensor
    lengths_B: Tensor
    tokens_BU: Tensor
    token_lengths_B: Tensor

    def to(self, device: torch.device | str) -> "Batch":
        """The batch on another device; Lightning calls it."""
        return Batch(
            self.ids,
            self.cohorts,
            self.features_BTF.to(device),
            self.lengths_B.to(device),
            self.tokens_BU.to(device),
            self.token_lengths_B.to(device),
        )


class Utterances(Dataset):
    """Turns the cuts of one batch into tensors.

    Parameters
    ----------
    tokens
        Turns text into token ids.
    cache
        Whether features are kept in memory after their first use.
    label
        Whether the tokens of the transcript are wanted, or the audio alone.
    cohorts
        The cohort of each utterance id, where a model or a loss looks at it.
    """

    def __init__(
        self, tokens: Tokens, *, cache: bool = False, label: bool = True, cohorts: Mapping[str, str] | None = None
    ) -> None:
        self.tokens = tokens
        self.label = label
        self.cohorts = cohorts or {}
        self._cache: dict[str, Tensor] | None = {} if cache else None

    def __getitem__(self, cuts: CutSet) -> Batch:
        features = [self._features(cut) for cut in cuts]
        tokens = [self._tokens(cut) for cut in cuts]
        return Batch(
            ids=[cut.id for cut in cuts],
            cohorts=[self.cohorts.get(cut.supervisions[0].id, "") for cut in cuts],
            features_BTF=torch.nn.utils.rnn.pad_sequence(features, batch_first=True),
            lengths_B=torch.tensor([len(f) for f in features]),
            tokens_BU=torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True),
            token_lengths_B=torch.tensor([len(t) for t in tokens]),
        )

    def _features(self, cut: CutSet) -> Tensor:
        """The (T, F) features of one cut."""
        if self._cache is None:
            return torch.from_numpy(cut.load_features())
        if cut.id not in self._cache:
            self._cache[cut.id] = torch.from_numpy(cut.load_features())
        return self._cache[cut.id]

    def _tokens(self, cut: CutSet) -> Tensor:
        """The token ids of one cut, or none where only the audio matters."""
        ids = self.tokens.encode(cut.supervisions[0].text) if self.label else []
        return torch.tensor(ids, dtype=torch.long)


def shuffled_batches(cuts: CutSet, dataset: Utterances, *, seconds: float, seed: int, epoch: int) -> DataLoader:
    """Batches of about `seconds` of audio each, of like durations, in an order that depends on seed and epoch.

    Where several processes train, Lhotse gives each batches of its own, as many to all, and `seconds` are shared out.
    """
    # The cuts of a split are in memory and meant to be; Lhotse advises lazy ones for corpora that do not fit.
    warnings.filterwarnings("ignore", message="You are using DynamicBucketingSampler with an eagerly read CutSet")
    # Lhotse would believe RANK and WORLD_SIZE of the environment first, of which Lightning sets the second alone.
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
        else SimpleCutSampler(cuts, **options)  # there are no buckets of one utterance
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
