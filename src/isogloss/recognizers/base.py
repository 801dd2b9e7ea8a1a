"""The port of a recogniser: the interface through which training, mitigation and inference use a model.

A kind of recogniser is a module with a `RecognizerComponent` and a subclass of `Recognizer`. Every kind implements the
abstract methods. The other methods have a default, which works for every kind or raises a `ModelError` that says that
this kind does not support it.

Shapes: B utterances of a batch, D channels of the embedding, F mel filters, N samples.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from isogloss.config import AsrParams, DecodingParams, Params
from isogloss.errors import ModelError
from isogloss.recognizers.batches import Batch, Hears

Part = Literal["acoustic", "language", "other"]
Seconds = float


@dataclass(frozen=True)
class Losses:
    """The losses of the transcripts of a batch.

    Attributes
    ----------
    loss_B
        Negative log-likelihood of each transcript in nats, with its graph.
    units_B
        Number of tokens of each transcript, for losses per token.
    embedding_BD
        The result of `embed` for each utterance, without a graph.
    extra
        A loss that belongs to no single utterance (such as the cost of computing), in nats per token and already
        weighted, or None.
    """

    loss_B: Tensor
    units_B: Tensor
    embedding_BD: Tensor
    extra: Tensor | None = None


@dataclass(frozen=True)
class Hypothesis:
    """The text that a recogniser found in an utterance.

    Attributes
    ----------
    text
        Words separated by single spaces.
    token_seconds
        The time at which each token was emitted: the start, within the utterance, of the last 10 ms that the token's
        encoder frame covers. None for a recogniser without such times.
    embedding_D
        What `Recognizer.embed` returns for the utterance, if transcribing it has computed that, or None.
    """

    text: str
    token_seconds: tuple[Seconds, ...] | None = None
    embedding_D: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class PartialHypothesis:
    """The partial result of a stream.

    Attributes
    ----------
    text
        The words so far; the last one may be unfinished unless `is_final`. Words are never taken back.
    tokens
        Token ids.
    times
        For each token its time, as in `Hypothesis.token_seconds`.
    is_final
        Whether the utterance has ended.
    """

    text: str
    tokens: tuple[int, ...]
    times: tuple[Seconds, ...]
    is_final: bool


class Stream(Protocol):
    """One utterance that is recognised while its audio arrives."""

    def accept(self, chunk_N: np.ndarray | Tensor) -> PartialHypothesis:
        """Take the next samples, at 16 kHz between -1 and 1, any number of them."""

    def finish(self) -> PartialHypothesis:
        """End the utterance."""


@dataclass(frozen=True)
class Cost:
    """The computation of a recogniser's encoder, as far as it can be counted.

    Attributes
    ----------
    encoder
        The encoder's name.
    parameters
        Parameters of the encoder.
    flops, seconds
        Floating-point operations that the encoder executes on some audio, and the seconds of that audio.
    dense_share
        Those operations as a share of the same encoder's without gates; None if it has no gates.
    subsampling
        Feature frames of 10 ms per encoder frame, for a causal encoder.
    """

    encoder: str
    parameters: int
    flops: int
    seconds: Seconds
    dense_share: float | None
    subsampling: int


class Recognizer(nn.Module, ABC):
    """A model that turns speech into text.

    Attributes
    ----------
    kind
        The recogniser's name in the registry and in the `model.json` of a saved model.
    hears
        The input that batches carry: log-mel features or audio samples.
    feature_mean_F
        The mean of each filter over the training data, for a recogniser with features as input: SpecAugment fills masks
        with it.
    """

    kind: ClassVar[str]
    hears: ClassVar[Hears]
    feature_mean_F: Tensor

    @classmethod
    @abstractmethod
    def new(cls, params: Params, data: Path) -> Self:
        """The recogniser with which base training begins: as params describe it, for prepared data in a folder."""

    @classmethod
    @abstractmethod
    def base_options(cls, params: Params) -> list[Any]:
        """The params that determine the base model; training does not resume from a checkpoint with other values."""

    @classmethod
    @abstractmethod
    def base_epochs(cls, asr: AsrParams) -> int:
        """Epochs of base training."""

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """D, the channels of the embeddings that `embed` returns."""

    @abstractmethod
    def losses(self, batch: Batch) -> Losses:
        """The negative log-likelihood of each utterance's transcript, without further terms.

        An utterance's loss depends on that utterance alone.

        Raises
        ------
        CorpusError
            A transcript has a character that the recogniser's vocabulary lacks.
        """

    def training_losses(self, batch: Batch, asr: AsrParams, *, epoch: int | None = None) -> Losses:
        """The losses that training minimises: `losses` and the terms that the recogniser's own training adds.

        Parameters
        ----------
        batch
            Its transcripts are in the vocabulary.
        asr
            Section `asr`.
        epoch
            The epoch of base training, from 0, by which a recogniser may warm up; None in an adaptation.
        """
        return self.losses(batch)

    @abstractmethod
    def embed(self, batch: Batch) -> Tensor:
        """The mean over time of the encoder's frames, (B, D), without a graph."""

    @abstractmethod
    def transcribe(self, batch: Batch, decoding: DecodingParams) -> list[Hypothesis]:
        """The best hypothesis of each utterance; the recogniser is in evaluation mode."""

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
            A file is missing, the weights are no whole file, or do not fit the configuration beside them.
        """

    def squares(self, batch: Batch) -> dict[str, Tensor] | None:
        """Sum over the batch of squared per-utterance gradients of `losses`, by parameter, in one backward pass.

        The result has a tensor for each parameter with a gradient. It is None if the recogniser has no faster way than
        computing `losses` for one utterance at a time. The recogniser is in evaluation mode and left without gradients.
        """
        return None

    def with_sampled_texts(self, batch: Batch, *, seed: int) -> Batch:
        """The batch with transcripts drawn from the recogniser's own distribution over texts.

        Raises
        ------
        ModelError
            The recogniser cannot draw.
        """
        raise ModelError(f"a {self.kind} cannot draw transcripts from itself; set labels of the method to 'empirical'")

    def with_cohort_input(self, cohorts: Sequence[str], *, hidden_share: float) -> Self:
        """A copy that has cohort membership as a further input, which has no effect before training.

        Raises
        ------
        ModelError
            The recogniser has no such input.
        """
        raise ModelError(f"a {self.kind} has no input for the cohort; leave the methods with 'cohort_input' out")

    def low_rank_layers(self) -> list[str]:
        """The names of the linear layers that LoRA may change: all that are called as layers, except output layers.

        By default these are the linear layers of the acoustic and of the language part.
        """
        layers = [name for name, module in self.named_modules() if type(module) is nn.Linear]
        return [name for name in layers if self.part(f"{name}.weight") != "other"]

    def cost(self, batch: Batch) -> Cost | None:
        """The computation for encoding the batch, counted on the CPU; None if the recogniser cannot count it."""
        return None

    def stream(self, *, decoding: DecodingParams, cohort: str | None = None) -> Stream:
        """Begin a stream for an utterance; `cohort` is its speaker's cohort, for a recogniser with this input.

        Raises
        ------
        ModelError
            The recogniser cannot stream.
        """
        raise ModelError(f"a {self.kind} hears whole utterances and cannot stream; transcribe the file as a whole")

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that have a gradient, by name."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}
