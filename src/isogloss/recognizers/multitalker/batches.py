"""Batches of mixtures: drawn on the fly for training, or of stored conversations.

Shape legend in `isogloss.recognizers.multitalker`; S samples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from lhotse import CutSet
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from isogloss.corpus.conversations.simulator import Conversation, Simulator
from isogloss.corpus.conversations.turns import Turn, turns_of
from isogloss.corpus.frontend.audio import load_audio
from isogloss.corpus.frontend.features import feature_extractor
from isogloss.corpus.frontend.samples import SAMPLING_RATE

BATCH_SECONDS = 200.0


@dataclass(frozen=True)
class MixtureBatch:
    """Mixtures padded with zeros to the longest.

    Attributes
    ----------
    ids
        Ids of the conversations.
    turns
        The turns of each conversation, in the order of their starts.
    features_BTF, lengths_B
        Log-mel features, and the number of frames of each.
    sources_BCTF
        The features of each output channel's speech without noise; None if they are not known.
    """

    ids: list[str]
    turns: list[list[Turn]]
    features_BTF: Tensor
    lengths_B: Tensor
    sources_BCTF: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str) -> "MixtureBatch":
        """The batch on another device."""
        sources_BCTF = None if self.sources_BCTF is None else self.sources_BCTF.to(device)
        return MixtureBatch(self.ids, self.turns, self.features_BTF.to(device), self.lengths_B.to(device), sources_BCTF)


class Mixtures(Dataset):
    """Turns the conversations of one batch into tensors.

    Parameters
    ----------
    output_channels
        C, the number of output channels.
    num_filters
        F.
    with_sources
        Whether batches have the sources, which training the masks needs.
    """

    def __init__(self, *, output_channels: int, num_filters: int, with_sources: bool) -> None:
        self.output_channels, self.with_sources = output_channels, with_sources
        self._extractor = feature_extractor(num_filters)

    def __getitem__(self, conversations: Sequence[Conversation]) -> MixtureBatch:
        features, sources = [], []
        for conversation in conversations:
            mixture_S, parts_CS = conversation.audio(channels=self.output_channels)
            features.append(self._features(mixture_S))
            if self.with_sources:
                sources.append(torch.stack([self._features(part_S) for part_S in parts_CS], dim=1))
        sources_BTCF = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True) if sources else None
        return MixtureBatch(
            ids=[conversation.id for conversation in conversations],
            turns=[list(conversation.turns) for conversation in conversations],
            features_BTF=torch.nn.utils.rnn.pad_sequence(features, batch_first=True),
            lengths_B=torch.tensor([len(one) for one in features]),
            sources_BCTF=None if sources_BTCF is None else sources_BTCF.transpose(1, 2),
        )

    def _features(self, samples_S: np.ndarray) -> Tensor:
        """Log-mel features, (T, F)."""
        return torch.as_tensor(self._extractor.extract(samples_S, SAMPLING_RATE))


def drawn_batches(
    simulator: Simulator, dataset: Mixtures, *, conversations: int, batch: int, seed: int, epoch: int
) -> DataLoader:
    """The batches of one epoch: conversations of like durations together, the batches in random order."""
    drawn = [
        simulator.draw(seed=(seed, epoch, number), name=f"epoch-{epoch}-{number}") for number in range(conversations)
    ]
    drawn.sort(key=lambda conversation: (conversation.duration, conversation.id))
    batches = [drawn[at : at + batch] for at in range(0, len(drawn), batch)]
    order = np.random.default_rng([seed, epoch, conversations]).permutation(len(batches))
    return DataLoader(dataset, sampler=[batches[number] for number in order], batch_size=None)


def stored_batches(cuts: CutSet, *, num_filters: int) -> Iterator[MixtureBatch]:
    """Stored conversations, the longest first."""
    extractor = feature_extractor(num_filters)
    waiting = sorted(cuts, key=lambda cut: (-cut.duration, cut.id))
    while waiting:
        size = max(1, int(BATCH_SECONDS / waiting[0].duration))
        some, waiting = waiting[:size], waiting[size:]
        features = [torch.as_tensor(extractor.extract(load_audio(cut), SAMPLING_RATE)) for cut in some]
        yield MixtureBatch(
            ids=[cut.id for cut in some],
            turns=[turns_of(cut) for cut in some],
            features_BTF=torch.nn.utils.rnn.pad_sequence(features, batch_first=True),
            lengths_B=torch.tensor([len(one) for one in features]),
        )
