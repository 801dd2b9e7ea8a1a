"""The interface of a mitigation: drawn examples, their weights, a penalty on the loss, an extra input of the model.

Everything else (batches, optimiser, epochs, seed) is the same for all of them; `isogloss.training.adaptation` holds it.
The number of draws is part of the strategy and differs, which matters when strategies are compared. A strategy adapts a
recogniser, a speaker encoder, or both: the model in `Mitigation[Options, Model]` says which. `Mitigation` itself is
plain training on what its `examples` draw; a strategy overrides what it does differently.

Shapes: B utterances of a batch that have a loss, D channels of an embedding, N utterances that are adapted on. Batches
for a speaker encoder hold P speakers with Q utterances each.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isogloss.config import VerificationParams
from isogloss.config.section import Section
from isogloss.mitigation.draws import worst_examples

Options = TypeVar("Options", bound=Section)
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The data that a mitigation may use before the adaptation begins.

    Attributes
    ----------
    utterances
        `utterance_id, speaker_id, split, cohort`. For a recogniser: train and adapt, with the cohorts of a rule, which
        are never labels. For a speaker encoder: train, with the groups of `verification.attribute`.
    split
        The split that is adapted on.
    worst
        The cohorts to mitigate; a speaker encoder has none.
    epoch_utterances
        Number of utterances of an epoch, for methods that draw from more than the worst cohorts.
    attribute
        The column whose values are the groups, for messages; "" if the cohorts come from a rule.
    device
        Where the model is trained.
    embed
        A function that returns the current embeddings of all utterances, (N, D), of a speaker encoder in training.
    """

    utterances: pd.DataFrame
    split: str = "adapt"
    worst: Collection[str] = ()
    epoch_utterances: int = 0
    attribute: str = ""
    device: torch.device | str = "cpu"
    embed: Callable[[], NDArray[np.float32]] | None = None

    @property
    def cohorts(self) -> list[str]:
        """Every cohort that an utterance of the adapted split has, sorted."""
        adapted = self.utterances[self.utterances["split"] == self.split]
        return sorted(adapted["cohort"].dropna().unique())


@dataclass(frozen=True)
class Pairs:
    """A batch for a speaker encoder, whose loss is about pairs of utterances, so not every utterance has a loss.

    Attributes
    ----------
    embeddings_PQD
        The embeddings of all utterances of the batch, with their graph.
    rows_B
        Their row numbers in `Setting.utterances`, speaker by speaker.
    loss
        The loss with which the encoder is trained.
    """

    embeddings_PQD: Tensor
    rows_B: Tensor
    loss: nn.Module


@dataclass(frozen=True)
class Step:
    """The utterances of a training step that have a loss.

    Attributes
    ----------
    ids, cohorts
        Id and cohort of each utterance; an utterance that is drawn again has the same id. The cohort is "" where there
        is none.
    loss_B
        The loss in nats, with its graph.
    weight_B
        The weights that `examples` gave.
    units_B
        Tokens of the transcript; 1 for a speaker encoder.
    embedding_BD
        The embedding of each utterance, without a graph: of a recogniser, the mean of the encoder's frames.
    extra
        A loss that belongs to no single utterance, in nats per token, or None.
    pairs
        The whole batch, for a speaker encoder.
    """

    ids: list[str]
    cohorts: list[str]
    loss_B: Tensor
    weight_B: Tensor
    units_B: Tensor
    embedding_BD: Tensor
    extra: Tensor | None = None
    pairs: Pairs | None = None


@dataclass(frozen=True)
class DevRates:
    """Word error rates on dev: of all speakers, and of the worst cohorts."""

    overall: float
    worst: float


class Mitigation(Generic[Options, Model]):
    """Minimises the weighted mean loss of an utterance, without further terms.

    Attributes
    ----------
    per_token
        Whether `loss` is per token; otherwise it is per utterance.
    uses_groups
        Whether a speaker encoder's training needs the groups of `verification.attribute`.
    balances_groups
        Whether the batches of a speaker encoder hold equally many speakers of each group.
    """

    per_token: ClassVar[bool] = False
    uses_groups: ClassVar[bool] = False
    balances_groups: ClassVar[bool] = False

    def __init__(self, options: Options) -> None:
        self.options = options

    @classmethod
    def for_speakers(cls, verification: VerificationParams) -> "Mitigation[Any, Any]":
        """The strategy for a speaker encoder, with its options from section `verification`."""
        return cls(cast(Options, verification))

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """The utterances of an epoch of a recogniser, with their weights; called for each epoch.

        Without an override, the worst cohorts' utterances, each once with weight 1.

        Returns
        -------
        `utterance_id, weight`; an utterance that is to be seen twice stands twice.

        Raises
        ------
        ModelError
            No adaptation utterance is of a worst cohort.
        """
        return worst_examples(setting.utterances, setting.worst).assign(weight=1.0)

    def model(self, base: Model, setting: Setting) -> Model:
        """The model that is adapted: the base itself, or one like it with a further input."""
        return base

    def relabel(self, setting: Setting, transcribe: Callable[[list[str]], dict[str, str]]) -> dict[str, str]:
        """Other transcripts for some of the utterances; `transcribe` gives the base model's for a list of ids."""
        return {}

    def start(self, model: Model, setting: Setting, base_batches: Iterable[Any]) -> None:
        """Prepare the mitigation from the model and the data, before a checkpoint is loaded.

        `base_batches` goes over the utterances of train in random order; it is empty for a speaker encoder.
        """

    def refresh(self, epoch: int) -> None:
        """Called before each epoch."""

    def settle(self, model: Model, dev: Callable[[Model], DevRates]) -> None:
        """Called once the recogniser is trained; `dev` decodes dev with the model as it is."""

    def is_trained(self, model: Model, parameter: str) -> bool:
        """Whether a parameter of the model, by its name, is adapted."""
        return True

    def loss(self, step: Step) -> Tensor:
        """The loss of one batch: the weighted mean loss of an utterance."""
        return (step.weight_B * step.loss_B).mean()

    def penalty(self, model: Model) -> Tensor | None:
        """A term that is added to the loss, or None."""
        return None

    def tensors(self) -> dict[str, Tensor]:
        """Tensors to be saved beside the adapted model, by name."""
        return {}

    def weights(self) -> pd.DataFrame | None:
        """`utterance_id, cohort, weight` of the last epoch, for a strategy that computes weights."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """The state that a checkpoint must hold so that a resumed run gives the same model."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
