"""Adversarial reweighting of utterances (after 2207.07776, which does it for speaker verification).

An adversary and the model take turns on the weighted loss: the adversary ascends it, the model descends it. The loss of
an utterance is divided by its tokens, as a long command would otherwise look like a hard one. Weights are those of
`Adversary`; the embedding is the mean of the encoder's frames and the cluster is the cohort of the discovered rule.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from isogloss.config import ArwParams
from isogloss.errors import ModelError
from isogloss.mitigation.adversary import Adversary
from isogloss.mitigation.base import Mitigation, Setting, Step
from isogloss.mitigation.draws import natural_examples
from isogloss.mitigation.found_weights import FoundWeights
from isogloss.recognizers.base import Recognizer
from isogloss.recognizers.batches import Batch


class Arw(Mitigation[ArwParams]):
    """Adapts on everybody's new data, weighted by an adversary that is told no group's name."""

    per_token = True

    def __init__(self, options: ArwParams) -> None:
        super().__init__(options)
        self._adversary: Adversary | None = None
        self._number: dict[str, int] = {}
        self._found = FoundWeights()

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """`mitigation.epoch_utterances` of adapt, as they come."""
        drawn = natural_examples(setting.utterances, size=setting.shared.epoch_utterances, draw=draw)
        return drawn.assign(weight=1.0)

    def start(self, model: Recognizer, setting: Setting, base_batches: Iterable[Batch]) -> None:
        """Make the adversary for this model's embeddings and this rule's cohorts."""
        self._number = {cohort: number for number, cohort in enumerate(setting.cohorts)}
        self._adversary = Adversary(
            embedding_dim=model.embedding_dim,
            clusters=len(self._number),
            hidden_dim=self.options.hidden_dim,
            learning_rate=self.options.adversary_learning_rate,
        ).to(next(model.parameters()).device)

    def loss(self, step: Step) -> Tensor:
        """The adversary's step, then the weighted mean loss of a token."""
        if self._adversary is None:
            raise ModelError("adversarial reweighting has no adversary yet; call `start` first")
        per_token_B = step.loss_B / step.tokens_B.clamp(min=1)
        cluster_B = torch.tensor([self._number.get(c, -1) for c in step.cohorts], device=per_token_B.device)
        weight_B = self._adversary.ascend(step.embedding_BD, cluster_B, per_token_B)
        self._found.note(step, weight_B)
        return (weight_B * per_token_B).mean()

    def tensors(self) -> dict[str, Tensor]:
        """The adversary."""
        if self._adversary is None:
            return {}
        return {f"adversary.{name}": tensor for name, tensor in self._adversary.state_dict().items()}

    def weights(self) -> pd.DataFrame:
        """The latest weight of each utterance."""
        return self._found.table()

    def state_dict(self) -> dict[str, Any]:
        """The adversary, its optimiser, and the weights so far."""
        adversary = {} if self._adversary is None else self._adversary.resume_state()
        return {**adversary, "found": self._found.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What a checkpoint brings back."""
        if self._adversary is not None:
            self._adversary.resume(state)
        self._found.load_state_dict(state["found"])
