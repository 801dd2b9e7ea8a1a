"""What became of a stage, as a state of its Prefect task or flow, and back."""

from typing import TYPE_CHECKING

from isogloss.pipeline.masking import masked
from isogloss.pipeline.outcome import Cause, Outcome

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

_NAMES: dict[Cause, str] = {"": "Failed", "out of memory": "OutOfMemory", "refused": "Refused"}
"""Names of failed states, by which a worker tells the cause."""


def cause_of(state: "State") -> Cause:
    """The cause that the name of a failed state tells."""
    return next((cause for cause, name in _NAMES.items() if name == state.name), "")


def state_of(outcome: Outcome) -> "State":
    """What became of a stage, as a state of its task or flow; its name says more than its type."""
    from prefect.states import Cancelled, Completed, Failed

    message = masked(outcome.message)
    if outcome.succeeded:
        return Completed(name=outcome.state.capitalize())
    if outcome.state == "failed":
        return Failed(name=_NAMES[outcome.cause], message=message)
    return Cancelled(name=outcome.state.capitalize(), message=message)
