"""Triton kernels of the transducer loss: the steps between the matrix products, and the lattice.

They run on CUDA, and without a GPU in Triton's interpreter (`TRITON_INTERPRET=1`). No atomics: every number has one
writer, so results are the same bytes each time. All arithmetic is float32; the lattice keeps the largest score of a
frame in a float64 offset, so that scores stay small and occupancies exact however long the utterance is.

Shapes: B utterances, T frames, P = U + 1 label positions, V tokens, J joiner width; F frames of a chunk, whose N rows
are the cells of its frames one after the other (`first_row` says where a frame's begin). Of each frame `width`
successive label positions from `begin` on are computed: all of them, or a window.
"""

# mypy: disable-error-code="no-untyped-def, import-not-found, import-untyped"

import triton
import triton.language as tl

MINUS_INF = tl.constexpr(float("-inf"))


@triton.jit
def _log_add(a, b):
    """log(exp(a) + exp(b)), -inf where both are."""
    largest = tl.maximum(a, b)
    largest = tl.where(largest == MINUS_INF, 0.0, largest)
    return largest + tl.log(tl.exp(a - largest) + tl.exp(b - largest))


@triton.jit
def _chain(arc_left, score_left, arc_right, score_right):
    """Join two stretches of a frame: (sum of their label arcs, score at their end)."""
    return arc_left + arc_right, _log_add(score_left + arc_right, score_right)


@triton.jit
def sweep_kernel(
    blank_BTP, label_BTP, frames_B, labels_B, scores_2BTP, offsets_2BT, log_likelihood_B, B, T, P, BLOCK: tl.constexpr
):  # fmt: skip
    """Frame by frame, forward (second grid axis 0) or backward (1); within a frame labels are an associative scan.

    Backward, frames and positions are walked from the end, which makes both directions the same recursion.
    """
    b = tl.program_id(0)
    backward = tl.program_id(1)
    frames = tl.load(frames_B + b)
    last = tl.load(labels_B + b)
    place = tl.arange(0, BLOCK)
    inside = place <= last
    u = tl.where(backward == 1, last - place, place)
    cells = b.to(tl.int64) * T * P
    out = (backward * B + b).to(tl.int64) * T
    row = tl.where(place == 0, 0.0, MINUS_INF)
    offset = tl.zeros((), dtype=tl.float64)
    for step in range(frames):
        t = tl.where(backward == 1, frames - 1 - step, step)
        t_blank = t - 1 + backward
        reach = tl.where(t_blank >= 0, last, -1)  # There is no blank before the first frame.
        blank = tl.load(blank_BTP + cells + t_blank * P + u, mask=place <= reach, other=0.0)
        arcs = tl.load(label_BTP + cells + t * P + u - 1 + backward, mask=inside & (place > 0), other=MINUS_INF)
        arrivals = tl.where(inside, row + blank, MINUS_INF)
        _, row = tl.associative_scan((arcs, arrivals), 0, _chain)
        peak = tl.max(row, 0)
        peak = tl.where(peak == MINUS_INF, 0.0, peak)
        row = row - peak
        offset += peak.to(tl.float64)
        tl.store(scores_2BTP + (out + t) * P + u, row, mask=inside)
        tl.store(offsets_2BT + out + t, offset)
    if backward == 1:
        at_start = tl.sum(tl.where(place == last, row, 0.0), 0)
        tl.store(log_likelihood_B + b, at_start.to(tl.float64) + offset)


