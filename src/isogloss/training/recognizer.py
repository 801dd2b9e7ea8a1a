"""The Lightning module of a recogniser: CTC first, then the transducer loss with CTC beside it."""

import math

import lightning
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from isogloss.config import AsrParams
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.transducer import Transducer
from isogloss.recognizers.transducer.losses import transducer_loss
from isogloss.training.spec_augment import spec_augment

PLAIN = AsrParams()
"""With neither FastEmit nor delay penalty."""


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
        """Loss for a token of one batch, in which all processes' tokens count alike."""
        features_BTF, lengths_B = batch.features_BTF, batch.lengths_B
        masks = self.params.spec_augment
        if masks.time_masks or masks.freq_masks:
            features_BTF = spec_augment(features_BTF, lengths_B, masks, mean_F=self.model.feature_mean_F)
        total, tokens = self._total_loss(batch, features_BTF)
        # Data-parallel gradients are means over processes: with the processes' mean number of tokens below, the mean
        # of their losses is that of their batches taken as one.
        loss = total / self.trainer.strategy.reduce(tokens.float(), reduce_op="mean")
        cost = self.model.encoder.compute_cost()
        if cost is not None:
            self.log("compute", cost.detach(), batch_size=len(batch.ids))
            if self.current_epoch >= self.params.ctc_epochs:  # before, nothing tells what may be left out
                loss = loss + self.model.encoder.compute_weight * cost
        self.log("loss", loss, batch_size=len(batch.ids))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Log the same loss for a token of dev, without dropout or masks, as `dev_loss`."""
        total, tokens = self._total_loss(batch, batch.features_BTF)
        self.log("dev_loss", total / tokens, batch_size=int(tokens), on_epoch=True)

    def _total_loss(self, batch: Batch, features_BTF: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a batch in nats by what the present epoch trains with, and its tokens."""
        encoded_BTD, lengths_B = self.model.encode(features_BTF, batch.lengths_B)
        loss_B = ctc_losses(self.model, encoded_BTD, lengths_B, batch)
        if self.current_epoch >= self.params.ctc_epochs:
            of_transducer_B = transducer_losses(self.model, encoded_BTD, lengths_B, batch, self.params)
            loss_B = of_transducer_B + self.params.ctc_weight * loss_B
        return loss_B.sum(), batch.token_lengths_B.sum()

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


def transducer_losses(
    model: Transducer, encoded_BTD: Tensor, lengths_B: Tensor, batch: Batch, params: AsrParams = PLAIN
) -> Tensor:
    """The transducer loss of each utterance, in nats, with FastEmit and delay penalty as section `asr` has them: (B,).

    A base recogniser and its adaptations have the same: how early it speaks is a property of the recogniser, which an
    adaptation with the plain loss would undo. FastEmit leaves the values alone; who weighs utterances by their losses
    weighs them by the penalised ones. The Fisher information is of the likelihood, without either.
    """
    predicted_BUP = model.predictor(batch.tokens_BU)
    return transducer_loss(
        model.encoder_projection(encoded_BTD),
        model.predictor_projection(predicted_BUP),
        model.output_layer,
        batch.tokens_BU,
        lengths_B,
        batch.token_lengths_B,
        fastemit=params.fastemit,
        delay_penalty=params.delay_penalty,
    )


def ctc_losses(model: Transducer, encoded_BTD: Tensor, lengths_B: Tensor, batch: Batch) -> Tensor:
    """The CTC loss of each utterance, in nats: (B,); 0 where the text is longer than the audio.

    In float32 and on the CPU always: its gradient on a GPU differs from run to run.
    """
    log_probs_TBV = model.ctc_layer(encoded_BTD).float().log_softmax(dim=-1).transpose(0, 1).cpu()
    targets = (batch.tokens_BU.cpu(), lengths_B.cpu(), batch.token_lengths_B.cpu())
    return F.ctc_loss(log_probs_TBV, *targets, reduction="none", zero_infinity=True).to(encoded_BTD.device)
