"""Layers that can stream, and a chain of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn


class StreamingLayer(nn.Module, ABC):
    """A causal layer that gives the same result for whole utterances and for their successive chunks."""

    @abstractmethod
    def forward(self, input: Tensor) -> Tensor:
        """Whole utterances."""

    @abstractmethod
    def stream(self, chunk: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The next chunk, of any length; `state` is None at the start and then what the last call returned."""


class Chain(StreamingLayer):
    """Streaming layers one after another, each followed by the same operation on single frames.

    Parameters
    ----------
    layers
        In their order.
    after
        The operation after each layer, such as an activation or dropout.
    """

    def __init__(self, layers: Iterable[StreamingLayer], *, after: nn.Module | None = None) -> None:
        super().__init__()
        self.layers: list[StreamingLayer] = nn.ModuleList(layers)  # type: ignore[assignment]  # torch types it loosely
        self.after = after if after is not None else nn.Identity()

    def forward(self, input: Tensor) -> Tensor:
        """Whole utterances."""
        for layer in self.layers:
            input = self.after(layer(input))
        return input

    def stream(self, chunk: Tensor, state: list[Any] | None) -> tuple[Tensor, list[Any]]:
        """The next chunk; the state is that of each layer."""
        before, state = state or [None] * len(self.layers), []
        for layer, layer_state in zip(self.layers, before, strict=True):
            chunk, layer_state = layer.stream(chunk, layer_state)
            chunk = self.after(chunk)
            state.append(layer_state)
        return chunk, state
