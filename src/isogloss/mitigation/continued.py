"""Training of a speaker encoder goes on as it was: the control that shows what more training alone does."""

from isogloss.config import VerificationParams
from isogloss.config.components import MitigationComponent
from isogloss.mitigation.base import Mitigation
from isogloss.speakers import SpeakerEncoder

COMPONENT = MitigationComponent(name="continued", implementation="Continued", adapts=("speaker",))


class Continued(Mitigation[VerificationParams, SpeakerEncoder]):
    """The mean of the losses, on batches as in base training."""
