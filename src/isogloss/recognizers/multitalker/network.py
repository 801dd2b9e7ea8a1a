"""Separator, shared transducer and speech-activity head.

Shape legend in `isogloss.recognizers.multitalker`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from isogloss.recognizers.multitalker.separator import Separator
from isogloss.recognizers.transducer import Transducer


class MultitalkerTransducer(nn.Module):
    """A transducer for each channel of a separated mixture, with the channels stacked on the batch axis.

    Parameters
    ----------
    transducer
        Arguments of `Transducer`.
    separator
        Arguments of `Separator`, without `input_dim`.

    Attributes
    ----------
    activity_layer
        From an encoder frame of a channel to the logit of "somebody speaks on this channel".
    """

    def __init__(self, *, transducer: dict[str, Any], separator: dict[str, Any]) -> None:
        super().__init__()
        self.configuration = {"transducer": transducer, "separator": separator}
        self.transducer = Transducer(**transducer)
        self.separator = Separator(input_dim=transducer["input_dim"], **separator)
        self.activity_layer = nn.Linear(self.transducer.encoder.output_dim, 1)

    @property
    def output_channels(self) -> int:
        """C."""
        return self.separator.output_channels

    def masks(self, features_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        """The mask of each channel, which is added to log energies, in nats: (B, C, T, F)."""
        return self.separator(self.transducer.normalise(features_BTF), lengths_B)

    def encode(self, features_BTF: Tensor, masks_BCTF: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """The encoder frames of all channels, (R, N, D), and their numbers, (R,)."""
        masked_RTF = (features_BTF[:, None] + masks_BCTF).flatten(0, 1)
        return self.transducer.encode(masked_RTF, lengths_B.repeat_interleave(self.output_channels))

    def activity(self, encoded_RND: Tensor) -> Tensor:
        """The logit of speech in each encoder frame: (R, N)."""
        return self.activity_layer(encoded_RND)[..., 0]

    @torch.inference_mode()
    def encode_chunk(self, features_TF: Tensor, state: Any, *, last: bool) -> tuple[Tensor, Any]:
        """The next encoder frames of one mixture's channels, (C, N, D); `state` is None at the start."""
        separator_state, encoder_state = state if state is not None else (None, None)
        features_1TF = features_TF[None]
        normal_1TF = self.transducer.normalise(features_1TF)
        known_1TF, masks_1CTF, separator_state = self.separator.stream(normal_1TF, separator_state, last=last)
        channels_CTF = known_1TF.expand(self.output_channels, -1, -1) + masks_1CTF[0] / self.transducer.feature_scale_F
        encoded_CND, encoder_state = self.transducer.encoder.stream(channels_CTF, encoder_state, last=last)
        return encoded_CND, (separator_state, encoder_state)