@triton.jit
def occupancy_kernel(
    blank_BTP, label_BTP, frames_B, labels_B, scores_2BTP, offsets_2BT, log_likelihood_B,
    blank_occupancy_BTP, label_occupancy_BTP, B, T, P, BLOCK: tl.constexpr,
):  # fmt: skip
    """Posterior probability of each arc of one frame; the outputs hold zeros outside."""
    t = tl.program_id(0)
    b = tl.program_id(1)
    frames = tl.load(frames_B + b)
    last = tl.load(labels_B + b)
    log_likelihood = tl.load(log_likelihood_B + b)
    if (t < frames) & (log_likelihood != MINUS_INF):
        u = tl.arange(0, BLOCK)
        inside = u <= last
        here = b.to(tl.int64) * T + t
        there = (B + b).to(tl.int64) * T + t
        before = tl.load(scores_2BTP + here * P + u, mask=inside, other=MINUS_INF)
        scale = tl.load(offsets_2BT + here) - log_likelihood
        same_frame = (scale + tl.load(offsets_2BT + there)).to(tl.float32)
        reach = tl.where(t + 1 < frames, last, -1)  # After the last frame there is only the end of the path.
        end = tl.where(t + 1 < frames, -1, last)
        next_frame = (scale + tl.load(offsets_2BT + there + 1, mask=t + 1 < frames, other=0.0)).to(tl.float32)
        after_blank = tl.load(scores_2BTP + (there + 1) * P + u, mask=u <= reach, other=MINUS_INF)
        after_blank = tl.where(u == end, 0.0, after_blank)
        after_label = tl.load(scores_2BTP + there * P + u + 1, mask=u < last, other=MINUS_INF)
        blank = tl.load(blank_BTP + here * P + u, mask=inside, other=MINUS_INF)
        label = tl.load(label_BTP + here * P + u, mask=u < last, other=MINUS_INF)
        tl.store(blank_occupancy_BTP + here * P + u, tl.exp(before + blank + after_blank + next_frame), mask=inside)
        tl.store(label_occupancy_BTP + here * P + u, tl.exp(before + label + after_label + same_frame), mask=inside)


@triton.jit
def hidden_kernel(
    encoder_BTJ, predictor_BPJ, hidden_NJ, b_F, t_F, begin_F, first_row_F, width_B, T, P, J,
    BLOCK_P: tl.constexpr, BLOCK_J: tl.constexpr,
):  # fmt: skip
    """tanh(encoder + predictor) of one frame."""
    f = tl.program_id(0)
    b = tl.load(b_F + f)
    t = tl.load(t_F + f)
    s = tl.program_id(1) * BLOCK_P + tl.arange(0, BLOCK_P)
    j = tl.program_id(2) * BLOCK_J + tl.arange(0, BLOCK_J)
    inside = (s < tl.load(width_B + b))[:, None] & (j < J)[None, :]
    u = tl.load(begin_F + f) + s
    encoder = tl.load(encoder_BTJ + (b * T + t) * J + j, mask=j < J, other=0.0).to(tl.float32)
    predictor = tl.load(predictor_BPJ + (b * P + u)[:, None] * J + j[None, :], mask=inside, other=0.0).to(tl.float32)
    hidden = 2.0 * tl.sigmoid(2.0 * (encoder[None, :] + predictor)) - 1.0
    rows = tl.load(first_row_F + f) + s
    tl.store(hidden_NJ + rows[:, None] * J + j[None, :], hidden.to(hidden_NJ.dtype.element_ty), mask=inside)


@triton.jit
def log_probs_kernel(
    logits_NV, bias_V, tokens_BP, b_F, t_F, begin_F, first_row_F, width_B, blank_BTP, label_BTP, log_norm_BTP,
    T, P, TOKENS_P, V, blank, BLOCK_V: tl.constexpr,
):  # fmt: skip
    """Log-softmax of one row, at blank and at its label, by a running maximum and sum."""
    f = tl.program_id(0)
    s = tl.program_id(1)
    b = tl.load(b_F + f)
    if s < tl.load(width_B + b):
        u = tl.load(begin_F + f) + s
        row = logits_NV + (tl.load(first_row_F + f) + s) * V
        largest = tl.full((BLOCK_V,), MINUS_INF, tl.float32)
        total = tl.zeros((BLOCK_V,), tl.float32)
        for start in range(0, V, BLOCK_V):
            v = start + tl.arange(0, BLOCK_V)
            logits = tl.load(row + v, mask=v < V, other=MINUS_INF) + tl.load(bias_V + v, mask=v < V, other=0.0)
            raised = tl.maximum(largest, logits)
            safe = tl.where(raised == MINUS_INF, 0.0, raised)
            total = total * tl.exp(largest - safe) + tl.exp(logits - safe)
            largest = raised
        peak = tl.max(largest, 0)
        peak = tl.where(peak == MINUS_INF, 0.0, peak)
        log_norm = peak + tl.log(tl.sum(total * tl.exp(largest - peak), 0))
        token = tl.load(tokens_BP + b * TOKENS_P + u)
        cell = (b * T + tl.load(t_F + f)) * P + u
        tl.store(log_norm_BTP + cell, log_norm)
        tl.store(blank_BTP + cell, tl.load(row + blank) + tl.load(bias_V + blank) - log_norm)
        tl.store(label_BTP + cell, tl.load(row + token) + tl.load(bias_V + token) - log_norm)


