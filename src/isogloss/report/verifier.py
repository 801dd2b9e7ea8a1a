"""The report of a mitigated verifier beside the base one: what an audit says of two, from the trials of a stage."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from isogloss.config import Params
from isogloss.errors import TableError
from isogloss.judging import compare
from isogloss.judging.intake.trials import groupings_of_speakers
from isogloss.judging.verification.lists import SIDES
from isogloss.judging.verification.study import cohort_labels
from isogloss.report.folder import write_folder
from isogloss.tables import read_parquet

TRIAL_COLUMNS = ("enrol_speaker", "test_speaker", "target", "score_before", "score")


def report_verifier(method: str, params: Params, root: Path = Path()) -> Path:
    """Write the report of one method, in the form of an audit.

    Parameters
    ----------
    method
        One of `verification.methods`, whose trials lie in `results/speaker/<method>`.
    params
        Rules and attributes, the draws, and the fewest speakers that may be shown.
    root
        The repository.

    Returns
    -------
    Its folder, `reports/verification/<method>` below `root`: audit.html, fairness.json, cohorts.parquet.

    Raises
    ------
    TableError
        A column is missing, or too few speakers for anything to be shown.
    """
    where = root / "results/speaker" / method / "trials.parquet"
    labels = cohort_labels(root / "cohorts", map(str, params.cohorts.rules), params.verification.attributes)
    trials = read_parquet(where, [*TRIAL_COLUMNS, *(f"{side}_{name}" for name in labels for side in SIDES)])
    listed = trials[list(TRIAL_COLUMNS)]
    document = compare(
        listed.assign(score=listed["score_before"]),
        listed,
        groupings_of_speakers(listed, speaker_cohorts(trials, labels, where=str(where))),
        systems=("base", method),
        split="test",
        statistics=params.statistics,
        min_speakers=params.privacy.min_speakers,
        where=str(where),
    )
    folder = root / "reports/verification" / method
    write_folder(document, folder)
    return folder


def speaker_cohorts(trials: pd.DataFrame, labels: Mapping[str, Mapping[str, str]], *, where: str) -> pd.DataFrame:
    """The cohort of each speaker of the trials, a column a grouping.

    Parameters
    ----------
    trials
        `enrol_speaker`, `test_speaker` and, of each grouping, `enrol_<grouping>` and `test_<grouping>`.
    labels
        By grouping, what to call a cohort; its own name where there is no label, or where another one has it too.
    where
        What an error calls the trials.

    Raises
    ------
    TableError
        A speaker is in two cohorts of one grouping.
    """
    columns = ["speaker", *labels]
    sides = [trials[[f"{side}_{name}" for name in columns]].set_axis(columns, axis="columns") for side in SIDES]
    people = pd.concat(sides).drop_duplicates()
    twice = people["speaker"][people["speaker"].duplicated()]
    if len(twice):
        raise TableError(f"{where}: speaker {twice.iloc[0]!r} is in two cohorts of one grouping; discover anew")
    cohorts = people.set_index("speaker").rename_axis("speaker_id")
    for name, known in labels.items():
        counts = Counter(known.values())
        alone = {cohort: label for cohort, label in known.items() if counts[label] == 1}
        cohorts[name] = cohorts[name].map(lambda cohort, alone=alone: alone.get(cohort, cohort))
    return cohorts
