"""Only the predictor ("language model") is adapted (2207.07850, its analysis of where the adaptation happens)."""

from isogloss.config import PredictorOnlyParams
from isogloss.mitigation.base import Mitigation
from isogloss.recognizers.transducer import Transducer


class PredictorOnly(Mitigation[PredictorOnlyParams, Transducer]):
    """Fine-tuning on the worst cohorts with the encoder and the joiner as they are."""

    def is_trained(self, parameter: str) -> bool:
        """The predictor and its projection into the joiner."""
        return parameter.startswith("predictor")
