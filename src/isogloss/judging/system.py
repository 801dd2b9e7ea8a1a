"""An adapted system under every cohort rule: what its stage publishes, with one decision on whom it may show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.config import Params, seeds
from isogloss.judging import compare
from isogloss.judging.publication import shown_names
from isogloss.judging.tuning import dev_figures
from isogloss.judging.worst import worst_cohorts
from isogloss.tables import ASSIGNMENT_COLUMNS, read_json, read_parquet


def read_assignments(cohorts: Path, params: Params) -> dict[str, pd.DataFrame]:
    """Rule -> assignments.parquet, of the rules of params."""
    return {
        rule: read_parquet(cohorts / rule / "assignments.parquet", ASSIGNMENT_COLUMNS) for rule in params.cohorts.rules
    }


def judge_system(
    system: str,
    base: pd.DataFrame,
    after: pd.DataFrame,
    assignments: Mapping[str, pd.DataFrame],
    *,
    cohorts: Path,
    params: Params,
) -> dict[str, dict[str, Any]]:
    """Compare a system with the base on test under every rule, and note what dev says of it.

    Parameters
    ----------
    base, after
        Result tables of the base system (with discovery) and of the adapted one (dev and test).
    assignments
        Of `read_assignments`.
    cohorts
        The folder of the rules; their summary.json is read.

    Returns
    -------
    The content of each JSON file by its path in the system's folder: `dev.json`, `<rule>/fairness.json`.
    """
    summaries = {rule: read_json(cohorts / rule / "summary.json") for rule in assignments}
    mitigated = params.mitigation.rule
    worst = worst_cohorts(summaries[mitigated], params.mitigation.worst_share)
    shown = shown_names(assignments, base, min_speakers=params.privacy.min_speakers)
    before = base[base["split"] == "test"].reset_index(drop=True)
    least = params.privacy.min_speakers
    of_dev = dev_figures(base, after, assignments[mitigated], worst, min_speakers=least)
    files: dict[str, dict[str, Any]] = {"dev.json": of_dev}
    for rule, summary in summaries.items():
        files[f"{rule}/fairness.json"] = compare(
            before,
            after,
            assignments[rule],
            system=system,
            rule=rule,
            statistics=params.statistics,
            min_speakers_shown=least,
            labels={cohort["cohort"]: cohort["label"] for cohort in summary["cohorts"]},
            mitigated=worst if rule == mitigated else [],
            discovery=shown[rule].discovery_figures(summary),
            shown=shown[rule].test,
            seeds=seeds(params),
        )
    return files
