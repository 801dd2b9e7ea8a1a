"""Plain fine-tuning on the worst cohorts: the baseline that forgets everybody else (2207.07850, section 3)."""

from isogloss.config import FinetuneParams
from isogloss.mitigation.base import Mitigation
from isogloss.recognizers.transducer import Transducer


class Finetune(Mitigation[FinetuneParams, Transducer]):
    """Exactly what the base class does."""
