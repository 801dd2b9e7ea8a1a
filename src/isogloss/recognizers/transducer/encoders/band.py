"""Attention to a bounded past, in blocks: time and memory grow with T times the window, not with T squared.

Shape legend: G groups of sequences that share positions, X heads of all sequences of a group, T queries, S keys,
E channels of a head, N blocks, C queries of a block.
"""

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_BLOCK = 64
FAR_PAST = -(2**40)
"""The position of padding keys, which is too far away for any query to see them."""


class Band:
    """Which keys each query sees: those at its own position and up to `left_context` before it.

    Positions are frame numbers in ascending order, gaps allowed. The last T of the S keys stand at the positions of the
    queries, so a query sees at least one key, and never more than `left_context` of the keys in front of its own.

    Queries are cut into blocks of C, each with a window of the C keys at their positions and the `left_context` keys
    before; all full blocks are one batch, and what remains is one block more.

    Parameters
    ----------
    query_positions_GT, key_positions_GS
        Frame numbers, or `FAR_PAST` for padding.
    left_context
        Frames.
    """

    def __init__(self, query_positions_GT: Tensor, key_positions_GS: Tensor, *, left_context: int) -> None:
        self.left_context = left_context
        self.queries = query_positions_GT.shape[1]
        self.block = max(left_context, LEAST_BLOCK)
        if self.queries <= 2 * self.block:
            self.block = self.queries
        self._query_positions_GT = query_positions_GT
        self._key_positions_GS = key_positions_GS

    @cached_property
    def offsets(self) -> list[Tensor]:
        """Frames from key back to query, (G * N, 1, C, W) for each block."""
        query_blocks = self.split(self._query_positions_GT[:, None, :, None])
        key_windows = self.windows(self._key_positions_GS[:, None, :, None], fill=FAR_PAST)
        return [query - key.transpose(2, 3) for query, key in zip(query_blocks, key_windows, strict=True)]

    @cached_property
    def visible(self) -> list[Tensor]:
        """Whether a query sees a key, (G * N, 1, C, W) for each block."""
        return [(offset >= 0) & (offset <= self.left_context) for offset in self.offsets]

    @cached_property
    def _biases(self) -> list[Tensor]:
        """The biases of scores: 0 if a query sees a key, else minus infinity."""
        return [torch.zeros(v.shape, device=v.device).masked_fill(~v, float("-inf")) for v in self.visible]

    def split(self, query_GXTE: Tensor) -> list[Tensor]:
        """Cut queries into blocks: the full ones as one batch (G * N, X, C, E), and the rest."""
        if self.block == self.queries:
            return [query_GXTE]
        full = self.queries // self.block * self.block
        blocks_GXNCE = query_GXTE[:, :, :full].unflatten(2, (-1, self.block))
        blocks = [blocks_GXNCE.transpose(1, 2).flatten(0, 1)]
        return blocks if full == self.queries else [*blocks, query_GXTE[:, :, full:]]

    def windows(self, key_GXSE: Tensor, *, fill: int = 0) -> list[Tensor]:
        """The keys that each block may see: (G * N, X, left_context + C, E), and those of the rest."""
        if self.block == self.queries:
            return [key_GXSE]
        past = key_GXSE.shape[2] - self.queries
        key_GXSE = F.pad(key_GXSE, (0, 0, self.left_context - past, 0), value=fill)
        full = self.queries // self.block * self.block
        span = self.left_context + self.block
        windows_GXNEW = key_GXSE[:, :, : self.left_context + full].unfold(2, span, self.block)
        windows = [windows_GXNEW.permute(0, 2, 1, 4, 3).flatten(0, 1)]
        return windows if full == self.queries else [*windows, key_GXSE[:, :, full:]]

    def join(self, blocks: list[Tensor]) -> Tensor:
        """Join the results for the blocks of `split`: (G, X, T, E)."""
        if self.block == self.queries:
            return blocks[0]
        number = self.queries // self.block
        full_GXTE = blocks[0].unflatten(0, (-1, number)).transpose(1, 2).flatten(2, 3)
        return torch.cat([full_GXTE, *blocks[1:]], dim=2)

    def attend(self, query_GXTE: Tensor, key_GXSE: Tensor, value_GXSE: Tensor) -> Tensor:
        """Softmax attention of each query to the keys it sees: (G, X, T, E)."""
        blocks = zip(
            self.split(query_GXTE), self.windows(key_GXSE), self.windows(value_GXSE), self._biases, strict=True
        )
        return self.join(
            [
                F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
                for query, key, value, bias in blocks
            ]
        )
