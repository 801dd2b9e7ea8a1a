"""The compute-cost amortized Transformer (Xie et al. 2022, 2207.02393), streaming.

A Transformer encoder with residual connections, in which an arbitrator at each layer toggles the attention block and
the feed-forward block of each frame; a block that is off adds zero. At inference gates are hard and blocks that are off
are not computed: the open frames of the whole batch are gathered, computed and added back. (If gradients are needed,
they are computed and multiplied by zero: the output is the same, and the arbitrators get a gradient.) A closed frame
has no keys in the cache (`isogloss.recognizers.transducer.encoders.gated_attention`);
`isogloss.recognizers.transducer.encoders.compute_share` defines what counts as computation.

With `gates="none"` it is a plain Transformer with sliding-window attention; `left_context` then sets its computation,
as in the baseline of the paper.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from isogloss.config.components import EncoderComponent
from isogloss.config.section import PositiveInt, Section
from isogloss.recognizers.transducer.encoders.arbitrator import Arbitrator, sample_gates, threshold_gates
from isogloss.recognizers.transducer.encoders.attention import Context, KeyValueCache, dense_context
from isogloss.recognizers.transducer.encoders.compute_share import compute_share
from isogloss.recognizers.transducer.encoders.convolution import ConvolutionalFrontEnd
from isogloss.recognizers.transducer.encoders.encoder import Encoder, clear_padding, within
from isogloss.recognizers.transducer.encoders.feed_forward import FeedForward
from isogloss.recognizers.transducer.encoders.gated_attention import GatedSelfAttention, Slots, SparseCache


class AmortizedParams(Section):
    """The compute-cost amortized Transformer; with `gates: none` a plain one with a sliding window."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    channels: PositiveInt = 32
    """Channels of the front end's convolutions."""
    dim: PositiveInt = 96
    """Dimension of the encoder frames."""
    layers: PositiveInt = 6
    """Transformer layers."""
    heads: PositiveInt = 4
    """Attention heads of each layer."""
    feed_forward: PositiveInt = 336
    """Units of the hidden layer of each feed-forward block."""
    left_context: PositiveInt = 64
    """Encoder frames before its own to which a frame attends in each layer. With `gates: none` this option sets the
    computation."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout probability in training."""
    gates: Literal["learned", "none"] = "learned"
    """Whether arbitrators decide which blocks are computed for each frame (learned), or all are (none)."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Temperature of the sigmoid that gives the gates their gradient in training; the lower, the closer to 0 a gate's
    logit must be to get a gradient."""
    noise: Annotated[float, Field(ge=0.0)] = 1.0
    """Scale of the logistic noise on the gates' logits in training; 0 trains with the gates of inference."""
    compute_weight: Annotated[float, Field(ge=0.0)] = 0.2
    """Weight of the expected share of the layers' operations that is computed, a term of the training loss in nats per
    token: the larger it is, the more is skipped. Without effect with `gates: none`."""


COMPONENT = EncoderComponent(
    name="amortized",
    options=AmortizedParams,
    implementation="AmortizedEncoder",
    # Our choice (21.6 M parameters at 80 filters), on a front end so light that the layers, whose computation is what
    # can be saved, are nearly all of it.
    published=AmortizedParams(dim=384, layers=12, heads=6, feed_forward=1536),
)


