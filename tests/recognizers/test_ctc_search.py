"""CTC search against an enumeration of all alignments."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
import torch

from isogloss.recognizers.ctc_search import best_path, prefix_beam_search

BLANK = 2


def merged(alignment):
    """What an alignment says: repetitions merged, then blanks dropped."""
    return tuple(token for token, _ in itertools.groupby(alignment) if token != BLANK)


def first_frames(alignment):
    """The first frame of each token of an alignment."""
    before = (None, *alignment)
    return [t for t, token in enumerate(alignment) if token != BLANK and token != before[t]]


def probabilities(log_probs):
    """The probability of each token sequence, summed over all its alignments; and its most probable alignment."""
    frames, vocabulary = log_probs.shape
    found, best = defaultdict(float), {}
    for alignment in itertools.product(range(vocabulary), repeat=frames):
        probability = float(np.exp(sum(log_probs[t, token] for t, token in enumerate(alignment))))
        found[merged(alignment)] += probability
        best[merged(alignment)] = max(best.get(merged(alignment), (0.0, ())), (probability, alignment))
    return found, {said: alignment for said, (_, alignment) in best.items()}


@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_most_probable_sequence(seed):
    log_probs = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)).mul(1.5).log_softmax(dim=-1)
    found, best = probabilities(log_probs.numpy())
    path = prefix_beam_search(log_probs, beam=1000, blank=BLANK)
    assert found[tuple(path.tokens)] == pytest.approx(max(found.values()), rel=1e-6)
    assert path.frames == first_frames(best[tuple(path.tokens)])


@pytest.mark.parametrize("seed", range(8))
def test_the_best_path_is_the_most_probable_alignment(seed):
    log_probs = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)).log_softmax(dim=-1)
    best = max(
        itertools.product(range(3), repeat=5),
        key=lambda a: sum(float(log_probs[t, token]) for t, token in enumerate(a)),
    )
    path = best_path(log_probs, blank=BLANK)
    assert tuple(path.tokens) == merged(best)
    assert all(best[frame] == token for token, frame in zip(path.tokens, path.frames, strict=True))


def test_a_token_that_is_said_twice_stands_twice():
    log_probs = torch.full((3, 3), -10.0)
    for frame, token in enumerate((0, BLANK, 0)):
        log_probs[frame, token] = 0.0
    assert best_path(log_probs, blank=BLANK).tokens == [0, 0]
    assert prefix_beam_search(log_probs, beam=4, blank=BLANK).tokens == [0, 0]
