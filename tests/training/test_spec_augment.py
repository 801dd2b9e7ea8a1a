"""SpecAugment: what is hidden, how much of it, and where never."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.config import SpecAugmentParams
from isogloss.training.spec_augment import spec_augment

SEEDS = st.integers(0, 2**31)
LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=4)


def augmented(lengths, seed, bins=12, extra=3, **masks):
    """(features without zeros, what became of them): hidden places are those that hold the mean, 0."""
    features_BTF = torch.ones(len(lengths), max(lengths) + extra, bins)
    torch.manual_seed(seed)
    hidden_BTF = spec_augment(features_BTF, torch.tensor(lengths), SpecAugmentParams(**masks), mean_F=torch.zeros(bins))
    assert set(hidden_BTF.unique().tolist()) <= {0.0, 1.0}
    return hidden_BTF == 0


@settings(deadline=None, max_examples=40)
@given(LENGTHS, SEEDS, st.integers(1, 30))
def test_one_time_mask_is_one_stretch_within_the_utterance_of_at_most_its_width_and_a_fifth(lengths, seed, widest):
    hidden_BTF = augmented(lengths, seed, time_masks=1, time_mask_frames=widest)
    for hidden_TF, length in zip(hidden_BTF, lengths, strict=True):
        assert (hidden_TF == hidden_TF[:, :1]).all()  # whole frames
        frames = hidden_TF[:, 0].nonzero().flatten().tolist()
        assert len(frames) <= min(widest, length // 5)
        assert frames == list(range(frames[0], frames[0] + len(frames))) if frames else True
        assert all(frame < length for frame in frames)


@settings(deadline=None, max_examples=40)
@given(LENGTHS, SEEDS, st.integers(1, 30))
def test_one_frequency_mask_is_one_band_of_at_most_its_width_in_every_frame(lengths, seed, widest):
    hidden_BTF = augmented(lengths, seed, freq_masks=1, freq_mask_bins=widest)
    for hidden_TF in hidden_BTF:
        assert (hidden_TF == hidden_TF[:1]).all()
        bins = hidden_TF[0].nonzero().flatten().tolist()
        assert len(bins) <= min(widest, 12)
        assert bins == list(range(bins[0], bins[0] + len(bins))) if bins else True


def test_widths_and_places_are_uniform():
    masks = {"time_masks": 1, "time_mask_frames": 4}
    hidden_BT = augmented([40] * 20_000, 1, bins=1, extra=0, **masks)[:, :, 0]
    widths = torch.bincount(hidden_BT.sum(1), minlength=5) / len(hidden_BT)
    torch.testing.assert_close(widths, torch.full((5,), 0.2), atol=0.02, rtol=0)
    one_wide_BT = hidden_BT[hidden_BT.sum(1) == 1]
    places = one_wide_BT.float().mean(0)
    torch.testing.assert_close(places, torch.full((40,), 1 / 40), atol=0.012, rtol=0)


def test_several_masks_hide_more_and_utterances_are_masked_apart():
    masks = {"time_mask_frames": 8, "freq_mask_bins": 4}
    one = augmented([50] * 200, 3, time_masks=1, freq_masks=1, **masks)
    two = augmented([50] * 200, 3, time_masks=2, freq_masks=2, **masks)
    assert two.float().mean() > 1.5 * one.float().mean()
    assert len({tuple(utterance.flatten().tolist()) for utterance in two}) > 190


def test_hidden_places_hold_the_mean_and_the_rest_and_the_original_are_left_alone():
    features_BTF = torch.randn(2, 50, 6)
    original_BTF, mean_F = features_BTF.clone(), torch.arange(6.0)
    masks = SpecAugmentParams(time_masks=2, freq_masks=1, freq_mask_bins=3)
    torch.manual_seed(5)
    made_BTF = spec_augment(features_BTF, torch.tensor([50, 30]), masks, mean_F=mean_F)
    changed_BTF = made_BTF != original_BTF
    assert changed_BTF.any()
    assert torch.equal(made_BTF[changed_BTF], mean_F.expand_as(made_BTF)[changed_BTF])
    assert torch.equal(features_BTF, original_BTF)


def test_no_masks_change_nothing():
    assert not augmented([20, 10], 1).any()