class AmortizedLayer(nn.Module):
    """Attention and feed-forward block, each behind a layer norm and a residual connection, with or without gates."""

    def __init__(self, dim: int, *, heads: int, feed_forward: int, left_context: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = GatedSelfAttention(dim, heads=heads, left_context=left_context)
        self.feed_forward = FeedForward(dim, hidden_dim=feed_forward, dropout=dropout)
        self.dropout = dropout

    def dense(self, input_BTD: Tensor, context: Context) -> Tensor:
        """Whole utterances, every block of every frame."""
        attended_BTD = self.attention(self.attention_norm(input_BTD), context)
        hidden_BTD = input_BTD + F.dropout(attended_BTD, self.dropout, self.training)
        return hidden_BTD + self.feed_forward(hidden_BTD)

    def dense_stream(
        self, chunk_BTD: Tensor, context: Context, cache: KeyValueCache | None
    ) -> tuple[Tensor, KeyValueCache]:
        """The next chunk, every block of every frame."""
        attended_BTD, cache = self.attention.stream(self.attention_norm(chunk_BTD), context, cache)
        hidden_BTD = chunk_BTD + F.dropout(attended_BTD, self.dropout, self.training)
        return hidden_BTD + self.feed_forward(hidden_BTD), cache

    def weighed(self, input_BTD: Tensor, gates_BT2: Tensor, context: Context) -> Tensor:
        """Whole utterances with differentiable gates; everything is computed."""
        attended_BTD = self.attention.weigh(self.attention_norm(input_BTD), gates_BT2[..., 0], context)
        attended_BTD = F.dropout(attended_BTD, self.dropout, self.training)
        hidden_BTD = input_BTD + gates_BT2[..., :1] * attended_BTD
        return hidden_BTD + gates_BT2[..., 1:] * self.feed_forward(hidden_BTD)

    def skipping(
        self, chunk_BTD: Tensor, open_BT2: Tensor, context: Context, position: int, cache: SparseCache | None
    ) -> tuple[Tensor, SparseCache | None]:
        """The next chunk (or whole utterances) with hard gates; what is closed is not computed."""
        frames_XD = chunk_BTD.flatten(0, 1)
        slots = Slots(open_BT2[..., 0], first_position=position)
        if len(slots.index_N):
            normed_ND = self.attention_norm(frames_XD.index_select(0, slots.index_N))
            attended_ND, cache = self.attention.skip(normed_ND, slots, context, cache)
            frames_XD = frames_XD.index_add(0, slots.index_N, attended_ND.to(frames_XD.dtype))
        index_N = open_BT2[..., 1].flatten().nonzero().squeeze(1)
        if len(index_N):
            fed_ND = self.feed_forward(frames_XD.index_select(0, index_N))
            frames_XD = frames_XD.index_add(0, index_N, fed_ND.to(frames_XD.dtype))
        return frames_XD.view_as(chunk_BTD), cache


class AmortizedEncoder(Encoder):
    """A convolutional front end, then Transformer layers whose blocks are computed where an arbitrator asks for them.

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
        Transformer layers.
    heads
        Heads of attention.
    feed_forward
        Units of the wider layer of the feed-forward blocks.
    left_context
        How far attention looks back, in encoder frames, at every layer.
    dropout
        In training only.
    gates
        `learned`, or `none` for the sliding-window baseline.
    temperature, noise
        Of the gates in training, see `sample_gates`.
    compute_weight
        The dial: what the training loss multiplies the expected share of the dense computation with. The loss is in
        nats for a token.
    """

    def __init__(
        self,
        *,
        input_dim: int,
        subsampling: int = 4,
        channels: int = 32,
        dim: int = 96,
        layers: int = 6,
        heads: int = 4,
        feed_forward: int = 336,
        left_context: int = 64,
        dropout: float = 0.1,
        gates: Literal["learned", "none"] = "learned",
        temperature: float = 1.0,
        noise: float = 1.0,
        compute_weight: float = 0.2,
    ) -> None:
        super().__init__()
        self.output_dim = dim
        self.subsampling = subsampling
        self.compute_weight = compute_weight
        self.temperature = temperature
        self.noise = noise
        self.head_dim = dim // heads
        self.left_context = left_context
        self.sizes = {"dim": dim, "feed_forward": feed_forward, "left_context": left_context}
        self.front_end = ConvolutionalFrontEnd(
            input_dim=input_dim, channels=channels, output_dim=dim, subsampling=subsampling
        )
        self.layers = nn.ModuleList(
            AmortizedLayer(dim, heads=heads, feed_forward=feed_forward, left_context=left_context, dropout=dropout)
            for _ in range(layers)
        )
        self.arbitrators = nn.ModuleList(Arbitrator(dim) for _ in range(layers) if gates == "learned")
        self.norm = nn.LayerNorm(dim)
        self.dropout = dropout
        self._cost: Tensor | None = None

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Encode whole utterances: (B, T, F) -> (B, ceil(T / subsampling), D)."""
        hidden_BTD = self.front_end(clear_padding(features_BTF, lengths_B))
        hidden_BTD = F.dropout(hidden_BTD, self.dropout, self.training)
        lengths_B = self.output_lengths(lengths_B)
        context = self._context(0, hidden_BTD)
        inside_BT = within(lengths_B, hidden_BTD.shape[1])
        if not self.arbitrators:
            for layer in self._layers():
                hidden_BTD = layer.dense(hidden_BTD, context)
        elif self.training:
            hidden_BTD = self._weighed(hidden_BTD, context, inside_BT)
        else:
            for layer, arbitrator in zip(self._layers(), self.arbitrators, strict=True):
                logits_BT2, inside_BT1 = arbitrator(hidden_BTD), inside_BT.unsqueeze(-1)
                if torch.is_grad_enabled():  # The Fisher information needs separate utterances, which skipping mixes.
                    gates_BT2 = threshold_gates(logits_BT2, temperature=self.temperature) * inside_BT1
                    hidden_BTD = layer.weighed(hidden_BTD, gates_BT2, context)
                else:
                    hidden_BTD, _ = layer.skipping(hidden_BTD, (logits_BT2 > 0) & inside_BT1, context, 0, None)
        return self.norm(hidden_BTD), lengths_B

    def stream(self, chunk_BTF: Tensor, state: Any, last: bool = False) -> tuple[Tensor, Any]:
        """Encode the next chunk, with hard gates; nothing waits for the future, so `last` has nothing to flush."""
        buffers, position, caches = state if state is not None else ((None, None), 0, [None] * len(self.layers))
        hidden_BTD, buffers = self.front_end.stream(chunk_BTF, buffers)
        frames = hidden_BTD.shape[1]
        if frames == 0:
            return hidden_BTD, (buffers, position, caches)
        context = self._context(position, hidden_BTD)
        after: list[KeyValueCache | SparseCache | None] = []
        for number, layer in enumerate(self._layers()):
            cache: Any = caches[number]
            if self.arbitrators:
                open_BT2 = self.arbitrators[number](hidden_BTD) > 0
                hidden_BTD, cache = layer.skipping(hidden_BTD, open_BT2, context, position, cache)
            else:
                hidden_BTD, cache = layer.dense_stream(hidden_BTD, context, cache)
            after.append(cache)
        return self.norm(hidden_BTD), (buffers, position + frames, after)

    def compute_cost(self) -> Tensor | None:
        """Expected operations of the layers in the last training forward over those of open gates; see `Encoder`."""
        cost, self._cost = self._cost, None
        return cost

    def __getstate__(self) -> dict[str, Any]:
        """Drop the expected computation, since torch cannot copy a tensor with a graph."""
        return {**self.__dict__, "_cost": None}

    def _weighed(self, hidden_BTD: Tensor, context: Context, inside_BT: Tensor) -> Tensor:
        """All layers with differentiable gates; keeps the expected computation."""
        probabilities_BT2 = []
        for layer, arbitrator in zip(self._layers(), self.arbitrators, strict=True):
            logits_BT2 = arbitrator(hidden_BTD).float()
            gates_BT2 = sample_gates(logits_BT2, temperature=self.temperature, noise=self.noise)
            hidden_BTD = layer.weighed(hidden_BTD, gates_BT2, context)
            probabilities_BT2.append(logits_BT2.sigmoid())
        self._cost = compute_share(probabilities_BT2, inside_BT, **self.sizes)
        return hidden_BTD

    def _layers(self) -> Iterator[AmortizedLayer]:
        """The layers, by their type."""
        return cast(Iterator[AmortizedLayer], iter(self.layers))

    def _context(self, position: int, hidden_BTD: Tensor) -> Context:
        """Positions of frames whose first is number `position` of its stream."""
        return dense_context(
            position, hidden_BTD.shape[1], head_dim=self.head_dim, left_context=self.left_context, like=hidden_BTD
        )
