"""Blank and label log-probabilities of a joiner, in tiles that are computed again for the gradient.

Recomputing adds one matrix product to the three of plain autograd, but only for cells that have a gradient. Tiling and
layout are our choice. Padding is neither computed nor read.

Shapes: B utterances, T frames, P = U + 1 label positions, V tokens, J joiner width; F frames and S positions of a tile,
N = F * S its rows (see `tiles`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isogloss.recognizers.transducer.losses.recomputed import ArcLogProbs, Targets, recomputed
from isogloss.recognizers.transducer.losses.threads import in_order
from isogloss.recognizers.transducer.losses.tiles import Tile, all_cells, cells_with_gradient, grouped
from isogloss.recognizers.transducer.losses.workspace import Workspace

_workspace = Workspace()

SHARED_NUMBERS = 1 << 22
"""Elements of the largest matrices of all tiles from which on threads share them (our choice). For 2 million elements
two threads took the time of one, and half as much processor time again; for 9.5 and 50 million they took less time."""


def joiner_log_probs(
    encoder_BTJ: Tensor, predictor_BPJ: Tensor, weight_VJ: Tensor, bias_V: Tensor | None, targets: Targets
) -> tuple[Tensor, Tensor]:
    """(log P(blank), log P(next label)) of `log_softmax(tanh(encoder + predictor) @ weight.T + bias)`.

    Both have shape (B, longest frames, longest P), float32 (float64 for float64 inputs); cells outside an
    utterance hold 0, or with windows cells outside them -inf. Sums and products are made in that precision
    too. Gradients reach encoder, predictor, weight and bias, and are exactly 0 on padding.
    `targets.labels_BP` holds a valid token everywhere; at its last position gradients of the second output
    must be 0.
    """
    return recomputed(_JoinerTiles(targets), encoder_BTJ, predictor_BPJ, weight_VJ, bias_V)


def logits_log_probs(logits_BTPV: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
    """As `joiner_log_probs`, from logits that exist already; the only large tensor made is their gradient."""
    return recomputed(_LogitsTiles(targets), logits_BTPV)


class _Tiles(ArcLogProbs):
    """Log-probabilities and gradients of tiles of logits, however the logits are computed.

    The log-normalisers are kept, so that the gradient needs one pass over recomputed logits.
    """

    def __init__(self, targets: Targets) -> None:
        self.targets = targets

    def outputs(self, like: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Tensors for both log-probabilities, with their initial values, and for the log-normalisers."""
        outside = 0.0 if self.targets.windows is None else -torch.inf
        blank_BTP, label_BTP = (like.new_full(self.targets.cells, outside, dtype=dtype) for _ in range(2))
        # A tile of the gradient can reach cells outside the windows. There a token's probability then is exp(-inf) = 0.
        self.log_norm_BTP = like.new_full(self.targets.cells, torch.inf, dtype=dtype)
        return blank_BTP, label_BTP

    def fill_tile(self, outputs: tuple[Tensor, Tensor], tile: Tile, logits_NV: Tensor) -> None:
        """Write a tile's log-probabilities of blank and label into the outputs; the logits are overwritten."""
        largest_N = logits_NV.amax(1)
        logits_NV.sub_(largest_N[:, None])
        blank_N = logits_NV[:, self.targets.blank].clone()
        label_N = logits_NV.gather(1, self._labels(tile))[:, 0]
        log_sum_N = _exp(logits_NV).sum(1).log_()
        tile.put(outputs[0], blank_N.sub_(log_sum_N))
        tile.put(outputs[1], label_N.sub_(log_sum_N))
        tile.put(self.log_norm_BTP, log_sum_N.add_(largest_N))

    def logits_gradient(self, tile: Tile, logits_NV: Tensor, grad_blank_BTP: Tensor, grad_label_BTP: Tensor) -> Tensor:
        """Gradient in a tile's logits, in their place: each arc's gradient times (its indicator - softmax)."""
        grad_blank_N, grad_label_N = tile.get(grad_blank_BTP), tile.get(grad_label_BTP)
        softmax_NV = _exp(logits_NV.sub_(tile.get(self.log_norm_BTP)[:, None]))
        grad_NV = softmax_NV.mul_((grad_blank_N + grad_label_N).neg_()[:, None])
        grad_NV[:, self.targets.blank] += grad_blank_N
        return grad_NV.scatter_add_(1, self._labels(tile), grad_label_N[:, None])

    def _labels(self, tile: Tile) -> Tensor:
        """The next label of each row, shape (N, 1)."""
        return self.targets.labels_BP[tile.utterance].index_select(0, tile.positions_FS.flatten())[:, None]


