"""LoRA: low-rank updates of linear layers (Hu et al. 2021, 2106.09685), by the library `peft`.

A layer's weight W becomes W + scale B A, with A of `rank` rows and B of `rank` columns; B begins at zero. All other
weights stay those of the base model, which limits forgetting. After training the updates are added to the weights, so
that the adapted model has the same format as the base model.
"""

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.config.section import PositiveInt
from isogloss.errors import ModelError
from isogloss.mitigation.strategy import DevRates, Mitigation, Setting
from isogloss.recognizers.base import Recognizer

if TYPE_CHECKING:
    from peft import LoraModel


class LoraParams(MethodParams):
    """Fine-tuning of low-rank updates on the worst cohorts (2106.09685)."""

    learning_rate_factor: Annotated[float, Field(gt=0)] = 10.0
    """Factor of `mitigation.learning_rate`. Low-rank updates need about ten times the learning rate of full
    fine-tuning."""
    rank: PositiveInt = 32
    """Rank of the update of each layer, at most that of its weight; 32 is what is usual for Whisper."""
    scale: Annotated[float, Field(gt=0)] = 2.0
    """Factor of each update: LoRA's alpha over its rank."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.05
    """Dropout on the input of each update, in training."""
    layers: list[str] = []
    """Last parts of the names of the layers that get an update, as [q_proj, v_proj]; if empty, all linear layers except
    output layers."""


COMPONENT = MitigationComponent(name="lora", options=LoraParams, implementation="Lora")


class Lora(Mitigation[LoraParams, Recognizer]):
    """Fine-tuning on the worst cohorts, of low-rank updates alone, which are then merged into the weights."""

    def __init__(self, options: LoraParams) -> None:
        super().__init__(options)
        self._updates: LoraModel | None = None

    def model(self, base: Recognizer, setting: Setting) -> Recognizer:
        """The base with an update of each chosen layer, which has no effect before training.

        Raises
        ------
        ModelError
            The package `peft` is not installed, or the base has no layer of those names.
        """
        if importlib.util.find_spec("peft") is None:
            raise ModelError("the method lora needs the package peft; install isogloss[whisper]")
        from peft import LoraConfig, LoraModel

        layers = self._layers(base)
        config = LoraConfig(
            r=self.options.rank,
            lora_alpha=self.options.scale * self.options.rank,  # type: ignore[arg-type]  # any number will do
            lora_dropout=self.options.dropout,
            target_modules=layers,
        )
        self._updates = LoraModel(base, config, "default")
        return base

    def _layers(self, base: Recognizer) -> list[str]:
        """The names of the layers that get an update."""
        known = base.low_rank_layers()
        wanted = self.options.layers
        layers = [name for name in known if not wanted or name.rpartition(".")[2] in wanted]
        if not layers:
            endings = ", ".join(sorted({name.rpartition(".")[2] for name in known}))
            raise ModelError(
                f"lora.layers is {', '.join(wanted)}, but this {base.kind} has no such linear layer; it has {endings}"
                if known
                else f"this {base.kind} has no linear layer for low-rank updates; leave the method lora out"
            )
        return layers

    def settle(self, model: Recognizer, dev: Callable[[Recognizer], DevRates]) -> None:
        """Add the updates to the weights and remove them from the model."""
        if self._updates is None:
            raise ModelError("LoRA has no updates to merge yet; call `model` first")
        self._updates.merge_and_unload()
        self._updates = None
