"""From a distribution over tokens a frame to the best token sequence: best path, and prefix beam search.

Prefix beam search as in Hannun et al. 2014 (1408.2873), without a language model: the probability of a sequence is the
sum over all its alignments, while the best path uses only one of them. The frames of its tokens are those of the most
probable alignment.

Shapes: T frames, V vocabulary with blank.
"""

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Path:
    """Tokens without blanks or repetitions, and the first frame of each in an alignment."""

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
    prefixes: dict[tuple[int, ...], _Prefix] = {(): _Prefix(blank=0.0, blank_path=_Alignment(0.0))}
    for frame, log_V in enumerate(log_TV):
        candidates = [int(token) for token in np.argsort(-log_V, kind="stable")[:tokens_per_frame] if token != blank]
        grown: dict[tuple[int, ...], _Prefix] = {}
        for tokens, prefix in prefixes.items():
            stay = grown.setdefault(tokens, _Prefix())
            stay.add_blank(prefix.total, prefix.path, log_V[blank])
            if tokens:
                stay.add_label(prefix.label, prefix.label_path, log_V[tokens[-1]])
            for token in candidates:
                repeated = bool(tokens) and token == tokens[-1]
                before, path = (prefix.blank, prefix.blank_path) if repeated else (prefix.total, prefix.path)
                longer = grown.setdefault((*tokens, token), _Prefix())
                longer.add_label(before, _Alignment(path.log_probability, (*path.frames, frame)), log_V[token])
        kept = sorted(grown, key=lambda tokens: (-grown[tokens].total, tokens))[:beam]
        prefixes = {tokens: grown[tokens] for tokens in kept}
    best = next(iter(prefixes))
    return Path(list(best), list(prefixes[best].path.frames))


@dataclass(frozen=True)
class _Alignment:
    """One alignment of a prefix: its log-probability, and the first frame of each token."""

    log_probability: float = -np.inf
    frames: tuple[int, ...] = ()


@dataclass
class _Prefix:
    """Log-probability of a prefix whose last frame was blank, and of one whose last frame was its last token.

    Beside each is the most probable of the alignments that it sums.
    """

    blank: float = -np.inf
    label: float = -np.inf
    blank_path: _Alignment = _Alignment()
    label_path: _Alignment = _Alignment()

    def add_blank(self, before: float, path: _Alignment, emission: float) -> None:
        """Add the alignments that go on with a blank: their probability before it, and the best of them."""
        self.blank = float(np.logaddexp(self.blank, before + emission))
        self.blank_path = _better(self.blank_path, path, emission)

    def add_label(self, before: float, path: _Alignment, emission: float) -> None:
        """Likewise those that go on with a token, whose frame is in `path`."""
        self.label = float(np.logaddexp(self.label, before + emission))
        self.label_path = _better(self.label_path, path, emission)

    @property
    def total(self) -> float:
        """Log-probability of the prefix with either last frame."""
        return float(np.logaddexp(self.blank, self.label))

    @property
    def path(self) -> _Alignment:
        """The most probable alignment with either last frame."""
        return max(self.blank_path, self.label_path, key=lambda path: path.log_probability)


def _better(known: _Alignment, path: _Alignment, emission: float) -> _Alignment:
    """The more probable of a known alignment and of one that goes on with an emission."""
    score = path.log_probability + float(emission)
    return _Alignment(score, path.frames) if score > known.log_probability else known
