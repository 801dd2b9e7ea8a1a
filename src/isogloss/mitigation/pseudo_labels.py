"""Oversampling without transcripts: the base model labels the worst cohorts' speech (2207.11345, semi-supervised).

The paper's teacher is a larger model; ours is the base model itself (our choice, since there is no larger one), so this
is self-training.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from isogloss.config.components import MitigationComponent
from isogloss.mitigation.draws import worst_examples
from isogloss.mitigation.oversample import Oversample, OversampleParams
from isogloss.mitigation.strategy import Setting


class PseudoLabelsParams(OversampleParams):
    """Oversampling with the base model's hypotheses as the worst cohorts' transcripts."""


COMPONENT = MitigationComponent(name="pseudo_labels", options=PseudoLabelsParams, implementation="PseudoLabels")


class PseudoLabels(Oversample):
    """Adapts on all cohorts, the worst oversampled, with the base model's hypotheses for the worst's transcripts."""

    def __init__(self, options: OversampleParams) -> None:
        super().__init__(options)
        self._silent: set[str] = set()

    def relabel(self, setting: Setting, transcribe: Callable[[list[str]], dict[str, str]]) -> dict[str, str]:
        """The base model's hypotheses; utterances with an empty hypothesis are left out."""
        labels = transcribe(worst_examples(setting.utterances, setting.worst)["utterance_id"].tolist())
        self._silent = {id_ for id_, text in labels.items() if not text}
        return {id_: text for id_, text in labels.items() if text}

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """The draws of oversampling, without utterances that have no label."""
        labelled = setting.utterances[~setting.utterances["utterance_id"].isin(self._silent)]
        return super().examples(replace(setting, utterances=labelled), draw)
