"""How a stage ended, and who is told while it runs."""

from dataclasses import dataclass
from typing import Literal, Protocol

from isogloss.pipeline.plan import Stage

State = Literal["executed", "cached", "unchanged", "failed", "interrupted", "skipped"]
"""executed: its command ran. cached: DVC restored the outputs of an equal earlier run. unchanged: its inputs turned
out as they were. failed, interrupted: it ended early. skipped: something that it needs did not succeed."""


Cause = Literal["", "out of memory", "refused"]
"""Why a failure would only repeat itself: memory ran out, or it was refused before its command could run."""


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
        """Whether what depends on the stage can run."""
        return self.state in ("executed", "cached", "unchanged")


class Listener(Protocol):
    """Who is told about a run; called from several threads."""

    def started(self, stage: Stage) -> None:
        """A stage begins."""

    def line(self, stage: Stage, text: str) -> None:
        """A running stage printed a line."""

    def ended(self, outcome: Outcome) -> None:
        """A stage ended, or was skipped."""
