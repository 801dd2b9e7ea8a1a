"""The WER of cohorts and its spread over speakers, from five sums per cohort.

With e and w the errors and words of a speaker, a cohort keeps the sums of 1, w, e, w^2, ew and e^2. From them come the
WER r = sum e / sum w and the variance of that ratio by linearisation (Cochran 1977, section 6.3),

    var r = n / (n - 1) * sum (e - r w)^2 / (sum w)^2,    sum (e - r w)^2 = sum e^2 - 2 r sum ew + r^2 sum w^2.

Shapes: L cohorts.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from isogloss.cohorts.speaker_sums import Floats, Integers


@dataclass(frozen=True)
class SpeakerMoments:
    """Sums over the speakers of each cohort."""

    speakers_L: Floats
    words_L: Floats
    errors_L: Floats
    words_squared_L: Floats
    errors_words_L: Floats
    errors_squared_L: Floats

    @property
    def wer(self) -> Floats:
        """Errors over words, shape L; NaN without words."""
        return np.divide(self.errors_L, self.words_L, out=np.full(len(self.words_L), np.nan), where=self.words_L > 0)

    @property
    def standard_error(self) -> Floats:
        """Standard error of the WER over speakers, shape L; NaN below two speakers."""
        rate_L = self.wer
        residual_L = self.errors_squared_L - 2 * rate_L * self.errors_words_L + rate_L**2 * self.words_squared_L
        enough_L = self.speakers_L > 1
        count_L = np.where(enough_L, self.speakers_L, np.nan)
        return np.sqrt(count_L / (count_L - 1) * np.maximum(residual_L, 0.0)) / self.words_L

    def intervals(self, confidence: float = 0.95) -> list[list[float] | None]:
        """Student intervals with speakers - 1 degrees of freedom, clipped at 0; None below two speakers."""
        half_L = stdtrit(np.maximum(self.speakers_L - 1, 1), (1 + confidence) / 2) * self.standard_error
        return [
            None if np.isnan(half) else [max(float(rate - half), 0.0), float(rate + half)]
            for rate, half in zip(self.wer, half_L, strict=True)
        ]


def speaker_moments(
    words_N: Floats, errors_N: Floats, cohort_N: Integers, speaker_N: NDArray | None, cohorts: int
) -> SpeakerMoments:
    """Sums over speakers from rows; `speaker_N` (integer codes) None makes every row a speaker of its own.

    A speaker with rows in several cohorts counts in each of them.
    """
    if speaker_N is not None:
        pair_N, pairs = pd.factorize(speaker_N * np.int64(cohorts) + cohort_N)
        words_N, errors_N = (np.bincount(pair_N, sums_N).astype(np.float64) for sums_N in (words_N, errors_N))
        cohort_N = pairs % cohorts
    sums = [
        np.bincount(cohort_N, weights_N, minlength=cohorts).astype(np.float64)
        for weights_N in (None, words_N, errors_N, words_N**2, errors_N * words_N, errors_N**2)
    ]
    return SpeakerMoments(*sums)


def colour_classes(moments: SpeakerMoments, *, alpha: float = 0.05) -> list[int]:
    """A class for each cohort, 0 for the lowest WER; cohorts of one class do not differ from its lowest (our choice).

    Cohorts are gone through from the lowest WER up; one that differs from the first of the current class begins the
    next. They differ if Welch's t test on the two WERs, with speakers as units, is significant at alpha divided by the
    number of pairs, so that without any disparity there is one class with probability at least 1 - alpha. A cohort with
    fewer than two speakers differs from no other.
    """
    rate_L, error_L, count_L = moments.wer, moments.standard_error, moments.speakers_L
    cohorts = len(rate_L)
    level = alpha / max(cohorts * (cohorts - 1) / 2, 1)
    classes = [0] * cohorts
    first, current = -1, 0
    for index in np.argsort(rate_L, kind="stable"):
        if first >= 0 and _welch_p(rate_L, error_L, count_L, first, index) < level:
            current += 1
            first = index
        elif first < 0 and count_L[index] > 1:
            first = index
        classes[index] = current
    return classes


def _welch_p(rate_L: Floats, error_L: Floats, count_L: Floats, one: int, other: int) -> float:
    """Two-sided p value that two cohorts have the same WER; 1 where one has no standard error."""
    variances = error_L[[one, other]] ** 2
    total = variances.sum()
    difference = abs(rate_L[one] - rate_L[other])
    if not total >= 0:
        return 1.0
    if total == 0:
        return 1.0 if difference == 0 else 0.0
    freedom = total**2 / (variances**2 / (count_L[[one, other]] - 1)).sum()
    return float(2 * stdtr(freedom, -difference / np.sqrt(total)))
