"""Outcomes of stages as states of Prefect tasks and flows, and back."""

from typing import TYPE_CHECKING

from isogloss.pipeline.masking import masked
from isogloss.pipeline.outcome import Cause, Outcome

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

_NAMES: dict[Cause, str] = {"": "Failed", "out of memory": "OutOfMemory", "refused": "Refused"}
"""Names of failed states, which tell the coordinator the cause."""


def cause_of(state: "State") -> Cause:
    """The cause that the name of a failed state stands for."""
    return next((cause for cause, name in _NAMES.items() if name == state.name), "")


def state_of(outcome: Outcome) -> "State":
    """The outcome of a stage as a state of its task or flow; the state's name is more specific than its type."""
    from prefect.states import Cancelled, Completed, Failed

    message = masked(outcome.message)
    if outcome.succeeded:
        return Completed(name=outcome.state.capitalize())
    if outcome.state == "failed":
        return Failed(name=_NAMES[outcome.cause], message=message)
    return Cancelled(name=outcome.state.capitalize(), message=message)
