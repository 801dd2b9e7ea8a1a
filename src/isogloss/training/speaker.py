"""The base speaker encoder, trained to distinguish the speakers of train."""

import math
from collections.abc import Callable
from pathlib import Path

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

import isogloss
from isogloss.config import SpeakerParams
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.features import FRAMES_PER_SECOND
from isogloss.determinism import compute_repeatably
from isogloss.speakers import SpeakerEncoder, new_speaker_encoder, save_speaker_encoder
from isogloss.speakers.batches import SpeakerBatch, TrainingSpeech, draw_batches, loader
from isogloss.speakers.metric_losses import AamSoftmax, AngularPrototypical
from isogloss.tables import read_json
from isogloss.training.fitting import finish, fit, training_key

SOURCE = Path(isogloss.__file__).parent
CODE = (
    SOURCE / "determinism.py",
    SOURCE / "speakers",
    SOURCE / "training" / "fitting.py",
    SOURCE / "training" / "speaker.py",
)


class SpeakerTraining(lightning.LightningModule):
    """Trains an encoder together with its loss.

    Parameters
    ----------
    model, loss
        Trained in place.
    learning_rate
        Peak learning rate.
    steps
        Expected optimiser steps of the whole training; the learning rate's schedule has this length.
    """

    def __init__(
        self, model: SpeakerEncoder, loss: AngularPrototypical | AamSoftmax, *, learning_rate: float, steps: int
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.learning_rate = learning_rate
        self.steps = steps

    def training_step(self, batch: SpeakerBatch, _: int) -> Tensor:
        """Mean loss of the batch's query utterances."""
        loss = self.loss(batch_embeddings(self.model, batch), batch.speakers_P).mean()
        self.log("loss", loss, batch_size=len(batch.lengths_B))
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """See `scheduled_adamw`."""
        return scheduled_adamw(self.model, self.loss, learning_rate=self.learning_rate, steps=self.steps)


def scheduled_adamw(
    model: nn.Module, loss: nn.Module, *, learning_rate: float, steps: int
) -> OptimizerLRSchedulerConfig:
    """AdamW with a linear warm-up over the first tenth of the steps and a cosine to zero (our choice)."""

    def share_of_peak(step: int) -> float:
        progress = min((step + 1) / steps, 1.0)
        return min(progress / 0.1, 0.5 * (1.0 + math.cos(math.pi * max(progress - 0.1, 0.0) / 0.9)))

    optimizer = torch.optim.AdamW(parameter_groups(model, loss), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share_of_peak)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def batch_embeddings(model: SpeakerEncoder, batch: SpeakerBatch) -> Tensor:
    """Embeddings of a batch's crops, (P, Q, D)."""
    embeddings_BD = model(batch.features_BTF, batch.lengths_B)
    return embeddings_BD.unflatten(0, (len(batch.speakers_P), -1))


def parameter_groups(model: nn.Module, loss: nn.Module) -> list[dict]:
    """Parameter groups with weight decay for the encoder, without it for the loss's scale, bias and class centres."""
    return [
        {"params": list(model.parameters()), "weight_decay": 1e-3},
        {"params": list(loss.parameters()), "weight_decay": 0.0},
    ]


def new_loss(params: SpeakerParams, *, speakers: int) -> AngularPrototypical | AamSoftmax:
    """The untrained loss that params name."""
    if params.loss == "angular_prototypical":
        return AngularPrototypical()
    return AamSoftmax(embedding_dim=params.embedding_dim, speakers=speakers)


def train_speaker_encoder(
    params: SpeakerParams, *, data: Path, output: Path, then: Callable[[SpeakerEncoder], None] = lambda _: None
) -> SpeakerEncoder:
    """Train on the train split and write the model, its loss curve beside it.

    Parameters
    ----------
    params
        Section `speaker`.
    data
        Folder of the prepared data: `cuts/train.jsonl` and `feature_statistics.json`.
    output
        Folder of the model, with the loss's state in `head.safetensors`; the curve is `<output>.loss.tsv`.
    then
        Called with the trained model to make the stage's other outputs; the checkpoints are kept until it returns.

    Raises
    ------
    CorpusError
        Train has fewer than two speakers.
    """
    compute_repeatably(params.threads)
    lightning.seed_everything(params.seed, verbose=False)
    statistics = read_json(data / "feature_statistics.json")
    model = new_speaker_encoder(params.size, input_dim=len(statistics["mean"]), embedding_dim=params.embedding_dim)
    model.feature_mean_F.copy_(torch.tensor(statistics["mean"]))
    model.feature_scale_F.copy_(torch.tensor(statistics["scale"]))
    frames = round(params.crop_seconds * FRAMES_PER_SECOND)
    speech = TrainingSpeech(read_cuts(data / "cuts" / "train.jsonl"), crop_frames=frames)
    loss = new_loss(params, speakers=len(speech.speakers))

    def batches(epoch: int) -> torch.utils.data.DataLoader:
        draws = draw_batches(
            speech.speaker_of,
            speakers=params.speakers_per_batch,
            utterances=params.utterances_per_speaker,
            seed=params.seed,
            epoch=epoch,
        )
        return loader(speech, draws)

    key = training_key(
        "train_speaker", [params], [data / "cuts" / "train.jsonl", data / "feature_statistics.json"], CODE
    )
    fit(
        SpeakerTraining(model, loss, learning_rate=params.learning_rate, steps=params.epochs * len(batches(0))),
        batches,
        epochs=params.epochs,
        seed=params.seed,
        checkpoints=key,
        curve=output.with_suffix(".loss.tsv"),
    )
    save_speaker_encoder(model, output, head=loss.state_dict(), loss=params.loss)
    then(model.eval())
    finish(key)
    return model
