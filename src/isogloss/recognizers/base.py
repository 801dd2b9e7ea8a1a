"""The port of a recogniser: the interface through which training, mitigation and inference use a model.

A kind of recogniser is a module with a `RecognizerComponent` and a subclass of `Recognizer`. Every kind implements the
abstract methods. The others have a default, which works for every kind or raises a `ModelError` that says that this
kind cannot do it.

Shapes: B utterances of a batch, D channels of the embedding, F mel filters, N samples.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
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
        Tokens of each transcript, by which a loss becomes that of a token.
    embedding_BD
        What `embed` gives for each utterance, without a graph.
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
    """The text that a recogniser heard in an utterance.

    Attributes
    ----------
    text
        Words separated by single spaces.
    token_seconds
        When each token was emitted: the time in the utterance at which the 10 ms begin that the token's encoder frame
        ends with. None for a recogniser that does not know.
    """

    text: str
    token_seconds: tuple[Seconds, ...] | None = None


@dataclass(frozen=True)
class PartialHypothesis:
    """The words of a stream so far.

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
    """The computation that the encoder of a recogniser takes, as far as it can be counted.

    Attributes
    ----------
    encoder
        The encoder's name.
    parameters
        Parameters of the encoder.
    flops, seconds
        Floating-point operations that the encoder executes on some audio, and the seconds of that audio.
    dense_share
        Those operations as a share of the same encoder's without gates; None where there are none.
    subsampling
        Feature frames of 10 ms for one encoder frame, of an encoder that looks at nothing after it.
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
        The recogniser's name in the registry; `model.json` of a saved model says it.
    hears
        Whether batches carry log-mel features or audio samples.
    feature_mean_F
        The mean of each filter over the training data, of a recogniser that hears features: SpecAugment's masks are
        filled with it.
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
        """The params that decide the base model: a checkpoint of another model's training is not resumed."""

    @classmethod
    @abstractmethod
    def base_epochs(cls, asr: AsrParams) -> int:
        """Epochs of base training."""

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """D, the channels of what `embed` gives."""

    @abstractmethod
    def losses(self, batch: Batch) -> Losses:
        """The negative log-likelihood of each utterance's transcript, with nothing added.

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

        For each parameter that has a gradient a tensor of its shape. None where the recogniser has no way faster than
        `losses`, one utterance at a time. The recogniser is in evaluation mode and left without gradients.
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
        """A copy that has cohort membership as a further input, which as yet changes nothing.

        Raises
        ------
        ModelError
            The recogniser has no such input.
        """
        raise ModelError(f"a {self.kind} has no input for the cohort; leave the methods with 'cohort_input' out")

    def low_rank_layers(self) -> list[str]:
        """The linear layers, by name, whose weights LoRA may change: all that are called as layers, but output layers.

        Without an override, every linear layer that belongs to the acoustic or to the language part.
        """
        layers = [name for name, module in self.named_modules() if type(module) is nn.Linear]
        return [name for name in layers if self.part(f"{name}.weight") != "other"]

    def cost(self, batch: Batch) -> Cost | None:
        """The computation for encoding the batch, counted on the CPU; None where the recogniser cannot count it."""
        return None

    def stream(self, *, decoding: DecodingParams, cohort: str | None = None) -> Stream:
        """Begin to recognise an utterance while its audio arrives; `cohort` is its speaker's, where that is an input.

        Raises
        ------
        ModelError
            The recogniser cannot stream.
        """
        raise ModelError(f"a {self.kind} hears whole utterances and cannot stream; transcribe the file as a whole")

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that have a gradient, by name."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}
