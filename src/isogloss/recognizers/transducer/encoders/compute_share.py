"""The computation of gated Transformer layers as a share of the dense layers'.

A frame costs, with D channels, F units of the feed-forward block and a multiply-add as two operations:

- attention block open: 8 D^2 for its query, key, value and output, and 4 D for each frame it attends to;
- feed-forward block open: 4 D F.

A frame attends to itself and to those of the `left_context` frames before it whose attention block is open, so
attention falls with the square of its open share. These are the products that `isogloss.recognizers.transducer.flops`
counts, without the front end and the arbitrators, which are always computed.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def compute_share(
    open_BT2: Sequence[Tensor], inside_BT: Tensor, *, dim: int, feed_forward: int, left_context: int
) -> Tensor:
    """Operations of all layers over those of the same layers with every gate open; padding counts in neither.

    Parameters
    ----------
    open_BT2
        For each layer the gates of the attention and the feed-forward block, or probabilities that they are open: then
        the expected operations, as if the gates of a layer were independent.
    inside_BT
        True where a frame belongs to its utterance.
    dim, feed_forward, left_context
        D, F, and how many frames attention looks back.

    Returns
    -------
    A scalar between 0 and 1, differentiable.
    """
    inside_BT2 = inside_BT.unsqueeze(-1).expand(*inside_BT.shape, 2).to(open_BT2[0].dtype)
    sizes = {"dim": dim, "feed_forward": feed_forward, "left_context": left_context}
    spent = torch.stack([_operations(layer_BT2 * inside_BT2, **sizes) for layer_BT2 in open_BT2]).sum()
    return spent / (len(open_BT2) * _operations(inside_BT2, **sizes))


def _operations(open_BT2: Tensor, *, dim: int, feed_forward: int, left_context: int) -> Tensor:
    """Operations of one layer."""
    attention_BT, feed_forward_BT = open_BT2.unbind(-1)
    # Open frames before each within its window; a pooling is deterministic on every device, a cumulative sum is not.
    before_B1T = F.pad(attention_BT[:, None, :-1], (left_context, 0))
    past_BT = left_context * F.avg_pool1d(before_B1T, left_context, stride=1).squeeze(1)
    pairs = (attention_BT * (1.0 + past_BT)).sum()
    return 8 * dim**2 * attention_BT.sum() + 4 * dim * pairs + 4 * dim * feed_forward * feed_forward_BT.sum()
