"""The port of a recogniser: what training, mitigation and inference know of a model that turns speech into text.

Shapes: B utterances of a batch, D channels of the embedding.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from torch import Tensor, nn

from isogloss.config import DecodingParams

Part = Literal["acoustic", "language", "other"]


@dataclass(frozen=True)
class Losses:
    """What a recogniser says of the transcripts of a batch.

    Attributes
    ----------
    loss_B
        Negative log-likelihood of each transcript in nats, with its graph.
    units_B
        Tokens of each transcript, by which a loss becomes that of a token.
    embedding_BD
        The mean over time of the encoder's frames, without a graph.
    extra
        A loss that belongs to no utterance (such as the cost of computing), in nats a token and weighted already; None
        for none.
    """

    loss_B: Tensor
    units_B: Tensor
    embedding_BD: Tensor
    extra: Tensor | None = None


@dataclass(frozen=True)
class Hypothesis:
    """The text that a recogniser heard, and when it emitted its tokens, in seconds, where it knows."""

    text: str
    token_seconds: tuple[float, ...] | None = None


class Recognizer(nn.Module, ABC):
    """A model that turns speech into text.

    Attributes
    ----------
    kind
        The recogniser's name in the registry; `model.json` of a saved model says it.
    hears
        Whether batches carry log-mel features or audio samples.
    """

    kind: ClassVar[str]
    hears: ClassVar[Literal["features", "audio"]]

    @abstractmethod
    def losses(self, batch: Any) -> Losses:
        """The loss of each utterance's transcript."""

    @abstractmethod
    def transcribe(self, batch: Any, decoding: DecodingParams) -> list[Hypothesis]:
        """The best hypothesis of each utterance."""

    @abstractmethod
    def part(self, parameter_name: str) -> Part:
        """Which part of the recogniser a parameter belongs to."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the model into an existing folder; `model.json` there says its kind."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read a model that `save` wrote, in evaluation mode, on the CPU.

        Raises
        ------
        ModelError
            The weights are no whole file, or do not fit the configuration beside them.
        """

    def squares(self, batch: Any) -> dict[str, Tensor] | None:
        """Sum over the batch of squared per-utterance gradients, by parameter name, in one backward pass.

        None where the recogniser has no way faster than `losses`, one utterance at a time.
        """
        return None

    def with_cohort_input(self, cohorts: Sequence[str], *, hidden_share: float) -> Self:
        """A copy that has cohort membership as a further input, which as yet changes nothing.

        Raises
        ------
        ModelError
            The recogniser has no such input.
        """
        raise NotImplementedError

    def trained_parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """The parameters that have a gradient, by name."""
        return ((name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad)
