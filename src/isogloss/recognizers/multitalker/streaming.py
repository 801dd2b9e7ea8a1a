"""Turns while the audio arrives: features, masks, encoder and greedy search advance chunk by chunk.

The final result of a stream equals that of `MultitalkerRecognizer.transcribe` for the whole recording.

Shape legend in `isogloss.recognizers.multitalker`.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from isogloss.corpus.conversations.turns import Seconds
from isogloss.corpus.frontend.features import FRAMES_PER_SECOND
from isogloss.corpus.frontend.streaming import StreamingFeatures
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.recognizers.multitalker.network import MultitalkerTransducer
from isogloss.recognizers.multitalker.reading import HeardTurn, TurnReader
from isogloss.recognizers.multitalker.separator import SUBSAMPLING
from isogloss.recognizers.transducer.decoding.greedy import advance, start
from isogloss.recognizers.transducer.encoders import Encoder

FRAME_HEARD: Seconds = 0.0175
"""Seconds from the start of the 10 ms of a feature frame to the end of the 25 ms window around them."""


def token_time(encoder: Encoder, frame: int) -> Seconds:
    """The duration of the audio that is needed before an encoder frame can be decoded.

    The frame needs the masks of the feature frames up to its own, which are known a frame of the separator at a time.
    """
    needed = -(-frame * encoder.subsampling // SUBSAMPLING) * SUBSAMPLING
    return needed / FRAMES_PER_SECOND + FRAME_HEARD


class TurnStream:
    """One conversation of live audio at 16 kHz.

    Parameters
    ----------
    network
        The network in evaluation mode. It can serve any number of streams, also interleaved.
    tokens
        Its vocabulary.
    max_tokens_per_frame
        Largest number of tokens of a frame; after it the search moves to the next frame.
    """

    def __init__(self, network: MultitalkerTransducer, tokens: Tokens, *, max_tokens_per_frame: int) -> None:
        self._network, self._limit = network, max_tokens_per_frame
        self._features = StreamingFeatures(num_filters=network.configuration["transducer"]["input_dim"])
        self._state: Any = None
        self._decoded = 0
        self._readers = [TurnReader(tokens, channel=channel) for channel in range(network.output_channels)]
        with torch.inference_mode():
            self._search = start(network.transducer, network.output_channels)

    def accept(self, chunk_N: np.ndarray | Tensor) -> list[HeardTurn]:
        """Take any number of next samples, between -1 and 1; returns all turns so far, by their starts.

        Raises
        ------
        CorpusError
            The samples are not one row of floating-point numbers, or the conversation has ended.
        """
        return self._advance(self._features.accept(chunk_N), last=False)

    def finish(self) -> list[HeardTurn]:
        """End the conversation."""
        return self._advance(self._features.accept(torch.zeros(0), last=True), last=True)

    @torch.inference_mode()
    def _advance(self, features_TF: Tensor, *, last: bool) -> list[HeardTurn]:
        """Separate, encode and decode new frames."""
        if len(features_TF) > 0 or (last and self._state is not None):
            transducer = self._network.transducer
            encoded_CND, self._state = self._network.encode_chunk(features_TF, self._state, last=last)
            frames = encoded_CND.shape[1]
            if frames > 0:
                found, self._search = advance(
                    transducer,
                    transducer.encoder_projection(encoded_CND),
                    torch.full((len(encoded_CND),), frames),
                    self._search,
                    max_tokens_per_frame=self._limit,
                )
                for reader, said in zip(self._readers, found, strict=True):
                    times = (token_time(transducer.encoder, self._decoded + frame) for frame in said.frames)
                    reader.read(said.tokens, times)
                self._decoded += frames
        turns = [turn for reader in self._readers for turn in reader.turns()]
        return sorted(turns, key=lambda turn: (turn.start, turn.channel))
