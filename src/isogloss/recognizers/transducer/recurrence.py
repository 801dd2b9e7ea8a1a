"""LSTM layers in the precision of their weights, also under autocast."""

import torch
from torch import Tensor, nn

Memory = tuple[Tensor, Tensor]
"""Hidden and cell state of all layers."""


def run_lstm(lstm: nn.LSTM, input_BTD: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
    """The output of the layers for (B, T, D), and their last states, outside autocast.

    On a GPU, autocast runs LSTMs in float16 even where bfloat16 is asked for; gradients then vanish without loss
    scaling. On a processor without AVX-512 there is no LSTM in bfloat16 at all.
    """
    with torch.autocast(input_BTD.device.type, enabled=False):
        output_BTH, memory = lstm(input_BTD.to(next(lstm.parameters()).dtype), memory)
    return output_BTH, memory
