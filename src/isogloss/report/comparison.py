"""Experiments side by side: their params, their metrics, and which settings no other one beats.

A *setting* consists of runs that differ only in seeds. Its figures here are means over its runs, for a first look; an
interval over seeds and speakers needs the utterances and is computed by a study.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

Figures = Mapping[str, float | None]
"""Metric -> value, None where it is missing."""


@dataclass(frozen=True)
class ComparedRun:
    """One experiment: its name, its setting, its params by dotted key, its metrics.

    `stale` says which params, code or data of the row differ from those that made its metrics; empty if none do.
    """

    name: str
    setting: str
    params: Mapping[str, Any]
    metrics: Figures
    stale: str = ""


@dataclass(frozen=True)
class Setting:
    """Runs that differ only in seeds: the params that they share, and their mean metrics."""

    name: str
    params: Mapping[str, Any]
    runs: tuple[ComparedRun, ...]
    metrics: Figures


@dataclass(frozen=True)
class Comparison:
    """Runs in order, the params and metrics that are shown, and the metrics that are to be maximised."""

    title: str
    description: str
    params: tuple[str, ...]
    metrics: tuple[str, ...]
    runs: tuple[ComparedRun, ...]
    maximise: frozenset[str] = frozenset()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings in the order of their first runs."""
        grouped: dict[str, list[ComparedRun]] = {}
        for run in self.runs:
            grouped.setdefault(run.setting, []).append(run)
        return tuple(self._setting(name, tuple(runs)) for name, runs in grouped.items())

    @property
    def labels(self) -> dict[str, str]:
        """Metric -> a short name: its key without the file, where that says which one it is."""
        keys = {metric: metric.rpartition(":")[2] for metric in self.metrics}
        return {metric: key if [*keys.values()].count(key) == 1 else metric for metric, key in keys.items()}

    @property
    def setting_params(self) -> tuple[str, ...]:
        """The params that differ between settings, without those that differ within a setting."""
        settings = self.settings
        shared = [key for key in self.params if all(key in setting.params for setting in settings)]
        return tuple(key for key in shared if len({repr(setting.params[key]) for setting in settings}) > 1)

    def front(self, metrics: Iterable[str] | None = None) -> frozenset[str]:
        """The settings on the Pareto front of `metrics` (by default of all).

        A setting is on it if no other one is at least as good in every metric and better in one; settings that lack a
        metric, or whose metrics are stale, are left out.
        """
        names = tuple(self.metrics if metrics is None else metrics)
        points = {
            setting.name: [self._cost(name, setting.metrics[name]) for name in names]
            for setting in self.settings
            if names
            and all(setting.metrics[name] is not None for name in names)
            and not any(run.stale for run in setting.runs)
        }
        return frozenset(
            name for name, costs in points.items() if not any(_beats(other, costs) for other in points.values())
        )

    def _cost(self, metric: str, value: float | None) -> float:
        """A metric as a cost: smaller is better."""
        known = value if value is not None else float("inf")
        return -known if metric in self.maximise else known

    def _setting(self, name: str, runs: tuple[ComparedRun, ...]) -> Setting:
        """A setting from its runs: shared params, means of metrics that all of them have."""
        first = runs[0].params
        shared = {
            key: first.get(key) for key in self.params if all(run.params.get(key) == first.get(key) for run in runs)
        }
        return Setting(
            name, shared, runs, {metric: _mean(run.metrics[metric] for run in runs) for metric in self.metrics}
        )


def _beats(one: list[float], other: list[float]) -> bool:
    """Whether no cost is higher and at least one is lower."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean, or None where a value is missing."""
    known = [*values]
    return None if any(value is None for value in known) else fmean(value for value in known if value is not None)
