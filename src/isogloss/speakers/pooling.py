"""Attentive statistics pooling: a weighted mean and standard deviation over time, channel by channel.

Okabe et al. 2018 (1803.10963); the attention is told the utterance's plain statistics too and weighs each channel
for itself (Desplanques et al. 2020, 2005.07143, section 3.1). Shape legend in `isogloss.speakers`.
"""

import torch
from torch import Tensor, nn

MIN_VARIANCE = 1e-5


class AttentiveStatisticsPooling(nn.Module):
    """(B, C, T) -> (B, 2C): means, then standard deviations."""

    def __init__(self, channels: int, *, attention_dim: int) -> None:
        super().__init__()
        self.frames = nn.Conv1d(channels, attention_dim, 1)
        self.context = nn.Linear(2 * channels, attention_dim, bias=False)
        self.scores = nn.Conv1d(attention_dim, channels, 1)

    def forward(self, input_BCT: Tensor, mask_B1T: Tensor) -> Tensor:
        """Pool over the frames where the mask is 1; the others get no attention."""
        context_BA = self.context(_statistics(input_BCT, mask_B1T / mask_B1T.sum(dim=2, keepdim=True)))
        hidden_BAT = torch.tanh(self.frames(input_BCT) + context_BA.unsqueeze(2))
        scores_BCT = self.scores(hidden_BAT).masked_fill(mask_B1T == 0, float("-inf"))
        return _statistics(input_BCT, scores_BCT.softmax(dim=2))


def _statistics(input_BCT: Tensor, weight_BCT: Tensor) -> Tensor:
    """Means and standard deviations under weights that sum to 1 over time: (B, 2C)."""
    mean_BC = (weight_BCT * input_BCT).sum(dim=2)
    variance_BC = (weight_BCT * (input_BCT - mean_BC.unsqueeze(2)) ** 2).sum(dim=2)
    return torch.cat([mean_BC, variance_BC.clamp(min=MIN_VARIANCE).sqrt()], dim=1)
