"""ConvRNN-T (Radfar et al. 2022, 2209.14868): a local and a global convolutional encoder in front of LSTM layers.

The paper, like public code after it, describes a squeeze-and-excitation that averages over the utterance, which cannot
stream; here it is the running mean up to the present frame. Layer normalisation stands where batch normalisation was,
since the latter's statistics in training mix in the padding and the rest of the batch (both our choice).
"""

import math
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from isogloss.config.components import EncoderComponent
from isogloss.config.section import PositiveInt, Section
from isogloss.errors import ModelError
from isogloss.recognizers.transducer.encoders.chain import Chain, StreamingLayer
from isogloss.recognizers.transducer.encoders.convolution import CausalConv2d
from isogloss.recognizers.transducer.encoders.depthwise import CausalDepthwiseConv1d
from isogloss.recognizers.transducer.encoders.encoder import Encoder, clear_padding
from isogloss.recognizers.transducer.encoders.squeeze import SqueezeExcitation
from isogloss.recognizers.transducer.recurrence import run_lstm


class ConvRnntParams(Section):
    """ConvRNN-T: a local and a global convolutional encoder below unidirectional LSTM layers."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    local_channels: PositiveInt = 25
    """Channels of the first two convolutions of the local encoder, 100 in public code; the last two have 0.64 times as
    many."""
    global_dim: PositiveInt = 80
    """Channels of the local encoder's output and of the global encoder's blocks."""
    global_blocks: PositiveInt = 6
    """Residual blocks of the global encoder, each with twice the dilation of the one before."""
    expansion: PositiveInt = 2
    """How many times wider a block is inside."""
    hidden_dim: PositiveInt = 160
    """Units of each LSTM layer."""
    layers: PositiveInt = 2
    """LSTM layers."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout probability after each block and each LSTM layer, in training."""


COMPONENT = EncoderComponent(
    name="convrnnt",
    options=ConvRnntParams,
    implementation="ConvRnntEncoder",
    # Six global blocks and 100, 100, 64 and 64 local channels of 5 x 5, as public code has them; global width and LSTM
    # layers are our choice (25.0 M parameters at 80 filters).
    published=ConvRnntParams(local_channels=100, global_dim=512, hidden_dim=640, layers=5),
)


