"""Batches of P speakers with Q random crops each, and the augmentation of crops.

Shape legend in `isogloss.speakers`; P speakers of a batch, Q utterances of each. All randomness comes from the seed,
the epoch and the number of the batch, so that a resumed training draws the same batches as an uninterrupted one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from lhotse import CutSet
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from isogloss.errors import CorpusError

Floats = NDArray[np.float32]
Draw = tuple[int, NDArray[np.intp]]
"""The seed of a batch, and the row numbers of its utterances, (P, Q)."""

MASKED_BANDS = 0.2
MASKED_FRAMES = 0.15
"""Largest share of a crop's filters (`MASKED_BANDS`) and frames (`MASKED_FRAMES`) that a mask hides."""
NOISE_ABOVE_FLOOR = (-2.0, 1.5)
"""Range of the level of the added noise, in nats of energy above the 10 % quantile of each filter over a crop's
frames."""


@dataclass
class SpeakerBatch:
    """Crops of one length: utterance q of speaker p is row p * Q + q."""

    features_BTF: Tensor
    lengths_B: Tensor
    speakers_P: Tensor
    """Numbers of the batch's speakers among the training speakers."""
    rows_B: Tensor
    """Row numbers of the batch's utterances among the training utterances."""

    def to(self, device: torch.device | str) -> "SpeakerBatch":
        """The batch on another device; Lightning calls it."""
        return replace(self, **{name: tensor.to(device) for name, tensor in vars(self).items()})


class TrainingSpeech(Dataset):
    """The features of the training utterances, in memory, and their speakers.

    Parameters
    ----------
    cuts
        Cuts with features and one supervision each.
    crop_frames
        T, the frames of a crop.
    augment
        Whether crops are masked and made noisy.

    Raises
    ------
    CorpusError
        There are fewer than two speakers.
    """

    def __init__(self, cuts: CutSet, *, crop_frames: int, augment: bool = True) -> None:
        self.crop_frames, self.augment = crop_frames, augment
        listed = list(cuts)
        self.ids = [cut.id for cut in listed]
        self.speakers = sorted({cut.supervisions[0].speaker for cut in listed})
        if len(self.speakers) < 2:
            raise CorpusError(f"the training split has {len(self.speakers)} speaker(s); telling voices apart needs two")
        number = {speaker: index for index, speaker in enumerate(self.speakers)}
        self.speaker_of = np.array([number[cut.supervisions[0].speaker] for cut in listed])
        self._features: list[Floats] = [cut.load_features().astype(np.float32) for cut in listed]

    def __getitem__(self, draw: Draw) -> SpeakerBatch:
        seed, rows_PQ = draw
        rng = np.random.default_rng(seed)
        crops_BTF = np.stack([self._crop(row, rng) for row in rows_PQ.ravel().tolist()])
        if self.augment:
            add_noise(crops_BTF, rng)
            hide_bands_and_frames(crops_BTF, rng)
        return SpeakerBatch(
            features_BTF=torch.from_numpy(crops_BTF),
            lengths_B=torch.full((rows_PQ.size,), self.crop_frames),
            speakers_P=torch.from_numpy(self.speaker_of[rows_PQ[:, 0]]),
            rows_B=torch.from_numpy(rows_PQ.ravel()),
        )

    def _crop(self, row: int, rng: np.random.Generator) -> Floats:
        """A stretch of an utterance from a random frame on; a short utterance is repeated."""
        features_TF = self._features[row]
        spare = len(features_TF) - self.crop_frames
        if spare >= 0:
            start = int(rng.integers(spare + 1))
            return features_TF[start : start + self.crop_frames]
        frames = (np.arange(self.crop_frames) + rng.integers(len(features_TF))) % len(features_TF)
        return features_TF[frames]


def add_noise(crops_BTF: Floats, rng: np.random.Generator) -> None:
    """Add steady noise of a random colour in the power domain, in place.

    Log-mel energies x and n of speech and noise make log(exp(x) + exp(n)) (our choice; the seed of a batch is the
    only thing it depends on). The noise lies near the quietest frames, so that half of the crops are hardly touched.
    """
    batch, _, filters = crops_BTF.shape
    floor_B1F = np.quantile(crops_BTF, 0.1, axis=1, keepdims=True)
    level_B11 = rng.uniform(*NOISE_ABOVE_FLOOR, size=(batch, 1, 1))
    tilt_B1F = rng.normal(0.0, 1.0, size=(batch, 1, 1)) * np.linspace(-1.0, 1.0, filters)
    noise_B1F = (floor_B1F + level_B11 + tilt_B1F).astype(np.float32)
    np.logaddexp(crops_BTF, noise_B1F, out=crops_BTF)


