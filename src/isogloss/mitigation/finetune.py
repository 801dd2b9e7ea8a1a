"""Plain fine-tuning on the worst cohorts: the baseline that forgets the other cohorts (2207.07850, section 3)."""

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.strategy import Mitigation
from isogloss.recognizers.base import Recognizer


class FinetuneParams(MethodParams):
    """Plain fine-tuning on the worst cohorts."""


COMPONENT = MitigationComponent(name="finetune", options=FinetuneParams, implementation="Finetune")


class Finetune(Mitigation[FinetuneParams, Recognizer]):
    """Fine-tuning as the base class does it."""
