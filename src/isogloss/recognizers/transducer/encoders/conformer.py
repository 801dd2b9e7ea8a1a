"""The Conformer, causal (Gulati et al. 2020, 2005.08100).

Against the paper: attention looks back only, and no further than `left_context`; positions are rotations; the depthwise
convolution looks back only; its batch norm is a layer norm, because statistics over a batch would count its padding
and differ between a batch and a stream (our choices).
"""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, cast

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from isogloss.config.components import EncoderComponent
from isogloss.config.section import PositiveInt, Section
from isogloss.recognizers.transducer.encoders.attention import (
    CausalSelfAttention,
    Context,
    KeyValueCache,
    dense_context,
)
from isogloss.recognizers.transducer.encoders.convolution import ConvolutionalFrontEnd
from isogloss.recognizers.transducer.encoders.depthwise import CausalDepthwiseConv1d
from isogloss.recognizers.transducer.encoders.encoder import Encoder, clear_padding
from isogloss.recognizers.transducer.encoders.feed_forward import FeedForward


class ConformerParams(Section):
    """The causal Conformer; the defaults have as many parameters as those of the other encoders."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    channels: PositiveInt = 32
    """Channels of the front end's convolutions."""
    dim: PositiveInt = 96
    """Dimension of the encoder frames."""
    layers: PositiveInt = 3
    """Conformer blocks."""
    heads: PositiveInt = 4
    """Attention heads of each layer."""
    feed_forward: PositiveInt = 368
    """Units of the hidden layer of each feed-forward block."""
    kernel: PositiveInt = 15
    """Encoder frames that a depthwise convolution spans: the frame itself and those before it."""
    left_context: PositiveInt = 64
    """Encoder frames before its own to which a frame attends in each block."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout probability in training."""


COMPONENT = EncoderComponent(
    name="conformer",
    options=ConformerParams,
    implementation="ConformerEncoder",
    # 2005.08100, table 1, medium: 26.3 M parameters at 80 filters; with its predictor the paper counts 30.7 M. The
    # paper attends to everything; 64 frames of left context are our choice.
    published=ConformerParams(channels=256, dim=256, layers=16, feed_forward=1024, kernel=32),
)


