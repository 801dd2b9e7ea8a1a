"""An encoder without memory: a linear layer over a few frames."""

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from isogloss.config.components import EncoderComponent
from isogloss.config.section import PositiveInt, Section
from isogloss.recognizers.transducer.encoders.encoder import Encoder, clear_padding


class StackParams(Section):
    """Frames side by side."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms that make one encoder frame."""
    dim: PositiveInt = 32
    """Channels of a frame."""


COMPONENT = EncoderComponent(
    name="toy_stack", options=StackParams, implementation="StackEncoder", published=StackParams(dim=64)
)


class StackEncoder(Encoder):
    """Each frame sees its own window alone, so streaming has only incomplete windows to remember."""

    def __init__(self, *, input_dim: int, subsampling: int = 4, dim: int = 32) -> None:
        super().__init__()
        self.output_dim, self.subsampling = dim, subsampling
        self.layer = nn.Linear(input_dim * subsampling, dim)

    def forward(self, features_BTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        padding = -features_BTF.shape[1] % self.subsampling
        return self._encode(nn.functional.pad(clear_padding(features_BTF, lengths_B), (0, 0, 0, padding))), (
            self.output_lengths(lengths_B)
        )

    def stream(self, chunk_BTF: Tensor, state: Any, last: bool = False) -> tuple[Tensor, Any]:
        waiting_BTF = chunk_BTF if state is None else torch.cat([state, chunk_BTF], dim=1)
        if last:
            waiting_BTF = nn.functional.pad(waiting_BTF, (0, 0, 0, -waiting_BTF.shape[1] % self.subsampling))
        whole = waiting_BTF.shape[1] // self.subsampling * self.subsampling
        return self._encode(waiting_BTF[:, :whole]), waiting_BTF[:, whole:]

    def _encode(self, features_BTF: Tensor) -> Tensor:
        batch, frames, filters = features_BTF.shape
        stacked = features_BTF.reshape(batch, frames // self.subsampling, filters * self.subsampling)
        return torch.tanh(self.layer(stacked))
