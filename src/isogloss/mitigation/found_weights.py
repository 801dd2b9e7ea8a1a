"""The weights that a strategy found for each utterance, kept for inspection by cohort."""

import pandas as pd
from torch import Tensor

from isogloss.mitigation.strategy import Step


class FoundWeights:
    """Remembers the latest weight of each utterance."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, float]] = {}

    def note(self, step: Step, weight_B: Tensor) -> None:
        """Record the weights of one batch."""
        for id_, cohort, weight in zip(step.ids, step.cohorts, weight_B.tolist(), strict=True):
            self._rows[id_] = (cohort, weight)

    def table(self) -> pd.DataFrame:
        """`utterance_id, cohort, weight`, sorted."""
        rows = [(id_, cohort, weight) for id_, (cohort, weight) in sorted(self._rows.items())]
        return pd.DataFrame(rows, columns=["utterance_id", "cohort", "weight"])

    def state_dict(self) -> dict[str, tuple[str, float]]:
        """The state for the checkpoint."""
        return dict(self._rows)

    def load_state_dict(self, state: dict[str, tuple[str, float]]) -> None:
        """Restore the state of a checkpoint."""
        self._rows = dict(state)
