"""The interface of the encoders."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """A causal map from features to encoded frames.

    Attributes
    ----------
    output_dim
        D, the channels of an encoded frame.
    subsampling
        Feature frames for one encoded frame.
    compute_weight
        Weight of `compute_cost` in the training loss; 0 for encoders that always compute everything.
    """

    output_dim: int
    subsampling: int
    compute_weight: float = 0.0

    @abstractmethod
    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Encode whole utterances; frames past an utterance's length never reach the ones before."""

    @abstractmethod
    def stream(self, chunk_BTF: Tensor, state: Any, last: bool = False) -> tuple[Tensor, Any]:
        """Encode the next chunk of any length; `state` is None at the start, `last` flushes what is buffered."""

    def output_lengths(self, lengths_B: Tensor) -> Tensor:
        """Encoded frames of utterances with so many feature frames."""
        return torch.div(lengths_B + self.subsampling - 1, self.subsampling, rounding_mode="floor")

    def compute_cost(self) -> Tensor | None:
        """Expected computation of the last training forward as a share of the dense encoder's, differentiable.

        None if the encoder has no gates. It is returned once: a second call without a forward pass between gives None,
        so that no graph is kept after its step.
        """
        return None


def clear_padding(features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
    """The features with zeros after each utterance's frames.

    In a causal encoder, padding does not reach an output that counts; but a NaN there would reach the gradients, since
    0 times NaN is NaN.
    """
    frames_T = torch.arange(features_BTF.shape[1], device=features_BTF.device)
    return features_BTF.masked_fill((frames_T >= lengths_B.unsqueeze(1)).unsqueeze(2), 0.0)


def within(lengths_B: Tensor, frames: int) -> Tensor:
    """A mask of the frames of utterances of these lengths: (B, frames), True up to an utterance's length."""
    return torch.arange(frames, device=lengths_B.device) < lengths_B.unsqueeze(1)
