"""The transducer: encoder, predictor and joiner, with a CTC head that is used in training only.

Shape legend in `isogloss.recognizers.transducer`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from isogloss.recognizers.transducer.cohort_input import CohortInput
from isogloss.recognizers.transducer.encoders import build_encoder
from isogloss.recognizers.transducer.predictor import LstmPredictor
from isogloss.tables import atomic_folder, read_json, write_parquet
from isogloss.weights import load_weights, write_weights


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
    cohorts
        Names of the cohorts whose membership is an input; without any there is no such input.
    hidden_share
        In training, the share of the utterances whose cohort is hidden.

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
        cohorts: Sequence[str] = (),
        hidden_share: float = 0.0,
    ) -> None:
        super().__init__()
        self.configuration: dict[str, Any] = {
            "encoder": encoder,
            "encoder_options": encoder_options,
            "input_dim": input_dim,
            "vocabulary": vocabulary,
            "predictor_dim": predictor_dim,
            "joiner_dim": joiner_dim,
            "token_dropout": token_dropout,
        }
        if cohorts:
            self.configuration |= {"cohorts": list(cohorts), "hidden_share": hidden_share}
        self.register_buffer("feature_mean_F", torch.zeros(input_dim))
        self.register_buffer("feature_scale_F", torch.ones(input_dim))
        self.encoder = build_encoder(encoder, input_dim=input_dim, **encoder_options)
        self.predictor = LstmPredictor(vocabulary=vocabulary, dim=predictor_dim, token_dropout=token_dropout)
        self.encoder_projection = nn.Linear(self.encoder.output_dim, joiner_dim)
        self.predictor_projection = nn.Linear(predictor_dim, joiner_dim, bias=False)
        self.output_layer = nn.Linear(joiner_dim, vocabulary)
        self.ctc_layer = nn.Linear(self.encoder.output_dim, vocabulary)
        self.cohort_input = CohortInput(cohorts, dim=input_dim, hidden_share=hidden_share) if cohorts else None

    @property
    def embedding_dim(self) -> int:
        """D, channels of the encoder."""
        return self.encoder.output_dim

    def encode(
        self, features_BTF: Tensor, lengths_B: Tensor, cohorts: Sequence[str] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Normalise and encode whole utterances: (B, T, F) -> (B, T', D) and their lengths.

        `cohorts` are the cohorts of the utterances, for a model that has them for an input; none are unknown ones.
        """
        return self.encoder(self.normalise(features_BTF, cohorts), lengths_B)

    def normalise(self, features_BTF: Tensor, cohorts: Sequence[str] | None = None) -> Tensor:
        """What the encoder sees: features with zero mean and unit variance over the training data, and the cohort."""
        normal_BTF = (features_BTF - self.feature_mean_F) / self.feature_scale_F
        if self.cohort_input is None:
            return normal_BTF
        names = cohorts if cohorts is not None else [""] * len(features_BTF)
        return normal_BTF + self.cohort_input(names)[:, None]

    def join_step(self, encoder_BJ: Tensor, predictor_BJ: Tensor) -> Tensor:
        """Logits of one frame and one history of each stream: (B, V)."""
        return self.output_layer(torch.tanh(encoder_BJ + predictor_BJ))


def with_cohort_input(base: Transducer, cohorts: Sequence[str], *, hidden_share: float) -> Transducer:
    """A copy of a model that has cohort membership for an input more, and as yet makes nothing of it."""
    model = Transducer(**(base.configuration | {"cohorts": list(cohorts), "hidden_share": hidden_share}))
    model.load_state_dict(base.state_dict(), strict=False)
    return model.to(base.feature_mean_F.device)


def save_transducer(
    model: Transducer,
    folder: Path | str,
    *,
    beside: dict[str, Tensor] | None = None,
    weights: pd.DataFrame | None = None,
) -> None:
    """Write `model.safetensors` and `model.json` (what `Transducer` was made with), atomically.

    What explains how the model came about goes to `mitigation.safetensors` and `weights.parquet` in the same folder.
    """
    with atomic_folder(folder) as temporary:
        write_weights(model.state_dict(), temporary / "model.safetensors")
        if beside:
            write_weights(beside, temporary / "mitigation.safetensors")
        if weights is not None:
            write_parquet(weights, temporary / "weights.parquet")
        text = json.dumps(model.configuration, indent=2)
        (temporary / "model.json").write_text(text + "\n", encoding="utf-8")


def load_transducer(folder: Path | str) -> Transducer:
    """Read a model that `save_transducer` wrote, in evaluation mode, on the CPU.

    Raises
    ------
    ModelError
        The weights are no whole file, or do not fit the configuration beside them.
    """
    folder = Path(folder)
    model = Transducer(**read_json(folder / "model.json"))
    load_weights(model, folder / "model.safetensors")
    return model.eval()