class ConvRnntEncoder(Encoder):
    """The local encoder's frames and those of the global encoder over them, side by side, into LSTM layers.

    Parameters
    ----------
    input_dim
        F, mel filters.
    subsampling
        Feature frames for one encoder frame: 1 to 4, by the local encoder's strides (our choice).
    local_channels
        Channels of the first two local convolutions; the last two have 0.64 of them (100 and 64 in public code).
    global_dim
        Channels of the frames between the two encoders.
    global_blocks
        Residual blocks of the global encoder, of dilation 1, 2, 4, ...
    expansion
        How much wider the blocks are inside (2 in public code).
    hidden_dim
        D, units of each LSTM layer.
    layers
        LSTM layers.
    dropout
        After each block, between LSTM layers and after the last, in training only.
    """

    def __init__(
        self,
        *,
        input_dim: int,
        subsampling: int = 4,
        local_channels: int = 100,
        global_dim: int = 256,
        global_blocks: int = 6,
        expansion: int = 2,
        hidden_dim: int = 640,
        layers: int = 5,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.output_dim = hidden_dim
        self.subsampling = subsampling
        self.local = LocalEncoder(
            input_dim=input_dim, channels=local_channels, output_dim=global_dim, subsampling=subsampling
        )
        self.blocks = Chain(
            (GlobalBlock(global_dim, expansion=expansion, dilation=2**number) for number in range(global_blocks)),
            after=nn.Dropout(dropout),
        )
        self.projection = nn.Linear(2 * global_dim, hidden_dim)
        self.lstm = nn.LSTM(
            hidden_dim, hidden_dim, num_layers=layers, batch_first=True, dropout=dropout if layers > 1 else 0.0
        )
        self.norm = nn.LayerNorm(hidden_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Encode whole utterances: (B, T, F) -> (B, ceil(T / subsampling), D)."""
        local_BTD = self.local(clear_padding(features_BTF, lengths_B))
        hidden_BTD, _ = run_lstm(self.lstm, self._join(local_BTD, self.blocks(local_BTD)))
        return self.dropout(self.norm(hidden_BTD)), self.output_lengths(lengths_B)

    def stream(self, chunk_BTF: Tensor, state: Any, last: bool = False) -> tuple[Tensor, Any]:
        """Encode the next chunk; nothing waits for the future, so `last` has nothing to flush."""
        buffers, states, memory = state or (None, None, None)
        local_BTD, buffers = self.local.stream(chunk_BTF, buffers)
        global_BTD, states = self.blocks.stream(local_BTD, states)
        hidden_BTD = self._join(local_BTD, global_BTD)
        if hidden_BTD.shape[1] > 0:
            hidden_BTD, memory = run_lstm(self.lstm, hidden_BTD, memory)
        return self.dropout(self.norm(hidden_BTD)), (buffers, states, memory)

    def _join(self, local_BTD: Tensor, global_BTD: Tensor) -> Tensor:
        """What the LSTM layers see."""
        return self.projection(torch.cat([local_BTD, global_BTD], dim=2))


class LocalEncoder(StreamingLayer):
    """Four causal convolutions of 5 frames by 5 bands and a projection; the first two stride over time and frequency.

    Parameters
    ----------
    input_dim
        F, mel filters.
    channels
        Channels of the first two convolutions; the last two have 0.64 of them.
    output_dim
        D, channels of a frame.
    subsampling
        Feature frames for one frame: 1 to 4.
    """

    STRIDES: ClassVar = {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2)}
    """`subsampling` -> strides over time of the first two convolutions: early, so that most of the work is at the lower
    rate."""

    def __init__(self, *, input_dim: int, channels: int, output_dim: int, subsampling: int) -> None:
        super().__init__()
        if subsampling not in self.STRIDES:
            known = ", ".join(map(str, self.STRIDES))
            raise ModelError(f"convrnnt cannot subsample by {subsampling}; choose one of {known}")
        fewer = max(1, round(0.64 * channels))
        first, second = self.STRIDES[subsampling]
        self.convolutions = Chain(
            [
                CausalConv2d(1, channels, kernel=5, time_stride=first, band_stride=2),
                CausalConv2d(channels, channels, kernel=5, time_stride=second, band_stride=2),
                CausalConv2d(channels, fewer, kernel=5, band_stride=1),
                CausalConv2d(fewer, fewer, kernel=5, band_stride=1),
            ],
            after=nn.ReLU(),
        )
        bands = math.ceil(math.ceil(input_dim / 2) / 2)
        self.projection = nn.Linear(fewer * bands, output_dim)
        self.norm = nn.LayerNorm(output_dim)

    def forward(self, features_BTF: Tensor) -> Tensor:
        """Whole utterances: (B, T, F) -> (B, ceil(T / subsampling), D)."""
        return self._project(self.convolutions(features_BTF.unsqueeze(1)))

    def stream(self, chunk_BTF: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The next chunk of a stream."""
        hidden_BCTF, state = self.convolutions.stream(chunk_BTF.unsqueeze(1), state)
        return self._project(hidden_BCTF), state

    def _project(self, hidden_BCTF: Tensor) -> Tensor:
        """Fold channels and bands together."""
        return self.norm(self.projection(hidden_BCTF.transpose(1, 2).flatten(2)))


class GlobalBlock(StreamingLayer):
    """x + SE(pointwise(depthwise(pointwise(x)))), the depthwise convolution of three taps dilated over time.

    Parameters
    ----------
    channels
        D, of input and output.
    expansion
        The depthwise convolution has `expansion` * D channels.
    dilation
        Frames between its taps.
    """

    def __init__(self, channels: int, *, expansion: int, dilation: int) -> None:
        super().__init__()
        inner = expansion * channels
        self.widen = nn.Linear(channels, inner)
        self.inner_norm = nn.LayerNorm(inner)
        self.depthwise = CausalDepthwiseConv1d(inner, 3, dilation=dilation)
        self.narrow = nn.Linear(inner, channels)
        self.outer_norm = nn.LayerNorm(channels)
        self.excitation = SqueezeExcitation(channels)

    def forward(self, input_BTD: Tensor) -> Tensor:
        """Whole utterances: (B, T, D) -> (B, T, D)."""
        hidden_BTD = self._narrow(self.depthwise(self._widen(input_BTD)))
        return input_BTD + self.excitation(hidden_BTD)

    def stream(self, chunk_BTD: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The next chunk of a stream."""
        buffer, gate = state or (None, None)
        hidden_BTD, buffer = self.depthwise.stream(self._widen(chunk_BTD), buffer)
        hidden_BTD, gate = self.excitation.stream(self._narrow(hidden_BTD), gate)
        return chunk_BTD + hidden_BTD, (buffer, gate)

    def _widen(self, input_BTD: Tensor) -> Tensor:
        """Before the convolution over time."""
        return F.relu(self.inner_norm(self.widen(input_BTD)))

    def _narrow(self, hidden_BTD: Tensor) -> Tensor:
        """After it."""
        return self.outer_norm(self.narrow(F.relu(hidden_BTD)))
