"""The `mitigate_speaker` stage: training of a speaker encoder goes on under one mitigation."""

from functools import partial
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pandas as pd
import torch
from lhotse import CutSet
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from isogloss.config import SpeakerParams, VerificationParams
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.features import FRAMES_PER_SECOND
from isogloss.determinism import compute_repeatably
from isogloss.errors import TableError
from isogloss.mitigation.speaker import SpeakerMitigation, SpeakerSetting, SpeakerStep, build_speaker_mitigation
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
from isogloss.training.fitting import finish, fit, training_key
from isogloss.training.speaker import CODE, SOURCE, SpeakerTraining, batch_embeddings, new_loss
from isogloss.weights import load_weights

UNSPECIFIED = "unspecified"


class SpeakerAdaptation(SpeakerTraining):
    """Goes on training an encoder, with the loss that a mitigation makes of each batch.

    Parameters
    ----------
    model, loss, learning_rate, steps
        As `SpeakerTraining`.
    mitigation
        Its state travels in the checkpoint.
    cuts
        The training utterances, for the embeddings that the mitigation asks for.
    """

    def __init__(
        self,
        model: SpeakerEncoder,
        loss: AngularPrototypical | AamSoftmax,
        mitigation: SpeakerMitigation,
        cuts: CutSet,
        *,
        learning_rate: float,
        steps: int,
    ) -> None:
        super().__init__(model, loss, learning_rate=learning_rate, steps=steps)
        self.mitigation = mitigation
        self.cuts = cuts

    def on_train_epoch_start(self) -> None:
        """Let the mitigation look at the encoder as it is."""
        self.mitigation.refresh(self.current_epoch, self._embeddings)

    def training_step(self, batch: SpeakerBatch, _: int) -> Tensor:
        """The mitigation's loss of one batch."""
        step = SpeakerStep(batch_embeddings(self.model, batch), batch.speakers_P, batch.rows_B, self.loss)
        loss = self.mitigation.batch_loss(step)
        self.log("loss", loss, batch_size=len(batch.lengths_B))
        return loss

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the mitigation's state."""
        checkpoint["mitigation"] = self.mitigation.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Bring the mitigation's state back."""
        self.mitigation.load_state_dict(checkpoint["mitigation"])

    def _embeddings(self) -> NDArray[np.float32]:
        """Embeddings of the training utterances, (N, D), in evaluation mode."""
        vectors = embed_cuts(self.model, self.cuts)
        self.model.train()
        return np.stack([vectors[cut.id] for cut in self.cuts])


def adapt_speaker_encoder(
    method: str,
    options: VerificationParams,
    base_options: SpeakerParams,
    *,
    data: Path,
    base: Path,
    utterances: pd.DataFrame,
    output: Path,
) -> SpeakerEncoder:
    """Go on training the base encoder with one mitigation and write the model.

    Parameters
    ----------
    method
        A name of `verification.methods`.
    options, base_options
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
    compute_repeatably(options.threads)
    lightning.seed_everything(options.seed, verbose=False)
    model = load_speaker_encoder(base)
    cuts = read_cuts(data / "cuts" / "train.jsonl")
    speech = TrainingSpeech(cuts, crop_frames=round(base_options.crop_seconds * FRAMES_PER_SECOND))
    loss = new_loss(base_options, speakers=len(speech.speakers))
    load_weights(loss, base / "head.safetensors")
    setting = _setting(speech, utterances, options.attribute, model)
    mitigation = _started(method, options, setting)
    balanced_by = setting.group_N if mitigation.balanced else None
    batches = partial(_batches, speech, balanced_by, base_options, options.seed)
    key = training_key(
        f"mitigate_speaker@{method}",
        [options, base_options, setting.groups, setting.group_N.tobytes()],
        [base, data / "cuts" / "train.jsonl"],
        [*CODE, SOURCE / "mitigation", SOURCE / "training" / "speaker_adaptation.py"],
    )
    steps = options.epochs * len(batches(0))
    fit(
        SpeakerAdaptation(model.train(), loss, mitigation, cuts, learning_rate=options.learning_rate, steps=steps),
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


def _started(method: str, options: VerificationParams, setting: SpeakerSetting) -> SpeakerMitigation:
    """The mitigation, told of its setting; who uses groups sees which."""
    mitigation = build_speaker_mitigation(method, options)
    if mitigation.balanced or method == "group_dro":
        print(f"{method}: {', '.join(setting.groups)} of {options.attribute}", flush=True)
    mitigation.start(setting)
    return mitigation


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


def _setting(speech: TrainingSpeech, utterances: pd.DataFrame, attribute: str, model: SpeakerEncoder) -> SpeakerSetting:
    """The group of each training utterance's speaker: what all his known utterances say; else `unspecified`."""
    if attribute not in utterances.columns:
        raise TableError(
            f"data/utterances.parquet: column {attribute!r} is missing, by which verification.attribute knows the "
            "groups; name another"
        )
    known = utterances.set_index("utterance_id")[attribute].reindex(speech.ids).astype(object)
    of_speaker = known.groupby(speech.speaker_of)
    values = of_speaker.transform("first").where(of_speaker.transform("nunique") == 1, UNSPECIFIED).astype(str)
    group_N, groups = pd.factorize(values, sort=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return SpeakerSetting(group_N.astype(np.intp), [str(group) for group in groups], model.embedding_dim, device)
