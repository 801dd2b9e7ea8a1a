"""The joiner on a GPU: matrix products by the vendor's library, chunk by chunk, everything between them in Triton.

As in `joiner_tiles`, logits exist only for a chunk of frames, forward and again backward, and padding is neither
computed nor read. Products take the precision of their inputs (bfloat16 under autocast) and give logits in float32;
log-softmax and all sums are float32. The division of labour is our choice: large products run near the hardware's
limit in the vendor's library, and a chunk of logits is read once a direction.

Shapes: B utterances, T frames, P = U + 1 label positions, V tokens, J joiner width; F frames of a chunk, of any
utterances, whose N rows are their cells one after the other; S stretches of frames of one utterance in a chunk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isogloss.recognizers.transducer.losses import triton_kernels as kernels
from isogloss.recognizers.transducer.losses.recomputed import ArcLogProbs, Targets, recomputed

CHUNK_NUMBERS = 1 << 25
"""Elements of a chunk's largest matrix: 128 MiB of float32, enough rows to fill a large GPU."""


def joiner_log_probs(
    encoder_BTJ: Tensor,
    predictor_BPJ: Tensor,
    weight_VJ: Tensor,
    bias_V: Tensor | None,
    targets: Targets,
) -> tuple[Tensor, Tensor]:
    """As `losses.joiner_tiles.joiner_log_probs`, on CUDA; float32 results, products as described above."""
    device = encoder_BTJ.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
    else:
        dtype = torch.promote_types(torch.promote_types(encoder_BTJ.dtype, predictor_BPJ.dtype), weight_VJ.dtype)
    return recomputed(_JoinerChunks(targets, dtype), encoder_BTJ, predictor_BPJ, weight_VJ, bias_V)


@dataclass(frozen=True)
class _Chunk:
    """Frames that are computed together; the index tensors are what the kernels take."""

    rows: int
    frames: int
    of_frames: tuple[Tensor, Tensor, Tensor, Tensor]
    """For each frame: utterance_F, frame_F, begin_F (first label position of its window) and first_row_F."""
    stretches: tuple[Tensor, Tensor, Tensor]
    """For each stretch of one utterance's frames: utterance_S, first_frame_S and frames_S (how many)."""


