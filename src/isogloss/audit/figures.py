"""Everything that an audit says, as one document: the content of fairness.json.

Each grouping has the keys of the pipeline's comparisons (`isogloss.judging.fairness`). With a single system what
needs a second one is None. In addition each cohort has `rest`: how the (first) system serves it in comparison with all
other speakers (`isogloss.judging.disparity`).

All groupings and the total are published together, so which cohorts may be shown is settled for all of them at once
(`isogloss.judging.privacy.suppress`).
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from isogloss.audit.bounds import split_intervals
from isogloss.audit.groupings import Grouping
from isogloss.audit.request import Request
from isogloss.audit.sums import Summed, summed
from isogloss.audit.utterances import Utterances
from isogloss.config import StatisticsParams
from isogloss.judging.disparity import Disparity, disparities
from isogloss.judging.fairness import compare
from isogloss.judging.figures import COHORT_KEYS, estimate, overall_figures
from isogloss.judging.pairing import pair_utterances, totals_by_speaker
from isogloss.judging.privacy import merged_name, suppress
from isogloss.judging.statistics import estimands as of
from isogloss.judging.word_errors import error_rates

KIND = "isogloss-audit"
UTTERANCES_PER_SPEAKER = 10
"""Where speakers are unknown, a cohort is shown from so many times `min_speakers` utterances on (our choice): nobody
can say how many people they are of."""
EXCHANGES = 100_000_000
"""Speakers times permutations of a test at most, but for 2,000 permutations at least: time, not precision, decides."""
NO_INFERENCE = 10**9

Shown = Mapping[str, str]


def audit_document(utterances: Utterances, groupings: list[Grouping], request: Request) -> dict[str, Any]:
    """All figures, small cohorts hidden.

    Raises
    ------
    TableError
        There are too few speakers for anything to be shown.
    """
    statistics = judging(request, speakers=int(utterances.before["speaker_id"].nunique()))
    shown = _shown(utterances, groupings, request)
    everything = summed(utterances.before, utterances.after, pd.Series("all", index=utterances.before.index))
    found = [_grouping(utterances, one, shown, request, statistics) for one in groupings]
    document = {
        "kind": KIND,
        "task": "asr",
        "metric": "WER",
        "system": request.after_name if request.paired else request.name,
        "baseline": request.name,
        "normalisation": list(request.normalise),
        "unit": "utterance" if request.speakers_unknown else "speaker",
        "speakers": int(everything.before["speaker_id"].nunique()),
        "utterances": len(utterances.before),
        "words": int(everything.before["words"].sum()),
        "confidence": statistics.confidence,
        "min_speakers": request.min_speakers,
        "min_speakers_for_inference": request.statistics.min_speakers,
        "permutations": statistics.permutations,
        "overall": _overall(everything, statistics),
        "groupings": found,
    }
    return _without_speakers(document) if request.speakers_unknown else document


def judging(request: Request, *, speakers: int) -> StatisticsParams:
    """The statistics that so many speakers allow: none without speakers, fewer permutations of very many."""
    asked = request.statistics
    if request.speakers_unknown:
        return asked.model_copy(update={"min_speakers": NO_INFERENCE})
    most = max(2000, EXCHANGES // max(speakers, 1))
    return asked.model_copy(update={"permutations": min(asked.permutations, most)})


def _shown(utterances: Utterances, groupings: list[Grouping], request: Request) -> dict[str, dict[str, str]]:
    """Names for the cohorts of all groupings; for a discovered one also on the half that chose, `<name> chosen`."""
    columns = {one.name: one.cohorts for one in groupings}
    columns |= {f"{one.name} chosen": one.chosen for one in groupings if one.chosen is not None}
    least = request.min_speakers * (UTTERANCES_PER_SPEAKER if request.speakers_unknown else 1)
    table = pd.DataFrame(columns, index=utterances.before.index)
    return suppress(table, utterances.before["speaker_id"], min_speakers=least)


def _overall(everything: Summed, statistics: StatisticsParams) -> dict[str, Any]:
    """All speakers together."""
    keys = ("before", "before_ci95", "after", "after_ci95", "relative_change", "ci95", "p")
    if everything.after is not None:
        pairs = pair_utterances(everything.before, everything.after, everything.before[["utterance_id", "cohort"]])
        return overall_figures(totals_by_speaker(pairs), statistics)
    pairs = pair_utterances(everything.before, everything.before, everything.before[["utterance_id", "cohort"]])
    totals = totals_by_speaker(pairs)[:, :2]
    figures: dict[str, Any] = dict.fromkeys(keys)
    if totals[:, 1].sum() == 0:
        return figures
    figures["before"] = float(totals[:, 0].sum() / totals[:, 1].sum())
    if len(totals) >= statistics.min_speakers:
        figures["before_ci95"] = estimate([totals], [of.rate()], statistics)[0].interval
    return figures


def _grouping(
    utterances: Utterances,
    grouping: Grouping,
    shown: Mapping[str, Shown],
    request: Request,
    statistics: StatisticsParams,
) -> dict[str, Any]:
    """One grouping as a comparison, or why there is none."""
    names = shown[grouping.name]
    head = {
        "rule": grouping.name,
        "title": grouping.title,
        "discovered": grouping.discovered,
        "split": "reporting half of the speakers" if grouping.discovered else "all speakers",
        "withheld": None,
    }
    if len(set(names.values())) < 2:
        reason = f"its cohorts are too small to be shown apart without telling of fewer than {request.min_speakers}"
        return {**head, "withheld": f"{reason} speakers", "cohorts": []}
    cohorts = grouping.cohorts.map(names)
    sums = summed(utterances.before, utterances.after, cohorts)
    rest = {one.cohort: one for one in disparities(sums.before, cohort="cohort", statistics=statistics)}
    chosen = _chosen(utterances, grouping, shown)
    content = _compared(sums, names, chosen, grouping, request, statistics)
    for cohort in content["cohorts"]:
        name = cohort["cohort"]
        cohort["utterances"] = sums.utterances[name]
        cohort["rest"] = _rest(rest[name], statistics)
        cohort["geometry"] = _geometry(grouping, name) if name in grouping.ranks else None
    if not grouping.discovered:  # worst first, but what was merged comes last
        merged = content["suppressed"]["merged"]
        content["cohorts"].sort(key=lambda c: (c["cohort"] == merged, -1.0 if c["before"] is None else -c["before"]))
    content["utterances"] = sum(sums.utterances.values())
    content["worse_cohorts"] = [c["cohort"] for c in content["cohorts"] if c["rest"]["worse"]]
    return {**content, **head}


def _compared(
    sums: Summed,
    names: Shown,
    chosen: Mapping[str, Mapping[str, Any]],
    grouping: Grouping,
    request: Request,
    statistics: StatisticsParams,
) -> dict[str, Any]:
    """The comparison of two systems; of one, the comparison with itself without what needs a second."""
    merged = merged_name(names)
    # Rows bear the names that are shown; `compare` wants to know which of them stands for several cohorts.
    labels = {**grouping.labels}
    hidden = [name for name in names if names[name] == merged] if merged else []
    if merged:
        labels[merged] = f"{len(hidden)} cohorts, merged for privacy"
    content = compare(
        sums.before,
        sums.before if sums.after is None else sums.after,
        sums.before[["utterance_id", "cohort"]],
        system=request.after_name if request.paired else request.name,
        rule=grouping.name,
        statistics=statistics,
        min_speakers_shown=request.min_speakers,
        labels=labels,
        mitigated=(),
        discovery=chosen,
        seeds={"statistics": statistics.seed},
        shown={name: name for name in set(names.values())},
    )
    content["baseline"] = request.name
    content["suppressed"] = {"cohorts": len(hidden), "merged": merged}
    if sums.after is None:
        _drop_second_system(content, statistics)
    content["test"] += (
        f" Against the rest: permutation of membership over speakers ({statistics.permutations}), two-sided, adjusted "
        "by Holm over the cohorts; where speakers have utterances in several cohorts, Poisson regression with speaker "
        "dependence, or where it cannot be fitted for want of errors a sign flip over speakers."
    )
    return content


def _drop_second_system(content: dict[str, Any], statistics: StatisticsParams) -> None:
    """Blank what a comparison of a system with itself says about a second one."""
    for figure in (content["overall"], *content["cohorts"], *content["spread"].values()):
        blank = {"after", "after_ci95", "relative_change", "ci95", "p", "p_holm"} & set(figure)
        figure.update(dict.fromkeys(blank))
    content["harmed_cohorts"] = []
    content["test"] = (
        f"Intervals: {100 * statistics.confidence:g} % symmetric studentised bootstrap over speakers "
        f"({statistics.resamples} draws; rates and ratios on the logarithm). Cohorts of fewer than "
        f"{statistics.min_speakers} speakers carry no inference."
    )


def _chosen(utterances: Utterances, grouping: Grouping, shown: Mapping[str, Shown]) -> dict[str, dict[str, Any]]:
    """Rate and rank on the half that chose, of cohorts that may be shown for themselves on both halves."""
    if grouping.chosen is None:
        return {}
    rates = error_rates(utterances.before.assign(cohort=grouping.chosen).dropna(subset=["cohort"]), "cohort")
    rate = {str(name): float(value) for name, value in rates["error_rate"].items()}
    alone = [
        [name for name in names if names[name] == name and list(names.values()).count(name) == 1]
        for names in (shown[grouping.name], shown[f"{grouping.name} chosen"])
    ]
    return {
        name: {"wer": rate[name], "rank": grouping.ranks[name]}
        for name in alone[0]
        if name in alone[1] and name in grouping.ranks
    }


def _rest(one: Disparity, statistics: StatisticsParams) -> dict[str, Any]:
    """A cohort against all other speakers."""
    return {
        "ratio": one.ratio,
        "ci95": one.ratio_interval,
        "p": one.p,
        "p_holm": one.p_holm,
        "detectable_ratio": one.detectable_ratio,
        "worse": one.worse(confidence=statistics.confidence),
    }


def _geometry(grouping: Grouping, name: str) -> dict[str, Any] | None:
    """The rectangles of a region: south, west, north, east in degrees."""
    rectangles = grouping.rectangles.get(name)
    return None if rectangles is None else {"rectangles": [list(rectangle) for rectangle in rectangles]}


def _without_speakers(document: dict[str, Any]) -> dict[str, Any]:
    """The same without numbers of speakers, which nobody knows."""
    for part in (document, *document["groupings"], *(c for g in document["groupings"] for c in g["cohorts"])):
        if "speakers" in part:
            part["speakers"] = None
    return document


def cohort_table(document: Mapping[str, Any]) -> pd.DataFrame:
    """One row a grouping and cohort, intervals and comparisons spread over columns: the content of cohorts.parquet."""
    rows = []
    for grouping in document["groupings"]:
        for cohort in grouping["cohorts"]:
            row: dict[str, Any] = {"rule": grouping["rule"], "discovered": grouping["discovered"]}
            row |= {key: cohort[key] for key in COHORT_KEYS if key != "mitigated"}
            row |= {f"rest_{key}": value for key, value in cohort["rest"].items()}
            rows.append(row)
    columns = ["rule", "discovered", *(k for k in COHORT_KEYS if k != "mitigated")]
    columns += [f"rest_{key}" for key in ("ratio", "ci95", "p", "p_holm", "detectable_ratio", "worse")]
    return split_intervals(pd.DataFrame(rows, columns=columns))
