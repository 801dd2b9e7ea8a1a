"""The separator: for each output channel a mask over the mixture's log-mel features.

Shape legend in `isogloss.recognizers.multitalker`.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isogloss.recognizers.transducer.encoders.encoder import clear_padding
from isogloss.recognizers.transducer.encoders.lstm import LstmEncoder

SUBSAMPLING = 4
OPEN = 2.0
"""Subtracted from the initial bias of the first channel's masks, so that they attenuate little: most speech is of one
talker, who is on that channel (our choice)."""


class Separator(nn.Module):
    """A mixture encoder that gives, from each of its frames, the masks of the last feature frames before it.

    A mask is a number of nats between -`depth` and 0 that is added to a log-mel energy. The encoder frame n, which
    depends on the feature frames up to 4n, gives the masks of the frames 4n - 3 to 4n. So masks depend on no later
    audio than the frames of a recogniser's encoder that subsamples by 4 or 8, and add no latency; else up to 30 ms.

    Parameters
    ----------
    input_dim
        F.
    output_channels
        C.
    depth
        Largest attenuation by a mask, in nats.
    channels, hidden_dim, layers
        Sizes of the mixture encoder, which is an `LstmEncoder`.
    """

    def __init__(
        self, *, input_dim: int, output_channels: int, depth: float, channels: int, hidden_dim: int, layers: int
    ) -> None:
        super().__init__()
        self.output_channels, self.depth = output_channels, depth
        self.mask_shape = (output_channels, SUBSAMPLING, input_dim)
        self.mixture_encoder = LstmEncoder(
            input_dim=input_dim,
            subsampling=SUBSAMPLING,
            channels=channels,
            hidden_dim=hidden_dim,
            layers=layers,
            dropout=0.0,
        )
        self.mask_layer = nn.Linear(hidden_dim, output_channels * SUBSAMPLING * input_dim)
        with torch.no_grad():
            self.mask_layer.bias.unflatten(0, (output_channels, -1))[0] -= OPEN

    def forward(self, normal_BTF: Tensor, lengths_B: Tensor) -> Tensor:
        """The masks of whole mixtures, whose features are normalised: (B, T, F) -> (B, C, T, F)."""
        frames = normal_BTF.shape[1]
        padded_BTF = F.pad(clear_padding(normal_BTF, lengths_B), (0, 0, 0, SUBSAMPLING - 1))
        encoded_BND, _ = self.mixture_encoder(padded_BTF, lengths_B + SUBSAMPLING - 1)
        return self._masks(encoded_BND)[:, :, SUBSAMPLING - 1 : SUBSAMPLING - 1 + frames]

    def stream(self, chunk_BTF: Tensor, state: Any, *, last: bool = False) -> tuple[Tensor, Tensor, Any]:
        """The frames whose masks are known so far, (B, T', F), and the masks, (B, C, T', F).

        Parameters
        ----------
        chunk_BTF
            The next frames, any number of them.
        state
            None at the start, then what the last call returned.
        last
            Whether the mixture ends with these frames, so that the masks of all frames are returned.
        """
        waiting_BTF, encoder_state, begun = state if state is not None else (chunk_BTF[:, :0], None, False)
        waiting_BTF = torch.cat([waiting_BTF, chunk_BTF], dim=1)
        if last:
            chunk_BTF = F.pad(chunk_BTF, (0, 0, 0, SUBSAMPLING - 1))
        encoded_BND, encoder_state = self.mixture_encoder.stream(chunk_BTF, encoder_state)
        masks_BCTF = self._masks(encoded_BND)
        if not begun and masks_BCTF.shape[2]:
            masks_BCTF, begun = masks_BCTF[:, :, SUBSAMPLING - 1 :], True
        known = min(masks_BCTF.shape[2], waiting_BTF.shape[1])
        return waiting_BTF[:, :known], masks_BCTF[:, :, :known], (waiting_BTF[:, known:], encoder_state, begun)

    def _masks(self, encoded_BND: Tensor) -> Tensor:
        """Encoder frames to masks, from the three frames before the first on: (B, C, 4N, F)."""
        raw_BNCSF = self.mask_layer(encoded_BND).unflatten(2, self.mask_shape)
        return -self.depth * torch.sigmoid(raw_BNCSF.transpose(1, 2).flatten(2, 3))
