"""The Lightning module of a recogniser: CTC first, then the transducer loss with CTC beside it."""

import math

import lightning
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from isogloss.config import AsrParams
from isogloss.losses import transducer_loss
from isogloss.models import Transducer
from isogloss.training.batches import Batch


class RecognizerTraining(lightning.LightningModule):
    """Trains a `Transducer` from scratch.

    For `ctc_epochs` the encoder learns alone from CTC (Graves et al. 2006); then the transducer loss joins, with
    `ctc_weight` times CTC. Without that order the predictor learns the grammar of a small corpus first and the encoder
    never has to listen (our choice, after a feasibility study on Atlas).

    Parameters
    ----------
    model
        The recogniser; it is trained in place.
    params
        Section `asr`.
    steps_per_epoch
        Expected optimiser steps of one epoch; the learning rate's schedule is laid over them.
    """

    def __init__(self, model: Transducer, params: AsrParams, *, steps_per_epoch: int) -> None:
        super().__init__()
        self.model = model
        self.params = params
        self.total_steps = steps_per_epoch * (params.ctc_epochs + params.transducer_epochs)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Loss for a token of one batch."""
        encoded_BTD, lengths_B = self.model.encode(batch.features_BTF, batch.lengths_B)
        loss_B = ctc_losses(self.model, encoded_BTD, lengths_B, batch)
        if self.current_epoch >= self.params.ctc_epochs:
            loss_B = transducer_losses(self.model, encoded_BTD, lengths_B, batch) + self.params.ctc_weight * loss_B
        loss = loss_B.sum() / batch.token_lengths_B.sum()
        cost = self.model.encoder.compute_cost()
        if cost is not None:
            self.log("compute", cost.detach(), batch_size=len(batch.ids))
            loss = loss + self.model.encoder.compute_weight * cost
        self.log("loss", loss, batch_size=len(batch.ids))
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW with a linear warm-up over the first tenth and a cosine to a twentieth of the peak."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.params.learning_rate, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._share_of_peak)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _share_of_peak(self, step: int) -> float:
        """The learning rate at a step as a share of the peak."""
        progress = min(step / self.total_steps, 1.0)
        if progress < 0.1:
            return max(progress / 0.1, 0.01)
        return 0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * (progress - 0.1) / 0.9))


def transducer_losses(model: Transducer, encoded_BTD: Tensor, lengths_B: Tensor, batch: Batch) -> Tensor:
    """The transducer loss of each utterance, in nats: (B,)."""
    predicted_BUP = model.predictor(batch.tokens_BU)
    return transducer_loss(
        model.encoder_projection(encoded_BTD),
        model.predictor_projection(predicted_BUP),
        model.output_layer,
        batch.tokens_BU,
        lengths_B,
        batch.token_lengths_B,
    )


def ctc_losses(model: Transducer, encoded_BTD: Tensor, lengths_B: Tensor, batch: Batch) -> Tensor:
    """The CTC loss of each utterance, in nats: (B,); 0 where the text is longer than the audio."""
    log_probs_TBV = model.ctc_layer(encoded_BTD).log_softmax(dim=-1).transpose(0, 1)
    return F.ctc_loss(
        log_probs_TBV, batch.tokens_BU, lengths_B, batch.token_lengths_B, reduction="none", zero_infinity=True
    )
