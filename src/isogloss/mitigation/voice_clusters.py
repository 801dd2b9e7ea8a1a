"""Clusters of training utterances by their embeddings, whose numbers keep their meaning when they are recomputed."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]


def cluster_embeddings(
    embeddings_ND: NDArray[np.floating], *, clusters: int, seed: int, previous_KD: Floats | None = None
) -> tuple[Labels, Floats]:
    """k-means of embeddings at unit length.

    The clusters are numbered so that their centres are nearest to the previous ones (the assignment of least total
    distance): so the adversary's weights for a cluster number stay valid.

    Returns
    -------
    The cluster of each row (N,), and the centres (K, D); K is smaller where there are fewer distinct rows.
    """
    from sklearn.cluster import KMeans  # slow to import
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    points_ND = np.asarray(embeddings_ND, dtype=np.float64)
    points_ND = points_ND / np.maximum(np.linalg.norm(points_ND, axis=1, keepdims=True), 1e-12)
    number = min(clusters, len(np.unique(points_ND, axis=0)))
    with threadpool_limits(limits=1):  # Sums over several threads round differently.
        kmeans = KMeans(number, n_init=3, random_state=seed).fit(points_ND)
    labels_N, centres_KD = kmeans.labels_.astype(np.intp), kmeans.cluster_centers_
    if previous_KD is None or len(previous_KD) != len(centres_KD):
        return labels_N, centres_KD
    from scipy.optimize import linear_sum_assignment

    distance_KK = ((previous_KD[:, None] - centres_KD[None]) ** 2).sum(axis=2)
    old_K, new_K = linear_sum_assignment(distance_KK)
    renamed_K = np.empty(len(centres_KD), dtype=np.intp)
    renamed_K[new_K] = old_K
    return renamed_K[labels_N], centres_KD[new_K]
