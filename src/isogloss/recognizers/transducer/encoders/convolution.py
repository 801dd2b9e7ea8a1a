"""A causal convolutional front end: feature frames of 10 ms become encoder frames of 20, 30 or 40 ms.

On raw filterbanks, an LSTM transducer learns the grammar of a small corpus and ignores the audio; two small
convolutions in front of it prevent this (our choice, after a feasibility study on Atlas).
"""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from isogloss.recognizers.transducer.encoders.chain import StreamingLayer
from isogloss.recognizers.transducer.encoders.window import advance, pad_past


class CausalConv2d(StreamingLayer):
    """A convolution over (time, frequency) that looks back only: output n sees input up to frame n * time_stride.

    Parameters
    ----------
    input_channels, output_channels
        C before and after.
    kernel
        Frames and bands of each filter, odd and no less than `time_stride`.
    time_stride, band_stride
        Frames and bands of the input for one of the output; T and F become ceil(T / stride) and ceil(F / stride).
    """

    def __init__(
        self, input_channels: int, output_channels: int, *, kernel: int, time_stride: int = 1, band_stride: int = 2
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.time_stride = time_stride
        self.band_stride = band_stride
        self.convolution = nn.Conv2d(
            input_channels, output_channels, kernel, stride=(time_stride, band_stride), padding=(0, kernel // 2)
        )

    def forward(self, input_BCTF: Tensor) -> Tensor:
        """Convolve whole utterances."""
        return self.convolution(pad_past(input_BCTF, self.kernel, dim=2))

    def stream(self, chunk_BCTF: Tensor, buffer_BCTF: Tensor | None) -> tuple[Tensor, Tensor]:
        """Convolve as far as the frames reach; frames that later outputs need are returned as the next buffer."""
        frames_BCTF, outputs, buffer_BCTF = advance(
            chunk_BCTF, buffer_BCTF, window=self.kernel, stride=self.time_stride, dim=2
        )
        if outputs == 0:
            bands = -(-frames_BCTF.shape[3] // self.band_stride)
            shape = (frames_BCTF.shape[0], self.convolution.out_channels, 0, bands)
            return frames_BCTF.new_zeros(shape), buffer_BCTF
        return self.convolution(frames_BCTF), buffer_BCTF


class ConvolutionalFrontEnd(nn.Module):
    """Two causal convolutions that stride over time by `subsampling` and halve frequency twice; a projection."""

    STRIDES: ClassVar = {1: (1, 1), 2: (1, 2), 3: (1, 3), 4: (2, 2)}
    """`subsampling` -> strides over time of the two convolutions."""

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
        """The encoder frames of the next chunk."""
        hidden_BCTF, first = self.first.stream(chunk_BTF.unsqueeze(1), buffers[0])
        output_BCTF, second = self.second.stream(F.relu(hidden_BCTF), buffers[1])
        return self._project(F.relu(output_BCTF)), (first, second)

    def _project(self, hidden_BCTF: Tensor) -> Tensor:
        """Fold channels and bands together."""
        return self.projection(hidden_BCTF.transpose(1, 2).flatten(2))
