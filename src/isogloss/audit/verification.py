"""An audit of any verifier's scores: its errors overall and among the speakers of each group.

Trials are a table `enrol_id, test_id, score` (CSV, TSV, JSONL, parquet), with `target` where it is known; speakers are
a table `utterance_id, speaker_id` with whatever is known of them. A table of speakers without `utterance_id` goes with
trials that name `enrol_speaker` and `test_speaker`. With a column `score_before` two verifiers are compared.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from isogloss.audit.cells import number_column, text_column
from isogloss.audit.figures import KIND
from isogloss.audit.reading import Source, read_table
from isogloss.audit.terminal import plain
from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.evaluation.privacy import suppress
from isogloss.evaluation.verification.fairness import compare_verifiers, pair_trials
from isogloss.evaluation.verification.lists import SIDES
from isogloss.evaluation.verification.trials import name_speakers
from isogloss.report.text import count, interval, percent, probability, signed_percent
from isogloss.tables import require_columns

UNSPECIFIED = "unspecified"
ALL = "all"
"""The grouping of everybody, where no column is asked for."""
AFTER_HEADERS = ("EER after", "change", "p")
AFTER = ("after", "after_ci95", "relative_change", "ci95", "p", "p_holm")
"""Keys that say nothing where there is one verifier."""


def audit_trials(
    trials: Path, speakers: Path, *, by: Sequence[str], statistics: StatisticsParams, min_speakers: int
) -> dict[str, Any]:
    """Errors of verification overall and by the columns `by` of the speakers' table.

    Parameters
    ----------
    trials, speakers
        The two tables.
    by
        Columns of the speakers' table; without any, figures are of all trials alone.
    statistics
        Confidence, draws, seed; a group of fewer than its `min_speakers` has no intervals.
    min_speakers
        No figure is about fewer speakers.

    Returns
    -------
    `{kind, task, metric, paired, groupings: [fairness.json of each], withheld: [columns]}`.

    Raises
    ------
    TableError
        In one sentence: a column or file is missing, a trial names an unknown utterance or speaker, a score is not
        finite, a speaker has two values of a column, or there are no targets or no non-targets.
    """
    people = _people(read_table(speakers), by)
    listed = _listed(read_table(trials), people, where=str(trials))
    listed, shown = _grouped(listed, people, by, min_speakers=min_speakers, where=str(trials))
    paired = "score_before" in listed.columns
    listed = listed if paired else listed.assign(score_before=listed["score"])
    both = pair_trials(listed, statistics=statistics)
    system = "after" if paired else "verifier"
    found = [compare_verifiers(both, grouping=name, system=system, min_speakers_shown=1) for name in shown or [ALL]]
    return {
        "kind": KIND,
        "task": "verification",
        "metric": "EER",
        "paired": paired,
        "groupings": found if paired else [_one_verifier(one) for one in found],
        "withheld": [column for column in by if column not in shown],
    }


def _grouped(
    listed: pd.DataFrame, people: pd.DataFrame, by: Sequence[str], *, min_speakers: int, where: str
) -> tuple[pd.DataFrame, list[str]]:
    """The trials with the group of both sides under the names that may be shown, and the columns that may be shown."""
    present = pd.Index(pd.concat([listed["enrol_speaker"], listed["test_speaker"]]).unique())
    if len(present) < min_speakers:
        raise TableError(f"{where}: {len(present)} speakers are fewer than --min-speakers {min_speakers}; add some")
    attributes = people.drop_duplicates("speaker_id").set_index("speaker_id")[list(by)]
    groups = attributes.reindex(present).fillna(UNSPECIFIED)
    names = suppress(groups, present.to_series(), min_speakers=min_speakers) if len(by) else {}
    shown = [column for column in by if names[column]]
    columns = {f"{side}_{ALL}": pd.Series(ALL, index=listed.index) for side in SIDES}
    for column in shown:
        of_speaker = groups[column].map(names[column])
        columns |= {f"{side}_{column}": listed[f"{side}_speaker"].map(of_speaker) for side in SIDES}
    return listed.assign(**columns), shown


def _people(source: Source, by: Sequence[str]) -> pd.DataFrame:
    """`speaker_id`, the columns asked for, and `utterance_id` if there is one; one value a speaker."""
    wanted = ["speaker_id", *by, *(["utterance_id"] if "utterance_id" in source.names else [])]
    require_columns(pd.DataFrame(columns=source.names), wanted, where=str(source.path))
    people = pd.DataFrame({name: text_column(source, name) for name in dict.fromkeys(wanted)})
    for column in by:
        values = people.groupby("speaker_id")[column].nunique()
        if (values > 1).any():
            raise TableError(
                f"{source.path}: speaker {values.index[values > 1][0]!r} has several values of {column!r}; give him one"
            )
    return people


def _listed(source: Source, people: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """The trials with speakers, targets and scores."""
    by_id = "utterance_id" in people.columns
    needed = [f"{side}_{'id' if by_id else 'speaker'}" for side in SIDES]
    require_columns(pd.DataFrame(columns=source.names), [*needed, "score"], where=where)
    trials = pd.DataFrame({name: text_column(source, name) for name in needed})
    for column in ("score", "score_before"):
        if column in source.names:
            trials[column] = number_column(source, column).to_numpy()
    if by_id:
        twice = people["utterance_id"][people["utterance_id"].duplicated()]
        if len(twice):
            raise TableError(f"the speakers' table names the utterance {twice.iloc[0]!r} twice; keep one row")
        trials = name_speakers(trials, people.set_index("utterance_id")["speaker_id"], where=where)
    for side in SIDES:
        unknown = ~trials[f"{side}_speaker"].isin(people["speaker_id"])
        if unknown.any():
            row = int(np.flatnonzero(unknown)[0])
            raise TableError(
                f"{source.place(row)} names the speaker {trials[f'{side}_speaker'].iloc[row]!r}, whom the speakers' "
                "table does not have; add him"
            )
    if "target" in source.names:
        return trials.assign(target=_targets(source))
    return trials.assign(target=trials["enrol_speaker"] == trials["test_speaker"])


def _targets(source: Source) -> pd.Series:
    """1 and 0, or true and false."""
    written = text_column(source, "target").str.lower()
    target = written.map({"1": 1, "0": 0, "true": 1, "false": 0, "1.0": 1, "0.0": 0})
    if target.isna().any():
        row = int(np.flatnonzero(target.isna())[0])
        raise TableError(f"{source.place(row)}: target is {written.iloc[row]!r}; it must be 1 or 0")
    return target


def _one_verifier(fairness: dict[str, Any]) -> dict[str, Any]:
    """The figures of a single verifier: `before` is what it is, nothing came after."""
    empty = dict.fromkeys(AFTER)
    cohorts = [
        {**one, **empty, "at_threshold": {"before": one["at_threshold"]["before"]}} for one in fairness["cohorts"]
    ]
    return {**fairness, "overall": {**fairness["overall"], **empty}, "cohorts": cohorts, "harmed_cohorts": []}


def show_verification(document: dict[str, Any], on: Console) -> None:
    """Print the errors overall, and a table for each grouping."""
    overall, paired = document["groupings"][0]["overall"], document["paired"]
    on.print(plain(f"EER {_rate(overall['before'], overall['before_ci95'])}"))
    if paired:
        on.print(plain(f"EER after {_rate(overall['after'], overall['after_ci95'])}"))
    for fairness in document["groupings"]:
        if fairness["rule"] == ALL:
            continue
        on.print()
        on.print(plain(f"By {fairness['rule']} (trials whose two speakers both belong to the group)"))
        table = Table(box=None, pad_edge=False, header_style="dim")
        for header in ("group", "speakers", "targets", "non-targets", "EER", "FAR", "FRR", *(AFTER_HEADERS * paired)):
            table.add_column(header, justify="left" if header == "group" else "right")
        for one in fairness["cohorts"]:
            table.add_row(*[plain(cell) for cell in _cells(one, paired=paired)])
        on.print(table)
        gap = fairness["spread"].get("gap")
        if gap is not None:
            on.print(plain(f"gap {_rate(gap['before'], gap.get('before_ci95'))}"))
    for column in document["withheld"]:
        on.print(plain(f"by {column}: withheld, since too few speakers stand behind the differences"))


def _cells(cohort: dict[str, Any], *, paired: bool) -> list[str]:
    """A row of the table."""
    at = cohort["at_threshold"]["before"]
    cells = [cohort["label"], *(count(cohort[key]) for key in ("speakers", "targets", "nontargets"))]
    cells += [_rate(cohort["before"], cohort["before_ci95"]) if cohort["measurable"] else "not measurable"]
    cells += [percent(at["far"]), percent(at["frr"])]
    if paired:
        cells += [_rate(cohort["after"], cohort["after_ci95"]), signed_percent(cohort["relative_change"])]
        cells += [probability(cohort["p_holm"])]
    return cells


def _rate(value: float | None, bounds: Sequence[float] | None) -> str:
    """A rate with its interval where there is one."""
    return percent(value) if bounds is None else f"{percent(value)} ({interval((bounds[0], bounds[1]))})"
