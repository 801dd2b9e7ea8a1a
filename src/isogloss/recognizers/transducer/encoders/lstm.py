"""The encoder of RNN-T: unidirectional LSTM layers (Graves 2012, 1211.3711; Google 2018, 1811.06621)."""

from typing import Annotated, Any

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from isogloss.config.components import EncoderComponent
from isogloss.config.section import PositiveInt, Section
from isogloss.recognizers.transducer.encoders.convolution import ConvolutionalFrontEnd
from isogloss.recognizers.transducer.encoders.encoder import Encoder, clear_padding
from isogloss.recognizers.transducer.recurrence import run_lstm


class LstmParams(Section):
    """The LSTM encoder: a causal convolutional front end below unidirectional LSTM layers."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    channels: PositiveInt = 32
    """Channels of the front end's convolutions."""
    hidden_dim: PositiveInt = 192
    """Units of each LSTM layer."""
    layers: PositiveInt = 2
    """LSTM layers."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout probability after each LSTM layer, in training."""


COMPONENT = EncoderComponent(
    name="lstm",
    options=LstmParams,
    implementation="LstmEncoder",
    # 1811.06621 has eight layers with projections and 120 M parameters, four times what the other encoders have; five
    # layers of 736 are our choice (22.2 M at 80 filters).
    published=LstmParams(hidden_dim=736, layers=5),
)


class LstmEncoder(Encoder):
    """A convolutional front end, then LSTM layers.

    Parameters
    ----------
    input_dim
        F, mel filters.
    subsampling
        Feature frames for one encoder frame: 1 to 4.
    channels
        Channels of the convolutions.
    hidden_dim
        D, units of each LSTM layer.
    layers
        LSTM layers.
    dropout
        Between layers and after the last, in training only.
    """

    def __init__(
        self,
        *,
        input_dim: int,
        subsampling: int = 3,
        channels: int = 32,
        hidden_dim: int = 256,
        layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.output_dim = hidden_dim
        self.subsampling = subsampling
        self.front_end = ConvolutionalFrontEnd(
            input_dim=input_dim, channels=channels, output_dim=hidden_dim, subsampling=subsampling
        )
        self.lstm = nn.LSTM(
            hidden_dim,
            hidden_dim,
            num_layers=layers,
            batch_first=True,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.norm = nn.LayerNorm(hidden_dim)
        self.dropout = dropout

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Encode whole utterances: (B, T, F) -> (B, ceil(T / subsampling), D)."""
        hidden_BTD, _ = run_lstm(self.lstm, self.front_end(clear_padding(features_BTF, lengths_B)))
        return self._finish(hidden_BTD), self.output_lengths(lengths_B)

    def stream(self, chunk_BTF: Tensor, state: Any, last: bool = False) -> tuple[Tensor, Any]:
        """Encode the next chunk; nothing waits for the future, so `last` has nothing to flush."""
        buffers, memory = state if state is not None else ((None, None), None)
        frames_BTD, buffers = self.front_end.stream(chunk_BTF, buffers)
        if frames_BTD.shape[1] == 0:
            return frames_BTD, (buffers, memory)
        hidden_BTD, memory = run_lstm(self.lstm, frames_BTD, memory)
        return self._finish(hidden_BTD), (buffers, memory)

    def _finish(self, hidden_BTD: Tensor) -> Tensor:
        """Normalise and drop out the last layer's output."""
        return F.dropout(self.norm(hidden_BTD), self.dropout, self.training)
