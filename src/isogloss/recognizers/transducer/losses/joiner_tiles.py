"""Blank and label log-probabilities of a joiner, in tiles that are computed again for the gradient.

Recomputing costs one matrix product more than the three of plain autograd; tiling and layout are our choice.

A tile holds whole frames of one utterance and only its own cells: padding is neither computed nor read.

Shapes: B utterances, T frames, P = U + 1 label positions, V tokens, J joiner width, N rows of a tile (frames
* P).
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from isogloss.recognizers.transducer.losses.recomputed import ArcLogProbs, Lengths, Targets, recomputed

TILE_NUMBERS = {"cpu": 1 << 18, "cuda": 1 << 24}
"""Numbers in a tile's largest matrix: 1 MiB of float32 stays in a core's cache, 64 MiB keep a GPU busy."""

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
    arcs = _JoinerTiles(Targets(labels_BP, lengths, blank))
    return recomputed(arcs, encoder_BTJ, predictor_BPJ, weight_VJ, bias_V)


def logits_log_probs(logits_BTPV: Tensor, labels_BP: Tensor, lengths: Lengths, *, blank: int) -> tuple[Tensor, Tensor]:
    """As `joiner_log_probs`, from logits that exist already; the only large tensor made is their gradient."""
    return recomputed(_LogitsTiles(Targets(labels_BP, lengths, blank)), logits_BTPV)


class _Tiles(ArcLogProbs):
    """What tiles of logits are asked for, however the logits come about."""

    def __init__(self, targets: Targets) -> None:
        self.targets = targets

    def outputs(self, like: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Zeros for both log-probabilities."""
        return like.new_zeros(self.targets.cells, dtype=dtype), like.new_zeros(self.targets.cells, dtype=dtype)

    def fill_tile(self, outputs: tuple[Tensor, Tensor], tile: Tile, logits_NV: Tensor) -> None:
        """Write a tile's log-probabilities of blank and label where they belong."""
        log_probs_NV = logits_NV.log_softmax(1)
        log_blank_TP, log_label_TP = (output[tile] for output in outputs)
        log_blank_TP.copy_(log_probs_NV[:, self.targets.blank].view_as(log_blank_TP))
        log_label_TP.copy_(log_probs_NV.gather(1, self._labels(tile)).view_as(log_label_TP))

    def logits_gradient(self, tile: Tile, logits_NV: Tensor, grad_blank_BTP: Tensor, grad_label_BTP: Tensor) -> Tensor:
        """Gradient in a tile's logits: each arc's gradient times (its indicator - softmax)."""
        grad_blank_N1, grad_label_N1 = grad_blank_BTP[tile].reshape(-1, 1), grad_label_BTP[tile].reshape(-1, 1)
        grad_NV = logits_NV.softmax(1).mul_(-(grad_blank_N1 + grad_label_N1))
        grad_NV[:, self.targets.blank] += grad_blank_N1[:, 0]
        return grad_NV.scatter_add_(1, self._labels(tile), grad_label_N1)

    def _labels(self, tile: Tile) -> Tensor:
        """The next label of each row, shape (N, 1)."""
        b, frames, positions = tile
        return self.targets.labels_BP[b, positions].repeat(frames.stop - frames.start).unsqueeze(1)


