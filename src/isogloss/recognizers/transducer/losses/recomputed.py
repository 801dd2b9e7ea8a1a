"""Log-probabilities of the lattice's arcs whose logits are computed again for the gradient.

The logits of a transducer are (B, T, U + 1, V): the tensor that fills the memory. The loss needs two numbers
of each row of V, and the gradient in the logits is known in closed form (softmax times the arcs' gradients,
minus those gradients at blank and label), so some rows at a time are enough, forward and backward. This is the idea
of fused cross-entropy over vocabulary chunks, applied to the lattice. Rows whose arcs have no gradient need not be
computed again at all.

Shapes: B utterances, T frames, P = U + 1 label positions.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Lengths = list[tuple[int, int]]
"""(frames, label positions) of each utterance."""


@dataclass(frozen=True)
class Windows:
    """Successive label positions at each frame, outside which the lattice has no path.

    Attributes
    ----------
    begin_BT
        The first one; integers, valid within an utterance's frames.
    widths
        How many, for each utterance.
    """

    begin_BT: Tensor
    widths: list[int]


@dataclass(frozen=True)
class Targets:
    """The columns of the logits that are needed: the next label at each position (any token at the last), and blank.

    With `windows`, only for the cells within them.
    """

    labels_BP: Tensor
    lengths: Lengths
    blank: int
    windows: Windows | None = None

    @property
    def cells(self) -> tuple[int, int, int]:
        """B, the longest T and the longest P."""
        frames, positions = zip(*self.lengths, strict=True)
        return len(self.lengths), max(frames), max(positions)


class ArcLogProbs(ABC):
    """How the log-probabilities of one batch, and the gradients of their inputs, are computed some rows at a time."""

    @abstractmethod
    def fill(self, *inputs: Any) -> tuple[Tensor, Tensor]:
        """(log P(blank), log P(next label)), each (B, longest T, longest P).

        Outside utterances they are 0; with windows, they are -inf outside the windows.
        """

    @abstractmethod
    def gradients(
        self, inputs: tuple[Any, ...], grad_blank_BTP: Tensor, grad_label_BTP: Tensor
    ) -> tuple[Tensor | None, ...]:
        """The gradient of each input, in any precision; inputs that are None have none."""


def recomputed(arcs: ArcLogProbs, *inputs: Tensor | None) -> tuple[Tensor, Tensor]:
    """`arcs.fill(*inputs)`, differentiable; of all logits nothing is kept. Autocast is off within."""
    log_blank_BTP, log_label_BTP = _Recomputed.apply(arcs, *inputs)
    return log_blank_BTP, log_label_BTP


class _Recomputed(torch.autograd.Function):
    """Fill forward, compute again backward."""

    @staticmethod
    def forward(ctx: Any, arcs: ArcLogProbs, *inputs: Any) -> tuple[Tensor, Tensor]:
        """Fill both outputs."""
        ctx.arcs = arcs
        ctx.save_for_backward(*inputs)
        with torch.autocast(inputs[0].device.type, enabled=False):
            return arcs.fill(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_blank_BTP: Tensor, grad_label_BTP: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients in the precision of their inputs."""
        inputs = ctx.saved_tensors
        with torch.autocast(grad_blank_BTP.device.type, enabled=False):
            gradients = ctx.arcs.gradients(inputs, grad_blank_BTP, grad_label_BTP)
        return None, *(
            None if x is None or gradient is None else gradient.to(x.dtype)
            for x, gradient in zip(inputs, gradients, strict=True)
        )
