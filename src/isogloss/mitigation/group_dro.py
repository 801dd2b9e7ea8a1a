"""Group distributionally robust optimisation (Sagawa et al. 2020, 1911.08731) over the cohorts of the rule.

The loss is sum_g q_g L_g over the cohorts of a batch, L_g the mean loss of a cohort's utterances. After each batch
q_g is multiplied by exp(step_size * L_g) for the cohorts that were in it, and q is scaled to sum to 1: by logarithms,
as the exponential of a long utterance's loss overflows, and a weight that has become zero never comes back.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from isogloss.config import GroupDroParams
from isogloss.mitigation.base import Mitigation, Setting, Step
from isogloss.mitigation.draws import natural_examples
from isogloss.mitigation.found_weights import FoundWeights
from isogloss.recognizers.base import Recognizer
from isogloss.recognizers.batches import Batch


class GroupDro(Mitigation[GroupDroParams]):
    """Adapts on everybody's new data, weighted towards the cohorts whose loss is highest at the time."""

    def __init__(self, options: GroupDroParams) -> None:
        super().__init__(options)
        self._log_share = torch.empty(0)
        self._number: dict[str, int] = {}
        self._found = FoundWeights()

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """`mitigation.epoch_utterances` of adapt, as they come."""
        drawn = natural_examples(setting.utterances, size=setting.shared.epoch_utterances, draw=draw)
        return drawn.assign(weight=1.0)

    def start(self, model: Recognizer, setting: Setting, base_batches: Iterable[Batch]) -> None:
        """All cohorts count the same at first; utterances of no cohort are one more."""
        self._number = {cohort: number for number, cohort in enumerate([*setting.cohorts, ""])}
        self._log_share = torch.zeros(len(self._number)).log_softmax(dim=0)

    def loss(self, step: Step) -> Tensor:
        """The weighted loss of a batch's cohorts, after their weights have followed the losses."""
        loss_B = self.utterance_losses(step)
        group_B = torch.tensor([self._number.get(c, len(self._number) - 1) for c in step.cohorts])
        member_GB = torch.nn.functional.one_hot(group_B, len(self._number)).T.to(loss_B)
        size_G = member_GB.sum(dim=1)
        loss_G = member_GB @ loss_B / size_G.clamp(min=1)
        present_G = (size_G > 0).cpu()
        growth_G = self.growth(loss_G.detach().cpu(), self._log_share.exp())
        self._log_share = (self._log_share + growth_G.where(present_G, 0.0)).log_softmax(dim=0)
        share_G = self._log_share.exp().to(loss_B.device)
        self._found.note(step, (share_G / size_G.clamp(min=1))[group_B.to(share_G.device)] * len(step.ids))
        return (share_G * loss_G).sum()

    def utterance_losses(self, step: Step) -> Tensor:
        """What stands for an utterance's loss: its negative log-likelihood in nats."""
        return step.loss_B

    def growth(self, loss_G: Tensor, share_G: Tensor) -> Tensor:
        """By how much the logarithm of a cohort's weight grows."""
        return self.options.step_size * loss_G

    def tensors(self) -> dict[str, Tensor]:
        """The last weight of each cohort, in the order of their names, `none` last."""
        return {"cohort_weights": self._log_share.exp()}

    def weights(self) -> pd.DataFrame:
        """The latest weight of each utterance, relative to a plain mean over its batch."""
        return self._found.table()

    def state_dict(self) -> dict[str, Any]:
        """The cohorts' weights and the utterances' so far."""
        return {"log_share": self._log_share, "found": self._found.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What a checkpoint brings back."""
        self._log_share = state["log_share"]
        self._found.load_state_dict(state["found"])
