"""Two systems compared overall and cohort by cohort: the content of fairness.json for ASR.

Cohorts are named worst by their rank on discovery; all figures are of test. A cohort that is picked on the
data that report it looks worse than it is, and any treatment then seems to help it (regression to the mean),
so both figures stand side by side and the relative gap is that of the cohorts that were worst and best on
*discovery*.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.judging.figures import cohort_figures, finite, overall_figures, spread_figures
from isogloss.judging.pairing import pair_utterances, totals_by_speaker
from isogloss.judging.privacy import merge_small_cohorts, merged_name


def compare(
    before: pd.DataFrame,
    after: pd.DataFrame,
    assignments: pd.DataFrame,
    *,
    system: str,
    rule: str,
    statistics: StatisticsParams,
    min_speakers_shown: int,
    labels: Mapping[str, str],
    mitigated: Sequence[str],
    discovery: Mapping[str, Mapping[str, Any]],
    seeds: Mapping[str, int],
    shown: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Compare a system with the base system on split test; valid JSON, None for what is unknown.

    Parameters
    ----------
    before, after
        Result tables of the base system and of `system`; rows of other splits than test are left aside.
    assignments
        utterance_id and cohort of at least these utterances.
    system, rule, seeds
        Names and seeds that the result repeats.
    statistics
        Confidence, draws, seed, and `min_speakers`: a smaller cohort has neither intervals nor p values.
    min_speakers_shown
        Smaller cohorts are merged (`privacy`).
    labels, mitigated
        Readable names for cohort ids; ids of the cohorts that the system was adapted to.
    discovery
        For a cohort id its error rate and rank on discovery: {"wer": 0.12, "rank": 1}, rank 1 the worst.
    shown
        Under which name each cohort is shown, where that was decided before (`privacy.suppress`, for several groupings
        that are published together); otherwise this grouping is taken for the only one.

    Raises
    ------
    TableError
        The tables do not fit together; see `pairing.pair_utterances`.
    """
    pairs = pair_utterances(before, after, assignments)
    names = dict(shown or merge_small_cohorts(pairs["cohort"], pairs["speaker_id"], min_speakers=min_speakers_shown))
    merged = merged_name(names)
    members = {shown: [name for name in names if names[name] == shown] for shown in names.values()}
    known = {name: discovery[name] for name in members if name in discovery and name != merged}
    pairs["cohort"] = pairs["cohort"].map(names)
    order = sorted(members, key=lambda name: (_rank(known, name), name == merged, name))
    parts = [pairs[pairs["cohort"] == name] for name in order]
    cohorts = cohort_figures(order, [totals_by_speaker(rows) for rows in parts], statistics)
    for name, rows, cohort in zip(order, parts, cohorts, strict=True):
        cohort["label"] = f"{len(members[name])} small cohorts" if name == merged else labels.get(name, name)
        cohort["mitigated"] = any(member in mitigated for member in members[name])
        cohort |= _counts(rows) | _on_discovery(known, name)
    hidden = next((c["speakers"] for c in cohorts if c["cohort"] == merged), 0)
    return {
        "task": "asr",
        "system": system,
        "baseline": "base",
        "rule": rule,
        "split": "test",
        "metric": "WER",
        **_verdict(pairs, cohorts, merged, statistics),
        "suppressed": {"cohorts": len(members[merged]) if merged else 0, "speakers": hidden},
        "seeds": {str(name): int(seed) for name, seed in seeds.items()},
        "test": _describe(statistics, sum(c["p"] is not None for c in cohorts)),
    }


def _verdict(
    pairs: pd.DataFrame, cohorts: list[dict[str, Any]], merged: str | None, statistics: StatisticsParams
) -> dict[str, Any]:
    """All figures, and which cohorts stand out; the worst ones are those of the base system.

    No cohort is named worst by discovery where the worst one is hidden: the runner-up is another cohort.
    """
    worst = cohorts[0]
    return {
        "unit": "speaker",
        "speakers": int(pairs["speaker_id"].nunique()),
        **_counts(pairs),
        "confidence": statistics.confidence,
        "overall": overall_figures(totals_by_speaker(pairs), statistics),
        "cohorts": cohorts,
        "spread": spread_figures(pairs, [c for c in cohorts if c["cohort"] != merged], statistics),
        "worst_cohort_by_discovery": worst["cohort"] if worst["discovery_rank"] == 1 else None,
        "worst_cohort_by_test": _worst_by_test(cohorts),
        "harmed_cohorts": [c["cohort"] for c in cohorts if _harmed(c, 1 - statistics.confidence)],
    }


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    """How much speech stands behind a rate."""
    return {"utterances": len(rows), "words": int(rows["words"].sum())}


def _on_discovery(known: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """What is known of a cohort from discovery, None where nothing is."""
    if name not in known:
        return {"discovery_rank": None, "discovery": None}
    return {"discovery_rank": int(known[name]["rank"]), "discovery": finite(known[name]["wer"])}


def _rank(known: Mapping[str, Mapping[str, Any]], name: str) -> float:
    """Rank on discovery; cohorts without one come last."""
    return float(known[name]["rank"]) if name in known else float("inf")


def _worst_by_test(cohorts: Sequence[Mapping[str, Any]]) -> str | None:
    """The cohort with the highest rate of the base system, among those with inference if there are any."""
    able = [c for c in cohorts if c["inference"]] or list(cohorts)
    rated = [c for c in able if c["before"] is not None]
    return max(rated, key=lambda c: c["before"])["cohort"] if rated else None


def _harmed(cohort: Mapping[str, Any], alpha: float) -> bool:
    """Whether the rate rose, and significantly so after adjustment for all cohorts."""
    return cohort["p_holm"] is not None and cohort["p_holm"] <= alpha and cohort["after"] > cohort["before"]


def _describe(statistics: StatisticsParams, tests: int) -> str:
    """The sentence that names interval and tests."""
    return (
        f"Intervals: {100 * statistics.confidence:g} % symmetric studentised bootstrap over speakers "
        f"({statistics.resamples} draws; rates and ratios on the logarithm). p: two-sided sign-flip permutation "
        f"over speakers of the difference in WER (all arrangements up to {statistics.permutations}, else as many at "
        f"random); p_holm: adjusted by Holm over {tests} cohorts. Cohorts of fewer than "
        f"{statistics.min_speakers} speakers carry no inference."
    )
