"""Group DRO for a speaker encoder: groups are weighted by how badly they fare (Sagawa et al. 2020, 1911.08731).

After each batch q_g grows by exp(step_size * loss_g) and is normalised; the encoder descends sum_g q_g loss_g. Groups
are the known values of `verification.attribute`; speakers of whom it is not known are a group of their own. The update
is made with logarithms, in which nothing overflows and no weight is ever lost.
"""

from typing import Any

import torch
from torch import Tensor

from isogloss.config import VerificationParams
from isogloss.errors import ModelError
from isogloss.mitigation.speaker.base import SpeakerMitigation, SpeakerSetting, SpeakerStep


class SpeakerGroupDro(SpeakerMitigation):
    """The worst-off group counts most."""

    def __init__(self, options: VerificationParams) -> None:
        super().__init__(options)
        self._group_N: Tensor | None = None
        self._log_share_G = torch.empty(0)

    @property
    def share_G(self) -> Tensor:  # noqa: N802
        """q, the weights of the groups; they sum to 1."""
        return self._log_share_G.exp()

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
        self._log_share_G = torch.zeros(len(setting.groups), device=setting.device).log_softmax(dim=0)

    def batch_loss(self, step: SpeakerStep) -> Tensor:
        """The groups' mean losses under the weights after this batch; groups that it lacks keep theirs."""
        if self._group_N is None:
            raise ModelError("group DRO does not know the groups yet; call `start` first")
        loss_L = step.loss(step.embeddings_PQD, step.speakers_P)
        owner_P = self._group_N[step.rows_B].unflatten(0, (len(step.speakers_P), -1))[:, 0]
        group_L = owner_P.repeat_interleave(len(loss_L) // len(owner_P))
        size_G = torch.bincount(group_L, minlength=len(self._log_share_G))
        mean_G = torch.zeros_like(self._log_share_G).index_add(0, group_L, loss_L) / size_G.clamp(min=1)
        grown_G = self._log_share_G + self.options.dro_step_size * mean_G.detach()
        self._log_share_G = grown_G.log_softmax(dim=0)
        return (self.share_G * mean_G).sum()

    def tensors(self) -> dict[str, Tensor]:
        """The groups' weights."""
        return {"group_share": self.share_G}

    def state_dict(self) -> dict[str, Any]:
        """The groups' weights."""
        return {"log_share": self._log_share_G}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What a checkpoint brings back."""
        self._log_share_G = state["log_share"].to(self._log_share_G.device)
