"""The transducer lattice: log-likelihood and occupancies by one sweep over anti-diagonals and one back.

Graves 2012 (1211.3711, section 2.4) sums the probability of all paths from (t=0, u=0) that emit blank (t + 1) or the
next label (u + 1). A cell depends only on cells of the previous anti-diagonal n = t + u, so a sweep takes T + U steps,
each over all utterances and positions at once. These choices of ours keep a step to a few calls:

- Every utterance is *extended* to the same corner (T, U) by a path of probability one (blanks along its last
  label position up to frame T, then labels along frame T). That changes no likelihood, and no step depends on
  lengths.
- Instead of backward scores, the backward sweep carries occupancies: a cell's occupancy is divided among the two arcs
  that reach it, by their share of its forward score. This needs only products of numbers between 0 and 1.
- Arcs are laid out by anti-diagonals: a row for each position, descending, of which each holds all utterances. "One
  label more" is then B places before, and every place reads places of its own utterance only, so that no NaN spreads
  to another. Shares and occupancies are laid out likewise.
- The calls themselves are a large part of the cost of such a short step: NumPy's arithmetic, on the same memory, is
  called at half the cost of torch's, while torch's log-add-exp is the vectorised one. So the sweep runs on the CPU,
  wherever its inputs are.

Shapes: B utterances, T frames, P = U + 1 label positions, K = T + U steps, R = P * B places of a step, Q = R + B with a
guard row. `log_label_BTP[:, :, U]` is never read.
"""

import numpy as np
import torch
from torch import Tensor

from isogloss.recognizers.transducer.losses.workspace import Workspace

_workspace = Workspace()


