"""Only the predictor ("language model") is adapted (2207.07850, its analysis of where the adaptation happens)."""

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.strategy import Mitigation
from isogloss.recognizers.base import Recognizer


class PredictorOnlyParams(MethodParams):
    """Fine-tuning of the predictor alone."""


COMPONENT = MitigationComponent(name="predictor_only", options=PredictorOnlyParams, implementation="PredictorOnly")


class PredictorOnly(Mitigation[PredictorOnlyParams, Recognizer]):
    """Fine-tuning on the worst cohorts with the encoder and the joiner as they are."""

    def is_trained(self, model: Recognizer, parameter: str) -> bool:
        """The language part: the predictor and its projection into the joiner."""
        return model.part(parameter) == "language"
