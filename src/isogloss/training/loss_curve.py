"""The loss of each epoch as a table that `dvc plots` draws."""

from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from isogloss.tables import atomic_path


class LossCurve(Callback):
    """The mean loss of each epoch, and the loss on dev where the module logs `dev_loss` in validation.

    It is saved in the checkpoint, so that a resumed run has the whole curve.
    """

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.dev_losses: list[float] = []
        self._sum, self._batches = 0.0, 0

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Add one batch, whose loss Lightning has divided by the number of batches of a step."""
        self._sum += float(outputs["loss"]) * trainer.accumulate_grad_batches
        self._batches += 1

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Record the loss on dev."""
        self.dev_losses.append(float(trainer.callback_metrics["dev_loss"]))

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Record the loss of the epoch, and print it if there is no progress bar."""
        mean = torch.tensor(self._sum / max(self._batches, 1), dtype=torch.float64, device=pl_module.device)
        self.losses.append(float(trainer.strategy.reduce(mean, reduce_op="mean")))
        self._sum, self._batches = 0.0, 0
        if trainer.progress_bar_callback is None and trainer.is_global_zero:
            dev = f", dev {self.dev_losses[-1]:.4f}" if self.dev_losses else ""
            print(f"epoch {len(self.losses)}/{trainer.max_epochs}: loss {self.losses[-1]:.4f}{dev}", flush=True)

    def state_dict(self) -> dict[str, Any]:
        """The state for the checkpoint."""
        return {"losses": self.losses, "dev_losses": self.dev_losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.losses, self.dev_losses = state_dict["losses"], state_dict["dev_losses"]

    def write(self, path: Path) -> None:
        """One row an epoch: `epoch, loss` and, where there is one, `dev_loss`."""
        columns = {"loss": self.losses} | ({"dev_loss": self.dev_losses} if self.dev_losses else {})
        rows = zip(*columns.values(), strict=True)
        lines = ["\t".join(["epoch", *columns])]
        lines += ["\t".join([str(epoch), *(f"{loss:.6f}" for loss in row)]) for epoch, row in enumerate(rows, 1)]
        with atomic_path(path) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
