"""Self-attention of some frames only.

A frame whose gate is closed has no query, key or value: nothing is computed for it and no other frame attends to it.
That holds in training, where gates weigh keys, as in offline and streamed inference, where closed frames are left out.

Shape legend in `isogloss.recognizers.transducer`; H heads, E channels of a head, S keys, N open frames of a batch, A
slots for the open frames of an utterance.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from isogloss.recognizers.transducer.encoders.attention import CausalSelfAttention, Context
from isogloss.recognizers.transducer.encoders.band import FAR_PAST, Band

LARGEST_LEAD = 10.0
"""Largest lead of a closed frame's score over the best score of an open frame; beyond it the gradient does not grow."""


class SparseCache(NamedTuple):
    """Keys and values, side by side (B, S, 2 * H, E), of the past's open frames, and their numbers.

    `FAR_PAST` is the number of an empty slot.
    """

    pairs_BSHE: Tensor
    positions_BS: Tensor


class GatedSelfAttention(CausalSelfAttention):
    """Attention among the frames whose gates are open; without gates, `CausalSelfAttention`."""

    def weigh(self, input_BTD: Tensor, gates_BT: Tensor, context: Context) -> Tensor:
        """Attend within whole utterances with keys weighed by gates of 0 or 1, differentiably: (B, T, D).

        A frame sees itself even if its gate is closed, since the gradient of its gate depends on what it would compute
        if it were open. The caller multiplies the output of closed frames by zero.
        """
        query_BHTE, key_BHTE, value_BHTE = self.project(input_BTD, context)
        band = context.band
        queries, keys, values = (
            part(tensor.flatten(0, 1).unsqueeze(0))
            for part, tensor in ((band.split, query_BHTE), (band.windows, key_BHTE), (band.windows, value_BHTE))
        )
        gates_GXS1 = gates_BT.repeat_interleave(self.heads, dim=0)[None, :, :, None]
        gates = band.windows(gates_GXS1)
        attended_GXTE = band.join(
            [_weighed(*block) for block in zip(queries, keys, values, gates, band.offsets, band.visible, strict=True)]
        )
        attended_BHTE = attended_GXTE.squeeze(0).unflatten(0, (-1, self.heads))
        return self.output(attended_BHTE.transpose(1, 2).flatten(2))

    def skip(
        self, frames_ND: Tensor, slots: "Slots", context: Context, cache: SparseCache | None
    ) -> tuple[Tensor, SparseCache]:
        """Attend from open frames to open frames, those of the cache included; nothing else is computed.

        Parameters
        ----------
        frames_ND
            The open frames of all utterances, in the order of `slots`.
        slots
            Where they stand.
        context
            That of the whole chunk.
        cache
            Of the chunks before, None at the start.

        Returns
        -------
        The output of the open frames, (N, D), and the cache for the next chunk.
        """
        cosine_N1E, sine_N1E = context.cosine_GT1E[0, slots.frame_N], context.sine_GT1E[0, slots.frame_N]
        both_NHE, value_NHE = self.project_frames(frames_ND, cosine_N1E, sine_N1E)
        packed_BAHE = slots.pack(torch.cat([both_NHE, value_NHE], dim=1))
        query_BAHE, pairs_BSHE = packed_BAHE.split([self.heads, 2 * self.heads], dim=2)
        positions_BA = positions_BS = slots.positions_BA
        if cache is not None:
            pairs_BSHE = torch.cat([cache.pairs_BSHE, pairs_BSHE], dim=1)
            positions_BS = torch.cat([cache.positions_BS, positions_BA], dim=1)
        band = Band(positions_BA, positions_BS, left_context=self.left_context)
        attended_BHAE = band.attend(query_BAHE.transpose(1, 2), *pairs_BSHE.transpose(1, 2).chunk(2, dim=1))
        output_ND = self.output(slots.unpack(attended_BHAE.transpose(1, 2).flatten(2)))
        oldest = slots.next_position - self.left_context
        return output_ND, _recent(SparseCache(pairs_BSHE, positions_BS), oldest=oldest)


class Slots:
    """Where the open frames of a chunk stand: in the chunk, and packed to the front of their utterance.

    Parameters
    ----------
    open_BT
        Which frames are open.
    first_position
        The number of the chunk's first frame in its stream.
    """

    def __init__(self, open_BT: Tensor, *, first_position: int) -> None:
        self.batch, frames = open_BT.shape
        self.index_N = open_BT.flatten().nonzero().squeeze(1)
        """The open frames among all B * T of the chunk."""
        self.row_N, self.frame_N = self.index_N // frames, self.index_N % frames
        self.next_position = first_position + frames
        self.slot_N = (open_BT.cumsum(dim=1).flatten()[self.index_N] - 1) if self.batch > 1 else None
        self.width = len(self.index_N) if self.slot_N is None else int(open_BT.sum(dim=1).max())
        self.positions_BA = self.pack(self.frame_N + first_position, fill=FAR_PAST)

    def pack(self, frames_N: Tensor, *, fill: int = 0) -> Tensor:
        """Open frames (N, ...) in the order of their utterances: (B, A, ...)."""
        if self.slot_N is None:
            return frames_N.unsqueeze(0)
        empty_BA = frames_N.new_full((self.batch, self.width, *frames_N.shape[1:]), fill)
        return empty_BA.index_put((self.row_N, self.slot_N), frames_N)

    def unpack(self, packed_BA: Tensor) -> Tensor:
        """The reverse: (B, A, ...) -> (N, ...)."""
        return packed_BA.squeeze(0) if self.slot_N is None else packed_BA[self.row_N, self.slot_N]


def _recent(cache: SparseCache, *, oldest: int) -> SparseCache:
    """The cache without frames before number `oldest`; what is left of each stream stands at the end."""
    pairs_BSHE, positions_BS = cache
    batch, slots = positions_BS.shape
    start = slots - int((positions_BS >= oldest).sum(dim=1).max())
    if batch == 1:
        return SparseCache(pairs_BSHE[:, start:], positions_BS[:, start:])
    positions_BS, order_BS = positions_BS.sort(dim=1, stable=True)
    rows_B1 = torch.arange(batch, device=order_BS.device).unsqueeze(1) * slots
    # This copies whole rows of memory; a gather would copy channel by channel.
    kept_XHE = pairs_BSHE.flatten(0, 1).index_select(0, (rows_B1 + order_BS[:, start:]).flatten())
    return SparseCache(kept_XHE.unflatten(0, (batch, slots - start)), positions_BS[:, start:])


def _weighed(
    query_GXCE: Tensor, key_GXWE: Tensor, value_GXWE: Tensor, gates_GXW1: Tensor, offset_G1CW: Tensor, visible: Tensor
) -> Tensor:
    """Softmax attention whose weights are multiplied by the keys' gates before they are normalised."""
    scores_GXCW = query_GXCE @ key_GXWE.transpose(2, 3) * query_GXCE.shape[3] ** -0.5
    open_GXCW = torch.where(offset_G1CW == 0, 1.0, gates_GXW1.transpose(2, 3)) * visible
    top_GXC1 = scores_GXCW.masked_fill(open_GXCW == 0, float("-inf")).amax(dim=3, keepdim=True).detach()
    weights_GXCW = (scores_GXCW - top_GXC1).clamp(max=LARGEST_LEAD).exp() * open_GXCW
    return weights_GXCW @ value_GXWE / weights_GXCW.sum(dim=3, keepdim=True)
