"""A direct implementation of the definition of the transducer loss: the reference for tests and benchmarks.

It consists of plain loops on full logits under autograd (Graves 2012, 1211.3711, section 2.4), and is slow and large on
purpose.

Shapes: B utterances, T frames, U labels, V tokens.
"""

import torch
from torch import Tensor


def reference_transducer_loss(
    logits_BTUV: Tensor,
    tokens_BU: Tensor,
    encoder_lengths_B: Tensor,
    token_lengths_B: Tensor,
    *,
    blank: int = 0,
) -> Tensor:
    """Loss of each utterance, shape (B,), from unnormalised logits of shape (B, T, U + 1, V)."""
    log_probs_BTUV = logits_BTUV.log_softmax(-1)
    log_blank_BTP = log_probs_BTUV[..., blank]
    index_BTU1 = tokens_BU[:, None, :, None].expand(-1, logits_BTUV.shape[1], -1, 1)
    log_label_BTU = log_probs_BTUV[:, :, :-1].gather(-1, index_BTU1)[..., 0]
    return reference_lattice_loss(log_blank_BTP, log_label_BTU, encoder_lengths_B, token_lengths_B)


def reference_lattice_loss(
    log_blank_BTP: Tensor, log_label_BTU: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> Tensor:
    """Loss of each utterance from log-probabilities of blank (B, T, U + 1) and of the next label (B, T, U)."""
    _, frames, positions = log_blank_BTP.shape
    alpha: list[list[Tensor]] = []
    for t in range(frames):
        row: list[Tensor] = []
        for u in range(positions):
            arrivals = []
            if t > 0:
                arrivals.append(alpha[t - 1][u] + log_blank_BTP[:, t - 1, u])
            if u > 0:
                arrivals.append(row[u - 1] + log_label_BTU[:, t, u - 1])
            start = torch.zeros_like(log_blank_BTP[:, 0, 0])
            row.append(torch.logsumexp(torch.stack(arrivals), 0) if arrivals else start)
        alpha.append(row)
    losses = [
        -(alpha[t - 1][u][b] + log_blank_BTP[b, t - 1, u])
        for b, (t, u) in enumerate(zip(encoder_lengths_B.tolist(), token_lengths_B.tolist(), strict=True))
    ]
    return torch.stack(losses)
