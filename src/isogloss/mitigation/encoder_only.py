"""Only the encoder is adapted (2207.07850, its analysis of where the adaptation happens)."""

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.strategy import Mitigation
from isogloss.recognizers.base import Recognizer


class EncoderOnlyParams(MethodParams):
    """Fine-tuning of the encoder alone."""


COMPONENT = MitigationComponent(name="encoder_only", options=EncoderOnlyParams, implementation="EncoderOnly")


class EncoderOnly(Mitigation[EncoderOnlyParams, Recognizer]):
    """Fine-tuning on the worst cohorts with the predictor and the joiner as they are."""

    def is_trained(self, model: Recognizer, parameter: str) -> bool:
        """The acoustic part: the encoder and its projection into the joiner."""
        return model.part(parameter) == "acoustic"
