"""From audio features to words: greedy and beam search over batches, and recognition while audio arrives."""

from isogloss.decoding.beam import ScoredHypothesis, beam_decode
from isogloss.decoding.greedy import Hypothesis, greedy_decode

__all__ = ["Hypothesis", "ScoredHypothesis", "beam_decode", "greedy_decode"]
