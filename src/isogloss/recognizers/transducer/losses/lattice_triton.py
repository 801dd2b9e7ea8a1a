"""The lattice on a GPU: one program an utterance and direction (see `triton_kernels`).

Shapes: B utterances, T frames, P = U + 1 label positions.
"""

import torch
from torch import Tensor

from isogloss.recognizers.transducer.losses import triton_kernels as kernels


def forward_backward(
    log_blank_BTP: Tensor, log_label_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """As `losses.lattice.forward_backward`, in float32 with the frames' largest scores kept in float64."""
    blank_BTP, label_BTP = log_blank_BTP.float().contiguous(), log_label_BTP.float().contiguous()
    batch, frames, positions = blank_BTP.shape
    lengths = encoder_lengths_B.contiguous(), token_lengths_B.contiguous()
    block = _power_of_two(positions)
    scores_2BTP = blank_BTP.new_empty((2, batch, frames, positions))
    offsets_2BT = blank_BTP.new_empty((2, batch, frames), dtype=torch.float64)
    log_likelihood_B = blank_BTP.new_empty(batch, dtype=torch.float64)
    swept = (scores_2BTP, offsets_2BT, log_likelihood_B)
    size = (batch, frames, positions)
    warps = min(8, max(1, block // 64))
    kernels.sweep_kernel[(batch, 2)](blank_BTP, label_BTP, *lengths, *swept, *size, BLOCK=block, num_warps=warps)
    occupancies = torch.zeros_like(blank_BTP), torch.zeros_like(blank_BTP)
    kernels.occupancy_kernel[(frames, batch)](
        blank_BTP, label_BTP, *lengths, *swept, *occupancies, *size, BLOCK=block, num_warps=warps
    )
    return log_likelihood_B.float(), *occupancies


def _power_of_two(number: int) -> int:
    """The least power of two that is not smaller."""
    return 1 << (number - 1).bit_length()
