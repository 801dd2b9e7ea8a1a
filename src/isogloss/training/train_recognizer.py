"""The `train_asr` stage: a base recogniser from prepared data."""

import math
from pathlib import Path

import lightning
import torch
from lhotse import CutSet

import isogloss
from isogloss.config import Params
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.determinism import compute_repeatably
from isogloss.recognizers import Recognizer, new_recognizer, save_recognizer
from isogloss.recognizers.batches import Utterances, shuffled_batches, sorted_batches
from isogloss.training.fitting import all_devices, finish, fit, training_key, visible_devices
from isogloss.training.loss_curve import LossCurve
from isogloss.training.recognizer import RecognizerTraining

SOURCE = Path(isogloss.__file__).parent
DEV_BATCH_SECONDS = 100.0
DEV_UTTERANCES = 240
"""Largest number of utterances of dev, spread evenly over it, whose loss is computed after each epoch: enough for a
curve (our choice)."""
CODE = tuple(SOURCE / package for package in ("recognizers", "training"))


def train_recognizer(params: Params, *, data: Path, output: Path) -> Recognizer:
    """Train on the train split and write the model and its loss curve on train and dev.

    If `asr.epochs` is 0, a pretrained recogniser is written unchanged, with an empty curve.

    Training uses all visible GPUs, or the processes that `torchrun` has started; the first of them writes.

    Parameters
    ----------
    params
        Section `asr` and the other sections that the recogniser reads (`Recognizer.base_options`).
    data
        Folder of the prepared data: `cuts/{train,dev}.jsonl`, `tokens.txt`, `feature_statistics.json`.
    output
        Folder of the model; `loss.tsv` is written beside it as `<output>.loss.tsv`.
    """
    asr = params.asr
    compute_repeatably(asr.threads)
    lightning.seed_everything(asr.seed, verbose=False)
    model = new_recognizer(params, data)
    cuts, dev_cuts = (read_cuts(data / "cuts" / f"{split}.jsonl", hears=model.hears) for split in ("train", "dev"))
    dev_cuts = for_curve(dev_cuts)
    dataset = Utterances(model.hears, cache=True)
    key = training_key(
        "train_asr",
        [model.base_options(params), all_devices()],
        [data / name for name in ("cuts/train.jsonl", "cuts/dev.jsonl", "tokens.txt", "feature_statistics.json")],
        CODE,
    )

    def batches(epoch: int) -> torch.utils.data.DataLoader:
        return shuffled_batches(cuts, dataset, seconds=asr.batch_seconds, seed=asr.seed, epoch=epoch)

    if model.base_epochs(asr) == 0:
        LossCurve().write(output.with_suffix(".loss.tsv"))
        save_recognizer(model, output)
        return model
    num_batches = sum(1 for _ in batches(0).sampler)
    is_first_process = fit(
        RecognizerTraining(model.train(), asr, steps_per_epoch=math.ceil(num_batches / asr.accumulate)),
        batches,
        dev_batches=lambda: sorted_batches(dev_cuts, dataset, seconds=DEV_BATCH_SECONDS),
        epochs=model.base_epochs(asr),
        seed=asr.seed,
        checkpoints=key,
        curve=output.with_suffix(".loss.tsv"),
        accumulate=asr.accumulate,
        ema_decay=asr.ema_decay,
        precision=asr.precision,
        devices=visible_devices(),
    )
    if is_first_process:
        save_recognizer(model, output)
        finish(key)
    return model


def for_curve(cuts: CutSet) -> CutSet:
    """Every n-th cut, with the smallest n that leaves at most `DEV_UTTERANCES`."""
    return CutSet.from_cuts(list(cuts)[:: max(1, math.ceil(len(cuts) / DEV_UTTERANCES))])
