"""The position of a value on an axis of a comparison: 0 is the start of the axis (bottom or left), 1 its end."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from isogloss.report.scale import round_step
from isogloss.report.text import MISSING

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Tick:
    """A label on an axis, at a place from 0 to 1."""

    place: float
    label: str


class OrdinalScale:
    """The scale of a param: its values at even distances, numbers in their order, then all else as they appear."""

    def __init__(self, name: str, values: Iterable[Any]):
        self.name = name
        distinct = {_key(value): value for value in values if value is not None}
        ordered = sorted(distinct.values(), key=lambda value: (0, value) if _is_number(value) else (1, 0.0))
        last = max(len(ordered) - 1, 1)
        self._places = {_key(value): rank / last if len(ordered) > 1 else 0.5 for rank, value in enumerate(ordered)}
        self.ticks = tuple(Tick(self._places[_key(value)], param_text(value)) for value in ordered)

    def place(self, value: Any) -> float | None:
        """Where a value lies; None for none."""
        return self._places.get(_key(value))


class MetricScale:
    """The scale of a metric: linear between round ticks, with its better end at 1."""

    def __init__(self, name: str, values: Iterable[float | None], *, maximise: bool, target_ticks: int = 5):
        self.name = name
        known = [value for value in values if value is not None and math.isfinite(value)] or [0.0]
        low, high = min(known), max(known)
        if low == high:
            low, high = low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
        step = round_step((high - low) / target_ticks)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        self._low, self._high, self._maximise = first * step, last * step, maximise
        self.ticks = tuple(Tick(self._share(rank * step), metric_text(rank * step)) for rank in range(first, last + 1))

    def place(self, value: float | None) -> float | None:
        """Where a value lies; None for none."""
        return None if value is None or not math.isfinite(value) else self._share(value)

    def _share(self, value: float) -> float:
        """The share of the axis below a value."""
        share = (value - self._low) / (self._high - self._low)
        return share if self._maximise else 1 - share


def metric_text(value: float | None) -> str:
    """A metric of unknown unit, with four significant digits; large ones with the prefix of a unit.

    >>> metric_text(-0.00123456), metric_text(1234567.0)
    ('−0.001235', '1.235\\u202fM')
    """
    if value is None:
        return MISSING
    prefix = next(((size, sign) for size, sign in _PREFIXES if abs(value) >= max(size, 1e4)), None)
    text = f"{value:.4g}" if prefix is None else f"{value / prefix[0]:.4g}\u202f{prefix[1]}"
    return text.replace("-", "\u2212")


def param_text(value: Any) -> str:
    """A param as params.yaml would have it, shortened."""
    if value is None:
        return MISSING
    text = value if isinstance(value, str) else json.dumps(value) if not _is_number(value) else f"{value:g}"
    return text if len(text) <= 24 else f"{text[:23]}…"


def _is_number(value: Any) -> bool:
    """Whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _key(value: Any) -> Any:
    """A value as a key; 1 and 1.0 are the same, 1 and True are not."""
    return float(value) if _is_number(value) else json.dumps(value, sort_keys=True, default=str)
