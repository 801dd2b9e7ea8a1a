"""A recogniser that hears one word in everything."""

import json
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from isogloss.config import AsrParams, DecodingParams, Params
from isogloss.config.components import RecognizerComponent
from isogloss.recognizers.base import Hypothesis, Losses, Part, Recognizer
from isogloss.recognizers.batches import Batch

COMPONENT = RecognizerComponent(name="toy_parrot", implementation="Parrot", hears="features")


class Parrot(Recognizer):
    kind = COMPONENT.name
    hears = COMPONENT.hears

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    @classmethod
    def new(cls, params: Params, data: Path) -> Self:
        return cls("up")

    @classmethod
    def base_options(cls, params: Params) -> list[Any]:
        return []

    @classmethod
    def base_epochs(cls, asr: AsrParams) -> int:
        return 1

    @property
    def embedding_dim(self) -> int:
        return 1

    def losses(self, batch: Batch) -> Losses:
        raise NotImplementedError

    def embed(self, batch: Batch) -> Tensor:
        return torch.zeros(len(batch.ids), 1)

    def transcribe(self, batch: Batch, decoding: DecodingParams) -> list[Hypothesis]:
        return [Hypothesis(self.word) for _ in batch.ids]

    def part(self, parameter_name: str) -> Part:
        return "other"

    def save(self, folder: Path) -> None:
        (folder / "model.json").write_text(json.dumps({"kind": self.kind, "word": self.word}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(json.loads((folder / "model.json").read_text())["word"]).eval()
