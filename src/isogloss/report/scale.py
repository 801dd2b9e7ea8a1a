"""The axis under a chart: a domain that shows the estimates well, and ticks at round numbers.

Positions are per cent of the drawing's width, since the charts stretch with the window. An interval of a small cohort
can be many times wider than everything else; the domain follows the estimates, and intervals that leave it are cut with
an arrow (our choice).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from isogloss.judging.record import Interval
from isogloss.report.text import percent, signed_percent

_MARGIN = 3.0  # Per cent of the width that is left free at both ends, for markers and tick labels.
_LEAST_SPAN = 0.01  # one percentage point, where all estimates are zero
_REACH = 0.6  # how far, in spans of the estimates, intervals may widen the domain


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high` with round `ticks`."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def position(self, value: float) -> float:
        """The position of a value in per cent of the width, clipped to the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_MARGIN + share * (100 - 2 * _MARGIN), 3)

    def label(self, tick: float, *, signed: bool = False) -> str:
        """A tick in per cent, with as many decimals as the distance of the ticks needs."""
        digits = max(0, -math.floor(math.log10(100 * (self.ticks[1] - self.ticks[0])) + 1e-9))
        return (signed_percent if signed else percent)(tick, digits=digits).removesuffix("\u202f%")


def axis_for(estimates: Sequence[float], intervals: Sequence[Interval], *, target_ticks: int = 5) -> Axis:
    """An axis that holds zero, all estimates, and intervals as far as they keep the estimates legible.

    An outlying bound widens the domain by no more than 0.6 spans of the estimates, or as far as the median bound.
    """
    low, high = min([0.0, *estimates]), max([0.0, *estimates])
    if high - low < _LEAST_SPAN:
        high = low + _LEAST_SPAN
    reach = _REACH * (high - low)
    if intervals:
        lows, highs = zip(*intervals, strict=True)
        low = max(min(low, *lows), min(low - reach, median(lows)))
        high = min(max(high, *highs), max(high + reach, median(highs)))
    step = round_step((high - low) / target_ticks)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(i * step, 10) for i in range(first, last + 1))
    return Axis(low=ticks[0], high=ticks[-1], ticks=ticks)


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    for factor in (1, 2, 5, 10):
        if factor * power >= least * (1 - 1e-9):
            return factor * power
    return 10 * power
