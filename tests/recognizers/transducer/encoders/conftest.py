"""A test that takes `case` runs for every registered encoder: in the tiny variants named here, or its small size."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isogloss.recognizers.transducer.encoders import Encoder, build_encoder, encoder_names, encoder_options

FILTERS = 20
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "lstm": {
        "20 ms": {"subsampling": 2, "channels": 4, "hidden_dim": 16, "layers": 2},
        "30 ms": {"subsampling": 3, "channels": 4, "hidden_dim": 16, "layers": 1},
        "40 ms": {"subsampling": 4, "channels": 4, "hidden_dim": 16, "layers": 1},
    },
    "conformer": {
        "20 ms": {"subsampling": 2, "channels": 3, "dim": 8, "layers": 2, "heads": 2, "kernel": 4, "left_context": 5},
        "40 ms": {"subsampling": 4, "channels": 3, "dim": 8, "layers": 1, "heads": 1, "kernel": 1, "left_context": 70},
    },
    "amortized": {
        "20 ms": {"subsampling": 2, "channels": 3, "dim": 8, "layers": 3, "heads": 2, "left_context": 5},
        "40 ms": {"subsampling": 4, "channels": 3, "dim": 8, "layers": 2, "heads": 1, "left_context": 70},
        "dense": {"subsampling": 3, "channels": 3, "dim": 8, "layers": 2, "left_context": 1, "gates": "none"},
    },
    "contextnet": {
        "40 ms": {"subsampling": 4, "alpha": 0.03, "blocks": 5, "layers": 2, "kernel": 3},
        "80 ms": {"subsampling": 8, "alpha": 0.03, "blocks": 6, "layers": 1, "kernel": 5},
        "one tap": {"subsampling": 4, "alpha": 0.03, "blocks": 5, "layers": 1, "kernel": 1},
    },
    "convrnnt": {
        "10 ms": {"subsampling": 1, "local_channels": 3, "global_dim": 8, "global_blocks": 2, "hidden_dim": 8},
        "30 ms": {"subsampling": 3, "local_channels": 3, "global_dim": 8, "global_blocks": 3, "hidden_dim": 8},
        "40 ms": {"subsampling": 4, "local_channels": 3, "global_dim": 8, "global_blocks": 6, "hidden_dim": 8},
    },
}


@dataclass(frozen=True)
class Case:
    """One encoder with options."""

    name: str
    variant: str
    options: dict[str, Any]

    def build(self) -> Encoder:
        """The same weights each time, in evaluation mode."""
        torch.manual_seed(0)
        return build_encoder(self.name, input_dim=FILTERS, **self.options).eval()

    def features(self, batch: int, frames: int) -> Tensor:
        """The same noise each time: (B, T, F)."""
        return torch.randn(batch, frames, FILTERS, generator=torch.Generator().manual_seed(frames))

    def stream(self, model: Encoder, features_BTF: Tensor, chunks: list[int], *, flush_alone: bool) -> Tensor:
        """Encode chunk by chunk; `last` comes with the last chunk, or with an empty one after it."""
        state, pieces, start = None, [], 0
        sizes = [*chunks, 0] if flush_alone else chunks
        for number, size in enumerate(sizes, 1):
            chunk_BTF = features_BTF[:, start : start + size]
            piece_BTD, state = model.stream(chunk_BTF, state, last=number == len(sizes))
            pieces.append(piece_BTD)
            start += size
        return torch.cat(pieces, dim=1)


def cases() -> list[Case]:
    """Every registered encoder."""
    return [
        Case(name, variant, options)
        for name in encoder_names()
        for variant, options in VARIANTS.get(name, {"small": encoder_options(name)}).items()
    ]


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases(), ids=lambda case: f"{case.name} {case.variant}")
