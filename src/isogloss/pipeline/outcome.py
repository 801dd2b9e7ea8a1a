"""How a stage ended."""

from dataclasses import dataclass
from typing import Literal

State = Literal["executed", "cached", "unchanged", "failed", "interrupted", "skipped"]
"""executed: the command ran. cached: DVC restored the outputs of an equal earlier run. unchanged: the inputs had not
changed. failed, interrupted: the stage ended early. skipped: a stage that it depends on did not succeed."""


Cause = Literal["", "out of memory", "refused", "worker lost"]
"""Causes for which a stage is not tried again: memory ran out, or the stage was refused before its command could run.
Where its worker is lost, another one starts it."""


@dataclass(frozen=True)
class Outcome:
    """How one stage ended: its state, the seconds it took, and for a failure one sentence and perhaps its cause."""

    stage: str
    state: State
    seconds: float = 0.0
    message: str = ""
    cause: Cause = ""

    @property
    def succeeded(self) -> bool:
        """Whether stages that depend on this one can run."""
        return self.state in ("executed", "cached", "unchanged")
