"""The Lightning module of base training, for any recogniser."""

import math
from dataclasses import replace

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from isogloss.config import AsrParams
from isogloss.errors import ModelError
from isogloss.recognizers.base import Recognizer
from isogloss.recognizers.batches import Batch
from isogloss.training.spec_augment import spec_augment


class RecognizerTraining(lightning.LightningModule):
    """Trains a recogniser, starting from its current weights.

    Parameters
    ----------
    model
        It is trained in place.
    params
        Section `asr`.
    steps_per_epoch
        Expected optimiser steps of one epoch; the learning rate's schedule has this length.

    Raises
    ------
    ModelError
        SpecAugment is on, but the input of the recogniser is audio.
    """

    def __init__(self, model: Recognizer, params: AsrParams, *, steps_per_epoch: int) -> None:
        super().__init__()
        self.model = model
        self.params = params
        self.total_steps = steps_per_epoch * model.base_epochs(params)
        masks = params.spec_augment
        self.masked = bool(masks.time_masks or masks.freq_masks)
        if self.masked and model.hears != "features":
            raise ModelError(
                f"asr.spec_augment masks features, and a {model.kind} hears audio; set time_masks and freq_masks to 0"
            )

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The loss per token of one batch, with equal weight for the tokens of all processes."""
        if self.masked and batch.features_BTF is not None:
            masks, mean_F = self.params.spec_augment, self.model.feature_mean_F
            batch = replace(batch, features_BTF=spec_augment(batch.features_BTF, batch.lengths_B, masks, mean_F=mean_F))
        losses = self.model.training_losses(batch, self.params, epoch=self.current_epoch)
        total, tokens = losses.loss_B.sum(), losses.units_B.sum()
        # Data-parallel gradients are means over processes. With the processes' mean number of tokens as the
        # denominator, the mean of their losses is the loss of their batches together.
        loss = total / self.trainer.strategy.reduce(tokens.float(), reduce_op="mean")
        if losses.extra is not None:
            loss = loss + losses.extra
        self.log("loss", loss, batch_size=len(batch))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Log the same loss for a token of dev, without dropout or masks, as `dev_loss`."""
        losses = self.model.training_losses(batch, self.params, epoch=self.current_epoch)
        total, tokens = losses.loss_B.sum(), losses.units_B.sum()
        self.log("dev_loss", total / tokens, batch_size=int(tokens), on_epoch=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """See `scheduled_adamw`."""
        # Lightning refuses to clip the gradients of a fused optimiser under mixed precision.
        fused = self.trainer.precision == "32-true"
        return scheduled_adamw(self, learning_rate=self.params.learning_rate, steps=self.total_steps, fused=fused)


def scheduled_adamw(
    module: nn.Module, *, learning_rate: float, steps: int, fused: bool = True
) -> OptimizerLRSchedulerConfig:
    """AdamW with a linear warm-up over the first tenth of the steps and a cosine to a twentieth of the peak.

    Fused, a step of Whisper tiny's 37 M weights takes a quarter of the time on a CPU.
    """

    def share_of_peak(step: int) -> float:
        progress = min(step / steps, 1.0)
        if progress < 0.1:
            return max(progress / 0.1, 0.01)
        return 0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * (progress - 0.1) / 0.9))

    optimizer = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=1e-3, fused=fused)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share_of_peak)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
