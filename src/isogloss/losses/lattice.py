"""The transducer lattice: log-likelihood and occupancies by one sweep over anti-diagonals.

Graves 2012 (1211.3711, section 2.4) sums the probability of all paths from (t=0, u=0) that emit blank (t + 1)
or the next label (u + 1). A cell depends only on cells of the previous anti-diagonal n = t + u, so a sweep
takes T + U steps, each over all utterances and positions at once. Two choices of ours make a step two tensor
operations:

- Every utterance is *extended* to the same corner (T, U) by a path of probability one (blanks along its last
  label position up to frame T, then labels along frame T). That changes no likelihood, and no step depends on
  lengths.
- The backward variable is the forward variable of the lattice turned by 180 degrees, and is swept beside it.

Shapes: B utterances, T frames, P = U + 1 label positions, K = T + U steps, R = rows of one step (B * P,
doubled when both directions are swept). `log_label_BTP[:, :, U]` is never read.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from isogloss.losses import backends


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
    0.

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
    loss_B: Tensor = _LatticeLoss.apply(log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B, fastemit)
    return loss_B


def forward_backward(
    log_blank_BTP: Tensor, log_label_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """(log-likelihood_B, occupancy of blank_BTP, occupancy of label_BTP), without autograd.

    An occupancy is the posterior probability that the alignment takes that arc; it is the derivative of the
    log-likelihood in the arc's log-probability. Results are float32, or float64 for float64 inputs.
    """
    log_likelihood_B, blank_BTP, label_BTP = _log_posteriors(
        log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B
    )
    dtype = _result_dtype(log_blank_BTP, log_label_BTP)
    return log_likelihood_B.to(dtype, copy=True), blank_BTP.to(dtype).exp(), label_BTP.to(dtype).exp()


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
    ) -> Tensor:
        """Sweep once; both directions only where a gradient will be asked for."""
        arguments = (log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B)
        ctx.fastemit = fastemit
        ctx.dtypes = (log_blank_BTP.dtype, log_label_BTP.dtype)
        if backends.uses_triton(log_blank_BTP):
            from isogloss.losses.lattice_triton import forward_backward as forward_backward_in_triton

            log_likelihood_B, *occupancies = forward_backward_in_triton(*arguments)
            ctx.save_for_backward(*occupancies)
            return -log_likelihood_B
        if not any(ctx.needs_input_grad):
            return -_log_likelihood(*arguments).to(_result_dtype(log_blank_BTP, log_label_BTP))
        log_likelihood_B, blank_BTP, label_BTP = forward_backward(*arguments)
        ctx.save_for_backward(blank_BTP, label_BTP)
        return -log_likelihood_B

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_B: Tensor) -> tuple[Tensor | None, ...]:
        """Chain rule with the saved occupancies."""
        blank_BTP, label_BTP = ctx.saved_tensors
        scale_B11 = -grad_B.to(blank_BTP.dtype)[:, None, None]
        grad_blank_BTP = (blank_BTP * scale_B11).to(ctx.dtypes[0])
        grad_label_BTP = (label_BTP * (scale_B11 * (1.0 + ctx.fastemit))).to(ctx.dtypes[1])
        return grad_blank_BTP, grad_label_BTP, None, None, None


@torch.inference_mode()  # a step is so short that the bookkeeping of views and versions is a sixth of it
def _log_posteriors(
    log_blank_BTP: Tensor, log_label_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-likelihoods and log-occupancies of blank and label arcs, float64; -inf where there is no arc."""
    inside_BTP = _inside(log_blank_BTP, encoder_lengths_B, token_lengths_B)
    padded_2BTP = _extend(log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B, inside_BTP)
    batch, frames, positions = inside_BTP.shape
    scores_KR = _sweep(_steps(padded_2BTP, padded_2BTP.flip(2, 3)), positions)
    alpha_BTP = _unskew(scores_KR, 0, batch, frames + 1, positions)
    beta_BTP = _unskew(scores_KR, batch * positions, batch, frames + 1, positions).flip(1, 2)
    log_likelihood_B = alpha_BTP[:, -1, -1]
    arcs_2BTP = padded_2BTP[:, :, positions - 1 :][:, :, :frames]
    # With likelihood 0 every path holds an arc of -inf: subtracting a finite number keeps all of them at -inf.
    before_BTP = alpha_BTP[:, :-1] - log_likelihood_B.clamp(min=torch.finfo().min)[:, None, None]
    blank_BTP = (before_BTP + arcs_2BTP[0]).add_(beta_BTP[:, 1:]).masked_fill_(~inside_BTP, -torch.inf)
    label_BTP = before_BTP.add_(arcs_2BTP[1])
    label_BTP[:, :, :-1].add_(beta_BTP[:, :-1, 1:])
    return log_likelihood_B, blank_BTP, label_BTP


