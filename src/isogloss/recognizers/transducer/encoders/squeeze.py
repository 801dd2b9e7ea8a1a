"""Squeeze-and-excitation whose summary over time is a running mean, so that it can stream."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isogloss.recognizers.transducer.encoders.chain import StreamingLayer

State = tuple[Tensor, int]
"""The sum of the frames so far, (B, D) in float32, and their number."""


def prefix_sum(input_BTD: Tensor) -> Tensor:
    """Sums over all frames up to and with each: (B, T, D) -> (B, T, D).

    Off the CPU by doubling (Hillis & Steele 1986), because torch refuses its own cumulative sum on CUDA in a training
    that must be deterministic.
    """
    return input_BTD.cumsum(dim=1) if input_BTD.device.type == "cpu" else prefix_sum_by_doubling(input_BTD)


def prefix_sum_by_doubling(input_BTD: Tensor) -> Tensor:
    """The same in log2(T) additions, each of all frames with those 1, 2, 4, 8, ... before."""
    sum_BTD, shift = input_BTD, 1
    while shift < input_BTD.shape[1]:
        sum_BTD = sum_BTD + F.pad(sum_BTD[:, :-shift], (0, 0, shift, 0))
        shift *= 2
    return sum_BTD


class RunningMean(StreamingLayer):
    """The mean of all frames up to and with the present one.

    A mean of the past needs no mask: the padding lies after every frame that counts. Sums are float32 whatever the
    input is, because in bfloat16 a sum stops growing after a few hundred frames.
    """

    def forward(self, input_BTD: Tensor) -> Tensor:
        """Means of whole utterances: (B, T, D) -> (B, T, D)."""
        return self.stream(input_BTD, None)[0]

    def stream(self, chunk_BTD: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Means of the next chunk, over it and all frames before it."""
        batch, frames, channels = chunk_BTD.shape
        before_BD, count = state or (chunk_BTD.new_zeros(batch, channels, dtype=torch.float32), 0)
        if frames == 0:
            return chunk_BTD, (before_BD, count)
        sum_BTD = prefix_sum(chunk_BTD.float()) + before_BD.unsqueeze(1)
        count_T1 = torch.arange(count + 1, count + frames + 1, device=chunk_BTD.device, dtype=torch.float32).unsqueeze(
            1
        )
        return (sum_BTD / count_T1).to(chunk_BTD.dtype), (sum_BTD[:, -1], count + frames)


class SqueezeExcitation(StreamingLayer):
    """A gate on each channel that sees the running mean of all: x * sigmoid(W2 swish(W1 mean + b1) + b2).

    Hu et al. 2018 (1709.01507) as used by ContextNet (2005.03191, section 2.2.3) and ConvRNN-T (2209.14868); these
    average the whole utterance, which has to be over before its first frame can be encoded. The running mean is our
    choice.

    Parameters
    ----------
    channels
        D.
    reduction
        The hidden layer has D / reduction units; 8 in ContextNet.
    """

    def __init__(self, channels: int, *, reduction: int = 8) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.mean = RunningMean()
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)

    def forward(self, input_BTD: Tensor) -> Tensor:
        """Gate whole utterances: (B, T, D) -> (B, T, D)."""
        return self._gate(input_BTD, self.mean(input_BTD))

    def stream(self, chunk_BTD: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Gate the next chunk."""
        mean_BTD, state = self.mean.stream(chunk_BTD, state)
        return self._gate(chunk_BTD, mean_BTD), state

    def _gate(self, input_BTD: Tensor, mean_BTD: Tensor) -> Tensor:
        """Scale the channels."""
        return input_BTD * torch.sigmoid(self.excite(F.silu(self.squeeze(mean_BTD))))
