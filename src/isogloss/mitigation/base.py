"""What a mitigation decides: which examples are drawn, with which weight, what is added to the loss, and what extra
input the model gets.

Everything else (batches, optimiser, epochs, seed) is the same for all of them; `isogloss.training.adaptation` holds it.
How much is drawn is a part of the strategy, and differs: who compares them has to mind it. `Mitigation` itself is
fine-tuning on the worst cohorts; a strategy overrides what it does differently.

Shapes: B utterances of a batch, D channels of the encoder.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
from torch import Tensor

from isogloss.config import MitigationParams
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.draws import worst_examples
from isogloss.recognizers.base import Recognizer
from isogloss.recognizers.batches import Batch

Options = TypeVar("Options", bound=MethodParams)


@dataclass(frozen=True)
class Setting:
    """What a mitigation may look at before it begins.

    Attributes
    ----------
    utterances
        `utterance_id, speaker_id, split, cohort` of train and adapt; the cohort is the rule's, never a label.
    worst
        The cohorts to mitigate.
    shared
        Section `mitigation` of params.
    """

    utterances: pd.DataFrame
    worst: Collection[str]
    shared: MitigationParams

    @property
    def cohorts(self) -> list[str]:
        """Every cohort that an utterance of adapt has, sorted."""
        adapt = self.utterances[self.utterances["split"] == "adapt"]
        return sorted(adapt["cohort"].dropna().unique())


@dataclass(frozen=True)
class Step:
    """What a training step knows of its utterances.

    Attributes
    ----------
    ids, cohorts
        Of each utterance, the same each time it is drawn; the cohort is "" where the rule gave none.
    loss_B
        The recogniser's loss in nats, with its graph.
    weight_B
        What `examples` said.
    tokens_B
        Tokens of the transcript.
    embedding_BD
        The mean of the encoder's frames, without a graph.
    """

    ids: list[str]
    cohorts: list[str]
    loss_B: Tensor
    weight_B: Tensor
    tokens_B: Tensor
    embedding_BD: Tensor


class Mitigation(Generic[Options]):
    """Adapts on the worst cohorts' utterances, each with weight 1, with nothing added to the loss.

    Attributes
    ----------
    per_token
        Whether `loss` is that of a token; else it is that of an utterance.
    """

    per_token: bool = False

    def __init__(self, options: Options) -> None:
        self.options = options

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """Which utterances an epoch goes over, and with which weight; called anew for each epoch.

        Returns
        -------
        `utterance_id, weight`; an utterance that is to be seen twice stands twice.

        Raises
        ------
        ModelError
            No adaptation utterance is of a worst cohort.
        """
        return worst_examples(setting.utterances, setting.worst).assign(weight=1.0)

    def model(self, base: Recognizer, setting: Setting) -> Recognizer:
        """The model that is adapted: the base itself, or one like it with an input more."""
        return base

    def relabel(self, setting: Setting, transcribe: Callable[[list[str]], dict[str, str]]) -> dict[str, str]:
        """Other transcripts for some of the utterances; `transcribe` gives the base model's for a list of ids."""
        return {}

    def start(self, model: Recognizer, setting: Setting, base_batches: Iterable[Batch]) -> None:
        """Look at the model and at the base population's data before the adaptation.

        `base_batches` goes over the utterances of train in random order.
        """

    def is_trained(self, parameter: str) -> bool:
        """Whether a parameter of the model, by its name, is adapted."""
        return True

    def loss(self, step: Step) -> Tensor:
        """The loss of one batch: the weighted mean loss of an utterance."""
        return (step.weight_B * step.loss_B).mean()

    def penalty(self, model: Recognizer) -> Tensor | None:
        """What is added to the loss; None for nothing."""
        return None

    def tensors(self) -> dict[str, Tensor]:
        """What is worth keeping beside the adapted model, by name."""
        return {}

    def weights(self) -> pd.DataFrame | None:
        """`utterance_id, cohort, weight` of the last epoch, of a strategy that found weights by itself."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold for a resumed run to be the undisturbed one."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What a checkpoint brings back."""
