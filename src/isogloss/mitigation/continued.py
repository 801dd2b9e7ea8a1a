"""Further training of a speaker encoder without a mitigation: the control that shows the effect of more training."""

from isogloss.config import VerificationParams
from isogloss.config.components import MitigationComponent
from isogloss.mitigation.strategy import Mitigation
from isogloss.speakers import SpeakerEncoder

COMPONENT = MitigationComponent(name="continued", implementation="Continued", adapts=("speaker",))


class Continued(Mitigation[VerificationParams, SpeakerEncoder]):
    """The mean of the losses, on batches as in base training."""
