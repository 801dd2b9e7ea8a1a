"""The predictor ("language model") of a transducer: from the tokens so far to a vector for the next one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isogloss.recognizers.transducer.recurrence import run_lstm

State = tuple[Tensor, Tensor]
"""Hidden and cell state, each (B, P)."""


class LstmPredictor(nn.Module):
    """An embedding and one LSTM layer; blank (token 0) also stands for the start of the utterance.

    Parameters
    ----------
    vocabulary
        V, tokens with blank.
    dim
        P, channels.
    token_dropout
        In training, the probability that a token of the history is hidden from the predictor. A predictor that sees the
        whole history memorises a small grammar, and the encoder is then not trained to use the audio (our choice).
    """

    def __init__(self, *, vocabulary: int, dim: int, token_dropout: float = 0.0) -> None:
        super().__init__()
        self.output_dim = dim
        self.token_dropout = token_dropout
        self.embedding = nn.Embedding(vocabulary, dim)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)

    def forward(self, tokens_BU: Tensor) -> Tensor:
        """Vectors for each of the U+1 positions: (B, U) -> (B, U+1, P)."""
        history_BU = F.pad(tokens_BU, (1, 0), value=0)
        if self.training and self.token_dropout > 0.0:
            hidden_BU = torch.rand(history_BU.shape, device=history_BU.device) < self.token_dropout
            history_BU = history_BU.masked_fill(hidden_BU, 0)
        return run_lstm(self.lstm, self.embedding(history_BU))[0]

    def start(self, batch: int) -> tuple[Tensor, State]:
        """The vector and state before the first token, for a batch of streams: (B, P)."""
        blank_B = torch.zeros(batch, dtype=torch.long, device=self.embedding.weight.device)
        return self.step(blank_B, None)

    def step(self, tokens_B: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One more token of each stream: the next vector (B, P) and state."""
        embedded_BP = self.embedding(tokens_B)
        state = state if state is not None else (torch.zeros_like(embedded_BP), torch.zeros_like(embedded_BP))
        # The LSTM cell takes a third of the layer's time for a single step.
        hidden_BP, cell_BP = torch.lstm_cell(embedded_BP, state, *self.lstm.all_weights[0])
        return hidden_BP, (hidden_BP, cell_BP)
