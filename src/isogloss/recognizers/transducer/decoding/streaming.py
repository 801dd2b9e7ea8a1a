"""Recognition while audio arrives: features, encoder and greedy search advance chunk by chunk.

The final text of a stream is that of greedy decoding of the whole utterance: features and encoder give the same frames
for any division of the audio into chunks, and the search is that of `isogloss.recognizers.transducer.decoding.greedy`.

Shape legend in `isogloss.recognizers.transducer`; N samples.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from isogloss.corpus.frontend.features import FRAMES_PER_SECOND
from isogloss.corpus.frontend.streaming import StreamingFeatures
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.recognizers.base import PartialHypothesis
from isogloss.recognizers.transducer.decoding.greedy import advance, start
from isogloss.recognizers.transducer.model import Transducer


class RecognitionStream:
    """One utterance of live audio at 16 kHz. A model can serve any number of streams, also interleaved.

    Parameters
    ----------
    model
        The model in evaluation mode. The number of mel filters is that of its inputs.
    tokens
        Its vocabulary.
    cohort
        The speaker's cohort, for a model that takes it as an input.
    max_tokens_per_frame
        As in `greedy_decode`.

    Examples
    --------
    ::

        stream = load_recognizer("models/asr/base").stream(decoding=DecodingParams())
        while (chunk_N := microphone.read()) is not None:
            print(stream.accept(chunk_N).text)
        print(stream.finish().text)
    """

    def __init__(self, model: Transducer, tokens: Tokens, *, cohort: str | None, max_tokens_per_frame: int) -> None:
        self._model, self._vocabulary = model, tokens
        self._limit = max_tokens_per_frame
        self._cohorts = None if cohort is None else [cohort]
        self._features = StreamingFeatures(num_filters=model.configuration["input_dim"])
        self._encoder_state: Any = None
        with torch.inference_mode():
            self._search_state = start(model, 1)
        self._encoded = 0
        self._tokens: list[int] = []
        self._frames: list[int] = []

    def accept(self, chunk_N: np.ndarray | Tensor) -> PartialHypothesis:
        """Take the next samples, at 16 kHz between -1 and 1, any number of them.

        Raises
        ------
        CorpusError
            The samples are not one row of floating-point numbers, or the utterance has ended.
        """
        return self._advance(self._features.accept(chunk_N), last=False)

    def finish(self) -> PartialHypothesis:
        """End the utterance: its last frames and what the encoder still holds back are decoded."""
        return self._advance(self._features.accept(torch.zeros(0), last=True), last=True)

    @torch.inference_mode()
    def _advance(self, features_TF: Tensor, *, last: bool) -> PartialHypothesis:
        """Encode and decode new frames."""
        model = self._model
        if len(features_TF) > 0 or (last and self._encoder_state is not None):
            features_BTF = features_TF.unsqueeze(0).to(model.feature_mean_F.device)
            normal_BTF = model.normalise(features_BTF, self._cohorts)
            encoded_BTD, self._encoder_state = model.encoder.stream(normal_BTF, self._encoder_state, last=last)
            self._search(model.encoder_projection(encoded_BTD))
        seconds_per_frame = model.encoder.subsampling / FRAMES_PER_SECOND
        return PartialHypothesis(
            text=self._vocabulary.decode(self._tokens),
            tokens=tuple(self._tokens),
            times=tuple(frame * seconds_per_frame for frame in self._frames),
            is_final=last,
        )

    def _search(self, encoder_BTJ: Tensor) -> None:
        """Decode new encoder frames."""
        frames = encoder_BTJ.shape[1]
        if frames == 0:
            return
        (found,), self._search_state = advance(
            self._model,
            encoder_BTJ,
            torch.tensor([frames]),
            self._search_state,
            max_tokens_per_frame=self._limit,
        )
        self._tokens += found.tokens
        self._frames += [self._encoded + frame for frame in found.frames]
        self._encoded += frames