def forward_backward(
    log_blank_BTP: Tensor, log_label_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """(log-likelihood_B, occupancy of blank_BTP, occupancy of label_BTP), without autograd.

    The sweep runs in float64: in float32 the occupancies of a thousand frames are wrong by half a percent. Values
    outside an utterance's lengths are never read (they may be NaN).

    An occupancy is the posterior probability that the alignment takes that arc; it is the derivative of the
    log-likelihood in the arc's log-probability. Results are float32, or float64 for float64 inputs.
    """
    results = _occupancies(*(x.cpu() for x in (log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B)))
    # Copies, because tensors made in inference mode cannot be saved for a backward pass.
    log_likelihood_B, blank_BTP, label_BTP = (x.to(log_blank_BTP.device, copy=True) for x in results)
    return log_likelihood_B, blank_BTP, label_BTP


@torch.inference_mode()  # A step is so short that the bookkeeping of views and versions would take a sixth of it.
def _occupancies(
    log_blank_BTP: Tensor, log_label_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-likelihoods, and occupancies of blank and label arcs."""
    (batch, frames, positions), dtype = log_blank_BTP.shape, _result_dtype(log_blank_BTP, log_label_BTP)
    inside_BTP = _inside(log_blank_BTP, encoder_lengths_B, token_lengths_B)
    arcs_K2Q = _extended_arcs(log_blank_BTP, log_label_BTP, token_lengths_B, inside_BTP)
    scores_KQ = _sweep(arcs_K2Q, batch)
    log_likelihood_B = scores_KQ[-1, :batch].to(dtype, copy=True)
    # What arrives along an arc: the score before it plus its log-probability (a label comes from the next row). Where
    # nothing arrives, a cell's score is -inf too: subtracting a finite number keeps the shares at 0.
    num_steps, _, num_places = arcs_K2Q.shape
    before_K2R = scores_KQ.as_strided((num_steps, 2, num_places - batch), (num_places, batch, 1))
    arcs_K2Q[:, :, :-batch] += before_K2R
    shares_K2Q = _workspace.take("shares", arcs_K2Q.shape, dtype)
    torch.sub(arcs_K2Q, scores_KQ[1:, None].clamp_(min=torch.finfo().min), out=shares_K2Q)
    np.exp(shares_K2Q.numpy(), out=shares_K2Q.numpy())
    _share_out(shares_K2Q, batch)
    blank_BTP = _by_cell(shares_K2Q, 0, inside_BTP.shape).masked_fill(~inside_BTP, 0.0)
    label_BTP = torch.zeros_like(blank_BTP)
    # A label arc lies inside if the cell that it enters does; after a NaN the others would be NaN too.
    label_BTU = _by_cell(shares_K2Q, 1, (batch, frames, positions - 1))
    label_BTP[:, :, :-1] = label_BTU.masked_fill(~inside_BTP[:, :, 1:], 0.0)
    return log_likelihood_B, blank_BTP, label_BTP


def log_likelihood(
    log_blank_BTP: Tensor, log_label_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> Tensor:
    """Only the log-likelihood, without the backward sweep: (B,)."""
    arguments = (x.cpu() for x in (log_blank_BTP, log_label_BTP, encoder_lengths_B, token_lengths_B))
    return _log_likelihood(*arguments).to(log_blank_BTP.device, copy=True)


@torch.inference_mode()
def _log_likelihood(
    log_blank_BTP: Tensor, log_label_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> Tensor:
    """The forward sweep."""
    inside_BTP = _inside(log_blank_BTP, encoder_lengths_B, token_lengths_B)
    batch = len(inside_BTP)
    scores_KQ = _sweep(_extended_arcs(log_blank_BTP, log_label_BTP, token_lengths_B, inside_BTP), batch)
    return scores_KQ[-1, :batch].to(_result_dtype(log_blank_BTP, log_label_BTP), copy=True)


def _result_dtype(*log_probs: Tensor) -> torch.dtype:
    """float32, or float64 where an input has it."""
    return torch.float64 if any(x.dtype == torch.float64 for x in log_probs) else torch.float32


def _inside(like_BTP: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor) -> Tensor:
    """True at the cells of each utterance."""
    _, frames, positions = like_BTP.shape
    frame_T, position_P = torch.arange(frames), torch.arange(positions)
    return (frame_T < encoder_lengths_B[:, None])[:, :, None] & (position_P <= token_lengths_B[:, None])[:, None]


def _extended_arcs(log_blank_BTP: Tensor, log_label_BTP: Tensor, token_lengths_B: Tensor, inside_BTP: Tensor) -> Tensor:
    """The blank and label arcs of the extended lattice by their step, shape (K, 2, Q).

    Arcs on the added path are 0, all others outside an utterance -inf, and so is the guard.
    """
    batch, frames, positions = log_blank_BTP.shape
    labels = positions - 1
    arcs_K2Q = _workspace.take("arcs", (frames + labels, 2, batch * (positions + 1)), torch.float64).fill_(-torch.inf)
    ahead_BP = token_lengths_B[:, None] - torch.arange(positions)  # labels still to come
    nothing = log_blank_BTP.new_tensor(-torch.inf, dtype=_result_dtype(log_blank_BTP, log_label_BTP))
    waiting_B1P = torch.where(ahead_BP == 0, 0.0, nothing)[:, None]
    _by_cell(arcs_K2Q, 0, inside_BTP.shape).copy_(torch.where(inside_BTP, log_blank_BTP, waiting_B1P))
    if labels:
        # A label arc lies inside if the cell that it enters does.
        label_BTU = _by_cell(arcs_K2Q, 1, (batch, frames + 1, labels))
        label_BTU[:, :-1] = torch.where(inside_BTP[:, :, 1:], log_label_BTP[:, :, :-1], nothing)
        label_BTU[:, -1].masked_fill_(ahead_BP[:, :-1] <= 0, 0.0)
    return arcs_K2Q


def _by_cell(skewed_K2Q: Tensor, kind: int, shape: tuple[int, ...]) -> Tensor:
    """The arcs of one kind (0 blank, 1 label) as a view by the cell (b, t, u) that they leave.

    An arc belongs to step t + u and to the row of the position that it enters: row U - u by blank and U - u - 1 by
    label. The shape holds labels 0..U for blank and 0..U - 1 for label.
    """
    num_places, batch = skewed_K2Q.shape[2], shape[0]
    return skewed_K2Q.as_strided(
        shape, (1, 2 * num_places, 2 * num_places - batch), kind * num_places + (shape[2] - 1) * batch
    )


def _sweep(arcs_K2Q: Tensor, batch: int) -> Tensor:
    """Log-scores of all anti-diagonals, shape (K + 1, Q)."""
    num_steps, _, num_places = arcs_K2Q.shape
    scores_KQ = _workspace.take("scores", (num_steps + 1, num_places), torch.float64)
    scores_KQ[0] = -torch.inf
    scores_KQ[:, -batch:] = -torch.inf
    scores_KQ[0, -2 * batch : -batch] = 0.0
    arrivals_2R = arcs_K2Q.new_empty((2, num_places - batch))
    by_blank_R, by_label_R = arrivals_2R.unbind()
    into_blank_R, into_label_R = arrivals_2R.numpy()
    before_KQ, (blank_KQ, label_KQ) = scores_KQ[:-1].numpy(), arcs_K2Q.numpy().swapaxes(0, 1)
    # A row is reached by blank from itself and by label from the next one.
    steps = zip(before_KQ[:, :-batch], blank_KQ[:, :-batch], before_KQ[:, batch:], label_KQ[:, :-batch], strict=True)
    add, log_add_exp = np.add, torch.logaddexp
    for (same_R, blank_R, next_R, label_R), target_R in zip(steps, scores_KQ[1:, :-batch].unbind(), strict=True):
        add(same_R, blank_R, out=into_blank_R)
        add(next_R, label_R, out=into_label_R)
        log_add_exp(by_blank_R, by_label_R, out=target_R)
    return scores_KQ


def _share_out(shares_K2Q: Tensor, batch: int) -> None:
    """Turn shares into occupancies, in place, from the last cell of each utterance back to its first."""
    num_steps, _, num_places = shares_K2Q.shape
    occupancy_R = shares_K2Q.new_zeros(num_places - batch)
    occupancy_R[:batch] = 1.0
    blank_KR, label_KR = shares_K2Q[:, :, :-batch].numpy().swapaxes(0, 1)
    # A row is left by blank to itself and by label to the row before; before the first row lies the guard of blank.
    leaving_KR = shares_K2Q.as_strided((num_steps, num_places - batch), (2 * num_places, 1), num_places - batch).numpy()
    here_R, multiply, add = occupancy_R.numpy(), np.multiply, np.add
    for blank_R, label_R, leaving_R in zip(blank_KR[::-1], label_KR[::-1], leaving_KR[::-1], strict=True):
        multiply(here_R, blank_R, out=blank_R)
        multiply(here_R, label_R, out=label_R)
        add(blank_R, leaving_R, out=here_R)
