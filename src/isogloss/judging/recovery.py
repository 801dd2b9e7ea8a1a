"""Recovery: scores of discovered cohorts against the planted truth.

This is for the embedded corpus, whose disadvantaged speakers are known by construction. The truth is an argument: this
module does not read it from disk, and no estimator imports this module.
"""

from dataclasses import dataclass

import pandas as pd

from isogloss.errors import TableError
from isogloss.tables import require_columns


@dataclass(frozen=True)
class Recovery:
    """How well cohorts match planted groups; shares are of speakers.

    Attributes
    ----------
    speakers, disadvantaged, selected
        Numbers of speakers: all, planted as disadvantaged, in the worst cohorts.
    adjusted_rand
        Agreement of the partition into cohorts with the one into planted groups (Hubert & Arabie 1985): 1 for the same
        partition, 0 expected for a random one.
    recall, precision
        Of the disadvantaged, the share that is in the worst cohorts; of the speakers in the worst cohorts, the share
        that is disadvantaged. None if there are no such speakers.
    chance_recall, chance_precision
        The expected values for the same number of speakers drawn at random: the share selected, the share
        disadvantaged.
    p_chance
        Probability that as many speakers drawn at random hold at least as many disadvantaged ones (hypergeometric
        tail). The speakers of a region are no random draw, so a small p says that the worst cohorts are not arbitrary
        speakers, not that they are the right regions.
    """

    speakers: int
    disadvantaged: int
    selected: int
    adjusted_rand: float
    recall: float | None
    precision: float | None
    chance_recall: float
    chance_precision: float
    p_chance: float


def score_recovery(cohorts: pd.DataFrame, truth: pd.DataFrame, worst: list[str]) -> Recovery:
    """Score the cohorts of some utterances.

    Parameters
    ----------
    cohorts
        `speaker_id` and `cohort`, a row an utterance. A speaker in several cohorts counts in the one that holds most of
        their utterances (of equal ones, the first by name).
    truth
        `speaker_id`, `group` (the planted group) and `disadvantaged` (bool), a row a speaker; other speakers may be in
        it as well.
    worst
        The cohorts that would be mitigated (`selection.worst_cohorts`).

    Raises
    ------
    TableError
        A column is missing, a speaker has no truth or two of them, or there is no utterance.
    """
    from scipy.stats import hypergeom
    from sklearn.metrics import adjusted_rand_score

    require_columns(cohorts, ("speaker_id", "cohort"), where="the cohorts")
    require_columns(truth, ("speaker_id", "group", "disadvantaged"), where="the planted truth")
    table = _cohort_of_speaker(cohorts).join(_by_speaker(truth), how="left")
    if table.empty:
        raise TableError("the cohorts hold no utterance, so there is no recovery to score")
    unknown = table.index[table["disadvantaged"].isna()]
    if len(unknown):
        raise TableError(f"the planted truth lacks {len(unknown)} speakers, for instance {unknown[0]!r}")
    planted = table["disadvantaged"].astype(bool)
    selected = table["cohort"].isin(worst)
    found = int((planted & selected).sum())
    return Recovery(
        speakers=len(table),
        disadvantaged=int(planted.sum()),
        selected=int(selected.sum()),
        adjusted_rand=float(adjusted_rand_score(table["group"], table["cohort"])),
        recall=found / int(planted.sum()) if planted.any() else None,
        precision=found / int(selected.sum()) if selected.any() else None,
        chance_recall=float(selected.mean()),
        chance_precision=float(planted.mean()),
        p_chance=float(hypergeom.sf(found - 1, len(table), int(planted.sum()), int(selected.sum()))),
    )


def _cohort_of_speaker(cohorts: pd.DataFrame) -> pd.DataFrame:
    """The main cohort of each speaker, indexed by speaker."""
    counts = cohorts.groupby(["speaker_id", "cohort"], sort=True).size().rename("utterances").reset_index()
    order = counts.sort_values(["speaker_id", "utterances", "cohort"], ascending=[True, False, True])
    return order.drop_duplicates("speaker_id").set_index("speaker_id")[["cohort"]]


def _by_speaker(truth: pd.DataFrame) -> pd.DataFrame:
    """The truth indexed by speaker."""
    twice = truth["speaker_id"][truth["speaker_id"].duplicated()]
    if len(twice):
        raise TableError(f"the planted truth has speaker {twice.iloc[0]!r} twice; ids must be unique")
    return truth.set_index("speaker_id")[["group", "disadvantaged"]]
