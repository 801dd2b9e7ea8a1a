"""Fitting with Lightning so that a killed run goes on where it was, and ends where an undisturbed one would.

A checkpoint is written after each epoch, outside the stage's outputs (DVC deletes those before a stage runs), in a
folder named by a digest of everything that decides the result. Each step seeds its random numbers by its own number,
so that steps after a resumed checkpoint are those of an undisturbed run.
"""

import hashlib
import logging
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from torch.utils.data import DataLoader

from isogloss.tables import atomic_path

CHECKPOINTS = Path("checkpoints")


def fit(
    module: lightning.LightningModule,
    batches: Callable[[int], DataLoader],
    *,
    epochs: int,
    seed: int,
    checkpoints: Path,
    curve: Path,
    gradient_clip: float = 5.0,
) -> None:
    """Train a module in place, from its checkpoint where there is one.

    Parameters
    ----------
    module
        Its training step logs `loss`.
    batches
        The batches of an epoch, by its number.
    epochs, seed
        How often; and the seed of dropout and the like.
    checkpoints
        The folder of this training alone (see `training_key`); it is removed by `finish`, once the outputs stand.
    curve
        A TSV with the mean loss of each epoch, for `dvc plots`.
    """
    _quiet()
    last = checkpoints / "last.ckpt"
    losses = LossCurve(module.__class__.__name__)
    callbacks: list[Callback] = [
        _StepSeed(seed),
        losses,
        ModelCheckpoint(dirpath=checkpoints, filename="last", enable_version_counter=False),
    ]
    on_terminal = sys.stderr.isatty()
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="auto",
        devices=1,
        callbacks=[*callbacks, RichProgressBar(leave=True)] if on_terminal else callbacks,
        enable_progress_bar=on_terminal,
        enable_model_summary=False,
        logger=False,
        gradient_clip_val=gradient_clip,
        deterministic=True,
        reload_dataloaders_every_n_epochs=1,
    )
    if last.exists():
        print(f"resuming from {last}", flush=True)
    try:
        trainer.fit(module, _Epochs(batches), ckpt_path=last if last.exists() else None, weights_only=False)
    except SystemExit:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from None
    losses.write(curve)


def training_key(stage: str, params: Iterable[Any], files: Iterable[Path], code: Iterable[Path]) -> Path:
    """The checkpoint folder of a stage: one digest of its params, inputs and code.

    A checkpoint is only found again by a run that would have come to the same result.
    """
    digest = hashlib.sha256()
    for section in params:
        digest.update(repr(section).encode())
    for path in [*_files(files), *_files(code)]:
        digest.update(path.as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return CHECKPOINTS / stage / digest.hexdigest()[:16]


def finish(checkpoints: Path) -> None:
    """Remove the checkpoints of a training whose outputs are written."""
    shutil.rmtree(checkpoints, ignore_errors=True)


class LossCurve(Callback):
    """The mean loss of each epoch; travels in the checkpoint so that a resumed run has the whole curve."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.losses: list[float] = []
        self._sum, self._batches = 0.0, 0

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Add one batch."""
        self._sum += float(outputs["loss"])
        self._batches += 1

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Close the epoch; a line for the log where no progress bar is drawn."""
        self.losses.append(self._sum / max(self._batches, 1))
        self._sum, self._batches = 0.0, 0
        if trainer.progress_bar_callback is None:
            print(f"epoch {len(self.losses)}/{trainer.max_epochs}: loss {self.losses[-1]:.4f}", flush=True)

    def state_dict(self) -> dict[str, Any]:
        """What goes into the checkpoint."""
        return {"losses": self.losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What a checkpoint brings back."""
        self.losses = state_dict["losses"]

    def write(self, path: Path) -> None:
        """One row an epoch."""
        rows = "".join(f"{epoch}\t{loss:.6f}\n" for epoch, loss in enumerate(self.losses, 1))
        with atomic_path(path) as temporary:
            temporary.write_text("epoch\tloss\n" + rows, encoding="utf-8")


class _StepSeed(Callback):
    """Seeds each step by its number, so that a resumed run draws what an undisturbed one would.

    Not each epoch: on resuming, Lightning makes the iterator of the data after the epoch has begun, and making it
    draws a random number.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: lightning.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Seed."""
        torch.manual_seed(self.seed * 1_000_003 + trainer.global_step)


class _Epochs(lightning.LightningDataModule):
    """Hands Lightning the batches of the present epoch."""

    def __init__(self, batches: Callable[[int], DataLoader]) -> None:
        super().__init__()
        self.batches = batches

    def train_dataloader(self) -> DataLoader:
        """The batches of the present epoch."""
        return self.batches(self.trainer.current_epoch if self.trainer else 0)


def _files(paths: Iterable[Path]) -> list[Path]:
    """All files of the paths, folders walked, sorted."""
    found: list[Path] = []
    for path in paths:
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return [path for path in found if "__pycache__" not in path.parts]


def _quiet() -> None:
    """Lightning's tips and hardware notes are not for the log of a stage."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    warnings.filterwarnings("ignore", module=r"torch\.optim\.lr_scheduler")
