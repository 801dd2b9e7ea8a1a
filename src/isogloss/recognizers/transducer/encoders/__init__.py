"""Streaming encoders, one a module, behind `build_encoder`.

Each is causal and has `forward(features_BTF, lengths_B) -> (encoded_BTD, lengths_B)` and
`stream(chunk_BTF, state, last=False) -> (encoded_BTD, state)`; the two agree frame for frame.
"""

import difflib
from typing import Any

from isogloss.errors import ModelError
from isogloss.recognizers.transducer.encoders.amortized import AmortizedEncoder
from isogloss.recognizers.transducer.encoders.base import Encoder
from isogloss.recognizers.transducer.encoders.conformer import ConformerEncoder
from isogloss.recognizers.transducer.encoders.contextnet import ContextNetEncoder
from isogloss.recognizers.transducer.encoders.convrnnt import ConvRnntEncoder
from isogloss.recognizers.transducer.encoders.lstm import LstmEncoder
from isogloss.recognizers.transducer.encoders.sizes import SIZES

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
