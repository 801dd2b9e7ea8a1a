"""Cohort membership as an input: a learnt shift of the features of each cohort.

For a first linear layer, a shift of every frame by the cohort is equivalent to a one-hot vector that is appended to
every frame. The shift needs no change of the encoders and works for all of them (our choice after 2207.11345).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class CohortInput(nn.Module):
    """One learnt shift a cohort, and one for `unknown`; all begin at zero.

    Parameters
    ----------
    cohorts
        Names; any other name, including the empty one, is `unknown`.
    dim
        F, the features of a frame.
    hidden_share
        In training, the share of the utterances whose cohort is hidden, so that `unknown` is learnt too.
    """

    def __init__(self, cohorts: Sequence[str], *, dim: int, hidden_share: float) -> None:
        super().__init__()
        self.number = {cohort: number for number, cohort in enumerate(cohorts)}
        self.hidden_share = hidden_share
        self.shift = nn.Embedding(len(cohorts) + 1, dim)
        nn.init.zeros_(self.shift.weight)

    def forward(self, cohorts: Sequence[str]) -> Tensor:
        """The shift of each utterance's features: (B, F)."""
        unknown = len(self.number)
        number_B = torch.tensor([self.number.get(cohort, unknown) for cohort in cohorts])
        if self.training and self.hidden_share > 0.0:
            number_B[torch.rand(len(number_B)) < self.hidden_share] = unknown
        return self.shift(number_B.to(self.shift.weight.device))
