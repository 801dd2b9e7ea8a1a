"""From a distribution over tokens a frame to the best token sequence: best path, and prefix beam search.

Prefix beam search as in Hannun et al. 2014 (1408.2873), without a language model: the probability of a sequence is the
sum over all its alignments, while the best path uses only one of them.

Shapes: T frames, V vocabulary with blank.
"""

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Path:
    """Tokens without blanks or repetitions, and the frame at which each was first emitted."""

    tokens: list[int]
    frames: list[int]


def best_path(log_probs_TV: Tensor, *, blank: int) -> Path:
    """The most probable token of each frame, repetitions merged and blanks dropped."""
    best_T = log_probs_TV.argmax(dim=-1).tolist()
    changes = [(token, frame) for frame, token in enumerate(best_T) if frame == 0 or token != best_T[frame - 1]]
    spoken = [(token, frame) for token, frame in changes if token != blank]
    return Path([token for token, _ in spoken], [frame for _, frame in spoken])


def prefix_beam_search(log_probs_TV: Tensor, *, beam: int, blank: int, tokens_per_frame: int = 20) -> Path:
    """The most probable token sequence among those that a beam of prefixes keeps.

    Parameters
    ----------
    log_probs_TV
        Natural logarithms.
    beam
        Prefixes kept from frame to frame.
    tokens_per_frame
        The most probable tokens of a frame that may extend a prefix.
    """
    log_TV = log_probs_TV.double().numpy()
    prefixes: dict[tuple[int, ...], _Prefix] = {(): _Prefix(blank=0.0)}
    for frame, log_V in enumerate(log_TV):
        candidates = [int(token) for token in np.argsort(-log_V, kind="stable")[:tokens_per_frame] if token != blank]
        grown: dict[tuple[int, ...], _Prefix] = {}
        for tokens, prefix in prefixes.items():
            stay = grown.setdefault(tokens, _Prefix(frames=prefix.frames))
            stay.blank = float(np.logaddexp(stay.blank, prefix.total + log_V[blank]))
            if tokens:
                stay.label = float(np.logaddexp(stay.label, prefix.label + log_V[tokens[-1]]))
            for token in candidates:
                before = prefix.blank if tokens and token == tokens[-1] else prefix.total
                longer = grown.setdefault((*tokens, token), _Prefix(frames=(*prefix.frames, frame)))
                longer.label = float(np.logaddexp(longer.label, before + log_V[token]))
        kept = sorted(grown, key=lambda tokens: (-grown[tokens].total, tokens))[:beam]
        prefixes = {tokens: grown[tokens] for tokens in kept}
    best = next(iter(prefixes))
    return Path(list(best), list(prefixes[best].frames))


@dataclass
class _Prefix:
    """Log-probability of a prefix whose last frame was blank, and of one whose last frame was its last token."""

    blank: float = -np.inf
    label: float = -np.inf
    frames: tuple[int, ...] = ()

    @property
    def total(self) -> float:
        """Log-probability of the prefix with either last frame."""
        return float(np.logaddexp(self.blank, self.label))
