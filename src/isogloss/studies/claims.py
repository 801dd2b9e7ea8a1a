"""A paper's claim in figures, and the verdict on it from a measured change."""

from dataclasses import dataclass
from importlib import resources
from io import StringIO
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from ruamel.yaml import YAML

from isogloss.config import Section
from isogloss.judging.statistics import Estimate
from isogloss.report.text import interval, signed_percent, signed_points

Verdict = Literal["reproduced", "direction only", "not reproduced"]
BASE = "base"
HEADINGS = ("paper", "claim", "published", "ours (95 % interval)", "verdict")


class Claim(Section):
    """One sentence of a paper that a number can bear out."""

    id: str
    paper: str
    text: str
    method: str
    against: str = BASE
    setting: str = ""
    """The setting of the experiment whose runs bear it out, where it has several."""
    measure: str
    unit: Literal["relative", "points"] = "relative"
    """Whether a change is relative, or a difference of rates."""
    says: Literal["lower", "not_higher", "not_lower"] = "lower"
    margin: Annotated[float, Field(ge=0.0)] = 0.0
    published: float | None = None
    """The paper's change, where it gives one."""

    def verdict(self, change: Estimate) -> Verdict | None:
        """What a measured change says of the claim; None without a figure.

        `lower`: *reproduced* if the whole interval is below zero, *direction only* if the estimate is, else *not
        reproduced*. `not_higher` and `not_lower` are claims of non-inferiority: the same with the margin for zero.
        """
        if change.value is None:
            return None
        sign = -1.0 if self.says == "not_lower" else 1.0
        limit = 0.0 if self.says == "lower" else self.margin
        bound = change.low if self.says == "not_lower" else change.high
        if bound is not None and sign * bound < limit:
            return "reproduced"
        return "direction only" if sign * change.value < limit else "not reproduced"


@dataclass(frozen=True)
class Finding:
    """A claim with what we measured."""

    claim: Claim
    change: Estimate
    runs: int
    given: str = ""
    """What the interval does not reach beyond, such as `these 2 base models`; nothing where it crosses all."""

    @property
    def verdict(self) -> Verdict | None:
        """See `Claim.verdict`."""
        return self.claim.verdict(self.change)

    @property
    def cells(self) -> list[str]:
        """Its row of the table, under `HEADINGS`, as text."""
        show = signed_percent if self.claim.unit == "relative" else signed_points
        bounds = self.change.interval
        ours = show(self.change.value)
        if bounds is not None:
            ours += f" ({interval((bounds[0], bounds[1]), signed=True, digits=1 if show is signed_percent else 2)})"
        published = "" if self.claim.published is None else show(self.claim.published)
        verdict: str = self.verdict or "not measurable"
        if self.verdict == "reproduced" and self.given:
            verdict = f"reproduced on {self.given}"
        return [self.claim.paper, self.claim.text, published, ours, verdict]


def read_claims(name: str) -> list[Claim]:
    """The claims of a file beside this module: `recognition` or `verification`."""
    text = resources.files("isogloss.studies").joinpath(f"{name}_claims.yaml").read_text(encoding="utf-8")
    return TypeAdapter(list[Claim]).validate_python(YAML(typ="safe").load(StringIO(text)))