class ConvolutionModule(nn.Module):
    """Layer norm, gated pointwise layer, causal depthwise convolution, norm, Swish, pointwise layer (section 2.2)."""

    def __init__(self, dim: int, *, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.input = nn.Linear(dim, 2 * dim)
        self.depthwise = CausalDepthwiseConv1d(dim, kernel)
        self.depthwise_norm = nn.LayerNorm(dim)
        self.output = nn.Linear(dim, dim)
        self.dropout = dropout

    def forward(self, input_BTD: Tensor) -> Tensor:
        """Whole utterances: (B, T, D) -> (B, T, D)."""
        return self._finish(self.depthwise(self._begin(input_BTD)))

    def stream(self, chunk_BTD: Tensor, buffer_BTD: Tensor | None) -> tuple[Tensor, Tensor]:
        """The next chunk."""
        hidden_BTD, buffer_BTD = self.depthwise.stream(self._begin(chunk_BTD), buffer_BTD)
        return self._finish(hidden_BTD), buffer_BTD

    def _begin(self, input_BTD: Tensor) -> Tensor:
        """Up to the depthwise convolution."""
        return F.glu(self.input(self.norm(input_BTD)), dim=-1)

    def _finish(self, hidden_BTD: Tensor) -> Tensor:
        """From the depthwise convolution on."""
        return F.dropout(self.output(F.silu(self.depthwise_norm(hidden_BTD))), self.dropout, self.training)


class BlockState(NamedTuple):
    """The state of one block between the chunks of a stream."""

    cache: KeyValueCache
    buffer_BTD: Tensor


class ConformerBlock(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward, layer norm (equation 1)."""

    def __init__(self, dim: int, *, heads: int, feed_forward: int, kernel: int, left_context: int, dropout: float):
        super().__init__()
        self.first = FeedForward(dim, hidden_dim=feed_forward, dropout=dropout)
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = CausalSelfAttention(dim, heads=heads, left_context=left_context)
        self.convolution = ConvolutionModule(dim, kernel=kernel, dropout=dropout)
        self.second = FeedForward(dim, hidden_dim=feed_forward, dropout=dropout)
        self.norm = nn.LayerNorm(dim)
        self.dropout = dropout

    def forward(self, input_BTD: Tensor, context: Context) -> Tensor:
        """Whole utterances: (B, T, D) -> (B, T, D)."""
        hidden_BTD = input_BTD + 0.5 * self.first(input_BTD)
        attended_BTD = self.attention(self.attention_norm(hidden_BTD), context)
        hidden_BTD = hidden_BTD + F.dropout(attended_BTD, self.dropout, self.training)
        hidden_BTD = hidden_BTD + self.convolution(hidden_BTD)
        return self.norm(hidden_BTD + 0.5 * self.second(hidden_BTD))

    def stream(self, chunk_BTD: Tensor, context: Context, state: BlockState | None) -> tuple[Tensor, BlockState]:
        """The next chunk."""
        cache, buffer_BTD = (None, None) if state is None else state
        hidden_BTD = chunk_BTD + 0.5 * self.first(chunk_BTD)
        attended_BTD, cache = self.attention.stream(self.attention_norm(hidden_BTD), context, cache)
        hidden_BTD = hidden_BTD + F.dropout(attended_BTD, self.dropout, self.training)
        convolved_BTD, buffer_BTD = self.convolution.stream(hidden_BTD, buffer_BTD)
        hidden_BTD = hidden_BTD + convolved_BTD
        return self.norm(hidden_BTD + 0.5 * self.second(hidden_BTD)), BlockState(cache, buffer_BTD)


class ConformerEncoder(Encoder):
    """A convolutional front end, then Conformer blocks.

    Parameters
    ----------
    input_dim
        F, mel filters.
    subsampling
        Feature frames for one encoder frame: 1 to 4.
    channels
        Channels of the front end's convolutions.
    dim
        D.
    layers
        Blocks.
    heads
        Heads of attention.
    feed_forward
        Units of the wider layer of the feed-forward blocks.
    kernel
        Taps of the depthwise convolutions, in encoder frames.
    left_context
        How far attention looks back, in encoder frames, at every layer.
    dropout
        In training only.
    """

    def __init__(
        self,
        *,
        input_dim: int,
        subsampling: int = 4,
        channels: int = 32,
        dim: int = 96,
        layers: int = 3,
        heads: int = 4,
        feed_forward: int = 368,
        kernel: int = 15,
        left_context: int = 64,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.output_dim = dim
        self.subsampling = subsampling
        self.head_dim = dim // heads
        self.left_context = left_context
        self.front_end = ConvolutionalFrontEnd(
            input_dim=input_dim, channels=channels, output_dim=dim, subsampling=subsampling
        )
        self.blocks = nn.ModuleList(
            ConformerBlock(
                dim, heads=heads, feed_forward=feed_forward, kernel=kernel, left_context=left_context, dropout=dropout
            )
            for _ in range(layers)
        )
        self.dropout = dropout

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Encode whole utterances: (B, T, F) -> (B, ceil(T / subsampling), D)."""
        hidden_BTD = self.front_end(clear_padding(features_BTF, lengths_B))
        hidden_BTD = F.dropout(hidden_BTD, self.dropout, self.training)
        context = self._context(0, hidden_BTD)
        for block in self._blocks():
            hidden_BTD = block(hidden_BTD, context)
        return hidden_BTD, self.output_lengths(lengths_B)

    def stream(self, chunk_BTF: Tensor, state: Any, last: bool = False) -> tuple[Tensor, Any]:
        """Encode the next chunk; nothing waits for the future, so `last` has nothing to flush."""
        buffers, position, states = state if state is not None else ((None, None), 0, [None] * len(self.blocks))
        hidden_BTD, buffers = self.front_end.stream(chunk_BTF, buffers)
        frames = hidden_BTD.shape[1]
        if frames == 0:
            return hidden_BTD, (buffers, position, states)
        context = self._context(position, hidden_BTD)
        after = []
        for block, before in zip(self._blocks(), states, strict=True):
            hidden_BTD, block_state = block.stream(hidden_BTD, context, before)
            after.append(block_state)
        return hidden_BTD, (buffers, position + frames, after)

    def _blocks(self) -> Iterator[ConformerBlock]:
        """The blocks, by their type."""
        return cast(Iterator[ConformerBlock], iter(self.blocks))

    def _context(self, position: int, hidden_BTD: Tensor) -> Context:
        """Positions of frames whose first is number `position` of its stream."""
        return dense_context(
            position, hidden_BTD.shape[1], head_dim=self.head_dim, left_context=self.left_context, like=hidden_BTD
        )
