"""Further training of a speaker encoder on batches that are balanced over groups (a baseline of 2207.07776)."""

from isogloss.config import VerificationParams
from isogloss.config.components import MitigationComponent
from isogloss.mitigation.strategy import Mitigation
from isogloss.speakers import SpeakerEncoder

COMPONENT = MitigationComponent(name="group_balanced", implementation="GroupBalanced", adapts=("speaker",))


class GroupBalanced(Mitigation[VerificationParams, SpeakerEncoder]):
    """The mean of the losses, on balanced batches."""

    uses_groups = True
    balances_groups = True
