"""From audio features to words: batched greedy decoding."""

from isogloss.decoding.greedy import Hypothesis, greedy_decode

__all__ = ["Hypothesis", "greedy_decode"]
