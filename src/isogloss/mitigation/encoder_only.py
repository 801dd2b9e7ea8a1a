"""Only the encoder is adapted (2207.07850, its analysis of where the adaptation happens)."""

from isogloss.config import EncoderOnlyParams
from isogloss.mitigation.base import Mitigation
from isogloss.recognizers.transducer import Transducer


class EncoderOnly(Mitigation[EncoderOnlyParams, Transducer]):
    """Fine-tuning on the worst cohorts with the predictor and the joiner as they are."""

    def is_trained(self, parameter: str) -> bool:
        """The encoder and its projection into the joiner."""
        return parameter.startswith("encoder")
