"""Many cohorts, many tests: Holm's step-down adjustment (Holm 1979)."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values: reject where they are at most alpha, and the family-wise error is at most alpha.

    None (a cohort without inference) stays None and does not count.

    Examples
    --------
    >>> holm([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    present = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(present):
        largest = max(largest, min(1.0, p * (len(present) - rank)))
        adjusted[index] = largest
    return adjusted
