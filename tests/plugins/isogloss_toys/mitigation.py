"""A mitigation: fine-tuning of the biases alone."""

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.strategy import Mitigation
from isogloss.recognizers.base import Recognizer


class BiasesParams(MethodParams):
    """Biases alone."""


COMPONENT = MitigationComponent(name="toy_biases", options=BiasesParams, implementation="Biases")


class Biases(Mitigation[BiasesParams, Recognizer]):
    def is_trained(self, model: Recognizer, parameter: str) -> bool:
        return "bias" in parameter
