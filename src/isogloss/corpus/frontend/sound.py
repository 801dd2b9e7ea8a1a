"""How an utterance sounds, in a few numbers: what is wrong with a recording shows in them.

The thresholds at which something is wrong are our choice: speech that is recorded as it should be stays far from them.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 0.9999
"""A sample of this size is clipped: the largest 16-bit number is 0.99997."""
SILENT_PEAK = 1e-3
"""An utterance whose largest sample is below -60 dB of full scale holds no speech."""
CLIPPED_SHARE = 0.01
DC_OFFSET = 0.05


@dataclass
class SoundMeasures:
    """Sums over the samples of one utterance, added up block by block."""

    samples: int = 0
    non_finite: int = 0
    """Samples that are NaN or infinite."""
    clipped: int = 0
    peak: float = 0.0
    _sum: float = field(default=0.0, repr=False)
    _squares: float = field(default=0.0, repr=False)

    def add(self, samples_S: NDArray[np.float32]) -> None:
        """Count further samples between -1 and 1, shape (S,)."""
        if not samples_S.size:
            return
        finite_S = np.isfinite(samples_S)
        self.samples += samples_S.size
        if not finite_S.all():
            self.non_finite += int((~finite_S).sum())
            samples_S = np.where(finite_S, samples_S, np.float32(0.0))
        magnitude_S = np.abs(samples_S)
        self.clipped += int((magnitude_S >= FULL_SCALE).sum())
        self.peak = max(self.peak, float(magnitude_S.max()))
        self._sum += float(samples_S.sum(dtype=np.float64))
        self._squares += float(np.square(samples_S, dtype=np.float64).sum())

    def sums(self) -> list[float]:
        """The sums as plain numbers, from which `of` makes the same measures."""
        return [self.samples, self.non_finite, self.clipped, self.peak, self._sum, self._squares]

    @classmethod
    def of(cls, sums: list[float]) -> "SoundMeasures":
        """Measures from their sums."""
        samples, non_finite, clipped, peak, total, squares = sums
        return cls(int(samples), int(non_finite), int(clipped), peak, total, squares)

    @property
    def dc_offset(self) -> float:
        """The mean sample; 0 in a sound recording."""
        return self._sum / max(self.samples, 1)

    @property
    def level_db(self) -> float:
        """Root mean square in dB of full scale, at least -120."""
        return float(10 * np.log10(max(self._squares / max(self.samples, 1), 1e-12)))

    @property
    def clipped_share(self) -> float:
        """The share of samples at full scale."""
        return self.clipped / max(self.samples, 1)
