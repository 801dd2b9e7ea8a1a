"""From audio features to words: greedy and beam search over batches, and recognition while audio arrives."""

from isogloss.recognizers.transducer.decoding.beam import ScoredHypothesis, beam_decode
from isogloss.recognizers.transducer.decoding.greedy import TokenSequence, greedy_decode
from isogloss.recognizers.transducer.decoding.streaming import RecognitionStream

__all__ = ["RecognitionStream", "ScoredHypothesis", "TokenSequence", "beam_decode", "greedy_decode"]
