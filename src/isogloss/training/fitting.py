"""Resumable fitting with Lightning: a killed run continues and ends with the same weights as an uninterrupted one.

A checkpoint is written after each epoch, outside the stage's outputs (DVC deletes those before a stage runs), in a
folder named by a digest of everything that determines the result. Each batch seeds its random numbers by its own
number, so that batches after a resumed checkpoint are those of an uninterrupted run.

On several GPUs, Lightning starts the command once more for each (distributed data parallel): every process trains on
its own batches, gradients are their mean, and only the first process runs the code after `fit`. Processes that
`torchrun` has started, on one host or several, are used as they are.
"""

import hashlib
import logging
import math
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, cast

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from lightning.pytorch.strategies import DDPStrategy
from torch.utils.data import DataLoader, Dataset

from isogloss.errors import ModelError
from isogloss.training.averaging import MovingAverage
from isogloss.training.checkpoints import SafeCheckpointIO, usable
from isogloss.training.loss_curve import LossCurve

Precision = Literal["auto", "float32", "bf16"]
"""Precision of matrix products: float32; bf16, by autocast (except layers that a model keeps in float32, such as
LSTMs); or auto, which is bf16 on a GPU and float32 on a CPU."""

CHECKPOINTS = Path("checkpoints")


def fit(
    module: lightning.LightningModule,
    batches: Callable[[int], DataLoader],
    *,
    epochs: int,
    seed: int,
    checkpoints: Path,
    curve: Path,
    dev_batches: Callable[[], Iterable[Any]] | None = None,
    gradient_clip: float = 5.0,
    accumulate: int = 1,
    ema_decay: float = 0.0,
    precision: Precision = "float32",
    devices: int = 1,
) -> bool:
    """Train a module in place, from its checkpoint if there is one.

    Parameters
    ----------
    module
        Its training step returns the loss; its validation step, if it has one, logs `dev_loss`.
    batches
        The batches of an epoch, by its number; if there are several processes, those of this one.
    epochs, seed
        Number of epochs; seed of dropout and other random numbers.
    checkpoints
        The folder of this training (see `training_key`); `finish` removes it after the outputs are written.
    curve
        A TSV with the mean loss of each epoch, for `dvc plots`.
    dev_batches
        Makes the batches of the validation step after each epoch; the same ones in every process.
    gradient_clip
        Largest norm of a step's gradient.
    accumulate
        Batches whose mean gradient makes one step; fewer at the end of an epoch are divided by as many.
    ema_decay
        The module ends with a moving average of its weights (see `MovingAverage`); 0 for the weights themselves.
    precision, devices
        Precision of matrix products; number of processes on this host, one per GPU (see `visible_devices`).

    Returns
    -------
    Whether this is the first process, the only one that writes the outputs.

    Raises
    ------
    ModelError
        The loss of an epoch, or a weight after it, is not finite; the checkpoint is that of the epoch before.
    """
    losses = LossCurve()
    average = [MovingAverage(ema_decay)] if ema_decay > 0 else []
    steps = {"max_epochs": epochs, "accumulate_grad_batches": accumulate, "gradient_clip_val": gradient_clip}
    callbacks = [_BatchSeed(seed), *average, losses, _Finite(losses)]
    trainer = _trainer(callbacks, checkpoints, devices=devices, precision=precision, **steps)
    _go_through(trainer, module, _Epochs(batches, dev_batches), last=checkpoints / "last.ckpt")
    for one in average:
        one.put_into(module)
    if trainer.is_global_zero:
        losses.write(curve)
    return trainer.is_global_zero


def _go_through(
    trainer: lightning.Trainer, module: lightning.LightningModule, epochs: lightning.LightningDataModule, *, last: Path
) -> None:
    """Run all epochs that the checkpoint `last` does not include."""
    resumes = usable(last, tell=trainer.is_global_zero)
    if resumes and trainer.is_global_zero:
        print(f"resuming from {last}", flush=True)
    try:
        trainer.fit(module, epochs, ckpt_path=last if resumes else None)
    except SystemExit:  # Lightning raises this on Ctrl-C.
        raise KeyboardInterrupt from None