@triton.jit
def logits_gradient_kernel(
    logits_NV, bias_V, tokens_BP, b_F, t_F, begin_F, first_row_F, width_B, log_norm_BTP, grad_blank_BTP, grad_label_BTP,
    grad_NV, T, P, TOKENS_P, V, blank, BLOCK_V: tl.constexpr,
):  # fmt: skip
    """Gradient in the logits of one row: each arc's gradient times (its indicator - softmax)."""
    f = tl.program_id(0)
    s = tl.program_id(1)
    b = tl.load(b_F + f)
    if s < tl.load(width_B + b):
        u = tl.load(begin_F + f) + s
        row = (tl.load(first_row_F + f) + s) * V
        cell = (b * T + tl.load(t_F + f)) * P + u
        log_norm = tl.load(log_norm_BTP + cell)
        of_blank = tl.load(grad_blank_BTP + cell)
        of_label = tl.load(grad_label_BTP + cell)
        token = tl.load(tokens_BP + b * TOKENS_P + u)
        for start in range(0, V, BLOCK_V):
            v = start + tl.arange(0, BLOCK_V)
            logits = tl.load(logits_NV + row + v, mask=v < V, other=0.0) + tl.load(bias_V + v, mask=v < V, other=0.0)
            grad = -(of_blank + of_label) * tl.exp(logits - log_norm)
            grad += tl.where(v == blank, of_blank, 0.0) + tl.where(v == token, of_label, 0.0)
            tl.store(grad_NV + row + v, grad.to(grad_NV.dtype.element_ty), mask=v < V)


@triton.jit
def encoder_gradient_kernel(
    hidden_NJ, grad_hidden_NJ, grad_encoder_BTJ, b_F, t_F, first_row_F, width_B, T, J,
    BLOCK_P: tl.constexpr, BLOCK_J: tl.constexpr,
):  # fmt: skip
    """Through tanh, summed over the label positions that are computed of one frame."""
    f = tl.program_id(0)
    b = tl.load(b_F + f)
    j = tl.program_id(1) * BLOCK_J + tl.arange(0, BLOCK_J)
    width = tl.load(width_B + b)
    first = tl.load(first_row_F + f)
    total = tl.zeros((BLOCK_J,), tl.float32)
    for start in range(0, width, BLOCK_P):
        s = start + tl.arange(0, BLOCK_P)
        inside = (s < width)[:, None] & (j < J)[None, :]
        index = (first + s)[:, None] * J + j[None, :]
        hidden = tl.load(hidden_NJ + index, mask=inside, other=0.0).to(tl.float32)
        grad = tl.load(grad_hidden_NJ + index, mask=inside, other=0.0).to(tl.float32)
        total += tl.sum(grad * (1.0 - hidden * hidden), 0)
    tl.store(grad_encoder_BTJ + (b * T + tl.load(t_F + f)) * J + j, total, mask=j < J)


@triton.jit
def predictor_gradient_kernel(
    hidden_NJ, grad_hidden_NJ, grad_predictor_BPJ, begin_F, first_row_F, width_B, b_S, first_frame_S, frames_S, P, J,
    BLOCK_T: tl.constexpr, BLOCK_J: tl.constexpr,
):  # fmt: skip
    """Through tanh, summed over the frames that one utterance has in this chunk, added to earlier chunks' sum."""
    stretch = tl.program_id(0)
    u = tl.program_id(1)
    b = tl.load(b_S + stretch)
    width = tl.load(width_B + b)
    j = tl.program_id(2) * BLOCK_J + tl.arange(0, BLOCK_J)
    first = tl.load(first_frame_S + stretch)
    end = first + tl.load(frames_S + stretch)
    total = tl.zeros((BLOCK_J,), tl.float32)
    for start in range(first, end, BLOCK_T):
        f = start + tl.arange(0, BLOCK_T)
        s = u - tl.load(begin_F + f, mask=f < end, other=0)
        inside = ((f < end) & (s >= 0) & (s < width))[:, None] & (j < J)[None, :]
        index = (tl.load(first_row_F + f, mask=f < end, other=0) + s)[:, None] * J + j[None, :]
        hidden = tl.load(hidden_NJ + index, mask=inside, other=0.0).to(tl.float32)
        grad = tl.load(grad_hidden_NJ + index, mask=inside, other=0.0).to(tl.float32)
        total += tl.sum(grad * (1.0 - hidden * hidden), 0)
    out = grad_predictor_BPJ + (b * P + u) * J + j
    tl.store(out, tl.load(out, mask=j < J, other=0.0) + total, mask=j < J)
