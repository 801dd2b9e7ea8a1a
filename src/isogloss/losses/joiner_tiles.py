"""Blank and label log-probabilities of a joiner, in tiles that are computed again for the gradient.

The logits of a transducer are (B, T, U + 1, V): the tensor that fills the memory. The loss needs two numbers
of each row of V, and the gradient in the logits is known in closed form (softmax times the arcs' gradients,
minus those gradients at blank and label), so one tile of rows at a time is enough, forward and backward.
Recomputing costs one matrix product more than the three of plain autograd. This is the idea of fused
cross-entropy over vocabulary chunks, applied to the lattice; tiling and layout are our choice.

A tile holds whole frames of one utterance and only its own cells: padding is neither computed nor read.

Shapes: B utterances, T frames, P = U + 1 label positions, V tokens, J joiner width, N rows of a tile (frames
* P).
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE_NUMBERS = {"cpu": 1 << 18, "cuda": 1 << 24}
"""Numbers in a tile's largest matrix: 1 MiB of float32 stays in a core's cache, 64 MiB keep a GPU busy."""

Lengths = list[tuple[int, int]]
"""(frames, label positions) of each utterance."""

Tile = tuple[int, slice, slice]
"""Index of an utterance, its frames, its label positions."""


def joiner_log_probs(
    encoder_BTJ: Tensor,
    predictor_BPJ: Tensor,
    weight_VJ: Tensor,
    bias_V: Tensor | None,
    labels_BP: Tensor,
    lengths: Lengths,
    *,
    blank: int,
) -> tuple[Tensor, Tensor]:
    """(log P(blank), log P(next label)) of `log_softmax(tanh(encoder + predictor) @ weight.T + bias)`.

    Both have shape (B, longest frames, longest P), float32 (float64 for float64 inputs); cells outside an
    utterance hold 0. Sums and products are made in that precision too. Gradients reach encoder, predictor,
    weight and bias, and are exactly 0 on padding. `labels_BP` holds a valid token everywhere; at its last
    position gradients of the second output must be 0.
    """
    log_blank_BTP, log_label_BTP = _JoinerLogProbs.apply(
        encoder_BTJ, predictor_BPJ, weight_VJ, bias_V, labels_BP, lengths, blank
    )
    return log_blank_BTP, log_label_BTP


def logits_log_probs(logits_BTPV: Tensor, labels_BP: Tensor, lengths: Lengths, *, blank: int) -> tuple[Tensor, Tensor]:
    """As `joiner_log_probs`, from logits that exist already; the only large tensor made is their gradient."""
    log_blank_BTP, log_label_BTP = _LogitsLogProbs.apply(logits_BTPV, labels_BP, lengths, blank)
    return log_blank_BTP, log_label_BTP


class _JoinerLogProbs(torch.autograd.Function):
    """Tiled joiner, recomputed in backward."""

    @staticmethod
    def forward(
        ctx: Any,
        encoder_BTJ: Tensor,
        predictor_BPJ: Tensor,
        weight_VJ: Tensor,
        bias_V: Tensor | None,
        labels_BP: Tensor,
        lengths: Lengths,
        blank: int,
    ) -> tuple[Tensor, Tensor]:
        """Fill both outputs tile by tile."""
        ctx.lengths, ctx.blank = lengths, blank
        dtype = _working_dtype(encoder_BTJ, predictor_BPJ, weight_VJ)
        log_blank_BTP, log_label_BTP = _outputs(encoder_BTJ, dtype, lengths)
        with torch.autocast(encoder_BTJ.device.type, enabled=False):
            weight, bias = weight_VJ.to(dtype), _cast(bias_V, dtype)
            for tile in _tiles(lengths, max(weight_VJ.shape), encoder_BTJ.device):
                hidden_NJ = _hidden(encoder_BTJ, predictor_BPJ, tile, dtype)
                logits_NV = torch.nn.functional.linear(hidden_NJ, weight, bias)
                _fill(log_blank_BTP[tile], log_label_BTP[tile], logits_NV, _row_labels(labels_BP, tile), blank)
        ctx.save_for_backward(encoder_BTJ, predictor_BPJ, weight_VJ, bias_V, labels_BP)
        return log_blank_BTP, log_label_BTP

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_blank_BTP: Tensor, grad_label_BTP: Tensor) -> tuple[Tensor | None, ...]:
        """Recompute each tile and push the closed-form gradient of its logits through the joiner."""
        encoder_BTJ, predictor_BPJ, weight_VJ, bias_V, labels_BP = ctx.saved_tensors
        dtype = grad_blank_BTP.dtype
        inputs = (encoder_BTJ, predictor_BPJ, weight_VJ)
        grad_encoder_BTJ, grad_predictor_BPJ, grad_weight_VJ = (torch.zeros_like(x, dtype=dtype) for x in inputs)
        grad_bias_V = None if bias_V is None else torch.zeros_like(bias_V, dtype=dtype)
        with torch.autocast(encoder_BTJ.device.type, enabled=False):
            weight, bias = weight_VJ.to(dtype), _cast(bias_V, dtype)
            for tile in _tiles(ctx.lengths, max(weight_VJ.shape), encoder_BTJ.device):
                hidden_NJ = _hidden(encoder_BTJ, predictor_BPJ, tile, dtype)
                grad_NV = _logits_gradient(
                    torch.nn.functional.linear(hidden_NJ, weight, bias),
                    _row_labels(labels_BP, tile),
                    ctx.blank,
                    grad_blank_BTP[tile].reshape(-1, 1),
                    grad_label_BTP[tile].reshape(-1, 1),
                )
                grad_weight_VJ.addmm_(grad_NV.t(), hidden_NJ)
                if grad_bias_V is not None:
                    grad_bias_V += grad_NV.sum(0)
                grad_NJ = (grad_NV @ weight).mul_(hidden_NJ.square_().neg_().add_(1.0))
                grad_TPJ = grad_NJ.view(-1, tile[2].stop, grad_NJ.shape[1])
                grad_encoder_BTJ[tile[:2]] = grad_TPJ.sum(1)
                grad_predictor_BPJ[tile[0], tile[2]] += grad_TPJ.sum(0)
        grads = (grad_encoder_BTJ, grad_predictor_BPJ, grad_weight_VJ)
        return (
            *(grad.to(x.dtype) for grad, x in zip(grads, inputs, strict=True)),
            None if bias_V is None else _cast(grad_bias_V, bias_V.dtype),
            *(None, None, None),
        )


class _LogitsLogProbs(torch.autograd.Function):
    """Log-softmax at blank and label, tile by tile, from given logits."""

    @staticmethod
    def forward(
        ctx: Any, logits_BTPV: Tensor, labels_BP: Tensor, lengths: Lengths, blank: int
    ) -> tuple[Tensor, Tensor]:
        """Fill both outputs tile by tile."""
        ctx.lengths, ctx.blank = lengths, blank
        dtype = _working_dtype(logits_BTPV)
        log_blank_BTP, log_label_BTP = _outputs(logits_BTPV, dtype, lengths)
        for tile in _tiles(lengths, logits_BTPV.shape[-1], logits_BTPV.device):
            logits_NV = logits_BTPV[tile].to(dtype).flatten(0, 1)
            _fill(log_blank_BTP[tile], log_label_BTP[tile], logits_NV, _row_labels(labels_BP, tile), blank)
        ctx.save_for_backward(logits_BTPV, labels_BP)
        return log_blank_BTP, log_label_BTP

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_blank_BTP: Tensor, grad_label_BTP: Tensor) -> tuple[Tensor | None, ...]:
        """Write the closed-form gradient tile by tile."""
        logits_BTPV, labels_BP = ctx.saved_tensors
        grad_BTPV = torch.zeros_like(logits_BTPV, memory_format=torch.contiguous_format)
        for tile in _tiles(ctx.lengths, logits_BTPV.shape[-1], logits_BTPV.device):
            grad_NV = _logits_gradient(
                logits_BTPV[tile].to(grad_blank_BTP.dtype).flatten(0, 1),
                _row_labels(labels_BP, tile),
                ctx.blank,
                grad_blank_BTP[tile].reshape(-1, 1),
                grad_label_BTP[tile].reshape(-1, 1),
            )
            grad_BTPV[tile] = grad_NV.view(grad_BTPV[tile].shape)
        return grad_BTPV, None, None, None


def _working_dtype(*tensors: Tensor) -> torch.dtype:
    """float32, or float64 where an input has it."""
    return torch.float64 if any(x.dtype == torch.float64 for x in tensors) else torch.float32


def _cast(tensor: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """The tensor in another precision, where there is one."""
    return None if tensor is None else tensor.to(dtype)


def _outputs(like: Tensor, dtype: torch.dtype, lengths: Lengths) -> tuple[Tensor, Tensor]:
    """Zeros for log P(blank) and log P(label), each of shape (B, longest T, longest P)."""
    shape = (len(lengths), max(frames for frames, _ in lengths), max(positions for _, positions in lengths))
    return like.new_zeros(shape, dtype=dtype), like.new_zeros(shape, dtype=dtype)


def _tiles(lengths: Lengths, width: int, device: torch.device) -> Iterator[Tile]:
    """Whole frames of one utterance at a time, rows of `width` numbers."""
    numbers = TILE_NUMBERS.get(device.type, TILE_NUMBERS["cuda"])
    for b, (frames, positions) in enumerate(lengths):
        step = max(1, numbers // (positions * width))
        for start in range(0, frames, step):
            yield b, slice(start, min(start + step, frames)), slice(positions)


def _row_labels(labels_BP: Tensor, tile: Tile) -> Tensor:
    """The next label of each row, shape (N, 1)."""
    b, frames, positions = tile
    return labels_BP[b, positions].repeat(frames.stop - frames.start).unsqueeze(1)


def _hidden(encoder_BTJ: Tensor, predictor_BPJ: Tensor, tile: Tile, dtype: torch.dtype) -> Tensor:
    """The joiner's hidden layer of a tile, shape (N, J)."""
    b, frames, positions = tile
    encoder_T1J = encoder_BTJ[b, frames, None].to(dtype)
    predictor_1PJ = predictor_BPJ[b, None, positions].to(dtype)
    return (encoder_T1J + predictor_1PJ).tanh_().flatten(0, 1)


def _fill(log_blank_TP: Tensor, log_label_TP: Tensor, logits_NV: Tensor, labels_N1: Tensor, blank: int) -> None:
    """Write a tile's log-probabilities of blank and label where they belong."""
    log_probs_NV = logits_NV.log_softmax(1)
    log_blank_TP.copy_(log_probs_NV[:, blank].view_as(log_blank_TP))
    log_label_TP.copy_(log_probs_NV.gather(1, labels_N1).view_as(log_label_TP))


def _logits_gradient(
    logits_NV: Tensor, labels_N1: Tensor, blank: int, grad_blank_N1: Tensor, grad_label_N1: Tensor
) -> Tensor:
    """Gradient in the logits: each arc's gradient times (its indicator - softmax)."""
    grad_NV = logits_NV.softmax(1).mul_(-(grad_blank_N1 + grad_label_N1))
    grad_NV[:, blank] += grad_blank_N1[:, 0]
    return grad_NV.scatter_add_(1, labels_N1, grad_label_N1)