class _JoinerChunks(ArcLogProbs):
    """Chunks of a joiner's logits."""

    def __init__(self, targets: Targets, dtype: torch.dtype) -> None:
        self.targets, self.dtype = targets, dtype

    def fill(self, *inputs: Any) -> tuple[Tensor, Tensor]:
        """Chunk by chunk; the log-normalisers are kept."""
        joiner = _Joiner(inputs, self.targets, self.dtype)
        outside = 0.0 if self.targets.windows is None else -torch.inf
        outputs = torch.full((3, *self.targets.cells), outside, device=joiner.encoder_BTJ.device)
        for chunk in joiner.chunks([True] * len(self.targets.lengths)):
            joiner.fill(chunk, joiner.logits(joiner.hidden(chunk)), outputs)
        self.log_norm_BTP = outputs[2].clone()
        return outputs[0], outputs[1]

    def gradients(
        self, inputs: tuple[Any, ...], grad_blank_BTP: Tensor, grad_label_BTP: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Recompute each chunk and push the closed-form gradient of its logits through the joiner."""
        joiner = _Joiner(inputs, self.targets, self.dtype)
        arcs = (self.log_norm_BTP, grad_blank_BTP.contiguous(), grad_label_BTP.contiguous())
        grad_encoder_BTJ, grad_predictor_BPJ, grad_weight_VJ = (
            torch.zeros(x.shape, device=x.device) for x in inputs[:3]
        )
        grad_bias_V = torch.zeros_like(joiner.bias_V)
        # An utterance without gradient is left out: a NaN within it must not reach the weight's gradient.
        with_gradient_B = ((grad_blank_BTP != 0) | (grad_label_BTP != 0)).flatten(1).any(1)
        for chunk in joiner.chunks(with_gradient_B.tolist()):
            hidden_NJ = joiner.hidden(chunk)
            grad_NV = joiner.logits_gradient(chunk, joiner.logits(hidden_NJ), arcs)
            grad_weight_VJ += _product(grad_NV.t(), hidden_NJ)
            grad_bias_V += grad_NV.sum(0, dtype=torch.float32)
            joiner.through_tanh(chunk, hidden_NJ, grad_NV @ joiner.weight_VJ, grad_encoder_BTJ, grad_predictor_BPJ)
        return grad_encoder_BTJ, grad_predictor_BPJ, grad_weight_VJ, grad_bias_V


class _Joiner:
    """One batch's operands in the products' precision, and the launches over a chunk of it."""

    def __init__(self, inputs: tuple[Any, ...], targets: Targets, dtype: torch.dtype) -> None:
        encoder_BTJ, predictor_BPJ, weight_VJ, bias_V = inputs
        self.encoder_BTJ, self.predictor_BPJ = encoder_BTJ.contiguous(), predictor_BPJ.contiguous()
        self.weight_VJ = weight_VJ.to(dtype).contiguous()
        self.bias_V = (
            self.weight_VJ.new_zeros(len(weight_VJ), dtype=torch.float32) if bias_V is None else bias_V.float()
        )
        self.labels_BP, self.lengths, self.blank = targets.labels_BP.contiguous(), targets.lengths, targets.blank
        self.cells, self.windows = targets.cells, targets.windows
        widths = self.windows.widths if self.windows else [positions for _, positions in self.lengths]
        self.widest, self.width_B = max(widths), torch.tensor(widths, device=encoder_BTJ.device)

    def chunks(self, wanted_B: list[bool]) -> Iterator[_Chunk]:
        """The frames of the wanted utterances in order, as many at a time as CHUNK_NUMBERS allows."""
        device = self.encoder_BTJ.device
        frames_B = torch.tensor([frames * wanted for (frames, _), wanted in zip(self.lengths, wanted_B, strict=True)])
        starts_B = frames_B.cumsum(0) - frames_B
        b_F = torch.repeat_interleave(frames_B)
        t_F = torch.arange(len(b_F)) - starts_B[b_F]
        begin_F = self.windows.begin_BT.cpu()[b_F, t_F] if self.windows else torch.zeros_like(t_F)
        rows_F = self.width_B.cpu()[b_F]
        first_row_F = rows_F.cumsum(0) - rows_F
        chunk_F = first_row_F // max(1, CHUNK_NUMBERS // max(self.weight_VJ.shape))
        sizes = torch.unique_consecutive(chunk_F, return_counts=True)[1].tolist()
        parts = (x.split(sizes) for x in (b_F, t_F, begin_F, first_row_F, rows_F))
        for b, t, begin, first_row, rows in zip(*parts, strict=True):
            first_row = first_row - first_row[0]
            utterances, counts = torch.unique_consecutive(b, return_counts=True)
            stretches = (utterances, counts.cumsum(0) - counts, counts)
            yield _Chunk(
                rows=int(rows.sum()),
                frames=len(b),
                of_frames=(b.to(device), t.to(device), begin.to(device), first_row.to(device)),
                stretches=(stretches[0].to(device), stretches[1].to(device), stretches[2].to(device)),
            )

    def hidden(self, chunk: _Chunk) -> Tensor:
        """The hidden layer of a chunk, (N, J)."""
        (_, frames, width), positions = self.encoder_BTJ.shape, self.predictor_BPJ.shape[1]
        hidden_NJ = self.weight_VJ.new_empty((chunk.rows, width))
        grid = (chunk.frames, -(-self.widest // 16), -(-width // 128))
        kernels.hidden_kernel[grid](
            *(self.encoder_BTJ, self.predictor_BPJ, hidden_NJ, *chunk.of_frames, self.width_B),
            *(frames, positions, width),
            BLOCK_P=16,
            BLOCK_J=128,
        )
        return hidden_NJ

    def logits(self, hidden_NJ: Tensor) -> Tensor:
        """Logits without their bias, (N, V), float32."""
        return _product(hidden_NJ, self.weight_VJ.t())

    def fill(self, chunk: _Chunk, logits_NV: Tensor, outputs_3BTP: Tensor) -> None:
        """Write log-probabilities of blank and label, and log-normalisers."""
        kernels.log_probs_kernel[(chunk.frames, self.widest)](
            *(logits_NV, self.bias_V, self.labels_BP, *chunk.of_frames, self.width_B, *outputs_3BTP),
            *self._sizes(),
            BLOCK_V=1024,
        )

    def logits_gradient(self, chunk: _Chunk, logits_NV: Tensor, arcs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Gradient in the logits, (N, V), in the products' precision."""
        grad_NV = torch.empty_like(logits_NV, dtype=self.weight_VJ.dtype)
        kernels.logits_gradient_kernel[(chunk.frames, self.widest)](
            *(logits_NV, self.bias_V, self.labels_BP, *chunk.of_frames, self.width_B, *arcs, grad_NV),
            *self._sizes(),
            BLOCK_V=1024,
        )
        return grad_NV

    def through_tanh(
        self, chunk: _Chunk, hidden_NJ: Tensor, grad_NJ: Tensor, grad_encoder_BTJ: Tensor, grad_predictor_BPJ: Tensor
    ) -> None:
        """Add a chunk to the gradients of encoder and predictor."""
        (_, frames, width), positions = grad_encoder_BTJ.shape, grad_predictor_BPJ.shape[1]
        b_F, t_F, begin_F, first_row_F = chunk.of_frames
        blocks = -(-width // 128)
        kernels.encoder_gradient_kernel[(chunk.frames, blocks)](
            *(hidden_NJ, grad_NJ, grad_encoder_BTJ, b_F, t_F, first_row_F, self.width_B, frames, width),
            BLOCK_P=16,
            BLOCK_J=128,
        )
        kernels.predictor_gradient_kernel[(len(chunk.stretches[0]), self.cells[2], blocks)](
            *(hidden_NJ, grad_NJ, grad_predictor_BPJ, begin_F, first_row_F, self.width_B, *chunk.stretches),
            *(positions, width),
            BLOCK_T=16,
            BLOCK_J=128,
        )

    def _sizes(self) -> tuple[int, int, int, int, int]:
        """T, P, the labels' row length, V and blank as the row kernels take them."""
        return self.cells[1], self.cells[2], self.labels_BP.shape[1], self.weight_VJ.shape[0], self.blank


def _product(left_NK: Tensor, right_KM: Tensor) -> Tensor:
    """A matrix product accumulated and returned in float32."""
    if left_NK.dtype == torch.float32:
        return left_NK @ right_KM
    if left_NK.is_cuda:
        return torch.mm(left_NK, right_KM, out_dtype=torch.float32)
    return left_NK.float() @ right_KM.float()
