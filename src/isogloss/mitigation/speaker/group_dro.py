"""Group DRO for a speaker encoder: groups are weighted by how badly they fare (Sagawa et al. 2020, 1911.08731).

After each batch q_g grows by exp(step_size * loss_g) and is normalised; the encoder descends sum_g q_g loss_g. Groups
are the known values of `verification.attribute`; speakers of whom it is not known are a group of their own.
"""

from typing import Any

import torch
from torch import Tensor

from isogloss.config import VerificationParams
from isogloss.errors import ModelError
from isogloss.mitigation.speaker.base import SpeakerMitigation, SpeakerSetting, SpeakerStep


class SpeakerGroupDro(SpeakerMitigation):
    """The worst-off group counts most.

    Attributes
    ----------
    share_G
        q, the weights of the groups; they sum to 1.
    """

    share_G: Tensor

    def __init__(self, options: VerificationParams) -> None:
        super().__init__(options)
        self._group_N: Tensor | None = None

    def start(self, setting: SpeakerSetting) -> None:
        """Begin with equal weights.

        Raises
        ------
        ModelError
            There is a single group.
        """
        if len(setting.groups) < 2:
            raise ModelError(
                f"group_dro needs two groups of {self.options.attribute!r} in train, which has {setting.groups}; set "
                "verification.attribute"
            )
        self._group_N = torch.from_numpy(setting.group_N).to(setting.device)
        self.share_G = torch.full((len(setting.groups),), 1.0 / len(setting.groups), device=setting.device)

    def batch_loss(self, step: SpeakerStep) -> Tensor:
        """The groups' mean losses under the weights after this batch; groups that it lacks keep theirs."""
        if self._group_N is None:
            raise ModelError("group DRO does not know the groups yet; call `start` first")
        loss_L = step.loss(step.embeddings_PQD, step.speakers_P)
        owner_P = self._group_N[step.rows_B].unflatten(0, (len(step.speakers_P), -1))[:, 0]
        group_L = owner_P.repeat_interleave(len(loss_L) // len(owner_P))
        size_G = torch.bincount(group_L, minlength=len(self.share_G))
        mean_G = torch.zeros_like(self.share_G).index_add(0, group_L, loss_L) / size_G.clamp(min=1)
        grown_G = self.share_G * torch.exp(self.options.dro_step_size * mean_G.detach())
        self.share_G = grown_G / grown_G.sum()
        return (self.share_G * mean_G).sum()

    def tensors(self) -> dict[str, Tensor]:
        """The groups' weights."""
        return {"group_share": self.share_G}

    def state_dict(self) -> dict[str, Any]:
        """The groups' weights."""
        return {"share": self.share_G}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What a checkpoint brings back."""
        self.share_G = state["share"].to(self.share_G.device)