class _JoinerTiles(_Tiles):
    """Tiles of a joiner's logits."""

    def fill(
        self, encoder_BTJ: Tensor, predictor_BPJ: Tensor, weight_VJ: Tensor, bias_V: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Group by group of tiles."""
        dtype = _working_dtype(encoder_BTJ, predictor_BPJ, weight_VJ)
        joiner = _Joiner(encoder_BTJ, predictor_BPJ, weight_VJ.to(dtype), _cast(bias_V, dtype))
        outputs = self.outputs(encoder_BTJ, dtype)

        def work(group: list[Tile]) -> None:
            for tile in group:
                self.fill_tile(outputs, tile, joiner.logits(joiner.hidden(tile)))

        for _ in _each(work, grouped(all_cells(self.targets, joiner.width)), encoder_BTJ, joiner.width):
            pass
        return outputs

    def gradients(
        self, inputs: tuple[Any, ...], grad_blank_BTP: Tensor, grad_label_BTP: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Recompute each tile and push the closed-form gradient of its logits through the joiner.

        Every group of tiles has its own sums, which are added in the groups' order, so the result does not depend on
        the threads.
        """
        encoder_BTJ, predictor_BPJ, weight_VJ, bias_V = inputs
        dtype = grad_blank_BTP.dtype
        joiner = _Joiner(encoder_BTJ, predictor_BPJ, weight_VJ.to(dtype), _cast(bias_V, dtype))
        grad_encoder_BTJ, grad_predictor_BPJ, grad_weight_VJ = (torch.zeros_like(x, dtype=dtype) for x in inputs[:3])
        grad_bias_V = grad_weight_VJ.new_zeros(len(weight_VJ))

        def work(group: list[Tile]) -> tuple[Tensor, Tensor, dict[int, Tensor]]:
            weight_sum_VJ, bias_sum_V = torch.zeros_like(grad_weight_VJ), torch.zeros_like(grad_bias_V)
            predictor_sums = {tile.utterance: torch.zeros_like(grad_predictor_BPJ[0]) for tile in group}
            for tile in group:
                hidden_NJ = joiner.hidden(tile)
                grad_NV = self.logits_gradient(tile, joiner.logits(hidden_NJ), grad_blank_BTP, grad_label_BTP)
                weight_sum_VJ.addmm_(grad_NV.t(), hidden_NJ)
                bias_sum_V += grad_NV.sum(0)
                joiner.through_tanh(tile, hidden_NJ, grad_NV, grad_encoder_BTJ, predictor_sums[tile.utterance])
            return weight_sum_VJ, bias_sum_V, predictor_sums

        tiles = cells_with_gradient(self.targets, joiner.width, grad_blank_BTP, grad_label_BTP)
        for weight_sum_VJ, bias_sum_V, predictor_sums in _each(work, grouped(tiles), encoder_BTJ, joiner.width):
            grad_weight_VJ += weight_sum_VJ
            grad_bias_V += bias_sum_V
            for b, sum_PJ in predictor_sums.items():
                grad_predictor_BPJ[b] += sum_PJ
        return grad_encoder_BTJ, grad_predictor_BPJ, grad_weight_VJ, None if bias_V is None else grad_bias_V


class _Joiner:
    """Operands of one batch; the products of a tile live in memory that the thread's next tile overwrites."""

    def __init__(self, encoder_BTJ: Tensor, predictor_BPJ: Tensor, weight_VJ: Tensor, bias_V: Tensor | None) -> None:
        self.encoder_BTJ, self.predictor_BPJ, self.weight_VJ = encoder_BTJ, predictor_BPJ, weight_VJ
        self.bias_V = weight_VJ.new_zeros(len(weight_VJ)) if bias_V is None else bias_V

    @property
    def width(self) -> int:
        """Numbers in a row of the widest matrix."""
        return max(self.weight_VJ.shape)

    def hidden(self, tile: Tile) -> Tensor:
        """The hidden layer, shape (N, J)."""
        encoder_FJ = self.encoder_BTJ[tile.utterance].index_select(0, tile.frames_F)
        predictor_NJ = self.predictor_BPJ[tile.utterance].index_select(0, tile.positions_FS.flatten())
        hidden_NJ = self._room("hidden", tile.rows, predictor_NJ.shape[1])
        hidden_FSJ = hidden_NJ.view(*tile.positions_FS.shape, -1)
        torch.add(encoder_FJ.to(hidden_NJ.dtype)[:, None], predictor_NJ.view_as(hidden_FSJ), out=hidden_FSJ)
        return _tanh(hidden_NJ)

    def logits(self, hidden_NJ: Tensor) -> Tensor:
        """The output layer's values, shape (N, V)."""
        logits_NV = self._room("logits", len(hidden_NJ), len(self.weight_VJ))
        return torch.addmm(self.bias_V, hidden_NJ, self.weight_VJ.t(), out=logits_NV)

    def through_tanh(
        self, tile: Tile, hidden_NJ: Tensor, grad_NV: Tensor, grad_encoder_BTJ: Tensor, grad_predictor_PJ: Tensor
    ) -> None:
        """Set the tile's part of the encoder's gradient and add to the predictor's; overwrites the hidden layer."""
        grad_NJ = torch.mm(grad_NV, self.weight_VJ, out=self._room("grad_hidden", *hidden_NJ.shape))
        grad_NJ.addcmul_(grad_NJ, hidden_NJ.square_(), value=-1)
        grad_FSJ = grad_NJ.view(*tile.positions_FS.shape, -1)
        grad_encoder_BTJ[tile.utterance].index_copy_(0, tile.frames_F, grad_FSJ.sum(1))
        # A product with a matrix of zeros and ones adds the rows of a position far faster than torch's index_add_.
        first, last = int(tile.positions_FS.min()), int(tile.positions_FS.max()) + 1
        position_P1 = torch.arange(first, last, device=grad_NJ.device)[:, None]
        grad_predictor_PJ[first:last].addmm_((position_P1 == tile.positions_FS.flatten()).to(grad_NJ.dtype), grad_NJ)

    def _room(self, name: str, rows: int, columns: int) -> Tensor:
        """Uninitialised memory of the operands' kind."""
        if self.weight_VJ.device.type == "cpu":
            return _workspace.take(name, (rows, columns), self.weight_VJ.dtype)
        return self.weight_VJ.new_empty((rows, columns))


class _LogitsTiles(_Tiles):
    """Tiles of given logits."""

    def fill(self, logits_BTPV: Tensor) -> tuple[Tensor, Tensor]:
        """Group by group of tiles."""
        outputs = self.outputs(logits_BTPV, _working_dtype(logits_BTPV))

        def work(group: list[Tile]) -> None:
            for tile in group:
                self.fill_tile(outputs, tile, self._rows(logits_BTPV, tile).to(outputs[0].dtype))

        for _ in _each(work, grouped(all_cells(self.targets, logits_BTPV.shape[3])), logits_BTPV, logits_BTPV.shape[3]):
            pass
        return outputs

    def gradients(
        self, inputs: tuple[Any, ...], grad_blank_BTP: Tensor, grad_label_BTP: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Write the closed-form gradient tile by tile."""
        (logits_BTPV,) = inputs
        grad_BTPV = torch.zeros_like(logits_BTPV, memory_format=torch.contiguous_format)

        def work(group: list[Tile]) -> None:
            for tile in group:
                logits_NV = self._rows(logits_BTPV, tile).to(grad_blank_BTP.dtype)
                grad_NV = self.logits_gradient(tile, logits_NV, grad_blank_BTP, grad_label_BTP).to(grad_BTPV.dtype)
                grad_FSV = grad_NV.view(*tile.positions_FS.shape, -1)
                grad_BTPV[tile.utterance].index_put_((tile.frames_F[:, None], tile.positions_FS), grad_FSV)

        tiles = cells_with_gradient(self.targets, logits_BTPV.shape[3], grad_blank_BTP, grad_label_BTP)
        for _ in _each(work, grouped(tiles), logits_BTPV, logits_BTPV.shape[3]):
            pass
        return (grad_BTPV,)

    def _rows(self, logits_BTPV: Tensor, tile: Tile) -> Tensor:
        """A copy of a tile's logits, shape (N, V)."""
        return logits_BTPV[tile.utterance][tile.frames_F[:, None], tile.positions_FS].flatten(0, 1)


def _each(work: Any, groups: list[list[Tile]], like: Tensor, width: int) -> Iterator[Any]:
    """`work` of each group: on a CPU by several threads if there is enough to do, elsewhere one after the other."""
    if like.device.type != "cpu":
        return map(work, groups)
    numbers = width * sum(tile.rows for group in groups for tile in group)
    return in_order(work, groups, alone=numbers < SHARED_NUMBERS)


def _working_dtype(*tensors: Tensor) -> torch.dtype:
    """float32, or float64 where an input has it."""
    return torch.float64 if any(x.dtype == torch.float64 for x in tensors) else torch.float32


def _cast(tensor: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """The tensor in another precision, where there is one."""
    return None if tensor is None else tensor.to(dtype)


def _tanh(values: Tensor) -> Tensor:
    """In place; NumPy's takes a seventh of the time of torch's."""
    if values.device.type != "cpu":
        return values.tanh_()
    np.tanh(values.numpy(), out=values.numpy())
    return values


def _exp(values: Tensor) -> Tensor:
    """In place; NumPy's takes half the time of torch's."""
    if values.device.type != "cpu":
        return values.exp_()
    np.exp(values.numpy(), out=values.numpy())
    return values
