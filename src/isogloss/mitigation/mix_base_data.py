"""Base data mixed back in: the rehearsal that EWC wants to spare (a baseline of 2207.07850)."""

import numpy as np
import pandas as pd

from isogloss.config import MixBaseDataParams
from isogloss.mitigation.base import Mitigation, Setting
from isogloss.mitigation.draws import mixed_examples
from isogloss.recognizers.transducer import Transducer


class MixBaseData(Mitigation[MixBaseDataParams, Transducer]):
    """Fine-tuning on the worst cohorts beside utterances that the base model was trained on."""

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """Each utterance of the worst cohorts, and other utterances of train in every epoch."""
        share = 1.0 - self.options.base_share
        drawn = mixed_examples(setting.utterances, setting.worst, others="train", share=share, draw=draw)
        return drawn.assign(weight=1.0)
