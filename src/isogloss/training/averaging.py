"""A moving average of the weights, which is evaluated on dev and becomes the weights of the finished model.

Lightning's `EMAWeightAveraging` puts the average in place when a training ends, but not when a run resumes after its
last epoch and has nothing left to train; and it also averages buffers, including integers.
"""

from collections.abc import Iterator
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor


class MovingAverage(Callback):
    """Keeps `average = d * average + (1 - d) * weights` after each optimiser step, for every trained parameter.

    d is `decay`, but at most (1 + n) / (10 + n) at step n, so that the first weights are soon forgotten (the rule of
    TensorFlow's `ExponentialMovingAverage`). It is saved in the checkpoint; buffers are not averaged.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.average: dict[str, Tensor] = {}

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        """Update the average if this batch completed an optimiser step."""
        if trainer.global_step == self.steps:
            return
        self.steps = trainer.global_step
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, parameter in _trained(pl_module):
            if name in self.average:
                self.average[name].lerp_(parameter.detach(), 1.0 - decay)
            else:
                self.average[name] = parameter.detach().clone()

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Put the average in place for validation."""
        self._exchange(pl_module)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Put the weights back for further training."""
        self._exchange(pl_module)

    def put_into(self, module: lightning.LightningModule) -> None:
        """Give a module whose training is finished the average for its weights."""
        with torch.no_grad():
            for name, parameter in _trained(module):
                parameter.copy_(self.average[name])

    def state_dict(self) -> dict[str, Any]:
        """The state for the checkpoint."""
        return {"steps": self.steps, "average": self.average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.steps, self.average = state_dict["steps"], state_dict["average"]

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Move the average of a checkpoint to the device of the weights."""
        self.average = {name: tensor.to(pl_module.device) for name, tensor in self.average.items()}

    def _exchange(self, module: lightning.LightningModule) -> None:
        """Swap weights and average."""
        with torch.no_grad():
            for name, parameter in _trained(module):
                weights = parameter.clone()
                parameter.copy_(self.average[name])
                self.average[name].copy_(weights)


def _trained(module: lightning.LightningModule) -> Iterator[tuple[str, Tensor]]:
    """Parameters that are trained, with their names."""
    return ((name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad)
