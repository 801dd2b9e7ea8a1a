"""`isogloss score`: how well the cohort rules recover known groups of speakers, and each system's WER on them.

For the embedded corpus the groups are the planted dialects, which no other module reads. For any other corpus they are
the values of a column of its utterance table.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry

if TYPE_CHECKING:
    import pandas as pd

    from isogloss.config import Params
    from isogloss.consoles import Console

TRUTH = Path("data/truth/planted.parquet")
UTTERANCES = Path("data/utterances.parquet")
DISADVANTAGED = 2.0
"""A dialect is disadvantaged if the base system's WER on it is at least this many times its WER on all speech, both on
the discovery split."""


@click.command(epilog="\b\nExamples:\n  isogloss score\n  isogloss score --against age_band --group 'child 6-12'")
@click.option(
    "--against",
    metavar="COLUMN",
    help=f"Column of {UTTERANCES} whose values are the known groups.  [default: the planted dialects of the embedded "
    "corpus]",
)
@click.option(
    "--group",
    "groups",
    metavar="VALUE",
    multiple=True,
    help="Value of COLUMN whose speakers the cohorts should recover. Repeatable.  [default: the value with the highest "
    "WER on discovery]",
)
@entry
def score(against: str | None, groups: tuple[str, ...]) -> None:
    """Score the cohort rules against groups of speakers that are known independently of them.

    On the embedded corpus the groups are the dialects that were planted in it. The command prints the WER of each
    dialect under every system, how well each rule recovers the speakers of disadvantaged dialects, and whether columns
    of the tables reveal the dialect.

    On another corpus, --against names a column that defines the groups, such as an age band: do clusters of voices
    recover the children without having seen the age?
    """
    from isogloss.config import load_params
    from isogloss.consoles import console
    from isogloss.judging import error_rate, error_rates
    from isogloss.tables import read_parquet

    if groups and against is None:
        raise click.UsageError("--group names values of a column; say which with --against COLUMN")
    params = load_params()
    truth = _planted() if against is None else _column(against)
    systems = {
        name: read_parquet(f"results/asr/{name}/utterances.parquet").merge(truth, on="speaker_id")
        for name in ("base", *params.mitigation.methods)
    }
    on = console(soft_wrap=True)
    # The speakers of the planted dialects are synthetic, so that no figure of theirs tells of a person.
    least = 1 if against is None else params.privacy.min_speakers
    _print_rates(on, systems, against or "planted dialect", least=least)
    discovery = systems["base"][systems["base"]["split"] == "discovery"]
    by_group = error_rates(discovery, "group")
    if against is None:
        limit = DISADVANTAGED * error_rate(discovery)
        disadvantaged = set(by_group.index[by_group["error_rate"] > limit])
        on.print(f"disadvantaged (WER on discovery above {limit:.1%}): {', '.join(sorted(disadvantaged)) or 'none'}")
        _print_leaks(on, truth)
    else:
        disadvantaged = _to_be_found(groups, by_group, against, least=params.privacy.min_speakers)
        on.print(f"to be found: {', '.join(sorted(disadvantaged))}")
        speakers = read_parquet(UTTERANCES)["speaker_id"].nunique()
        if len(truth) < speakers:
            on.print(f"left out: {speakers - len(truth)} of {speakers} speakers, without one value of {against}")
    _print_recovery(on, params, systems["base"], truth, disadvantaged)


def _planted() -> "pd.DataFrame":
    """The planted dialects of the embedded corpus: columns `speaker_id` and `group`."""
    from isogloss.errors import TableError
    from isogloss.tables import read_parquet

    truth = read_parquet(TRUTH, ("speaker_id", "dialect"))
    if truth.empty:
        raise TableError(
            f"{TRUTH} is empty: the corpus is recorded speech, nothing is planted in it; name a column whose "
            "groups discovery should find, such as --against age_band"
        )
    return truth[["speaker_id", "dialect"]].rename(columns={"dialect": "group"})


def _column(column: str) -> "pd.DataFrame":
    """The groups that a column defines: `speaker_id` and `group`, for speakers with exactly one value in the column."""
    import pandas as pd

    from isogloss.errors import TableError
    from isogloss.tables import read_parquet

    table = read_parquet(UTTERANCES, ("speaker_id",))
    texts = [name for name in table.columns if pd.api.types.is_string_dtype(table[name])]
    if column not in texts:
        raise TableError(f"{UTTERANCES} has no column of text {column!r}; it has {', '.join(texts)}")
    known = table[["speaker_id", column]].dropna().drop_duplicates()
    known = known[~known["speaker_id"].duplicated(keep=False)]
    if known.empty:
        raise TableError(f"{UTTERANCES}: no speaker has one value of {column!r}; name another column")
    return known.rename(columns={column: "group"})


def _to_be_found(groups: tuple[str, ...], by_group: "pd.DataFrame", column: str, *, least: int) -> set[str]:
    """The requested values; by default, of those with at least `least` speakers, the one with the highest WER."""
    from isogloss.errors import TableError

    for group in groups:
        if group not in by_group.index:
            values = ", ".join(map(str, by_group.index))
            raise TableError(f"{UTTERANCES}: nobody in discovery has {column} {group!r}; it has {values}")
    if groups:
        return set(groups)
    enough = by_group[by_group["speakers"] >= least]
    if enough.empty:
        raise TableError(
            f"{UTTERANCES}: no value of {column!r} has {least} speakers in discovery (privacy.min_speakers); name one "
            "with --group"
        )
    return {str(enough["error_rate"].idxmax())}


def _print_rates(on: "Console", systems: dict[str, "pd.DataFrame"], what: str, *, least: int) -> None:
    """Print the WER of each group on test under each system, and the ratio of worst to best under the base system.

    Groups of fewer than `least` speakers are merged, as in a report, so that no figure is about a few speakers.
    """
    import pandas as pd

    from isogloss.judging import error_rate, error_rates
    from isogloss.judging.privacy import merged_name, suppress

    test = {name: table[table["split"] == "test"] for name, table in systems.items()}
    shown = suppress(test["base"][["group"]], test["base"]["speaker_id"], min_speakers=least)["group"]
    test = {name: table.assign(group=table["group"].map(shown)) for name, table in test.items()}
    rates = pd.DataFrame({name: error_rates(table, "group")["error_rate"] for name, table in test.items()})
    groups = rates["base"]
    rates.loc["all, weighted"] = {name: error_rate(table) for name, table in test.items()}
    on.print(f"WER on test by {what}, percent")
    on.print((100 * rates).round(1).to_string())
    if merged := merged_name(shown):
        hidden = sum(name == merged for name in shown.values())
        on.print(f"{merged}: {hidden} groups together, so that no figure is about fewer than {least} speakers")
    if len(groups) > 1 and groups.min() > 0:
        on.print(f"base: the worst group is {groups.max() / groups.min():.1f} times as bad as the best")


def _print_recovery(
    on: "Console", params: "Params", base: "pd.DataFrame", truth: "pd.DataFrame", disadvantaged: set[str]
) -> None:
    """Print for each rule how many disadvantaged test speakers are in its worst cohorts, and in any single cohort."""
    from isogloss.judging.recovery import score_recovery
    from isogloss.judging.stage_files import read_summary
    from isogloss.judging.worst import worst_cohorts
    from isogloss.tables import ASSIGNMENT_COLUMNS, read_parquet

    known = truth.assign(disadvantaged=truth["group"].isin(disadvantaged))
    test = base.loc[base["split"] == "test", "utterance_id"]  # Only speakers whose group is known are counted.
    for rule in params.cohorts.rules:
        folder = Path("cohorts") / rule
        assignments = read_parquet(folder / "assignments.parquet", ASSIGNMENT_COLUMNS)
        assignments = assignments[assignments["utterance_id"].isin(test)]
        summary = read_summary(folder / "summary.json")
        found = score_recovery(assignments, known, worst_cohorts(summary, params.mitigation.worst_share))
        on.print(
            f"{rule}: worst cohorts hold {_share(found.recall)} of the disadvantaged test speakers "
            f"(chance {found.chance_recall:.0%}), {_share(found.precision)} of their speakers are disadvantaged "
            f"(chance {found.chance_precision:.0%}), adjusted Rand index {found.adjusted_rand:.2f}"
        )
        single = {name: score_recovery(assignments, known, [name]) for name in sorted(set(assignments["cohort"]))}
        name, most = max(single.items(), key=lambda each: each[1].recall or 0.0)
        on.print(
            f"{' ' * len(rule)}  the cohort with most of them is {name}: {_share(most.recall)} "
            f"(chance {most.chance_recall:.0%}, p {min(1.0, len(single) * most.p_chance):.2g} for the best of "
            f"{len(single)} cohorts), which is {_share(most.precision)} disadvantaged"
        )


def _share(value: float | None) -> str:
    """A share in per cent; a dash where there is nobody to take a share of, which is not 0."""
    return "–" if value is None else f"{value:.0%}"


def _print_leaks(on: "Console", truth: "pd.DataFrame") -> None:
    """Print for each split whether weights, ids, order and counts reveal the dialect better than demography does."""
    from isogloss.judging.leaks import describe_speakers, score_leak
    from isogloss.tables import read_parquet

    utterances, zips = read_parquet(UTTERANCES), read_parquet("data/corpus/zips.parquet")
    for split, rows in utterances.groupby("split", sort=False):
        known, suspects = describe_speakers(rows, zips)
        leak = score_leak(known, suspects, truth.set_index("speaker_id")["group"].loc[known.index])
        on.print(
            f"{split}: the probability of the true dialect is {leak.known:.2f} from place and demography, "
            f"{leak.with_suspects:.2f} with weights, ids, order and counts too (difference ± {leak.error:.3f}): "
            f"{'A LEAK' if leak.leaks else 'no leak'}"
        )