class _JoinerTiles(_Tiles):
    """Tiles of a joiner's logits."""

    def fill(
        self, encoder_BTJ: Tensor, predictor_BPJ: Tensor, weight_VJ: Tensor, bias_V: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Tile by tile."""
        dtype = _working_dtype(encoder_BTJ, predictor_BPJ, weight_VJ)
        weight, bias = weight_VJ.to(dtype), _cast(bias_V, dtype)
        outputs = self.outputs(encoder_BTJ, dtype)
        for tile in _tiles(self.targets.lengths, max(weight_VJ.shape), encoder_BTJ.device):
            hidden_NJ = _hidden(encoder_BTJ, predictor_BPJ, tile, dtype)
            self.fill_tile(outputs, tile, torch.nn.functional.linear(hidden_NJ, weight, bias))
        return outputs

    def gradients(
        self, inputs: tuple[Any, ...], grad_blank_BTP: Tensor, grad_label_BTP: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Recompute each tile and push the closed-form gradient of its logits through the joiner."""
        encoder_BTJ, predictor_BPJ, weight_VJ, bias_V = inputs
        dtype = grad_blank_BTP.dtype
        grad_encoder_BTJ, grad_predictor_BPJ, grad_weight_VJ = (torch.zeros_like(x, dtype=dtype) for x in inputs[:3])
        grad_bias_V = None if bias_V is None else torch.zeros_like(bias_V, dtype=dtype)
        weight, bias = weight_VJ.to(dtype), _cast(bias_V, dtype)
        for tile in _tiles(self.targets.lengths, max(weight_VJ.shape), encoder_BTJ.device):
            hidden_NJ = _hidden(encoder_BTJ, predictor_BPJ, tile, dtype)
            logits_NV = torch.nn.functional.linear(hidden_NJ, weight, bias)
            grad_NV = self.logits_gradient(tile, logits_NV, grad_blank_BTP, grad_label_BTP)
            grad_weight_VJ.addmm_(grad_NV.t(), hidden_NJ)
            if grad_bias_V is not None:
                grad_bias_V += grad_NV.sum(0)
            grad_NJ = (grad_NV @ weight).mul_(hidden_NJ.square_().neg_().add_(1.0))
            grad_TPJ = grad_NJ.view(-1, tile[2].stop, grad_NJ.shape[1])
            grad_encoder_BTJ[tile[:2]] = grad_TPJ.sum(1)
            grad_predictor_BPJ[tile[0], tile[2]] += grad_TPJ.sum(0)
        return grad_encoder_BTJ, grad_predictor_BPJ, grad_weight_VJ, grad_bias_V


class _LogitsTiles(_Tiles):
    """Tiles of given logits."""

    def fill(self, logits_BTPV: Tensor) -> tuple[Tensor, Tensor]:
        """Tile by tile."""
        dtype = _working_dtype(logits_BTPV)
        outputs = self.outputs(logits_BTPV, dtype)
        for tile in _tiles(self.targets.lengths, logits_BTPV.shape[-1], logits_BTPV.device):
            self.fill_tile(outputs, tile, logits_BTPV[tile].to(dtype).flatten(0, 1))
        return outputs

    def gradients(
        self, inputs: tuple[Any, ...], grad_blank_BTP: Tensor, grad_label_BTP: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Write the closed-form gradient tile by tile."""
        (logits_BTPV,) = inputs
        grad_BTPV = torch.zeros_like(logits_BTPV, memory_format=torch.contiguous_format)
        for tile in _tiles(self.targets.lengths, logits_BTPV.shape[-1], logits_BTPV.device):
            logits_NV = logits_BTPV[tile].to(grad_blank_BTP.dtype).flatten(0, 1)
            grad_NV = self.logits_gradient(tile, logits_NV, grad_blank_BTP, grad_label_BTP)
            grad_BTPV[tile] = grad_NV.view(grad_BTPV[tile].shape)
        return (grad_BTPV,)


def _working_dtype(*tensors: Tensor) -> torch.dtype:
    """float32, or float64 where an input has it."""
    return torch.float64 if any(x.dtype == torch.float64 for x in tensors) else torch.float32


def _cast(tensor: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """The tensor in another precision, where there is one."""
    return None if tensor is None else tensor.to(dtype)


def _tiles(lengths: Lengths, width: int, device: torch.device) -> Iterator[Tile]:
    """Whole frames of one utterance at a time, rows of `width` numbers."""
    numbers = TILE_NUMBERS.get(device.type, TILE_NUMBERS["cuda"])
    for b, (frames, positions) in enumerate(lengths):
        step = max(1, numbers // (positions * width))
        for start in range(0, frames, step):
            yield b, slice(start, min(start + step, frames)), slice(positions)


def _hidden(encoder_BTJ: Tensor, predictor_BPJ: Tensor, tile: Tile, dtype: torch.dtype) -> Tensor:
    """The joiner's hidden layer of a tile, shape (N, J)."""
    b, frames, positions = tile
    encoder_T1J = encoder_BTJ[b, frames, None].to(dtype)
    predictor_1PJ = predictor_BPJ[b, None, positions].to(dtype)
    return (encoder_T1J + predictor_1PJ).tanh_().flatten(0, 1)
