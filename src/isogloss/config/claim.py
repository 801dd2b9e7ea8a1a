"""One claim of a paper, as a file states it: what is measured of which systems, and on which side it must lie."""

from typing import Annotated, Literal

from pydantic import Field

from isogloss.config.section import Section

BASE = "base"


class Claim(Section):
    """One statement of a paper that can be tested by a number."""

    id: str
    paper: str
    text: str
    method: str
    """The system that the claim is about: a mitigation, or a setting of an experiment."""
    against: str = BASE
    """The system with which it is compared."""
    setting: str = ""
    """The setting of the experiment whose runs test the claim, if there are several."""
    measure: str
    unit: Literal["relative", "points", "absolute"] = "relative"
    """Whether a change is relative (a fraction), a difference of error rates (a fraction too), or a difference of other
    figures in their own unit, such as seconds."""
    says: Literal["lower", "not_higher", "not_lower"] = "lower"
    """What the claim says of the change: below 0, below `margin`, or above -`margin`."""
    margin: Annotated[float, Field(ge=0.0)] = 0.0
    published: float | None = None
    """The change that the paper reports, in `unit`; None if it reports none."""

    @property
    def limit(self) -> float:
        """The limit that the change must stay below (`lower`, `not_higher`) or above (`not_lower`)."""
        return {"lower": 0.0, "not_higher": self.margin, "not_lower": -self.margin}[self.says]

    def holds(self, value: float) -> bool:
        """Whether a change of this size is on the claim's side."""
        return value > self.limit if self.says == "not_lower" else value < self.limit
