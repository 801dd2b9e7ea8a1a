"""ContextNet (Han et al. 2020, 2005.03191), made causal: separable convolutions with squeeze-and-excitation."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from isogloss.config.components import EncoderComponent
from isogloss.config.section import PositiveInt, Section
from isogloss.errors import ModelError
from isogloss.recognizers.transducer.encoders.chain import Chain, StreamingLayer
from isogloss.recognizers.transducer.encoders.depthwise import CausalDepthwiseConv1d
from isogloss.recognizers.transducer.encoders.encoder import Encoder, clear_padding
from isogloss.recognizers.transducer.encoders.squeeze import SqueezeExcitation
from isogloss.recognizers.transducer.encoders.window import advance


class ContextNetParams(Section):
    """The causal ContextNet; the defaults have as many parameters as those of the other encoders."""

    subsampling: Literal[4, 8] = 4
    """Feature frames of 10 ms for one encoder frame."""
    alpha: Annotated[float, Field(gt=0)] = 0.28
    """Factor of the published widths."""
    blocks: Annotated[int, Field(ge=5)] = 7
    """Blocks of convolutions, 21 as published; fewer than 5 have no room for the strides."""
    layers: PositiveInt = 5
    """Convolutions in a block."""
    kernel: PositiveInt = 5
    """Frames that a depthwise convolution spans."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout probability after each block, in training."""


COMPONENT = EncoderComponent(
    name="contextnet",
    options=ContextNetParams,
    implementation="ContextNetEncoder",
    # 2005.03191, table 1 at alpha = 1: 22.7 M parameters at 80 filters; with its predictor the paper counts 31.4 M.
    published=ContextNetParams(subsampling=8, alpha=1.0, blocks=21),
)

MIN_BLOCKS = 5
"""Fewer blocks would put two strides into one."""


