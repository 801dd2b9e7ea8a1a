"""The `train_multitalker` stage: training of a system for two overlapping talkers, on mixtures drawn on the fly."""

import math
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.utils.data import DataLoader

from isogloss.config.multitalker import MultitalkerParams, Talkers
from isogloss.corpus.conversations.simulator import Simulator
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.recognizers import load_recognizer
from isogloss.recognizers.multitalker.batches import MixtureBatch, Mixtures, drawn_batches
from isogloss.recognizers.multitalker.objectives import multitalker_losses
from isogloss.recognizers.multitalker.recognizer import MultitalkerRecognizer
from isogloss.training.fitting import finish, fit, training_key
from isogloss.training.recognizer import scheduled_adamw
from isogloss.training.train_recognizer import CODE, SOURCE


class MultitalkerTraining(lightning.LightningModule):
    """Trains a multi-talker recogniser in place.

    Parameters
    ----------
    model
        The initial model.
    params
        Section `multitalker`.
    """

    def __init__(self, model: MultitalkerRecognizer, params: MultitalkerParams) -> None:
        super().__init__()
        self.model = model
        self.params = params
        self.total_steps = params.epochs * math.ceil(params.epoch_conversations / params.batch_conversations)

    def training_step(self, batch: MixtureBatch, _: int) -> Tensor:
        """The loss of one batch."""
        loss = multitalker_losses(self.model, batch, self.params).total(self.params)
        self.log("loss", loss, batch_size=len(batch))
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """As base training has it."""
        return scheduled_adamw(self, learning_rate=self.params.learning_rate, steps=self.total_steps)


def train_multitalker(
    system: Talkers, params: MultitalkerParams, *, data: Path, base: Path, output: Path
) -> MultitalkerRecognizer:
    """Train one system on conversations of the speakers of train, and write it.

    Every system is trained on the same mixtures: a conversation is a function of the seed, the epoch and its number.

    Parameters
    ----------
    system
        One of `multitalker.systems`.
    data, base, output
        Folders of the prepared data, of the single-talker recogniser, and of the model to write; its loss curve is
        `<output>.loss.tsv`.

    Raises
    ------
    CorpusError
        The split train has too few speakers.
    ModelError
        The base cannot be used as the start.
    """
    compute_repeatably(params.threads)
    lightning.seed_everything(params.seed, verbose=False)
    model = MultitalkerRecognizer.start_from(load_recognizer(base), system, params)
    simulator = Simulator(read_cuts(data / "cuts" / "train.jsonl", hears="audio"), params.conversations)
    dataset = Mixtures(
        output_channels=model.output_channels,
        num_filters=model.configuration["transducer"]["input_dim"],
        with_sources=params.masking_weight > 0,
    )
    key = _key(system, params, data=data, base=base)

    def batches(epoch: int) -> DataLoader:
        return drawn_batches(
            simulator,
            dataset,
            conversations=params.epoch_conversations,
            batch=params.batch_conversations,
            seed=params.seed,
            epoch=epoch,
        )

    fit(
        MultitalkerTraining(model.train(), params),
        batches,
        epochs=params.epochs,
        seed=params.seed,
        checkpoints=key,
        curve=output.with_suffix(".loss.tsv"),
    )
    model.save(output)
    finish(key)
    return model.eval()


def _key(system: Talkers, params: MultitalkerParams, *, data: Path, base: Path) -> Path:
    """The checkpoint folder of this training."""
    elsewhere: dict[str, Any] = {"systems": [], "sets": [], "folder": None, "stored_conversations": 1, "stored_seed": 1}
    return training_key(
        f"train_multitalker@{system}",
        [params.model_copy(update=elsewhere)],
        [base, data / "cuts" / "train.jsonl"],
        [*CODE, SOURCE / "corpus" / "conversations", SOURCE / "corpus" / "frontend"],
    )
