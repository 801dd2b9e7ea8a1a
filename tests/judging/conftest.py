import numpy as np
import pytest


def draw_speakers(speakers: int, seed: int, *, rate: float = 0.1, change: float = -0.2) -> np.ndarray:
    """Errors and words of each speaker before and after, (speakers, 4): skewed rates, weights, few words."""
    rng = np.random.default_rng(seed)
    words = rng.integers(10, 70, speakers)
    rates = rate * rng.gamma(3.0, 1 / 3.0, speakers)
    weight = rng.choice([0.5, 1.0, 2.0], speakers)
    before = rng.poisson(rates * words)
    after = rng.poisson(rates * (1 + change) * words)
    return np.stack([before, words, after, words], axis=1) * weight[:, None]


@pytest.fixture
def speakers():
    return draw_speakers
