"""Group distributionally robust optimisation (Sagawa et al. 2020, 1911.08731), for recognisers and speaker encoders.

The loss is sum_g q_g L_g over the groups of a batch, L_g the mean loss of a group's utterances. After each batch q_g is
multiplied by exp(step_size * L_g) for the groups that were in it, and q is scaled to sum to 1: in logarithms, since the
exponential of a long utterance's loss overflows, and a weight of zero would stay zero.

The groups are the cohorts of the rule, and one for utterances without a cohort if there are any; for a speaker encoder
they are the values of `verification.attribute`, including `unspecified`.

Shapes: G groups.
"""

from collections.abc import Iterable
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor, nn

from isogloss.config import VerificationParams
from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.errors import ModelError
from isogloss.mitigation.draws import natural_examples
from isogloss.mitigation.found_weights import FoundWeights
from isogloss.mitigation.strategy import Mitigation, Setting, Step


class GroupDroParams(MethodParams):
    """Group DRO over the cohorts (1911.08731)."""

    step_size: Annotated[float, Field(ge=0.0)] = 0.01
    """Step size of the group weights: after each batch, a group's weight is multiplied by exp(step size * its mean loss
    in nats)."""


COMPONENT = MitigationComponent(
    name="group_dro",
    options=GroupDroParams,
    implementation="GroupDro",
    adapts=("recognizer", "speaker"),
)


class GroupDro(Mitigation[GroupDroParams, nn.Module]):
    """Adapts on new data of all cohorts, weighted towards the groups with the currently highest loss."""

    uses_groups = True

    def __init__(self, options: GroupDroParams) -> None:
        super().__init__(options)
        self._log_share_G = torch.empty(0)
        self._number: dict[str, int] = {}
        self._found = FoundWeights()

    @classmethod
    def for_speakers(cls, verification: VerificationParams) -> "SpeakerGroupDro":
        """With the step size of section `verification`."""
        return SpeakerGroupDro(GroupDroParams(step_size=verification.dro_step_size))

    @property
    def share_G(self) -> Tensor:  # noqa: N802
        """q, the weights of the groups; they sum to 1."""
        return self._log_share_G.exp()

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """`mitigation.epoch_utterances` utterances of adapt, drawn uniformly."""
        drawn = natural_examples(setting.utterances, size=setting.epoch_utterances, draw=draw)
        return drawn.assign(weight=1.0)

    def start(self, model: nn.Module, setting: Setting, base_batches: Iterable[Any]) -> None:
        """All groups count the same at first."""
        self._number = {group: number for number, group in enumerate(self.groups(setting))}
        self._log_share_G = torch.zeros(len(self._number)).log_softmax(dim=0)

    def groups(self, setting: Setting) -> list[str]:
        """The names of the groups; the last is "" if adapted utterances without a cohort exist.

        A group that no utterance is of would keep a share of the weights to the end.
        """
        adapted = setting.utterances.loc[setting.utterances["split"] == setting.split, "cohort"]
        return [*setting.cohorts, ""] if adapted.isna().any() else setting.cohorts

    def loss(self, step: Step) -> Tensor:
        """The weighted loss of a batch's groups, after their weights have followed the losses."""
        loss_B = self.utterance_losses(step)
        group_B = torch.tensor([self._number.get(c, len(self._number) - 1) for c in step.cohorts])
        member_GB = torch.nn.functional.one_hot(group_B, len(self._number)).T.to(loss_B)
        size_G = member_GB.sum(dim=1)
        loss_G = member_GB @ loss_B / size_G.clamp(min=1)
        present_G = (size_G > 0).cpu()
        growth_G = self.growth(loss_G.detach().cpu(), self.share_G)
        self._log_share_G = (self._log_share_G + growth_G.where(present_G, 0.0)).log_softmax(dim=0)
        share_G = self.share_G.to(loss_B.device)
        self._found.note(step, (share_G / size_G.clamp(min=1))[group_B.to(share_G.device)] * len(step.ids))
        return (share_G * loss_G).sum()

    def utterance_losses(self, step: Step) -> Tensor:
        """The loss of each utterance for the groups: its negative log-likelihood in nats."""
        return step.loss_B

    def growth(self, loss_G: Tensor, share_G: Tensor) -> Tensor:
        """The increase of the logarithm of each group's weight."""
        return self.options.step_size * loss_G

    def tensors(self) -> dict[str, Tensor]:
        """The last weight of each cohort, in the order of their names; last that of utterances without one, if any."""
        return {"cohort_weights": self.share_G}

    def weights(self) -> pd.DataFrame:
        """The latest weight of each utterance, relative to a plain mean over its batch."""
        return self._found.table()

    def state_dict(self) -> dict[str, Any]:
        """The groups' weights and the utterances' so far."""
        return {"log_share": self._log_share_G, "found": self._found.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self._log_share_G = state["log_share"]
        self._found.load_state_dict(state["found"])


class SpeakerGroupDro(GroupDro):
    """Group DRO over the values of `verification.attribute`."""

    def start(self, model: nn.Module, setting: Setting, base_batches: Iterable[Any]) -> None:
        """All groups count the same at first.

        Raises
        ------
        ModelError
            There is a single group.
        """
        if len(setting.cohorts) < 2:
            raise ModelError(
                f"group_dro needs two groups of {setting.attribute!r} in {setting.split}, which has {setting.cohorts}; "
                "set verification.attribute"
            )
        super().start(model, setting, base_batches)

    def groups(self, setting: Setting) -> list[str]:
        """The values of the attribute."""
        return setting.cohorts

    def tensors(self) -> dict[str, Tensor]:
        """The last weight of each group, in the order of their names."""
        return {"group_share": self.share_G}
