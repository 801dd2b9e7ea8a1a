"""Quantitative claims of papers, and verdicts on them from measured changes.

A claim is *supported* if the change lies on its side of the limit and Holm's adjusted p value, over all claims of the
same paper in the table, is at most one minus the plan's confidence; *contradicted* if it lies on the other side by the
same rule; else *inconclusive*, and always so with fewer base models than the plan requires. The table also says whether
the interval contains the published figure.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from io import StringIO
from typing import Literal

import numpy as np
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from isogloss.config.claim import Claim
from isogloss.config.experiment import PlanParams
from isogloss.judging.statistics import Estimate, holm
from isogloss.report.text import MISSING, interval, signed_percent, signed_points

Verdict = Literal["supported", "contradicted", "inconclusive"]
HEADINGS = (
    "paper",
    "claim",
    "published",
    "ours (95 % interval)",
    "the other estimand",
    "p, adjusted",
    "verdict",
    "published figure",
)
_SMALLEST_P, _LARGEST_P = 1e-8, 1 - 1e-6


@dataclass(frozen=True)
class Finding:
    """A claim with our measurement.

    Attributes
    ----------
    change, other
        The change under the estimand of the plan, with its interval, and under the other one.
    p
        Two-sided p value of "the change is at the claim's limit"; None where there is no interval.
    runs, bases
        Numbers of runs and base models behind the change.
    adjusted
        `p` after Holm's adjustment over the paper's claims.
    verdict
        None where the change could not be measured.
    """

    claim: Claim
    change: Estimate
    other: Estimate
    p: float | None
    runs: int
    bases: int
    adjusted: float | None = None
    verdict: Verdict | None = None

    @property
    def published(self) -> Literal["excluded", "compatible"] | None:
        """Whether the interval contains the paper's figure; None if one of the two is missing."""
        bounds = self.change.interval
        if bounds is None or self.claim.published is None:
            return None
        return "compatible" if bounds[0] <= self.claim.published <= bounds[1] else "excluded"

    @property
    def cells(self) -> list[str]:
        """Its row of the table, under `HEADINGS`, as text."""
        unit = self.claim.unit
        show = {"relative": signed_percent, "points": signed_points, "absolute": _signed}[unit]
        changes = []
        for change in (self.change, self.other):
            bounds, around = change.interval, ""
            if bounds is not None and unit == "absolute":
                around = f" ({_signed(bounds[0])} to {_signed(bounds[1])})"
            elif bounds is not None:
                digits = 1 if unit == "relative" else 2
                around = f" ({interval((bounds[0], bounds[1]), signed=True, digits=digits)})"
            changes.append(show(change.value) + around)
        return [
            self.claim.paper,
            self.claim.text,
            "" if self.claim.published is None else show(self.claim.published),
            *changes,
            "" if self.adjusted is None else f"{self.adjusted:.3f}",
            self.verdict or "not measurable",
            self.published or "",
        ]


def _signed(value: float | None) -> str:
    """A difference in the unit of its figure, with its sign and three significant digits."""
    return MISSING if value is None else f"{value:+.3g}".replace("-", "−")


def p_value(estimate_at: Callable[[float], Estimate], limit: float) -> float | None:
    """The two-sided p value of "the change is `limit`": one minus the confidence whose interval just reaches it.

    Parameters
    ----------
    estimate_at
        The estimate with its interval at a confidence; intervals grow with it.

    Returns
    -------
    float or None
        At least 1e-8; 1 where the change is at the limit; None where there is no interval.
    """
    from scipy.optimize import brentq

    value = estimate_at(0.5).value
    if value is None or estimate_at(0.5).interval is None:
        return None
    if value == limit:
        return 1.0

    def beyond(log_p: float) -> float:
        """How far the bound on the limit's side lies beyond the limit; falls as p rises."""
        low, high = estimate_at(1 - float(np.exp(log_p))).interval or (limit, limit)
        return limit - low if value > limit else high - limit

    smallest, largest = np.log(_SMALLEST_P), np.log(_LARGEST_P)
    if beyond(smallest) <= 0:
        return _SMALLEST_P
    if beyond(largest) >= 0:
        return 1.0
    return float(np.exp(brentq(beyond, smallest, largest, xtol=1e-9)))


def with_verdicts(findings: Sequence[Finding], plan: PlanParams) -> list[Finding]:
    """The findings with p values adjusted over the claims of each paper, and with verdicts.

    A claim without a p value counts in its family as if it had 1: leaving it undecided makes no other claim easier.
    """
    judged = list(findings)
    for paper in {finding.claim.paper for finding in findings}:
        places = [n for n, finding in enumerate(findings) if finding.claim.paper == paper]
        values = [findings[n].p for n in places]
        for place, p, adjusted in zip(places, values, holm([1.0 if p is None else p for p in values]), strict=True):
            judged[place] = _judged(findings[place], None if p is None else adjusted, plan)
    return judged


def _judged(finding: Finding, adjusted: float | None, plan: PlanParams) -> Finding:
    """A finding with its verdict."""
    value = finding.change.value
    verdict: Verdict | None = "inconclusive"
    if value is None:
        verdict = None
    elif adjusted is not None and adjusted <= 1 - plan.confidence and finding.bases >= plan.base_models:
        verdict = "supported" if finding.claim.holds(value) else "contradicted"
    return replace(finding, adjusted=adjusted, verdict=verdict)


def read_claims(name: str) -> list[Claim]:
    """The claims of a file beside this module: `recognition` or `verification`."""
    return claims_of(claims_text(f"{name}_claims.yaml"))


def claims_text(file: str) -> str:
    """The text of a file of claims beside this module."""
    return resources.files("isogloss.studies").joinpath(file).read_text(encoding="utf-8")


def claims_of(text: str) -> list[Claim]:
    """The claims of such a file's text."""
    return TypeAdapter(list[Claim]).validate_python(YAML(typ="safe").load(StringIO(text)))
