"""WiSE-FT: weights between the base and the fine-tuned ones (Wortsman et al. 2022, 2109.01903).

For speech recognition, averaging old and new weights is the strongest of the simple methods against forgetting (Vander
Eeckt and Van hamme 2022, 2210.15282). The share of the fine-tuned weights is chosen on dev, by the same rule as the
options of all methods.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.strategy import DevRates, Mitigation, Setting
from isogloss.recognizers.base import Recognizer
from isogloss.recognizers.batches import Batch


class WiseFtParams(MethodParams):
    """Weights between the base model's and those fine-tuned on the worst cohorts (2109.01903)."""

    settles: ClassVar[str] = "its share of fine-tuned weights"
    shares: Annotated[list[Annotated[float, Field(ge=0.0, le=1.0)]], Field(min_length=1)] = [0.0, 0.25, 0.5, 0.75, 1.0]
    """Shares of the fine-tuned weights in the average that are tried on dev."""
    margin: Annotated[float, Field(ge=0.0)] = 0.02
    """Relative rise of the overall error rate on dev, over the base model's, that is allowed. Of the shares within it,
    the one with the lowest error rate of the worst cohorts is taken; if there is none, the one with the lowest overall
    error rate."""


COMPONENT = MitigationComponent(name="wise_ft", options=WiseFtParams, implementation="WiseFt")


class WiseFt(Mitigation[WiseFtParams, Recognizer]):
    """Fine-tuning on the worst cohorts, then averaging with the base weights; the share is chosen on dev."""

    def __init__(self, options: WiseFtParams) -> None:
        super().__init__(options)
        self.base: dict[str, Tensor] = {}
        self.curve: list[tuple[float, float, float]] = []
        self.share = 1.0

    def start(self, model: Recognizer, setting: Setting, base_batches: Iterable[Batch]) -> None:
        """Remember the base weights."""
        self.base = {name: tensor.detach().clone() for name, tensor in _averaged(model)}

    def settle(self, model: Recognizer, dev: Callable[[Recognizer], DevRates]) -> None:
        """Try the shares between the base and the fine-tuned weights, and keep the one that is best on dev."""
        tuned = {name: tensor.detach().clone() for name, tensor in _averaged(model)}
        found: dict[float, DevRates] = {}
        for share in sorted({0.0, *self.options.shares}):
            self._put(model, tuned, share)
            found[share] = dev(model)
            print(
                f"wise_ft: {share:.0%} of the fine-tuned weights: WER on dev {found[share].overall:.1%}, of the worst "
                f"cohorts {found[share].worst:.1%}",
                flush=True,
            )
        self.curve = [(share, rates.overall, rates.worst) for share, rates in found.items()]
        allowed = found[0.0].overall * (1.0 + self.options.margin)
        tried = {share: rates for share, rates in found.items() if share in self.options.shares}
        within = {share: rates for share, rates in tried.items() if rates.overall <= allowed}
        if within:
            self.share = min(within, key=lambda share: (within[share].worst, share))
        else:
            self.share = min(tried, key=lambda share: (tried[share].overall, share))
        self._put(model, tuned, self.share)

    @torch.no_grad()
    def _put(self, model: Recognizer, tuned: dict[str, Tensor], share: float) -> None:
        """Set the weights to (1 - share) base + share tuned; at 0 and 1 they are bitwise equal to one of the two."""
        for name, tensor in _averaged(model):
            if share in (0.0, 1.0):
                tensor.copy_(tuned[name] if share else self.base[name])
            else:
                # Training leaves the model on the CPU, and decoding dev moves it to the accelerator.
                tensor.copy_(torch.lerp(self.base[name].to(tensor), tuned[name].to(tensor), share))

    def tensors(self) -> dict[str, Tensor]:
        """The chosen share, and the whole path: share, error rate on dev, that of the worst cohorts."""
        return {"share": torch.tensor(self.share), "curve": torch.tensor(self.curve, dtype=torch.float64)}


def _averaged(model: Recognizer) -> Iterator[tuple[str, Tensor]]:
    """What is averaged: the parameters, and buffers that training may change, such as statistics of a normalisation."""
    yield from model.named_parameters()
    yield from ((name, buffer) for name, buffer in model.named_buffers() if buffer.is_floating_point())
