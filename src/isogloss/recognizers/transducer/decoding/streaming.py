"""Recognition while audio arrives: features, encoder and greedy search advance chunk by chunk.

What a stream says in the end is what greedy decoding says of the whole utterance: features and encoder give the same
frames however the audio is cut, and the search is that of `isogloss.recognizers.transducer.decoding.greedy`.

Shape legend in `isogloss.recognizers.transducer`; N samples.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isogloss.corpus.frontend.features import FRAMES_PER_SECOND
from isogloss.corpus.frontend.streaming import StreamingFeatures
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import ModelError
from isogloss.recognizers.transducer.decoding.greedy import advance, start
from isogloss.recognizers.transducer.model import Transducer, load_transducer

Seconds = float


@dataclass(frozen=True)
class PartialHypothesis:
    """What a stream has said so far.

    Attributes
    ----------
    text
        The words so far; the last one may be unfinished unless `is_final`. Words are never taken back.
    tokens
        Token ids.
    times
        For each token the time in the utterance at which the 10 ms begin that its encoder frame ends with. The token
        could be emitted 17.5 ms later at the earliest, when the window around them was complete.
    is_final
        Whether the utterance has ended.
    """

    text: str
    tokens: tuple[int, ...]
    times: tuple[Seconds, ...]
    is_final: bool


class StreamingRecognizer:
    """A recogniser for live audio at 16 kHz. One recogniser serves any number of streams, one after the other or in
    turns.

    Parameters
    ----------
    model
        A transducer; it is put into evaluation mode.
    tokens
        Its vocabulary.
    max_tokens_per_frame
        As in `greedy_decode`.

    Raises
    ------
    ModelError
        The vocabulary is not the model's.

    Examples
    --------
    A whole recording in chunks of 100 ms, and a stream by hand::

        recognizer = StreamingRecognizer.from_folder("models/asr/base", "data/tokens.txt")
        for partial in recognizer.transcribe(audio_N[at : at + 1600] for at in range(0, len(audio_N), 1600)):
            print(partial.text, "." if partial.is_final else "...")

        stream = recognizer.start()
        while (chunk_N := microphone.read()) is not None:
            print(stream.accept(chunk_N).text)
        print(stream.finish().text)
    """

    def __init__(self, model: Transducer, tokens: Tokens, *, max_tokens_per_frame: int = 5) -> None:
        vocabulary = model.configuration["vocabulary"]
        if len(tokens) != vocabulary:
            raise ModelError(
                f"the vocabulary has {len(tokens)} tokens but the model knows {vocabulary}; use the tokens.txt of the "
                "data that it was trained on"
            )
        self.model = model.eval()
        self.tokens = tokens
        self.max_tokens_per_frame = max_tokens_per_frame

    @classmethod
    def from_folder(
        cls, folder: Path | str, tokens: Tokens | Path | str, *, max_tokens_per_frame: int = 5
    ) -> "StreamingRecognizer":
        """The recogniser of a model that `save_transducer` wrote, and its tokens or the file of them.

        The features need no settings beside the model: they are at 16 kHz, with as many filters as the model has
        inputs.
        """
        vocabulary = tokens if isinstance(tokens, Tokens) else Tokens.read(tokens)
        return cls(load_transducer(folder), vocabulary, max_tokens_per_frame=max_tokens_per_frame)

    def start(self, *, cohort: str | None = None) -> "RecognitionStream":
        """Begin an utterance; `cohort` is its speaker's, for a model that has it for an input."""
        return RecognitionStream(self, cohort)

    def transcribe(
        self, chunks: Iterable[np.ndarray | Tensor], *, cohort: str | None = None
    ) -> Iterator[PartialHypothesis]:
        """One utterance from its chunks: the hypothesis after each of them, and the final one when they end."""
        stream = self.start(cohort=cohort)
        for chunk_N in chunks:
            yield stream.accept(chunk_N)
        yield stream.finish()


class RecognitionStream:
    """One utterance that is being recognised; made by `StreamingRecognizer.start`."""

    def __init__(self, recognizer: StreamingRecognizer, cohort: str | None) -> None:
        self._recognizer = recognizer
        self._cohorts = None if cohort is None else [cohort]
        self._features = StreamingFeatures(num_filters=recognizer.model.configuration["input_dim"])
        self._encoder_state: Any = None
        with torch.inference_mode():
            self._search_state = start(recognizer.model, 1)
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
        model = self._recognizer.model
        if len(features_TF) > 0 or (last and self._encoder_state is not None):
            features_BTF = features_TF.unsqueeze(0).to(model.feature_mean_F.device)
            normal_BTF = model.normalise(features_BTF, self._cohorts)
            encoded_BTD, self._encoder_state = model.encoder.stream(normal_BTF, self._encoder_state, last=last)
            self._search(model.encoder_projection(encoded_BTD))
        seconds_per_frame = model.encoder.subsampling / FRAMES_PER_SECOND
        return PartialHypothesis(
            text=self._recognizer.tokens.decode(self._tokens),
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
            self._recognizer.model,
            encoder_BTJ,
            torch.tensor([frames]),
            self._search_state,
            max_tokens_per_frame=self._recognizer.max_tokens_per_frame,
        )
        self._tokens += found.tokens
        self._frames += [self._encoded + frame for frame in found.frames]
        self._encoded += frames
