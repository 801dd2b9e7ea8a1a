"""Streaming encoders, one a module, behind `build_encoder`.

Each is causal and has `forward(features_BTF, lengths_B) -> (encoded_BTD, lengths_B)` and
`stream(chunk_BTF, state, last=False) -> (encoded_BTD, state)`; the two agree frame for frame.
"""

import difflib
from typing import Any

from isogloss.errors import ModelError
from isogloss.models.encoders.amortized import AmortizedEncoder
from isogloss.models.encoders.base import Encoder
from isogloss.models.encoders.conformer import ConformerEncoder
from isogloss.models.encoders.contextnet import ContextNetEncoder
from isogloss.models.encoders.convrnnt import ConvRnntEncoder
from isogloss.models.encoders.lstm import LstmEncoder
from isogloss.models.encoders.sizes import SIZES

_ENCODERS: dict[str, type[Encoder]] = {
    "lstm": LstmEncoder,
    "conformer": ConformerEncoder,
    "contextnet": ContextNetEncoder,
    "convrnnt": ConvRnntEncoder,
    "amortized": AmortizedEncoder,
}


def build_encoder(name: str, *, input_dim: int, **options: Any) -> Encoder:
    """Build an encoder by its name in params (`asr.encoder`) and the options of its section.

    Raises
    ------
    ModelError
        There is no encoder of that name; the nearest is suggested.
    """
    if name not in _ENCODERS:
        near = difflib.get_close_matches(name, _ENCODERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_ENCODERS)}"
        raise ModelError(f"there is no encoder {name!r}; {hint}")
    return _ENCODERS[name](input_dim=input_dim, **options)


__all__ = ["SIZES", "Encoder", "build_encoder"]