@torch.inference_mode()
def _log_likelihood(
    log_blank_BTP: Tensor, log_label_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> Tensor:
    """The forward direction alone."""
    inside_BTP = _inside(log_blank_BTP, encoder_lengths_B, token_lengths_B)
    padded_2BTP = _extend(log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B, inside_BTP)
    positions = inside_BTP.shape[2]
    return _sweep(_steps(padded_2BTP), positions)[-1, :-1:positions]


def _inside(like_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor) -> Tensor:
    """True at the cells of each utterance."""
    _, frames, positions = like_BTP.shape
    frame_T = torch.arange(frames, device=like_BTP.device)
    position_P = torch.arange(positions, device=like_BTP.device)
    return (frame_T < encoder_lengths_B[:, None])[:, :, None] & (position_P <= token_lengths_B[:, None])[:, None]


def _extend(
    log_blank_BTP: Tensor,
    log_label_BTP: Tensor,
    encoder_lengths_B: Tensor,
    token_lengths_B: Tensor,
    inside_BTP: Tensor,
) -> Tensor:
    """Blank and label arcs of the extended lattice, with U frames of -inf before and after it.

    Shape (2, B, U + T + 1 + U, P); arcs on the added path are 0, all others outside an utterance -inf.
    """
    batch, frames, positions = log_blank_BTP.shape
    labels = positions - 1
    padded_2BTP = log_blank_BTP.new_full(
        (2, batch, frames + 1 + 2 * labels, positions),
        -torch.inf,
        dtype=_result_dtype(log_blank_BTP, log_label_BTP),
    )
    arcs_2BTP = padded_2BTP[:, :, labels : labels + frames]
    position_P = torch.arange(positions, device=log_blank_BTP.device)
    frame_T = torch.arange(frames, device=log_blank_BTP.device)
    last_B1P = (position_P == token_lengths_B[:, None])[:, None]
    waiting_BTP = (frame_T >= encoder_lengths_B[:, None])[:, :, None] & last_B1P
    arcs_2BTP[0].copy_(log_blank_BTP).masked_fill_(~inside_BTP, -torch.inf).masked_fill_(waiting_BTP, 0.0)
    arcs_2BTP[1].copy_(log_label_BTP).masked_fill_(~inside_BTP | last_B1P, -torch.inf)
    closing_BP = (position_P >= token_lengths_B[:, None]) & (position_P < labels)
    padded_2BTP[1, :, labels + frames].masked_fill_(closing_BP, 0.0)
    return padded_2BTP


def _result_dtype(*log_probs: Tensor) -> torch.dtype:
    """float32, or float64 where an input has it."""
    return torch.float64 if any(x.dtype == torch.float64 for x in log_probs) else torch.float32


def _steps(*directions_2BTP: Tensor) -> Tensor:
    """The arcs into each anti-diagonal, shape (K, 2, R), positions in descending order.

    The first tensor is the padded lattice, a second one the same turned by 180 degrees. Forward, an arc's
    weight lies on the cell that it leaves; in the turned lattice on the cell that it enters.
    """
    _, batch, rows, positions = directions_2BTP[0].shape
    labels = positions - 1
    num_steps = rows - 1 - labels
    # Descending positions turn the skew x[b, n - u, u] into a view with positive strides.
    size = (num_steps, batch, positions)
    strides = (positions, rows * positions, max(labels, 1))
    kind = batch * rows * positions
    offsets = ((labels, kind + 2 * labels), (labels + positions, kind + labels + positions))
    steps_K2DBP = directions_2BTP[0].new_empty(
        (num_steps, 2, len(directions_2BTP), batch, positions), dtype=torch.float64
    )
    for direction, (padded_2BTP, both) in enumerate(zip(directions_2BTP, offsets, strict=False)):
        for index, offset in enumerate(both):
            steps_K2DBP[:, index, direction] = padded_2BTP.as_strided(size, strides, offset)
    return steps_K2DBP.view(num_steps, 2, -1)


def _sweep(steps_K2R: Tensor, positions: int) -> Tensor:
    """Log-scores of all anti-diagonals, shape (K + 1, R + 1), the last column a guard of -inf."""
    num_steps, _, rows = steps_K2R.shape
    scores_KR = steps_K2R.new_empty((num_steps + 1, rows + 1))
    scores_KR[0] = -torch.inf
    scores_KR[:, -1] = -torch.inf
    scores_KR[0, positions - 1 : rows : positions] = 0.0
    # Row r is reached by blank from r and by label from r + 1: two overlapping views of one vector.
    sources = scores_KR.as_strided((num_steps + 1, 2, rows), (rows + 1, 1, 1)).unbind()
    targets = scores_KR[:, :-1].unbind()
    arrivals_2R = steps_K2R.new_empty((2, rows))
    by_blank_R, by_label_R = arrivals_2R.unbind()
    for source_2R, step_2R, target_R in zip(sources[:-1], steps_K2R.unbind(), targets[1:], strict=True):
        torch.add(source_2R, step_2R, out=arrivals_2R)
        torch.logaddexp(by_blank_R, by_label_R, out=target_R)
    return scores_KR


def _unskew(scores_KR: Tensor, offset: int, batch: int, frames: int, positions: int) -> Tensor:
    """The scores from row `offset` on as a view of shape (B, T, P) of the (extended) lattice."""
    stride = scores_KR.shape[1]
    return scores_KR.as_strided((batch, frames, positions), (positions, stride, stride - 1), offset + positions - 1)
