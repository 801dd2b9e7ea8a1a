"""What a mitigation decides: which examples are drawn, with which weight, and what is added to the loss.

Everything else (batches, optimiser, epochs, seed) is the same for all of them, so that they are compared on a level
field; `isogloss.training.adaptation` holds it.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Generic, TypeVar

import pandas as pd
from torch import Tensor, nn

from isogloss.config import Section
from isogloss.errors import ModelError

Options = TypeVar("Options", bound=Section)
Losses = Callable[[Any, Any], Tensor]
"""From a model and a batch to the loss of each utterance, in nats: (B,)."""


class Mitigation(Generic[Options]):
    """Adapts on the worst cohorts' utterances, each with weight 1, with nothing added to the loss.

    Strategies override what they do differently.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    def examples(self, utterances: pd.DataFrame, worst: Collection[str]) -> pd.DataFrame:
        """Which utterances an epoch of adaptation goes over, and with which weight.

        Parameters
        ----------
        utterances
            `utterance_id, speaker_id, split, cohort` of train and adapt.
        worst
            The cohorts to mitigate.

        Returns
        -------
        `utterance_id, weight`; an utterance that is to be seen twice stands twice.

        Raises
        ------
        ModelError
            No adaptation utterance is of a worst cohort.
        """
        drawn = utterances[(utterances["split"] == "adapt") & utterances["cohort"].isin(worst)]
        if drawn.empty:
            raise ModelError(
                f"the adapt split has no utterance of the worst cohorts {', '.join(sorted(worst))}; raise "
                f"mitigation.worst_share, or give adapt more speakers"
            )
        return drawn[["utterance_id"]].assign(weight=1.0)

    def start(self, model: nn.Module, base_batches: Iterable[Any], losses: Losses) -> None:
        """Look at the base model and its data before the adaptation; here there is nothing to look at.

        `base_batches` goes over the utterances of train in random order, one a batch.
        """

    def penalty(self, model: nn.Module) -> Tensor | None:
        """What is added to the mean loss of an utterance; None for nothing."""
        return None

    def tensors(self) -> dict[str, Tensor]:
        """What is worth keeping beside the adapted model, by name."""
        return {}
