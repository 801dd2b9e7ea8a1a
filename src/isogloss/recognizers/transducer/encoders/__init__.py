"""Streaming encoders, one a module, behind `build_encoder`.

Each is causal and has `forward(features_BTF, lengths_B) -> (encoded_BTD, lengths_B)` and
`stream(chunk_BTF, state, last=False) -> (encoded_BTD, state)`; the two agree frame for frame. Its options, its sizes
and its name are declared at the top of its module, and `isogloss.config.registry` finds it by them.

All small encoders, the defaults of their options, are matched: they train on two CPU cores in minutes, and their
parameters at 40 mel filters are within 5 % of each other's, so that a comparison of encoders is not one of sizes.
"""

from typing import Any

from isogloss.config.components import EncoderComponent
from isogloss.config.registry import declaration, implementation, names
from isogloss.recognizers.transducer.encoders.encoder import Encoder


def build_encoder(name: str, *, input_dim: int, **options: Any) -> Encoder:
    """Build an encoder by its name in params (`asr.encoder`) and the options of its section.

    Raises
    ------
    ParamsError
        There is no encoder of that name; the nearest is suggested.
    """
    encoder: Encoder = implementation(EncoderComponent, name)(input_dim=input_dim, **options)
    return encoder


def encoder_names() -> list[str]:
    """The names of all encoders."""
    return names(EncoderComponent)


def encoder_options(name: str, size: str = "small") -> dict[str, Any]:
    """The options of an encoder in one of its sizes, `small` or `published`, for `build_encoder`."""
    declared = declaration(EncoderComponent, name)
    return (declared.published if size == "published" else declared.options()).model_dump()


__all__ = ["Encoder", "build_encoder", "encoder_names", "encoder_options"]
