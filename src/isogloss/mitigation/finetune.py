"""Plain fine-tuning on the worst cohorts: the baseline that forgets everybody else (2207.07850, section 3)."""

from isogloss.config import FinetuneParams
from isogloss.mitigation.base import Mitigation


class Finetune(Mitigation[FinetuneParams]):
    """Exactly what the base class does."""
