"""The digest of a planned analysis, by which a later change of the plan is noticed.

A plan consists of the section `plan` of an experiment file, the claims with their margins, the runs with their options
and, if the file states the claims itself, its section `study`. If any of these changes after results are known, it is
another plan, and its table is written beside the old one.
"""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from isogloss.config.claim import Claim
from isogloss.config.experiment import Experiment, PlanParams
from isogloss.errors import ParamsError

DIGITS = 8


def plan_digest(experiment: Experiment, claims: Sequence[Claim]) -> str:
    """Eight hexadecimal digits of a plan."""
    planned = {
        "plan": require_plan(experiment, "the experiment file").model_dump(),
        "claims": [claim.model_dump() for claim in claims],
        "runs": experiment.model_dump(include={"base", "grid", "runs", "seeds", "targets"}),
    }
    if experiment.study.claims:  # they name the tables and figures of `study`
        planned["study"] = experiment.study.model_dump()
    return sha256(json.dumps(planned, sort_keys=True, default=str).encode()).hexdigest()[:DIGITS]


def require_plan(experiment: Experiment, path: Path | str) -> PlanParams:
    """The plan of an experiment file.

    Raises
    ------
    ParamsError
        It has none.
    """
    if experiment.plan is None:
        raise ParamsError(
            f"{path} has no section `plan`, so its claims cannot be judged; add one (estimand, confidence, "
            "base_models), commit it, and sweep: the analysis is fixed before the runs"
        )
    return experiment.plan
