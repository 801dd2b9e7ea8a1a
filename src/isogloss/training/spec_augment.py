"""SpecAugment: masks over time and frequency of training features (Park et al. 2019, 1904.08779, section 2).

Lhotse's transform may mask padding, fills masks with the mean of the padded matrix, and uses Python's random numbers.
This one uses the lengths and torch's random numbers, which `isogloss.training.fitting` seeds for each step.
"""

import torch
from torch import Tensor

from isogloss.config import SpecAugmentParams


def spec_augment(features_BTF: Tensor, lengths_B: Tensor, params: SpecAugmentParams, *, mean_F: Tensor) -> Tensor:
    """A copy of the features with masked stretches set to `mean_F`, the mean of all features.

    Each utterance has `time_masks` stretches of up to `time_mask_frames` frames, but no more than a fifth of its own
    length each (`p` of the paper), and `freq_masks` bands of up to `freq_mask_bins` bins. Widths and places are
    uniform, and time masks lie within the utterance. There is no time warping, which the paper finds to help least.
    """
    _, frames, bins = features_BTF.shape
    widest_B = (lengths_B // 5).clamp(max=params.time_mask_frames)
    hidden_BT = _stretches(frames, lengths_B, widest_B, params.time_masks)
    bins_B, widest_band_B = torch.full_like(lengths_B, bins), torch.full_like(lengths_B, params.freq_mask_bins)
    hidden_BF = _stretches(bins, bins_B, widest_band_B.clamp(max=bins), params.freq_masks)
    return torch.where(hidden_BT[:, :, None] | hidden_BF[:, None], mean_F, features_BTF)


def _stretches(size: int, lengths_B: Tensor, widest_B: Tensor, number: int) -> Tensor:
    """True on `number` stretches of 0 to `widest_B` places, each within the first `lengths_B` of `size`: (B, size)."""
    # Drawn on the CPU, so that the same seed masks the same on every device.
    width_BN, start_BN = torch.rand(2, len(lengths_B), number).to(lengths_B.device)
    width_BN = (width_BN * (widest_B[:, None] + 1)).floor()
    start_BN = (start_BN * (lengths_B[:, None] - width_BN + 1)).floor()
    place_S = torch.arange(size, device=lengths_B.device)
    inside_BNS = (place_S >= start_BN[:, :, None]) & (place_S < (start_BN + width_BN)[:, :, None])
    return inside_BNS.any(dim=1)
