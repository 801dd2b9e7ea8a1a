"""The `mitigate_speaker` stage: further training of a speaker encoder with one mitigation."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import lightning
import numpy as np
import pandas as pd
import torch
from lhotse import CutSet
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from isogloss.config import Params, SpeakerParams
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.features import FRAMES_PER_SECOND
from isogloss.determinism import compute_repeatably
from isogloss.errors import TableError
from isogloss.mitigation import Pairs, Setting, Step, build_speaker_mitigation
from isogloss.speakers import SpeakerEncoder, load_speaker_encoder, save_speaker_encoder
from isogloss.speakers.batches import (
    SpeakerBatch,
    TrainingSpeech,
    draw_balanced_batches,
    draw_batches,
    loader,
)
from isogloss.speakers.embed import embed_cuts
from isogloss.speakers.metric_losses import AamSoftmax, AngularPrototypical
from isogloss.training.adaptation import Adaptation, Objective
from isogloss.training.fitting import finish, fit, training_key
from isogloss.training.speaker import SOURCE, batch_embeddings, new_loss, scheduled_adamw
from isogloss.weights import load_weights

UNSPECIFIED = "unspecified"


class SpeakerObjective(Objective):
    """The loss that the encoder was trained with, for every utterance that has one.

    Parameters
    ----------
    model, loss, learning_rate, steps
        As `SpeakerTraining`.
    setting
        The training utterances as the mitigation sees them.
    """

    model: SpeakerEncoder

    def __init__(
        self,
        model: SpeakerEncoder,
        loss: AngularPrototypical | AamSoftmax,
        setting: Setting,
        *,
        learning_rate: float,
        steps: int,
    ) -> None:
        super().__init__(model)
        self.loss = loss
        self.learning_rate = learning_rate
        self.steps = steps
        self._ids = setting.utterances["utterance_id"].tolist()
        self._groups = setting.utterances["cohort"].tolist()

    def step(self, batch: SpeakerBatch) -> Step:
        """The losses of the batch's query utterances: the last of each speaker, or all."""
        embeddings_PQD = batch_embeddings(self.model, batch)
        loss_B = self.loss(embeddings_PQD, batch.speakers_P)
        asked = slice(-1, None) if len(loss_B) == len(batch.speakers_P) else slice(None)
        rows = batch.rows_B.unflatten(0, embeddings_PQD.shape[:2])[:, asked].flatten().tolist()
        return Step(
            ids=[self._ids[row] for row in rows],
            cohorts=[self._groups[row] for row in rows],
            loss_B=loss_B,
            weight_B=torch.ones_like(loss_B),
            units_B=torch.ones(len(rows), dtype=torch.long, device=loss_B.device),
            embedding_BD=embeddings_PQD.detach()[:, asked].flatten(0, 1),
            pairs=Pairs(embeddings_PQD, batch.rows_B, self.loss),
        )

    def optimizer(self) -> OptimizerLRSchedulerConfig:
        """As in base training."""
        return scheduled_adamw(self.model, self.loss, learning_rate=self.learning_rate, steps=self.steps)


def adapt_speaker_encoder(
    method: str, params: Params, *, data: Path, base: Path, utterances: pd.DataFrame, output: Path
) -> SpeakerEncoder:
    """Continue training the base encoder with one mitigation and write the model.

    Parameters
    ----------
    method
        A name of `verification.methods`.
    params
        Sections `verification`, and `speaker` (loss, batches and crops are those of the base).
    data, base, output
        Folders of the prepared data, of the base model and of the adapted one.
    utterances
        The metadata table, with the column `verification.attribute` if the method needs groups.

    Raises
    ------
    ModelError
        The base is no encoder, or the method does not fit the base's loss or the groups.
    TableError
        The table lacks the column of the groups.
    """
    options, base_options = params.verification, params.speaker
    compute_repeatably(options.threads)
    lightning.seed_everything(options.seed, verbose=False)
    model = load_speaker_encoder(base)
    cuts = read_cuts(data / "cuts" / "train.jsonl")
    speech = TrainingSpeech(cuts, crop_frames=round(base_options.crop_seconds * FRAMES_PER_SECOND))
    loss = new_loss(base_options, speakers=len(speech.speakers))
    load_weights(loss, base / "head.safetensors")
    setting = _setting(speech, utterances, options.attribute, partial(_embeddings, model, cuts))
    mitigation = build_speaker_mitigation(method, params)
    if mitigation.uses_groups:
        print(f"{method}: {', '.join(setting.cohorts)} of {options.attribute}", flush=True)
    mitigation.start(model, setting, [])
    group_N = pd.factorize(setting.utterances["cohort"], sort=True)[0] if mitigation.balances_groups else None
    batches = partial(_batches, speech, group_N, base_options, options.seed)
    key = training_key(
        f"mitigate_speaker@{method}",
        [options, base_options, setting.utterances.to_csv(index=False)],
        [base, data / "cuts" / "train.jsonl"],
        [SOURCE / "determinism.py", *(SOURCE / name for name in ("mitigation", "speakers", "training"))],
    )
    steps = options.epochs * len(batches(0))
    objective = SpeakerObjective(model.train(), loss, setting, learning_rate=options.learning_rate, steps=steps)
    fit(
        Adaptation(objective, mitigation),
        batches,
        epochs=options.epochs,
        seed=options.seed,
        checkpoints=key,
        curve=output.with_suffix(".loss.tsv"),
    )
    head = {**loss.state_dict(), **{f"mitigation.{name}": one for name, one in mitigation.tensors().items()}}
    save_speaker_encoder(model, output, head=head, loss=base_options.loss, method=method)
    finish(key)
    return model.eval()


def _batches(
    speech: TrainingSpeech, balanced_by_N: NDArray[np.intp] | None, base_options: SpeakerParams, seed: int, epoch: int
) -> DataLoader:
    """The batches of an epoch, of the base's size; with as many speakers of each group where groups are given."""
    size = {
        "speakers": base_options.speakers_per_batch,
        "utterances": base_options.utterances_per_speaker,
        "seed": seed,
        "epoch": epoch,
    }
    if balanced_by_N is not None:
        return loader(speech, draw_balanced_batches(speech.speaker_of, balanced_by_N, **size))
    return loader(speech, draw_batches(speech.speaker_of, **size))


def _setting(
    speech: TrainingSpeech, utterances: pd.DataFrame, attribute: str, embed: Callable[[], NDArray[np.float32]]
) -> Setting:
    """The group of each training utterance's speaker: the value of all known utterances, else `unspecified`."""
    if attribute not in utterances.columns:
        raise TableError(
            f"data/utterances.parquet: column {attribute!r} is missing, by which verification.attribute knows the "
            "groups; name another"
        )
    known = utterances.set_index("utterance_id")[attribute].reindex(speech.ids).astype(object)
    of_speaker = known.groupby(speech.speaker_of)
    values = of_speaker.transform("first").where(of_speaker.transform("nunique") == 1, UNSPECIFIED).astype(str)
    speakers = [speech.speakers[number] for number in speech.speaker_of]
    table = pd.DataFrame(
        {"utterance_id": speech.ids, "speaker_id": speakers, "split": "train", "cohort": values.to_numpy()}
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Setting(utterances=table, split="train", attribute=attribute, device=device, embed=embed)


def _embeddings(model: SpeakerEncoder, cuts: CutSet) -> NDArray[np.float32]:
    """Embeddings of the training utterances, (N, D), of a model in training."""
    vectors = embed_cuts(model, cuts)
    model.train()
    return np.stack([vectors[cut.id] for cut in cuts])
