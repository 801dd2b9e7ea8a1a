"""What a mitigation of a speaker encoder decides: the loss of a batch, and what it looks at between epochs.

Batches, optimiser, epochs and seed are the same for all of them (`isogloss.training.speaker_adaptation`).

Shapes: P speakers of a batch, Q utterances of each, B = P Q, D embedding dimensions, N training utterances.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isogloss.config import VerificationParams
from isogloss.speakers.metric_losses import AamSoftmax, AngularPrototypical


@dataclass(frozen=True)
class SpeakerSetting:
    """What a mitigation may know about the training data and the encoder."""

    group_N: NDArray[np.intp]
    """Group of each utterance's speaker, as a number into `groups`."""
    groups: list[str]
    """Values of `verification.attribute`; `unspecified` of who has none, or several."""
    embedding_dim: int
    device: torch.device


@dataclass(frozen=True)
class SpeakerStep:
    """One batch: embeddings (P, Q, D) with their graph, numbers of the speakers (P,) and of the utterances (B,)."""

    embeddings_PQD: Tensor
    speakers_P: Tensor
    rows_B: Tensor
    loss: AngularPrototypical | AamSoftmax


class SpeakerMitigation:
    """Training goes on as it was: the baseline that shows what more training alone does.

    Parameters
    ----------
    options
        Section `verification`.
    balanced
        Whether batches hold as many speakers of each group (the baseline `group_balanced`).
    """

    def __init__(self, options: VerificationParams, *, balanced: bool = False) -> None:
        self.options = options
        self.balanced = balanced

    def start(self, setting: SpeakerSetting) -> None:
        """Look at the data before the first step, and before a checkpoint is loaded."""

    def refresh(self, epoch: int, embed: Callable[[], NDArray[np.float32]]) -> None:
        """Called before each epoch; `embed` gives the present embeddings of all training utterances, (N, D)."""

    def batch_loss(self, step: SpeakerStep) -> Tensor:
        """The loss that the encoder descends."""
        return step.loss(step.embeddings_PQD, step.speakers_P).mean()

    def tensors(self) -> dict[str, Tensor]:
        """What is worth keeping beside the model, by name."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold besides the model."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What a checkpoint brings back."""
