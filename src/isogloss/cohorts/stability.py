"""The number of clusters, chosen so that different halves of the speakers give the same clustering.

Cluster stability (Ben-Hur, Elisseeff & Guyon 2002; von Luxburg 2010): for each k, k-means is fitted on two random
halves of the speakers, both label all speakers, and the adjusted Rand index says how far they agree. Of the numbers
whose mean agreement is within one standard error of the best one we take the largest (our choice: the most stable
number alone is often 2, and finer cohorts say more).

Shapes: S speakers, D dimensions.
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from isogloss.cohorts.speaker_sums import Floats

MOST_SPEAKERS = 5000
"""If there are more speakers, the number of clusters is chosen on a random sample of this size."""


def stable_number(points_SD: Floats, *, most: int, repeats: int, seed: int) -> int:
    """The number of clusters in 2..most, or 1 if there are too few distinct speakers to halve.

    Parameters
    ----------
    repeats
        Pairs of halves for each number.
    """
    generator = np.random.default_rng(seed)
    if len(points_SD) > MOST_SPEAKERS:
        points_SD = points_SD[generator.choice(len(points_SD), MOST_SPEAKERS, replace=False)]
    most = min(most, len(np.unique(points_SD, axis=0)) // 4)
    if most < 2:
        return 1
    numbers = range(2, most + 1)
    agreement = np.array([_agreements(points_SD, number, repeats, generator) for number in numbers])
    mean = agreement.mean(axis=1)
    best = int(mean.argmax())
    error = agreement[best].std(ddof=1) / np.sqrt(repeats)
    return int(np.array(numbers)[mean >= mean[best] - error].max())


def _agreements(points_SD: Floats, number: int, repeats: int, generator: np.random.Generator) -> list[float]:
    """Agreement of the clusterings of two random halves, for each repeat."""
    agreements = []
    for _ in range(repeats):
        order_S = generator.permutation(len(points_SD))
        halves = np.array_split(order_S, 2)
        labels = [
            KMeans(number, n_init=4, random_state=int(generator.integers(2**31)))
            .fit(points_SD[half])
            .predict(points_SD)
            for half in halves
        ]
        agreements.append(adjusted_rand_score(*labels))
    return agreements
