"""Elastic weight consolidation (Kirkpatrick et al. 2017, 1612.00796; for regions: Trinh et al. 2022, 2207.07850).

L = L_ASR + (strength / 2) sum_i F_i (theta_i - theta*_i)^2, with F the diagonal Fisher information at the base weights
theta* on the base population and L_ASR the mean loss of an utterance in nats, so that both terms share a scale.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.config.section import PositiveInt
from isogloss.errors import ModelError
from isogloss.mitigation.fisher import diagonal_fisher
from isogloss.mitigation.strategy import Mitigation, Setting
from isogloss.recognizers.base import Recognizer
from isogloss.recognizers.batches import Batch


class EwcParams(MethodParams):
    """Elastic weight consolidation on the worst cohorts (2207.07850)."""

    strength: Annotated[float, Field(ge=0.0)] = 1e4
    """lambda in L = L_ASR + (lambda / 2) sum_i F_i (theta_i - theta*_i)^2, with L_ASR in nats per utterance. It is
    large, since the per-utterance gradients of a well-fitted model, and so its Fisher information F, are small."""
    fisher_utterances: PositiveInt = 800
    """Utterances of train over which the diagonal Fisher information is averaged; the last batch is taken whole."""
    labels: Literal["empirical", "sampled"] = "empirical"
    """Labels for the gradients of the Fisher information: the transcripts, as in the paper (empirical), or labels
    sampled from the model (sampled: the true Fisher information)."""


COMPONENT = MitigationComponent(name="ewc", options=EwcParams, implementation="Ewc")


class Ewc(Mitigation[EwcParams, Recognizer]):
    """Fine-tuning on the worst cohorts with a penalty on changes of weights that matter for the base population."""

    def __init__(self, options: EwcParams) -> None:
        super().__init__(options)
        self.fisher: dict[str, Tensor] = {}
        self.anchor: dict[str, Tensor] = {}

    def start(self, model: Recognizer, setting: Setting, base_batches: Iterable[Batch]) -> None:
        """Measure the Fisher information on base data and remember the base weights."""
        sample = _first(base_batches, self.options.fisher_utterances)
        if self.options.labels == "sampled":
            sample = (model.with_sampled_texts(batch, seed=number) for number, batch in enumerate(sample))
        self.fisher = diagonal_fisher(model, sample)
        self.anchor = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    def penalty(self, model: Recognizer) -> Tensor | None:
        """(strength / 2) sum_i F_i (theta_i - theta*_i)^2; None at strength 0, so that it is plain fine-tuning."""
        if self.options.strength == 0.0:
            return None
        if not self.fisher:
            raise ModelError("EWC has not measured its Fisher information yet; call `start` first")
        return 0.5 * self.options.strength * self.displacement(model)

    def displacement(self, model: Recognizer) -> Tensor:
        """sum_i F_i (theta_i - theta*_i)^2, the displacement that the penalty multiplies."""
        total = torch.zeros((), device=next(model.parameters()).device)
        for name, parameter in model.named_parameters():
            if name in self.fisher:
                fisher = self.fisher[name].to(parameter.device)
                total = total + (fisher * (parameter - self.anchor[name].to(parameter.device)) ** 2).sum()
        return total

    def tensors(self) -> dict[str, Tensor]:
        """The Fisher information, for inspection."""
        return {f"fisher.{name}": tensor for name, tensor in self.fisher.items()}


def _first(batches: Iterable[Batch], utterances: int) -> Iterator[Batch]:
    """The first batches, until they hold at least this number of utterances."""
    seen = 0
    for batch in batches:
        if seen >= utterances:
            return
        yield batch
        seen += len(batch)
