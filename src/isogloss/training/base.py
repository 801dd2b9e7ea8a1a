"""The `train_asr` stage: a base recogniser from prepared data."""

from pathlib import Path

import lightning
import torch

import isogloss
from isogloss.config import Params
from isogloss.corpus.tokens import Tokens
from isogloss.models import Transducer, save_transducer
from isogloss.tables import read_json
from isogloss.training.batches import Utterances, read_cuts, shuffled_batches
from isogloss.training.fitting import finish, fit, training_key
from isogloss.training.recognizer import RecognizerTraining

SOURCE = Path(isogloss.__file__).parent
CODE = tuple(SOURCE / package for package in ("models", "losses", "training"))


def train_recognizer(params: Params, *, data: Path, output: Path) -> Transducer:
    """Train on the train split and write the model, its loss curve beside it.

    Parameters
    ----------
    params
        Sections `asr` and the one that bears the encoder's name are read.
    data
        Folder of the prepared data: `cuts/train.jsonl`, `tokens.txt`, `feature_statistics.json`.
    output
        Folder of the model; `loss.tsv` is written beside it as `<output>.loss.tsv`.
    """
    asr = params.asr
    torch.set_num_threads(asr.threads)
    lightning.seed_everything(asr.seed, verbose=False)
    tokens = Tokens.read(data / "tokens.txt")
    statistics = read_json(data / "feature_statistics.json")
    model = new_transducer(params, input_dim=len(statistics["mean"]), vocabulary=len(tokens))
    model.feature_mean_F.copy_(torch.tensor(statistics["mean"]))
    model.feature_scale_F.copy_(torch.tensor(statistics["scale"]))

    cuts, dataset = read_cuts(data / "cuts" / "train.jsonl"), Utterances(tokens, cache=True)
    key = training_key(
        "train_asr",
        [asr, getattr(params, asr.encoder)],
        [data / "cuts" / "train.jsonl", data / "tokens.txt", data / "feature_statistics.json"],
        CODE,
    )

    def batches(epoch: int) -> torch.utils.data.DataLoader:
        return shuffled_batches(cuts, dataset, seconds=asr.batch_seconds, seed=asr.seed, epoch=epoch)

    module = RecognizerTraining(model, asr, steps_per_epoch=sum(1 for _ in batches(0).sampler))
    fit(
        module,
        batches,
        epochs=asr.ctc_epochs + asr.transducer_epochs,
        seed=asr.seed,
        checkpoints=key,
        curve=output.with_suffix(".loss.tsv"),
    )
    save_transducer(model, output)
    finish(key)
    return model


def new_transducer(params: Params, *, input_dim: int, vocabulary: int) -> Transducer:
    """An untrained recogniser as params describe it."""
    asr = params.asr
    return Transducer(
        encoder=asr.encoder,
        encoder_options=getattr(params, asr.encoder).model_dump(),
        input_dim=input_dim,
        vocabulary=vocabulary,
        predictor_dim=asr.predictor_dim,
        joiner_dim=asr.joiner_dim,
        token_dropout=asr.token_dropout,
    )
