"""Plain fine-tuning on the worst cohorts: the baseline that forgets everybody else (2207.07850, section 3)."""

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.base import Mitigation
from isogloss.recognizers.transducer import Transducer


class FinetuneParams(MethodParams):
    """Plain fine-tuning on the worst cohorts."""


COMPONENT = MitigationComponent(name="finetune", options=FinetuneParams, implementation="Finetune")


class Finetune(Mitigation[FinetuneParams, Transducer]):
    """Exactly what the base class does."""