def _trainer(
    callbacks: list[Callback], checkpoints: Path, *, devices: int, precision: Precision, **options: Any
) -> lightning.Trainer:
    """A deterministic trainer that writes a checkpoint after each epoch and draws progress only on terminals."""
    _quiet()
    on_terminal = sys.stderr.isatty()
    checkpoint = ModelCheckpoint(
        dirpath=checkpoints, filename="last", enable_version_counter=False, save_on_train_epoch_end=True
    )
    return lightning.Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=devices,
        num_nodes=_hosts(),
        precision="bf16-mixed" if _uses_bf16(precision) else "32-true",
        # Parts of a model may have no gradient for some epochs, as a transducer's predictor while CTC trains alone.
        strategy=DDPStrategy(find_unused_parameters=True) if devices * _hosts() > 1 else "auto",
        use_distributed_sampler=False,
        callbacks=[*callbacks, *([RichProgressBar(leave=True)] if on_terminal else []), checkpoint],
        plugins=[SafeCheckpointIO()],
        enable_progress_bar=on_terminal,
        enable_model_summary=False,
        logger=False,
        deterministic=True,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        **options,
    )


def _uses_bf16(precision: Precision) -> bool:
    """Whether matrix products run in bfloat16."""
    return precision == "bf16" or (precision == "auto" and torch.cuda.is_available())


def visible_devices() -> int:
    """The GPUs that this stage was given, or 1 for the CPU; under `torchrun` the processes that it has started here."""
    if torch.distributed.is_torchelastic_launched():
        return int(os.environ["LOCAL_WORLD_SIZE"])
    return max(1, torch.cuda.device_count())


def all_devices() -> int:
    """The processes of a training, on all hosts."""
    return visible_devices() * _hosts()


def _hosts() -> int:
    """The hosts of a training: several under `torchrun --nnodes` alone."""
    if torch.distributed.is_torchelastic_launched():
        return int(os.environ["WORLD_SIZE"]) // int(os.environ["LOCAL_WORLD_SIZE"])
    return 1


def training_key(stage: str, params: Iterable[Any], files: Iterable[Path], code: Iterable[Path]) -> Path:
    """The checkpoint folder of a stage: one digest of its params, inputs and code, and of whether there is a GPU.

    Only a run with the same result finds a checkpoint again.
    """
    digest = hashlib.sha256(b"cuda" if torch.cuda.is_available() else b"cpu")
    for section in params:
        digest.update(repr(section).encode())
    for path in [*_files(files), *_files(code)]:
        digest.update(path.as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return CHECKPOINTS / stage / digest.hexdigest()[:16]


def finish(checkpoints: Path) -> None:
    """Remove the checkpoints of a training whose outputs are written, and the folders that are empty without them."""
    shutil.rmtree(checkpoints, ignore_errors=True)
    with suppress(OSError):  # The folder holds checkpoints of another training.
        for folder in (checkpoints.parent, checkpoints.parent.parent):
            if CHECKPOINTS in (folder, folder.parent):
                folder.rmdir()


class _BatchSeed(Callback):
    """Seeds each batch by its number and process, so that a resumed run draws the same numbers as an uninterrupted one.

    Seeding each epoch is not enough: on resuming, Lightning creates the data iterator after the epoch has begun, which
    draws a random number.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: lightning.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Seed."""
        number = trainer.fit_loop.epoch_loop.total_batch_idx
        seed = self.seed * 1_000_003 + number + trainer.global_rank * 2**40
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # wav2vec2 and similar models choose with it which layers a step skips.


class _Finite(Callback):
    """Ends a training whose loss or weights are not finite, before the checkpoint of that epoch is written."""

    def __init__(self, losses: LossCurve) -> None:
        self.losses = losses

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Check the loss, and the weights after the last step."""
        weights = all(bool(parameter.isfinite().all()) for parameter in pl_module.parameters())
        if not (weights and math.isfinite(self.losses.losses[-1])):
            raise ModelError(
                f"the loss is not finite in epoch {len(self.losses.losses)}; lower the learning rate of this training, "
                "or the step size or strength of its method"
            )


class _Epochs(lightning.LightningDataModule):
    """Gives Lightning the batches of the current epoch, and those of dev."""

    def __init__(
        self, batches: Callable[[int], DataLoader], dev_batches: Callable[[], Iterable[Any]] | None = None
    ) -> None:
        super().__init__()
        self.batches = batches
        self.dev_batches = dev_batches

    def train_dataloader(self) -> DataLoader:
        """The batches of the current epoch."""
        return self.batches(self.trainer.current_epoch if self.trainer else 0)

    def val_dataloader(self) -> list[DataLoader]:
        """The batches of dev, made once an epoch, or none."""
        return [DataLoader(cast(Dataset[Any], list(self.dev_batches())), batch_size=None)] if self.dev_batches else []


def _files(paths: Iterable[Path]) -> list[Path]:
    """All files of the paths, folders walked, sorted."""
    found: list[Path] = []
    for path in paths:
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return [path for path in found if "__pycache__" not in path.parts]


def _quiet() -> None:
    """Turn off Lightning's tips and hardware notes in the log of a stage."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    warnings.filterwarnings("ignore", module=r"torch\.optim\.lr_scheduler")
