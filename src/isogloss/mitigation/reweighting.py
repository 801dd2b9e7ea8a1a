"""Adversarial reweighting: an adversary and the model take turns on the weighted loss (Jin et al. 2022, 2207.07776).

The adversary ascends the weighted loss, the model descends it, each with its own optimiser. The weights apply to
utterances of a recogniser (`arw`) or to the terms of a speaker encoder's metric loss (`metric_reweighting`).
"""

from collections.abc import Iterable
from typing import Any, Generic, cast

from torch import Tensor

from isogloss.errors import ModelError
from isogloss.mitigation.adversary import Adversary
from isogloss.mitigation.strategy import Mitigation, Model, Setting


class Reweighting(Mitigation[Any, Model], Generic[Model]):
    """Trains an adversary together with the model; a subclass defines the samples that it weighs.

    Its options have `hidden_dim` and `adversary_learning_rate`.
    """

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._adversary: Adversary | None = None

    def start(self, model: Model, setting: Setting, base_batches: Iterable[Any]) -> None:
        """Make the adversary for this model's embeddings."""
        self._adversary = Adversary(
            embedding_dim=cast(int, model.embedding_dim),
            clusters=self.clusters(setting),
            hidden_dim=self.options.hidden_dim,
            learning_rate=self.options.adversary_learning_rate,
        ).to(setting.device)

    def clusters(self, setting: Setting) -> int:
        """The number of clusters of utterances that are an input of the adversary."""
        raise NotImplementedError

    @property
    def adversary(self) -> Adversary:
        """The adversary.

        Raises
        ------
        ModelError
            `start` has not made it yet.
        """
        if self._adversary is None:
            raise ModelError("adversarial reweighting has no adversary yet; call `start` first")
        return self._adversary

    def tensors(self) -> dict[str, Tensor]:
        """The adversary."""
        return {f"adversary.{name}": tensor for name, tensor in self.adversary.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """The adversary and its optimiser."""
        return {"adversary": self.adversary.resume_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""
        self.adversary.resume(state["adversary"])
