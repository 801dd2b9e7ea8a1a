"""A training of a second, for `faults.py`: python benchmarks/fault_training.py FOLDER dies|lives."""

import os
import sys
from pathlib import Path

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from isogloss.tables import write_json
from isogloss.training.fitting import fit

EPOCHS, LAST = 4, 2


class Line(lightning.LightningModule):
    """A regression that ends its process in an epoch, where it is told to."""

    def __init__(self, *, dies: bool):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 64), nn.Dropout(0.5), nn.Linear(64, 1))
        self.dies = dies

    def training_step(self, batch: list[torch.Tensor], _number: int) -> torch.Tensor:
        """The squared error."""
        if self.dies and self.current_epoch == LAST:
            os._exit(9)
        inputs, targets = batch
        return ((self.net(inputs) - targets) ** 2).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, whose state belongs into a checkpoint."""
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def batches(epoch: int) -> DataLoader:
    """The batches of an epoch."""
    inputs = torch.randn(12, 3, generator=torch.Generator().manual_seed(epoch))
    return DataLoader(TensorDataset(inputs, inputs.sum(dim=1, keepdim=True)), batch_size=4)


def main() -> None:
    """Train, and write the weights."""
    folder, module = Path(sys.argv[1]), Line(dies=sys.argv[2] == "dies")
    fit(module, batches, epochs=EPOCHS, seed=7, checkpoints=folder / "checkpoints", curve=folder / "loss.tsv")
    write_json({name: value.tolist() for name, value in module.state_dict().items()}, folder / "model.json")


if __name__ == "__main__":
    main()
