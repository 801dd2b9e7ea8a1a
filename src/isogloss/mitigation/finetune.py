"""Plain fine-tuning on the worst cohorts: the baseline that forgets everybody else (2207.07850, section 3)."""

from isogloss.config import FinetuneParams
from isogloss.mitigation.base import Mitigation
from isogloss.recognizers.base import Recognizer


class Finetune(Mitigation[FinetuneParams, Recognizer]):
    """Exactly what the base class does."""
