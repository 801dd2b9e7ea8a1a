"""Mitigations: how a base recogniser is adapted for the cohorts it fails. One strategy a module.

`build_mitigation` finds a strategy by its name in `mitigation.methods`. Adding one is one module here, one line in
`_MITIGATIONS`, and its section and name in `isogloss.config`.
"""

from isogloss.config import Params
from isogloss.errors import ModelError
from isogloss.mitigation.base import Mitigation
from isogloss.mitigation.ewc import Ewc
from isogloss.mitigation.finetune import Finetune
from isogloss.mitigation.fisher import diagonal_fisher

_MITIGATIONS: dict[str, type[Mitigation]] = {"finetune": Finetune, "ewc": Ewc}


def build_mitigation(name: str, params: Params) -> Mitigation:
    """A strategy with the options of its own section of params.

    Raises
    ------
    ModelError
        There is no strategy of that name.
    """
    if name not in _MITIGATIONS:
        raise ModelError(f"there is no mitigation {name!r}; known are {', '.join(_MITIGATIONS)}")
    return _MITIGATIONS[name](getattr(params, name))


__all__ = ["Mitigation", "build_mitigation", "diagonal_fisher"]
