"""Causal multi-head self-attention with a bounded left context, for whole utterances and for streams.

Positions enter by rotation of queries and keys (RoFormer, 2104.09864), so that a score depends on the distance of two
frames alone and a key that was rotated once stays valid in the cache of a stream (our choice: the Conformer's relative
encoding of Transformer-XL needs another product for each pair).

Shape legend in `isogloss.recognizers.transducer`; H heads, E channels of a head, S keys.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from isogloss.errors import ModelError
from isogloss.recognizers.transducer.encoders.band import Band


class Context(NamedTuple):
    """Data that the attention layers of one pass share: the frames' positions, as a band and as rotations."""

    band: Band
    cosine_GT1E: Tensor
    sine_GT1E: Tensor


class KeyValueCache(NamedTuple):
    """Keys and values of the past frames that the next ones may attend to, at most `left_context`."""

    key_BHSE: Tensor
    value_BHSE: Tensor


class CausalSelfAttention(nn.Module):
    """Each frame attends to itself and to `left_context` frames before it.

    Parameters
    ----------
    dim
        D.
    heads
        H; D / H must be an even whole number.
    left_context
        Encoder frames.

    Raises
    ------
    ModelError
        D / H is not an even whole number.
    """

    def __init__(self, dim: int, *, heads: int, left_context: int) -> None:
        super().__init__()
        if dim % (2 * heads):
            raise ModelError(f"{dim} channels do not go into {heads} heads of an even width; change one of the two")
        self.heads = heads
        self.left_context = left_context
        self.input = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)

    def forward(self, input_BTD: Tensor, context: Context) -> Tensor:
        """Attend within whole utterances: (B, T, D) -> (B, T, D); `context` is that of `dense_context`."""
        query_BHTE, key_BHTE, value_BHTE = self.project(input_BTD, context)
        return self.attend(query_BHTE, key_BHTE, value_BHTE, context.band)

    def stream(self, chunk_BTD: Tensor, context: Context, cache: KeyValueCache | None) -> tuple[Tensor, KeyValueCache]:
        """Attend from the next frames to themselves and the cache."""
        query_BHTE, key_BHSE, value_BHSE = self.project(chunk_BTD, context)
        if cache is not None:
            key_BHSE = torch.cat([cache.key_BHSE, key_BHSE], dim=2)
            value_BHSE = torch.cat([cache.value_BHSE, value_BHSE], dim=2)
        output_BTD = self.attend(query_BHTE, key_BHSE, value_BHSE, context.band)
        oldest = max(0, key_BHSE.shape[2] - self.left_context)
        return output_BTD, KeyValueCache(key_BHSE[:, :, oldest:], value_BHSE[:, :, oldest:])

    def project(self, input_BTD: Tensor, context: Context) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries, rotated keys, and values of frames: each (B, H, T, E)."""
        both_BTHE, value_BTHE = self.project_frames(input_BTD, context.cosine_GT1E, context.sine_GT1E)
        query_BHTE, key_BHTE = both_BTHE.transpose(1, 2).chunk(2, dim=1)
        return query_BHTE, key_BHTE, value_BTHE.transpose(1, 2)

    def project_frames(self, input_XD: Tensor, cosine_X1E: Tensor, sine_X1E: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys side by side (..., 2 * H, E), rotated, and values (..., H, E), of frames in any shape."""
        heads_XHE = self.input(input_XD).unflatten(-1, (3 * self.heads, -1))
        return rotate(heads_XHE[..., : 2 * self.heads, :], cosine_X1E, sine_X1E), heads_XHE[..., 2 * self.heads :, :]

    def attend(self, query_BHTE: Tensor, key_BHSE: Tensor, value_BHSE: Tensor, band: Band) -> Tensor:
        """Attention of all heads, put together: (B, T, D). All sequences share the band's positions."""
        batch = query_BHTE.shape[0]
        one_group = [tensor.flatten(0, 1).unsqueeze(0) for tensor in (query_BHTE, key_BHSE, value_BHSE)]
        attended_BHTE = band.attend(*one_group).squeeze(0).unflatten(0, (batch, self.heads))
        return self.output(attended_BHTE.transpose(1, 2).flatten(2))


def dense_context(first: int, frames: int, *, head_dim: int, left_context: int, like: Tensor) -> Context:
    """The context of frames `first` to `first + frames - 1` of streams whose earlier frames are all in the cache."""
    positions_GS = torch.arange(max(0, first - left_context), first + frames, device=like.device).unsqueeze(0)
    positions_GT = positions_GS[:, positions_GS.shape[1] - frames :]
    band = Band(positions_GT, positions_GS, left_context=left_context)
    return Context(band, *rotations(positions_GT, head_dim, like=like))


def rotations(positions_X: Tensor, head_dim: int, *, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angles by which a head at these positions is rotated: (..., 1, E / 2) each."""
    # In double precision: a stream of hours reaches positions whose angles a float would blur.
    half = torch.arange(head_dim // 2, device=like.device, dtype=torch.float64)
    angles_XE = positions_X.unsqueeze(-1) * 10_000.0 ** (-2.0 * half / head_dim)
    return angles_XE.cos().to(like.dtype).unsqueeze(-2), angles_XE.sin().to(like.dtype).unsqueeze(-2)


def rotate(heads_XHE: Tensor, cosine_X1E: Tensor, sine_X1E: Tensor) -> Tensor:
    """Rotate the first half of a head's channels against the second (RoFormer, section 3.4)."""
    first_XHE, second_XHE = heads_XHE.chunk(2, dim=-1)
    return torch.cat(
        [first_XHE * cosine_X1E - second_XHE * sine_X1E, first_XHE * sine_X1E + second_XHE * cosine_X1E], dim=-1
    )
