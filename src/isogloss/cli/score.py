"""`isogloss score`: error rates of the planted dialects of the embedded corpus, and how well discovery found them. No
other module reads the planted truth."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry

if TYPE_CHECKING:
    import pandas as pd

    from isogloss.consoles import Console

TRUTH = Path("data/truth/planted.parquet")
DISADVANTAGED = 2.0
"""A dialect is disadvantaged if the base system's WER for it on discovery is at least this many times that of all
speech."""


@click.command(epilog="\b\nExample:\n  isogloss score")
@entry
def score() -> None:
    """WER of each planted dialect under every system, and how far discovery found the disadvantaged ones.

    Whether the tables give the dialects away is tried as well. For the embedded corpus alone: it is known there who was
    disadvantaged, since it was made so.
    """
    import pandas as pd

    from isogloss.config import load_params
    from isogloss.consoles import console
    from isogloss.errors import TableError
    from isogloss.judging import error_rate, error_rates
    from isogloss.judging.recovery import score_recovery
    from isogloss.judging.stage_files import read_summary
    from isogloss.judging.worst import worst_cohorts
    from isogloss.tables import ASSIGNMENT_COLUMNS, read_parquet

    params = load_params()
    truth = read_parquet(TRUTH, ("speaker_id", "dialect"))
    if truth.empty:
        raise TableError(
            f"{TRUTH} is empty: corpus {params.corpus.source!r} is recorded speech, nothing is planted in it"
        )
    systems = {
        name: read_parquet(f"results/asr/{name}/utterances.parquet").merge(truth, on="speaker_id")
        for name in ("base", *params.mitigation.methods)
    }
    base = systems["base"]
    test = {name: table[table["split"] == "test"] for name, table in systems.items()}
    rates = pd.DataFrame({name: error_rates(table, "dialect")["error_rate"] for name, table in test.items()})
    rates.loc["all, weighted"] = {name: error_rate(table) for name, table in test.items()}
    on = console(soft_wrap=True)
    on.print("WER on test by planted dialect, percent")
    on.print((100 * rates).round(1).to_string())
    dialects = rates["base"].drop("all, weighted")
    on.print(f"base: the worst dialect is {dialects.max() / dialects.min():.1f} times as bad as the best")

    discovery = base[base["split"] == "discovery"]
    limit = DISADVANTAGED * error_rate(discovery)
    by_dialect = error_rates(discovery, "dialect")["error_rate"]
    disadvantaged = set(by_dialect[by_dialect > limit].index)
    on.print(f"disadvantaged (WER on discovery above {limit:.1%}): {', '.join(sorted(disadvantaged)) or 'none'}")
    planted = truth.rename(columns={"dialect": "group"}).assign(
        disadvantaged=lambda table: table["group"].isin(disadvantaged)
    )
    _print_leaks(on, truth)
    for rule in params.cohorts.rules:
        folder = Path("cohorts") / rule
        assignments = read_parquet(folder / "assignments.parquet", ASSIGNMENT_COLUMNS)
        worst = worst_cohorts(read_summary(folder / "summary.json"), params.mitigation.worst_share)
        found = score_recovery(
            assignments[assignments["utterance_id"].isin(test["base"]["utterance_id"])], planted, worst
        )
        on.print(
            f"{rule}: worst cohorts hold {found.recall or 0:.0%} of the disadvantaged test speakers "
            f"(chance {found.chance_recall:.0%}), {found.precision or 0:.0%} of their speakers are disadvantaged "
            f"(chance {found.chance_precision:.0%}), adjusted Rand index {found.adjusted_rand:.2f}"
        )


def _print_leaks(on: "Console", truth: "pd.DataFrame") -> None:
    """Say for each split whether weights, ids, order and counts tell more of the dialect than place and demography."""
    from isogloss.judging.leaks import describe_speakers, score_leak
    from isogloss.tables import read_parquet

    utterances, zips = read_parquet("data/utterances.parquet"), read_parquet("data/corpus/zips.parquet")
    for split, rows in utterances.groupby("split", sort=False):
        known, suspects = describe_speakers(rows, zips)
        leak = score_leak(known, suspects, truth.set_index("speaker_id")["dialect"].loc[known.index])
        on.print(
            f"{split}: the probability of the true dialect is {leak.known:.2f} from place and demography, "
            f"{leak.with_suspects:.2f} with weights, ids, order and counts too (difference ± {leak.error:.3f}): "
            f"{'A LEAK' if leak.leaks else 'no leak'}"
        )
