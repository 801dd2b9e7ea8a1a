"""One training loop for every adaptation: a model, the losses of its utterances, and a mitigation that combines them.

An `Objective` holds the differences between a recogniser and a speaker encoder: how a batch becomes a `Step`, and the
optimiser. `adapt_recognizer` and `adapt_speaker` prepare data and objective; `fitting.fit` runs the epochs.
"""

from abc import ABC, abstractmethod
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from isogloss.mitigation import Mitigation, Step


class Objective(nn.Module, ABC):
    """A model together with its losses and optimiser.

    Parameters
    ----------
    model
        It is adapted in place.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    @abstractmethod
    def step(self, batch: Any) -> Step:
        """The losses of a batch's utterances, with the data that a mitigation may use."""

    @abstractmethod
    def optimizer(self) -> torch.optim.Optimizer | OptimizerLRSchedulerConfig:
        """The optimiser of what is adapted."""


class Adaptation(lightning.LightningModule):
    """Minimises the loss that a mitigation computes from the utterances' losses, plus its penalty.

    Parameters
    ----------
    objective
        The model is its `model`.
    mitigation
        Its loss and penalty are minimised; its state is saved in the checkpoint.
    """

    def __init__(self, objective: Objective, mitigation: Mitigation[Any, Any]) -> None:
        super().__init__()
        self.objective = objective
        self.mitigation = mitigation
        for name, parameter in objective.model.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and mitigation.is_trained(objective.model, name))

    def on_train_epoch_start(self) -> None:
        """Let the mitigation use the model's current state."""
        self.mitigation.refresh(self.current_epoch)

    def training_step(self, batch: Any, _: int) -> Tensor:
        """Loss of one batch."""
        step = self.objective.step(batch)
        loss = self.mitigation.loss(step)
        penalty = self.mitigation.penalty(self.objective.model)
        if penalty is not None:
            loss = loss + penalty
        if step.extra is not None:
            loss = loss + step.extra * (1.0 if self.mitigation.per_token else step.units_B.float().mean())
        self.log("loss", loss, batch_size=len(step.ids))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer | OptimizerLRSchedulerConfig:
        """The objective's."""
        return self.objective.optimizer()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the mitigation's state."""
        checkpoint["mitigation"] = self.mitigation.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the mitigation's state."""
        self.mitigation.load_state_dict(checkpoint["mitigation"])
