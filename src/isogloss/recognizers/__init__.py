"""Recognisers: models that turn speech into text, behind one port.

- `base`: the port, `Recognizer`
- `batches`: its input, features or audio
- `decode`: hypotheses of whole sets of cuts
- `per_utterance`: squared gradients of each utterance from one backward pass, for models of standard layers
- `transducer`: our own recogniser; `whisper`, `ctc`: pretrained ones (`pretrained`: their checkpoints)

A kind is a module with a `RecognizerComponent`; it is imported only when it is used.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from torch import Tensor

from isogloss.config import Params
from isogloss.config.components import RecognizerComponent
from isogloss.config.registry import implementation
from isogloss.errors import ModelError
from isogloss.recognizers.base import Cost, Hypothesis, Losses, PartialHypothesis, Recognizer, Stream
from isogloss.tables import atomic_folder, read_json, write_parquet
from isogloss.weights import write_weights

DEFAULT_KIND = "transducer"
"""The kind of a saved model whose `model.json` names none."""


def recognizer_class(kind: str) -> type[Recognizer]:
    """The class of a kind of recognisers.

    Raises
    ------
    ParamsError
        There is no such kind; the nearest is suggested.
    """
    found: type[Recognizer] = implementation(RecognizerComponent, kind)
    return found


def new_recognizer(params: Params, data: Path) -> Recognizer:
    """The recogniser with which base training begins, for prepared data in a folder."""
    return recognizer_class(params.asr.model).new(params, data)


def load_recognizer(folder: Path | str) -> Recognizer:
    """Read a model of any kind, in evaluation mode, on the CPU.

    Raises
    ------
    ModelError
        The folder holds no model, or one whose files do not fit together.
    ParamsError
        The kind of the model does not exist.
    """
    folder = Path(folder)
    if not (folder / "model.json").is_file():
        raise ModelError(
            f"{folder} holds no recogniser: it has no model.json; name a folder that `isogloss run` made, such as "
            "models/asr/base"
        )
    description = read_json(folder / "model.json")
    kind = description.get("kind", DEFAULT_KIND) if isinstance(description, dict) else DEFAULT_KIND
    return recognizer_class(kind).load(folder)


def save_recognizer(
    recognizer: Recognizer,
    folder: Path | str,
    *,
    beside: Mapping[str, Tensor] | None = None,
    weights: pd.DataFrame | None = None,
) -> None:
    """Write a model, atomically.

    Tensors and weights that a mitigation found go to `mitigation.safetensors` and `weights.parquet` in the same folder.
    """
    with atomic_folder(folder) as temporary:
        recognizer.save(temporary)
        if beside:
            write_weights(beside, temporary / "mitigation.safetensors")
        if weights is not None:
            write_parquet(weights, temporary / "weights.parquet")


__all__ = [
    "DEFAULT_KIND",
    "Cost",
    "Hypothesis",
    "Losses",
    "PartialHypothesis",
    "Recognizer",
    "Stream",
    "load_recognizer",
    "new_recognizer",
    "recognizer_class",
    "save_recognizer",
]
