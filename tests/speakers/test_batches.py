"""Batches of speakers x utterances: who is drawn, what a crop is, and that the seed decides everything."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.errors import CorpusError
from isogloss.speakers.batches import (
    TrainingSpeech,
    add_noise,
    draw_balanced_batches,
    draw_batches,
    hide_bands_and_frames,
    loader,
)


def cut(id_, speaker, features):
    return SimpleNamespace(id=id_, supervisions=[SimpleNamespace(speaker=speaker)], load_features=lambda: features)


def speech(lengths=(30, 9, 50, 12), *, augment=False, crop_frames=20):
    """Utterance u of two speakers by turns; frame t holds 100 u + t in every filter."""
    cuts = [
        cut(f"u{u}", f"s{u % 2}", np.tile(100.0 * u + np.arange(n)[:, None], (1, 8))) for u, n in enumerate(lengths)
    ]
    return TrainingSpeech(cuts, crop_frames=crop_frames, augment=augment)


@given(
    counts=st.lists(st.integers(1, 9), min_size=2, max_size=30),
    speakers=st.integers(2, 12),
    utterances=st.integers(2, 4),
    seed=st.integers(0, 50),
)
@settings(deadline=None)
def test_a_batch_has_different_speakers_and_an_utterance_comes_once(counts, speakers, utterances, seed):
    owner = np.repeat(np.arange(len(counts)), counts)
    drawn = draw_batches(owner, speakers=speakers, utterances=utterances, seed=seed, epoch=0)
    times = np.zeros(len(owner), dtype=int)
    for _, rows_PQ in drawn:
        assert rows_PQ.shape[1] == utterances
        assert 2 <= len(rows_PQ) <= max(speakers, 3)
        of = owner[rows_PQ]
        assert (of == of[:, :1]).all()
        assert len(set(of[:, 0])) == len(rows_PQ)
        np.add.at(times, rows_PQ.ravel(), 1)
    enough = np.repeat(np.array(counts) >= utterances, counts)
    assert times[enough].max(initial=0) <= 1
    assert set(owner[np.flatnonzero(times)]) == set(range(len(counts)))


def test_every_utterance_of_equal_speakers_is_drawn():
    owner = np.repeat(np.arange(10), 6)
    drawn = draw_batches(owner, speakers=4, utterances=3, seed=1, epoch=5)
    assert sorted(np.concatenate([rows.ravel() for _, rows in drawn])) == list(range(60))


def test_seed_and_epoch_decide_the_draws():
    def draws(seed, epoch):
        drawn = draw_batches(np.repeat(np.arange(8), 4), speakers=4, utterances=2, seed=seed, epoch=epoch)
        return [(number, rows.tolist()) for number, rows in drawn]

    assert draws(1, 0) == draws(1, 0)
    assert draws(1, 0) != draws(1, 1)
    assert draws(1, 0) != draws(2, 0)


def test_a_crop_is_a_stretch_of_its_utterance_and_a_short_one_goes_round():
    data = speech()
    for seed in range(20):
        batch = data[seed, np.array([[0, 2], [1, 3]])]
        crops = batch.features_BTF.numpy()[:, :, 0].reshape(4, 20)
        for row, crop in zip(batch.rows_B.tolist(), crops, strict=True):
            frames = crop - 100 * row
            length = [30, 9, 50, 12][row]
            assert ((frames >= 0) & (frames < length)).all()
            assert (np.diff(frames) % length == 1).all()
    assert batch.speakers_P.tolist() == [0, 1]


def test_the_same_draw_is_the_same_batch_with_augmentation_too():
    data = speech(augment=True)
    draw = (7, np.array([[0, 2], [1, 3]]))
    assert torch.equal(data[draw].features_BTF, data[draw].features_BTF)
    assert not torch.equal(data[draw].features_BTF, data[8, draw[1]].features_BTF)


def test_noise_only_adds_energy_and_hardly_touches_what_is_loud():
    rng = np.random.default_rng(0)
    clean = rng.normal(-8.0, 3.0, size=(6, 40, 8)).astype(np.float32)
    clean[:, :4] = 10.0
    noisy = clean.copy()
    add_noise(noisy, rng)
    assert (noisy >= clean - 1e-5).all()
    assert (noisy > clean + 0.1).any()
    np.testing.assert_allclose(noisy[:, :4], 10.0, atol=1e-3)


def test_masks_hide_one_stretch_of_filters_and_one_of_frames_behind_the_mean():
    rng = np.random.default_rng(1)
    clean = rng.normal(size=(50, 40, 20)).astype(np.float32)
    masked = clean.copy()
    hide_bands_and_frames(masked, rng)
    for before, after in zip(clean, masked, strict=True):
        hidden = before != after
        bands, frames = hidden.all(axis=0), hidden.all(axis=1)
        assert (hidden == (bands[None, :] | frames[:, None])).all()
        assert bands.sum() <= 4
        assert frames.sum() <= 6
        assert np.abs(np.diff(bands.astype(int))).sum() <= 2
        np.testing.assert_allclose(after[hidden], np.broadcast_to(before.mean(axis=0), before.shape)[hidden], rtol=1e-4)


def test_the_loader_hands_out_what_was_drawn():
    data = speech()
    draws = draw_batches(data.speaker_of, speakers=2, utterances=2, seed=1, epoch=0)
    (batch,) = list(loader(data, draws))
    assert sorted(batch.rows_B.tolist()) == [0, 1, 2, 3]
    assert batch.features_BTF.shape == (4, 20, 8)
    assert batch.lengths_B.tolist() == [20] * 4


def test_one_speaker_is_refused():
    with pytest.raises(CorpusError, match="needs two"):
        TrainingSpeech([cut("u0", "s", np.zeros((5, 8)))], crop_frames=4)


@given(sizes=st.lists(st.integers(1, 12), min_size=2, max_size=4), seed=st.integers(0, 20))
@settings(deadline=None)
def test_balanced_batches_are_the_bases_with_as_many_speakers_of_each_group(sizes, seed):
    owner = np.repeat(np.arange(sum(sizes)), 3)
    group = np.repeat(np.arange(len(sizes)), 3 * np.array(sizes))
    options = {"speakers": 8, "utterances": 2, "seed": seed, "epoch": 0}
    drawn = draw_balanced_batches(owner, group, **options)
    assert [rows.shape for _, rows in drawn] == [rows.shape for _, rows in draw_batches(owner, **options)]
    for _, rows_PQ in drawn:
        assert (owner[rows_PQ] == owner[rows_PQ][:, :1]).all()
        assert len(set(owner[rows_PQ[:, 0]])) == len(rows_PQ)
        counts = np.bincount(group[rows_PQ[:, 0]], minlength=len(sizes))
        assert ((counts == sizes) | (counts >= counts.max() - 1)).all()


def test_a_group_of_one_speaker_leaves_the_batches_as_large_as_they_were():
    owner = np.repeat(np.arange(41), 4)
    drawn = draw_balanced_batches(owner, owner == 40, speakers=20, utterances=2, seed=1, epoch=0)
    assert len(drawn) == 6
    assert all(len(rows_PQ) >= 13 and 40 in owner[rows_PQ] for _, rows_PQ in drawn)
