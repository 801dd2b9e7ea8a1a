"""A causal convolutional front end: feature frames of 10 ms become encoder frames of 20, 30 or 40 ms.

An LSTM transducer on raw filterbanks learns the grammar of a small corpus and does not listen; two small
convolutions in front of it are what changes that (our choice, after a feasibility study on Atlas).
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CausalConv2d(nn.Module):
    """A convolution over (time, frequency) that looks back only: output n sees input up to frame n * stride."""

    def __init__(self, input_channels: int, output_channels: int, *, kernel: int, time_stride: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.time_stride = time_stride
        self.convolution = nn.Conv2d(
            input_channels, output_channels, kernel, stride=(time_stride, 2), padding=(0, kernel // 2)
        )

    def forward(self, input_BCTF: Tensor) -> Tensor:
        """Convolve whole utterances; T becomes ceil(T / stride)."""
        return self.convolution(F.pad(input_BCTF, (0, 0, self.kernel - 1, 0)))

    def stream(self, chunk_BCTF: Tensor, buffered_BCTF: Tensor | None) -> tuple[Tensor, Tensor]:
        """Convolve as far as the frames reach; what later outputs still need is returned as the next buffer."""
        if buffered_BCTF is None:
            frames_BCTF = F.pad(chunk_BCTF, (0, 0, self.kernel - 1, 0))
        else:
            frames_BCTF = torch.cat([buffered_BCTF, chunk_BCTF], dim=2)
        outputs = max(0, (frames_BCTF.shape[2] - self.kernel) // self.time_stride + 1)
        rest_BCTF = frames_BCTF[:, :, outputs * self.time_stride :]
        if outputs == 0:
            width = (frames_BCTF.shape[3] + 1) // 2
            return frames_BCTF.new_zeros(frames_BCTF.shape[0], self.convolution.out_channels, 0, width), rest_BCTF
        return self.convolution(frames_BCTF), rest_BCTF


class ConvolutionalFrontEnd(nn.Module):
    """Two causal convolutions that stride over time by `subsampling` and halve frequency twice; a projection."""

    STRIDES: ClassVar = {1: (1, 1), 2: (1, 2), 3: (1, 3), 4: (2, 2)}
    """Strides over time of the two convolutions, by the frames that become one."""

    def __init__(self, *, input_dim: int, channels: int, output_dim: int, subsampling: int) -> None:
        super().__init__()
        first, second = self.STRIDES[subsampling]
        self.first = CausalConv2d(1, channels, kernel=3, time_stride=first)
        self.second = CausalConv2d(channels, channels, kernel=3, time_stride=second)
        bands = (((input_dim + 1) // 2) + 1) // 2
        self.projection = nn.Linear(channels * bands, output_dim)

    def forward(self, features_BTF: Tensor) -> Tensor:
        """Features to encoder frames, shape (B, ceil(T / subsampling), output_dim)."""
        hidden_BCTF = F.relu(self.first(features_BTF.unsqueeze(1)))
        return self._project(F.relu(self.second(hidden_BCTF)))

    def stream(
        self, chunk_BTF: Tensor, buffers: tuple[Tensor | None, Tensor | None]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The same for the next chunk."""
        hidden_BCTF, first = self.first.stream(chunk_BTF.unsqueeze(1), buffers[0])
        output_BCTF, second = self.second.stream(F.relu(hidden_BCTF), buffers[1])
        return self._project(F.relu(output_BCTF)), (first, second)

    def _project(self, hidden_BCTF: Tensor) -> Tensor:
        """Fold channels and bands together."""
        return self.projection(hidden_BCTF.transpose(1, 2).flatten(2))
