"""Group DRO on losses that can be compared (after CTC-DRO, Bartelds et al. 2025, 2502.01777).

Plain group DRO has two problems on sequence losses: the losses grow with length, and a cohort whose loss stays high
despite training gets all the weight. Here the loss of an utterance is divided by its number of tokens (our form for the
transducer; CTC-DRO matches the lengths of batches, which our length buckets do as well), and a cohort's weight grows by
step_size * L_g / (q_g + smoothing), which is less if its weight is already large.
"""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from isogloss.config.components import MitigationComponent
from isogloss.mitigation.group_dro import GroupDro, GroupDroParams
from isogloss.mitigation.strategy import Step


class LengthNormalisedDroParams(GroupDroParams):
    """Group DRO on the loss per token, with smoothed growth of the weights (after 2502.01777)."""

    step_size: Annotated[float, Field(ge=0.0)] = 0.01
    """Step size of the group weights; see `smoothing`."""
    smoothing: Annotated[float, Field(gt=0.0)] = 0.5
    """Term in the growth of a group's log-weight, step size * mean loss per token / (weight + smoothing): the smaller
    it is, the slower a weight grows that is already large, compared with others."""


COMPONENT = MitigationComponent(
    name="length_normalised_dro", options=LengthNormalisedDroParams, implementation="LengthNormalisedDro"
)


class LengthNormalisedDro(GroupDro):
    """Group DRO with the loss per token and smoothed growth of the weights."""

    options: LengthNormalisedDroParams
    per_token = True

    def utterance_losses(self, step: Step) -> Tensor:
        """The loss of a token."""
        return step.loss_B / step.units_B.clamp(min=1)

    def growth(self, loss_G: Tensor, share_G: Tensor) -> Tensor:
        """The growth of plain group DRO over the weight that is there already."""
        return self.options.step_size * loss_G / (share_G + self.options.smoothing)