class ContextNetEncoder(Encoder):
    """Blocks of separable convolutions that get wider and slower from the input to the output (section 2.3, table 1).

    Differences from the paper: convolutions look back only; squeeze-and-excitation sees the mean up to the present
    frame; layer normalisation over the channels of each frame stands where batch normalisation was, since the latter's
    statistics in training mix in the padding and the other utterances of the batch; one more normalisation follows the
    last gate, so that the joiner sees frames of the same scale from every encoder (our choices).

    Parameters
    ----------
    input_dim
        F, mel filters.
    subsampling
        Feature frames for one encoder frame: 8 as published, or 4 (the last of the three strides is left out).
    alpha
        Scales all widths; 0.5, 1 and 2 are the published small, medium and large.
    blocks
        Blocks between the first and the last convolution, 21 in the paper. With fewer, strides and the doubling of the
        width stay at the same share of the depth (our choice).
    layers
        Convolutions in a block.
    kernel
        Taps of the depthwise convolutions.
    dropout
        After each block, in training only.
    """

    def __init__(
        self,
        *,
        input_dim: int,
        subsampling: int = 8,
        alpha: float = 1.0,
        blocks: int = 21,
        layers: int = 5,
        kernel: int = 5,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.subsampling = subsampling
        shapes = _layout(subsampling=subsampling, alpha=alpha, blocks=blocks, layers=layers)
        self.output_dim = shapes[-1].channels
        widths = [input_dim, *(shape.channels for shape in shapes)]
        self.blocks = Chain(
            (ConvolutionBlock(width, shape, kernel=kernel) for width, shape in zip(widths, shapes, strict=False)),
            after=nn.Dropout(dropout),
        )
        self.norm = nn.LayerNorm(self.output_dim)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Encode whole utterances: (B, T, F) -> (B, ceil(T / subsampling), D)."""
        return self.norm(self.blocks(clear_padding(features_BTF, lengths_B))), self.output_lengths(lengths_B)

    def stream(self, chunk_BTF: Tensor, state: Any, last: bool = False) -> tuple[Tensor, Any]:
        """Encode the next chunk; nothing waits for the future, so `last` has nothing to flush."""
        encoded_BTD, state = self.blocks.stream(chunk_BTF, state)
        return self.norm(encoded_BTD), state


@dataclass(frozen=True)
class BlockShape:
    """One row of the paper's table 1."""

    channels: int
    layers: int
    stride: int
    residual: bool


class ConvolutionBlock(StreamingLayer):
    """swish(SE(convolutions(x)) + projection(x)) (section 2.2.1); the last convolution strides.

    Parameters
    ----------
    input_channels
        Channels of the input.
    shape
        Width, depth and stride; without `residual` there is no projection and no activation after the gate.
    kernel
        Taps of the depthwise convolutions.
    """

    def __init__(self, input_channels: int, shape: BlockShape, *, kernel: int) -> None:
        super().__init__()
        self.stride = shape.stride
        self.convolutions = Chain(
            SeparableConv1d(
                input_channels if layer == 0 else shape.channels,
                shape.channels,
                kernel=kernel,
                stride=shape.stride if layer == shape.layers - 1 else 1,
            )
            for layer in range(shape.layers)
        )
        self.excitation = SqueezeExcitation(shape.channels)
        self.projection: nn.Sequential | None = None
        if shape.residual:
            self.projection = nn.Sequential(nn.Linear(input_channels, shape.channels), nn.LayerNorm(shape.channels))

    def forward(self, input_BTD: Tensor) -> Tensor:
        """Whole utterances: (B, T, C) -> (B, ceil(T / stride), D)."""
        return self._finish(self.excitation(self.convolutions(input_BTD)), input_BTD[:, :: self.stride])

    def stream(self, chunk_BTD: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The next chunk of a stream."""
        buffers, gate, kept_BTD = state or (None, None, None)
        hidden_BTD, buffers = self.convolutions.stream(chunk_BTD, buffers)
        hidden_BTD, gate = self.excitation.stream(hidden_BTD, gate)
        frames_BTD, outputs, kept_BTD = advance(chunk_BTD, kept_BTD, window=self.stride, stride=self.stride)
        shortcut_BTD = frames_BTD[:, self.stride - 1 :: self.stride][:, :outputs]
        return self._finish(hidden_BTD, shortcut_BTD), (buffers, gate, kept_BTD)

    def _finish(self, hidden_BTD: Tensor, shortcut_BTD: Tensor) -> Tensor:
        """Add the projected input."""
        return hidden_BTD if self.projection is None else F.silu(hidden_BTD + self.projection(shortcut_BTD))


class SeparableConv1d(StreamingLayer):
    """Depthwise over time, pointwise over channels, normalisation, swish (section 2.2.2)."""

    def __init__(self, input_channels: int, output_channels: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        self.depthwise = CausalDepthwiseConv1d(input_channels, kernel, stride=stride, bias=False)
        self.pointwise = nn.Linear(input_channels, output_channels)
        self.norm = nn.LayerNorm(output_channels)

    def forward(self, input_BTD: Tensor) -> Tensor:
        """Whole utterances: (B, T, C) -> (B, ceil(T / stride), D)."""
        return self._mix(self.depthwise(input_BTD))

    def stream(self, chunk_BTD: Tensor, buffer_BTD: Tensor | None) -> tuple[Tensor, Tensor]:
        """The next chunk of a stream."""
        hidden_BTD, buffer_BTD = self.depthwise.stream(chunk_BTD, buffer_BTD)
        return self._mix(hidden_BTD), buffer_BTD

    def _mix(self, hidden_BTD: Tensor) -> Tensor:
        """Across the channels of each frame."""
        return F.silu(self.norm(self.pointwise(hidden_BTD)))


def _layout(*, subsampling: int, alpha: float, blocks: int, layers: int) -> list[BlockShape]:
    """Table 1 of the paper for any depth: C3, C7 and C14 of 21 stride, from C11 on the width is double."""
    strides = {4: 2, 8: 3}
    if subsampling not in strides:
        raise ModelError(f"contextnet cannot subsample by {subsampling}; choose {' or '.join(map(str, strides))}")
    if blocks < MIN_BLOCKS:
        raise ModelError(f"contextnet of {blocks} blocks has no room for its strides; give it at least {MIN_BLOCKS}")
    strided = [round(blocks * place / 21) for place in (3, 7, 14)][: strides[subsampling]]

    def width(channels: int) -> int:
        return max(8, round(alpha * channels / 8) * 8)

    inner = [
        BlockShape(
            channels=width(256 if number <= blocks * 10 / 21 else 512),
            layers=layers,
            stride=2 if number in strided else 1,
            residual=True,
        )
        for number in range(1, blocks + 1)
    ]
    ends = [BlockShape(channels=width(channels), layers=1, stride=1, residual=False) for channels in (256, 640)]
    return [ends[0], *inner, ends[1]]
