"""The `train_asr` stage: a base recogniser from prepared data."""

import math
from pathlib import Path

import lightning
import torch

import isogloss
from isogloss.config import Params
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.determinism import compute_repeatably
from isogloss.recognizers.batches import Utterances, shuffled_batches, sorted_batches
from isogloss.recognizers.transducer import Transducer, save_transducer
from isogloss.tables import read_json
from isogloss.training.fitting import finish, fit, training_key, visible_devices
from isogloss.training.recognizer import RecognizerTraining

SOURCE = Path(isogloss.__file__).parent
DEV_BATCH_SECONDS = 100.0
CODE = tuple(SOURCE / package for package in ("recognizers", "training"))


def train_recognizer(params: Params, *, data: Path, output: Path) -> Transducer:
    """Train on the train split and write the model, its loss curve on train and dev beside it.

    On as many GPUs as are visible; where there are several, the first process writes.

    Parameters
    ----------
    params
        Sections `asr` and the one that bears the encoder's name are read.
    data
        Folder of the prepared data: `cuts/{train,dev}.jsonl`, `tokens.txt`, `feature_statistics.json`.
    output
        Folder of the model; `loss.tsv` is written beside it as `<output>.loss.tsv`.
    """
    asr = params.asr
    compute_repeatably(asr.threads)
    lightning.seed_everything(asr.seed, verbose=False)
    tokens = Tokens.read(data / "tokens.txt")
    statistics = read_json(data / "feature_statistics.json")
    model = new_transducer(params, input_dim=len(statistics["mean"]), vocabulary=len(tokens))
    model.feature_mean_F.copy_(torch.tensor(statistics["mean"]))
    model.feature_scale_F.copy_(torch.tensor(statistics["scale"]))

    cuts, dev_cuts = (read_cuts(data / "cuts" / f"{split}.jsonl") for split in ("train", "dev"))
    dataset, devices = Utterances(tokens, cache=True), visible_devices()
    key = training_key(
        "train_asr",
        [asr, params.section(asr.encoder), devices],
        [data / name for name in ("cuts/train.jsonl", "cuts/dev.jsonl", "tokens.txt", "feature_statistics.json")],
        CODE,
    )

    def batches(epoch: int) -> torch.utils.data.DataLoader:
        return shuffled_batches(cuts, dataset, seconds=asr.batch_seconds, seed=asr.seed, epoch=epoch)

    num_batches = sum(1 for _ in batches(0).sampler)
    is_first_process = fit(
        RecognizerTraining(model, asr, steps_per_epoch=math.ceil(num_batches / asr.accumulate)),
        batches,
        dev_batches=lambda: sorted_batches(dev_cuts, dataset, seconds=DEV_BATCH_SECONDS),
        epochs=asr.ctc_epochs + asr.transducer_epochs,
        seed=asr.seed,
        checkpoints=key,
        curve=output.with_suffix(".loss.tsv"),
        accumulate=asr.accumulate,
        ema_decay=asr.ema_decay,
        precision=asr.precision,
        devices=devices,
    )
    if is_first_process:
        save_transducer(model, output)
        finish(key)
    return model


def new_transducer(params: Params, *, input_dim: int, vocabulary: int) -> Transducer:
    """An untrained recogniser as params describe it."""
    asr = params.asr
    return Transducer(
        encoder=asr.encoder,
        encoder_options=params.section(asr.encoder).model_dump(),
        input_dim=input_dim,
        vocabulary=vocabulary,
        predictor_dim=asr.predictor_dim,
        joiner_dim=asr.joiner_dim,
        token_dropout=asr.token_dropout,
    )
