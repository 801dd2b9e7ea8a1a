"""The loss of a lattice from the joiner's log-probabilities, with the gradient in closed form.

Shapes: B utterances, T frames, P = U + 1 label positions. `log_label_BTP[:, :, U]` is never read.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from isogloss.recognizers.transducer.losses import backends, lattice


def lattice_loss(
    log_blank_BTP: Tensor,
    log_label_BTP: Tensor,
    encoder_lengths_B: Tensor,
    token_lengths_B: Tensor,
    *,
    fastemit: float = 0.0,
) -> Tensor:
    """Negative log-likelihood of each utterance, differentiable in both log-probabilities.

    Values outside an utterance's lengths are never read (they may be NaN) and get gradient 0. The sweep runs
    in float64 (in float32 the occupancies of a thousand frames are wrong by half a percent), the result is
    float32, or float64 for float64 inputs. An utterance without any possible path has loss inf and gradient
    0. A NaN within an utterance makes its own loss and gradient NaN, and nothing of another utterance; where
    its loss takes no part in the result (its incoming gradient is 0), its gradient is 0.

    Parameters
    ----------
    log_blank_BTP, log_label_BTP
        log-probability of blank and of label u + 1 at frame t after u labels, shape (B, T, U + 1).
    encoder_lengths_B, token_lengths_B
        Frames (1..T) and labels (0..U) of each utterance; not checked here.
    fastemit
        lambda of FastEmit (2010.11148): the gradient of `log_label_BTP` is scaled by 1 + lambda, the value is
        not.
    """
    arguments = (log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B)
    if not torch.is_grad_enabled() or not (log_blank_BTP.requires_grad or log_label_BTP.requires_grad):
        if backends.uses_triton(log_blank_BTP):
            return -_forward_backward(*arguments)[0]
        return -lattice.log_likelihood(*arguments)
    loss_B: Tensor = _LatticeLoss.apply(*arguments, fastemit)[0]
    return loss_B


def lattice_loss_and_occupancies(
    log_blank_BTP: Tensor,
    log_label_BTP: Tensor,
    encoder_lengths_B: Tensor,
    token_lengths_B: Tensor,
    *,
    fastemit: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """The loss as `lattice_loss` gives it, and the occupancies of blank and label, which have no graph."""
    loss_B, blank_BTP, label_BTP = _LatticeLoss.apply(
        log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B, fastemit
    )
    return loss_B, blank_BTP, label_BTP


def _forward_backward(*arguments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The sweep's implementation: Triton's if it runs on this device."""
    if backends.uses_triton(arguments[0]):
        from isogloss.recognizers.transducer.losses.lattice_triton import forward_backward

        return forward_backward(*arguments)
    return lattice.forward_backward(*arguments)


class _LatticeLoss(torch.autograd.Function):
    """Loss with analytic gradient: minus the occupancies, the label's scaled by 1 + fastemit."""

    @staticmethod
    def forward(
        ctx: Any,
        log_blank_BTP: Tensor,
        log_label_BTP: Tensor,
        encoder_lengths_B: Tensor,
        token_lengths_B: Tensor,
        fastemit: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sweep forward and backward."""
        ctx.fastemit = fastemit
        ctx.dtypes = (log_blank_BTP.dtype, log_label_BTP.dtype)
        log_likelihood_B, *found = _forward_backward(log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B)
        blank_BTP, label_BTP = (_without_negligible(x_BTP) for x_BTP in found)
        ctx.save_for_backward(blank_BTP, label_BTP)
        ctx.mark_non_differentiable(blank_BTP, label_BTP)
        return -log_likelihood_B, blank_BTP, label_BTP

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_B: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Chain rule with the saved occupancies."""
        blank_BTP, label_BTP = ctx.saved_tensors
        scale_B11 = -grad_B.to(blank_BTP.dtype)[:, None, None]
        grad_blank_BTP = blank_BTP * scale_B11
        grad_label_BTP = label_BTP * (scale_B11 * (1.0 + ctx.fastemit))
        for grad_BTP in (grad_blank_BTP, grad_label_BTP):
            grad_BTP.masked_fill_(scale_B11 == 0, 0.0)  # NaN times 0 is NaN
        return grad_blank_BTP.to(ctx.dtypes[0]), grad_label_BTP.to(ctx.dtypes[1]), None, None, None


def _without_negligible(occupancy_BTP: Tensor) -> Tensor:
    """Set negligible occupancies to 0, in place: together they change no gradient by more than a rounding error.

    The blanks of a frame and the labels of a position have occupancies that add up to 1; what is dropped there adds up
    to less than half of the distance from 1 to the next number below. Cells without a gradient are not recomputed.
    """
    _, frames, positions = occupancy_BTP.shape
    negligible = torch.finfo(occupancy_BTP.dtype).eps / (4 * max(frames, positions))
    return occupancy_BTP.masked_fill_(occupancy_BTP < negligible, 0.0)
