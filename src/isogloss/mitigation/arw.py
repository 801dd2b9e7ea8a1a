"""Adversarial reweighting of a recogniser's utterances (after 2207.07776, which does it for speaker verification).

The loss of an utterance is divided by its number of tokens, since otherwise a long command would look like a hard one.
Weights are those of `Adversary`; the cluster is the cohort of the discovered rule.
"""

from collections.abc import Iterable
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.draws import natural_examples
from isogloss.mitigation.found_weights import FoundWeights
from isogloss.mitigation.reweighting import Reweighting
from isogloss.mitigation.strategy import Setting, Step
from isogloss.recognizers.base import Recognizer


class ArwParams(MethodParams):
    """Adversarial reweighting of utterances (2207.07776)."""

    hidden_dim: Annotated[int, Field(ge=0)] = 32
    """Units of the adversary's hidden layer; 0 for a linear adversary."""
    adversary_learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Learning rate of the adversary's Adam optimiser."""


COMPONENT = MitigationComponent(name="arw", options=ArwParams, implementation="Arw")


class Arw(Reweighting[Recognizer]):
    """Adapts on new data of all cohorts, weighted by an adversary that does not know the groups."""

    per_token = True

    def __init__(self, options: ArwParams) -> None:
        super().__init__(options)
        self._number: dict[str, int] = {}
        self._found = FoundWeights()

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """`mitigation.epoch_utterances` utterances of adapt, drawn uniformly."""
        drawn = natural_examples(setting.utterances, size=setting.epoch_utterances, draw=draw)
        return drawn.assign(weight=1.0)

    def start(self, model: Recognizer, setting: Setting, base_batches: Iterable[Any]) -> None:
        """Make the adversary for this rule's cohorts."""
        super().start(model, setting, base_batches)
        self._number = {cohort: number for number, cohort in enumerate(setting.cohorts)}

    def clusters(self, setting: Setting) -> int:
        """One for each cohort."""
        return len(setting.cohorts)

    def loss(self, step: Step) -> Tensor:
        """The adversary's step, then the weighted mean loss of a token."""
        per_token_B = step.loss_B / step.units_B.clamp(min=1)
        cluster_B = torch.tensor([self._number.get(c, -1) for c in step.cohorts], device=per_token_B.device)
        weight_B = self.adversary.ascend(step.embedding_BD, cluster_B, per_token_B)
        self._found.note(step, weight_B)
        return (weight_B * per_token_B).mean()

    def weights(self) -> pd.DataFrame:
        """The latest weight of each utterance."""
        return self._found.table()

    def state_dict(self) -> dict[str, Any]:
        """The adversary, its optimiser, and the weights so far."""
        return {**super().state_dict(), "found": self._found.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        super().load_state_dict(state)
        self._found.load_state_dict(state["found"])
