"""L2 to the base weights: EWC with every weight held alike (the baseline of Kirkpatrick et al. 2017, 1612.00796)."""

from collections.abc import Iterable
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.strategy import Mitigation, Setting


class L2Params(MethodParams):
    """Fine-tuning on the worst cohorts with an L2 penalty on the distance to the base weights."""

    strength: Annotated[float, Field(ge=0.0)] = 1.0
    """lambda in L = L_ASR + (lambda / 2) sum_i (theta_i - theta*_i)^2, with L_ASR in nats per utterance."""


COMPONENT = MitigationComponent(name="l2", options=L2Params, implementation="L2")


class L2(Mitigation[L2Params, nn.Module]):
    """Fine-tuning on the worst cohorts with (strength / 2) sum_i (theta_i - theta*_i)^2 added to the loss."""

    def __init__(self, options: L2Params) -> None:
        super().__init__(options)
        self.anchor: dict[str, Tensor] = {}

    def start(self, model: nn.Module, setting: Setting, base_batches: Iterable[Any]) -> None:
        """Remember the base weights."""
        self.anchor = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    def penalty(self, model: nn.Module) -> Tensor | None:
        """Half the strength times the squared distance to the base weights."""
        if self.options.strength == 0.0:
            return None
        distances = [((p - self.anchor[name].to(p.device)) ** 2).sum() for name, p in model.named_parameters()]
        return 0.5 * self.options.strength * torch.stack(distances).sum()
