"""The transducer: encoder, predictor and joiner, with a CTC head that is used in training only.

Shape legend in `isogloss.models`.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from isogloss.errors import ModelError
from isogloss.models.encoders import build_encoder
from isogloss.models.predictor import LstmPredictor
from isogloss.tables import atomic_folder, read_json


class Transducer(nn.Module):
    """A recogniser with the joiner output_layer(tanh(encoder + predictor)) (Graves 2012, 1211.3711).

    Parameters
    ----------
    encoder
        The name of an encoder; `encoder_options` are its options.
    input_dim
        F, mel filters.
    vocabulary
        V, tokens with blank 0.
    predictor_dim, joiner_dim
        P and J.
    token_dropout
        See `LstmPredictor`.

    Attributes
    ----------
    feature_mean_F, feature_scale_F
        Statistics of the training features; `encode` normalises with them.
    """

    feature_mean_F: Tensor
    feature_scale_F: Tensor

    def __init__(
        self,
        *,
        encoder: str,
        encoder_options: dict[str, Any],
        input_dim: int,
        vocabulary: int,
        predictor_dim: int,
        joiner_dim: int,
        token_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.configuration = {
            "encoder": encoder,
            "encoder_options": encoder_options,
            "input_dim": input_dim,
            "vocabulary": vocabulary,
            "predictor_dim": predictor_dim,
            "joiner_dim": joiner_dim,
            "token_dropout": token_dropout,
        }
        self.register_buffer("feature_mean_F", torch.zeros(input_dim))
        self.register_buffer("feature_scale_F", torch.ones(input_dim))
        self.encoder = build_encoder(encoder, input_dim=input_dim, **encoder_options)
        self.predictor = LstmPredictor(vocabulary=vocabulary, dim=predictor_dim, token_dropout=token_dropout)
        self.encoder_projection = nn.Linear(self.encoder.output_dim, joiner_dim)
        self.predictor_projection = nn.Linear(predictor_dim, joiner_dim, bias=False)
        self.output_layer = nn.Linear(joiner_dim, vocabulary)
        self.ctc_layer = nn.Linear(self.encoder.output_dim, vocabulary)

    def encode(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Normalise and encode whole utterances: (B, T, F) -> (B, T', D) and their lengths."""
        return self.encoder(self.normalise(features_BTF), lengths_B)

    def normalise(self, features_BTF: Tensor) -> Tensor:
        """Features with zero mean and unit variance over the training data."""
        return (features_BTF - self.feature_mean_F) / self.feature_scale_F

    def join_step(self, encoder_BJ: Tensor, predictor_BJ: Tensor) -> Tensor:
        """Logits of one frame and one history of each stream: (B, V)."""
        return self.output_layer(torch.tanh(encoder_BJ + predictor_BJ))


def save_transducer(model: Transducer, folder: Path | str, *, beside: dict[str, Tensor] | None = None) -> None:
    """Write `model.safetensors` and `model.json` (what `Transducer` was made with), atomically.

    Tensors that explain how the model came about go to `mitigation.safetensors` in the same folder.
    """
    with atomic_folder(folder) as temporary:
        save_file(_portable(model.state_dict()), temporary / "model.safetensors")
        if beside:
            save_file(_portable(beside), temporary / "mitigation.safetensors")
        text = json.dumps(model.configuration, indent=2)
        (temporary / "model.json").write_text(text + "\n", encoding="utf-8")


def load_transducer(folder: Path | str) -> Transducer:
    """Read a model that `save_transducer` wrote, in evaluation mode, on the CPU.

    Raises
    ------
    ModelError
        The weights do not fit the configuration beside them.
    """
    folder = Path(folder)
    model = Transducer(**read_json(folder / "model.json"))
    try:
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (RuntimeError, FileNotFoundError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(f"{folder}/model.safetensors does not fit {folder}/model.json: {first}") from None
    return model.eval()


def _portable(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as safetensors wants them: contiguous, on the CPU."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