def hide_bands_and_frames(crops_BTF: Floats, rng: np.random.Generator) -> None:
    """One mask over filters and one over frames of each crop, filled with its mean, in place (SpecAugment, 1904.08779).

    The mean of the crop's own filters, not zero: zero is a loud sound in log energies.
    """
    batch, frames, filters = crops_BTF.shape
    mean_B1F = crops_BTF.mean(axis=1, keepdims=True)
    bands_BF = _stretches(batch, filters, MASKED_BANDS, rng)
    frames_BT = _stretches(batch, frames, MASKED_FRAMES, rng)
    np.copyto(crops_BTF, mean_B1F, where=bands_BF[:, None, :] | frames_BT[:, :, None])


def _stretches(batch: int, size: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """One random stretch in each row, (batch, size), of up to a share of the size."""
    length_B1 = rng.integers(0, int(share * size) + 1, size=(batch, 1))
    start_B1 = rng.integers(0, size - length_B1 + 1)
    place = np.arange(size)
    return (place >= start_B1) & (place < start_B1 + length_B1)


def draw_batches(
    speaker_of: Sequence[int] | NDArray[np.intp], *, speakers: int, utterances: int, seed: int, epoch: int
) -> list[Draw]:
    """The speakers and utterances of each batch of an epoch.

    Each utterance is drawn about once: a speaker's are shuffled and dealt into groups of `utterances`; a batch takes
    one group each of up to `speakers` different speakers, and batches of one round are as equal as can be. A speaker
    with fewer utterances than a group needs lends some again, as other crops.
    """
    rng = np.random.default_rng([seed, epoch])
    owner = np.asarray(speaker_of)
    groups = [_groups(rng.permutation(np.flatnonzero(owner == s)), utterances) for s in np.unique(owner)]
    batches = []
    for number in range(max(len(dealt) for dealt in groups)):
        present = [dealt[number] for dealt in groups if number < len(dealt)]
        if len(present) < 2:
            break
        shuffled = np.stack(present)[rng.permutation(len(present))]
        parts = min(-(-len(shuffled) // speakers), len(shuffled) // 2)
        batches += np.array_split(shuffled, parts)
    seeds = rng.integers(0, 2**63, size=len(batches))
    return [(int(seeds[place]), batches[place]) for place in rng.permutation(len(batches))]


def draw_balanced_batches(
    speaker_of: Sequence[int] | NDArray[np.intp],
    group_of: Sequence[int] | NDArray[np.intp],
    *,
    speakers: int,
    utterances: int,
    seed: int,
    epoch: int,
) -> list[Draw]:
    """As many batches as `draw_batches` has, of as many speakers, in which all groups have as many of them.

    A group that is smaller than its share gives all its speakers, and the others fill the batch. A small group's
    speakers come more often than in `draw_batches`, which is the point.

    Parameters
    ----------
    group_of
        Group of each utterance's speaker.
    """
    rng = np.random.default_rng([seed, epoch, 1])
    owner, group = np.asarray(speaker_of), np.asarray(group_of)
    rows = {s: np.flatnonzero(owner == s) for s in np.unique(owner)}
    members: dict[int, list[int]] = {}
    for s, of_speaker in rows.items():
        members.setdefault(group[of_speaker[0]], []).append(s)
    batches = []
    for _, plain in draw_batches(owner, speakers=speakers, utterances=utterances, seed=seed, epoch=epoch):
        counts = _even_counts(len(plain), [len(one) for one in members.values()], rng)
        chosen = [rng.choice(one, count, replace=False) for one, count in zip(members.values(), counts, strict=True)]
        picked = [
            rng.choice(rows[s], utterances, replace=len(rows[s]) < utterances) for s in np.concatenate(chosen).tolist()
        ]
        batches.append((int(rng.integers(0, 2**63)), np.stack(picked)))
    return batches


def _even_counts(total: int, sizes: list[int], rng: np.random.Generator) -> list[int]:
    """As equal numbers as can be that add up to a total, none above its size; chance says who has one more."""
    counts, order = [0] * len(sizes), rng.permutation(len(sizes)).tolist()
    for _ in range(total):
        counts[min((g for g in order if counts[g] < sizes[g]), key=counts.__getitem__)] += 1
    return counts


def _groups(rows: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    """Rows in groups of one size; what is left over is dropped, unless it is all there is."""
    if len(rows) < size:
        return [np.resize(rows, size)]
    return [rows[start : start + size] for start in range(0, len(rows) - size + 1, size)]


def loader(speech: TrainingSpeech, draws: list[Draw]) -> DataLoader[SpeakerBatch]:
    """The batches that were drawn."""
    return DataLoader(speech, sampler=draws, batch_size=None)
