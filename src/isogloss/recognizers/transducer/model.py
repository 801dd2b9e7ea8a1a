"""The network of a transducer: encoder, predictor and joiner, with a CTC head that is used in training only.

Shape legend in `isogloss.recognizers.transducer`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isogloss.recognizers.cohort_input import CohortInput
from isogloss.recognizers.transducer.encoders import build_encoder
from isogloss.recognizers.transducer.predictor import LstmPredictor


class SimpleJoiner(nn.Module):
    """Logits that are the sum of a projection of the encoder and one of the predictor (Kuang et al. 2022)."""

    def __init__(self, *, encoder_dim: int, predictor_dim: int, vocabulary: int) -> None:
        super().__init__()
        self.encoder_layer = nn.Linear(encoder_dim, vocabulary)
        self.predictor_layer = nn.Linear(predictor_dim, vocabulary)

    def forward(self, encoded_BTD: Tensor, predicted_BUP: Tensor) -> tuple[Tensor, Tensor]:
        """The two parts of the logits, (B, T, V) and (B, U + 1, V)."""
        return self.encoder_layer(encoded_BTD), self.predictor_layer(predicted_BUP)


class Transducer(nn.Module):
    """A network with the joiner output_layer(tanh(encoder + predictor)) (Graves 2012, 1211.3711).

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
    simple_joiner
        The joiner from which the pruned loss chooses its windows, while base training uses that loss; it is not saved
        with the model.
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
        self.simple_joiner: SimpleJoiner | None = None

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
        """The input of the encoder: features with zero mean and unit variance over the training data, shifted by the
        cohort."""
        normal_BTF = (features_BTF - self.feature_mean_F) / self.feature_scale_F
        if self.cohort_input is None:
            return normal_BTF
        names = cohorts if cohorts is not None else [""] * len(features_BTF)
        return normal_BTF + self.cohort_input(names)[:, None]

    def join_step(self, encoder_BJ: Tensor, predictor_BJ: Tensor) -> Tensor:
        """Logits of one frame and one history of each stream: (B, V)."""
        return self.output_layer(torch.tanh(encoder_BJ + predictor_BJ))
