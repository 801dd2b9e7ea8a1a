"""From audio features to words: greedy and beam search over batches, and recognition while audio arrives."""

from isogloss.recognizers.transducer.decoding.beam import ScoredHypothesis, beam_decode
from isogloss.recognizers.transducer.decoding.greedy import Hypothesis, greedy_decode
from isogloss.recognizers.transducer.decoding.streaming import PartialHypothesis, RecognitionStream, StreamingRecognizer

__all__ = [
    "Hypothesis",
    "PartialHypothesis",
    "RecognitionStream",
    "ScoredHypothesis",
    "StreamingRecognizer",
    "beam_decode",
    "greedy_decode",
]
