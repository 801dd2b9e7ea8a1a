"""The figures of an audit in sentences, computed: whom the system fails, who gained, who lost, how surely.

"Measurably" means that the test of a cohort holds after Holm's adjustment over the cohorts of its grouping. The title
is chosen among all groupings, so a cohort in it must hold after adjustment over the cohorts of all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isogloss.judging.statistics.multiple import holm
from isogloss.report.text import as_far_as_judged, counted, interval, listing, percent, signed_percent

Content = Mapping[str, Any]
MOST_NAMED = 3


@dataclass(frozen=True)
class Headline:
    """The top of the page."""

    title: str
    sentences: tuple[str, ...]


def headline(document: Content) -> Headline:
    """The most important finding, and what belongs beside it."""
    worse = [(g, c) for g in document["groupings"] for c in g["cohorts"] if c["rest"]["worse"]]
    overall = document["overall"]
    sentences = [_overall(document)]
    if document["system"] != document["baseline"] and overall["after"] is not None:
        sentences += _changes(document)
    judged = [g for g in document["groupings"] if not g["withheld"]]
    if not judged:
        title = f"{document['baseline']} has {percent(overall['before'])} {document['metric']}."
        return Headline(title, (*sentences, "No cohorts were compared."))
    if document["unit"] != "speaker":
        sentences.append("Speakers are unknown, so nothing can be said about whether cohorts really differ.")
        return Headline(f"Error rates of {counted(sum(len(g['cohorts']) for g in judged), 'cohort')}", tuple(sentences))
    title, named = _title(judged, worse, document)
    others = [_named(g, c) for g, c in worse if c is not named]
    if others:
        more = "" if len(others) <= MOST_NAMED else f" and {counted(len(others) - MOST_NAMED, 'other')}"
        also, one = "" if named is None else "also ", len(others) == 1
        among = "" if len(judged) == 1 else " of its grouping" if one else " of their groupings"
        verb = "is" if one else "are"
        sentences.append(f"Measurably worse than all others{among} {verb} {also}{listing(others[:MOST_NAMED]) + more}.")
    return Headline(title, tuple(sentences))


def _title(
    groupings: Sequence[Content], worse: Sequence[tuple[Content, Content]], document: Content
) -> tuple[str, Content | None]:
    """The cohort with the highest error rate of those that are worse after adjustment over all groupings, if any."""
    cohorts = [c for g in groupings for c in g["cohorts"]]
    adjusted = zip(cohorts, holm([c["rest"]["p"] for c in cohorts]), strict=True)
    held = [c for c, p in adjusted if p is not None and p <= 1 - document["confidence"]]
    found = [(g, c) for g, c in worse if any(c is one for one in held)]
    if not found:
        over = ", over all groupings together" if worse else ""
        nothing = f"No cohort is measurably served worse than all other speakers{over}"
        return _as_far_as_tested(nothing, groupings, _against_rest), None
    grouping, cohort = max(found, key=lambda pair: pair[1]["before"])
    title = f"{document['baseline']} fails {_named(grouping, cohort)}: {percent(cohort['before'])} {document['metric']}"
    return f"{title}{_times(cohort)}.", cohort


def summary(grouping: Content, document: Content) -> str:
    """What one grouping shows."""
    if grouping["withheld"]:
        return f"Not shown: {grouping['withheld']}."
    if document["unit"] != "speaker":
        return "Speakers are unknown: rates without intervals or tests."
    worse = [c for c in grouping["cohorts"] if c["rest"]["worse"]]
    if worse:
        text = f"Measurably worse than all other speakers: {listing([_described(c) for c in worse])}."
    else:
        text = _as_far_as_tested("No cohort is measurably worse than all other speakers", [grouping], _against_rest)
        ratios = [c["rest"]["detectable_ratio"] for c in grouping["cohorts"]]
        known = [ratio for ratio in ratios if ratio is not None]
        if known:
            text += (
                " With these speakers, a cohort would have been seen (with probability 0.8, before adjustment) if it "
                f"made {min(known):.1f} to {max(known):.1f} times the errors of the rest."
                if round(min(known), 1) < round(max(known), 1)
                else f" With these speakers, {max(known):.1f} times the errors of the rest would have been seen (with "
                "probability 0.8, before adjustment)."
            )
    if grouping["harmed_cohorts"]:
        labels = {c["cohort"]: c["label"] for c in grouping["cohorts"]}
        harmed = listing([labels[name] for name in grouping["harmed_cohorts"]])
        text += f" Measurably harmed by {document['system']}: {harmed}."
    return text


def selection(grouping: Content) -> str | None:
    """How a discovered grouping came about, and what that does to its figures."""
    if not grouping["discovered"]:
        return None
    text = (
        "The speakers were divided in two by a hash of their id. One half chose and ranked these cohorts; every figure "
        "and test here is of the other half, which had no part in the choice."
    )
    ranked = [c for c in grouping["cohorts"] if c["discovery_rank"] is not None and c["discovery"] is not None]
    if not ranked:
        return text
    worst = min(ranked, key=lambda c: c["discovery_rank"])
    hidden = "" if worst["discovery_rank"] == 1 else f" of those that may be shown (rank {worst['discovery_rank']})"
    return (
        f"{text} The cohort that the choosing half found worst{hidden}, {worst['label']}, has "
        f"{percent(worst['discovery'])} there and {percent(worst['before'])} here."
    )


def _overall(document: Content) -> str:
    """Size and error rate of everything."""
    overall = document["overall"]
    who = "" if document["speakers"] is None else f"{counted(document['speakers'], 'speaker')}, "
    text = (
        f"{who}{counted(document['utterances'], 'utterance')}, {counted(document['words'], 'word')}: "
        f"{percent(overall['before'])} {document['metric']}"
    )
    return text + (f" ({interval(overall['before_ci95'])})" if overall["before_ci95"] else "") + "."


def _changes(document: Content) -> list[str]:
    """What the second system changes overall, and for whom."""
    overall = document["overall"]
    text = f"{document['system']} has {percent(overall['after'])}"
    if overall["relative_change"] is not None:
        text += f", a relative change of {signed_percent(overall['relative_change'])}"
        text += f" ({interval(overall['ci95'], signed=True)})" if overall["ci95"] else ""
    harmed = [
        f"{c['label']} (by {g['title']})"
        for g in document["groupings"]
        for c in g["cohorts"]
        if c["cohort"] in g["harmed_cohorts"]
    ]
    sentences = [f"{text}."]
    if document["groupings"] and document["unit"] == "speaker":
        named = listing(harmed[:MOST_NAMED]) if len(harmed) <= MOST_NAMED else counted(len(harmed), "cohort")
        shown = [g for g in document["groupings"] if not g["withheld"]]
        nothing = _as_far_as_tested("It measurably harms no cohort", shown, _of_change)
        sentences.append(f"It measurably harms {named}." if harmed else nothing)
    return sentences


def _as_far_as_tested(nothing: str, groupings: Sequence[Content], p_holm: Callable[[Content], float | None]) -> str:
    """That nothing was found, and how many cohorts had no p value for anything to be found by."""
    p_values = [p_holm(c) for g in groupings for c in g["cohorts"]]
    return as_far_as_judged(nothing, judged=sum(p is not None for p in p_values), of=len(p_values))


def _against_rest(cohort: Content) -> float | None:
    """The adjusted p value of a cohort against all other speakers."""
    p_holm: float | None = cohort["rest"]["p_holm"]
    return p_holm


def _of_change(cohort: Content) -> float | None:
    """The adjusted p value of the second system's change."""
    p_holm: float | None = cohort["p_holm"]
    return p_holm


def _named(grouping: Content, cohort: Content) -> str:
    """A cohort with what it is a value of."""
    return f"{cohort['label']} ({grouping['title']})"


def _described(cohort: Content) -> str:
    """A cohort with its rate and ratio."""
    bounds = f", {interval(cohort['before_ci95'])}" if cohort["before_ci95"] else ""
    return f"{cohort['label']} ({percent(cohort['before'])}{bounds}{_times(cohort)})"


def _times(cohort: Content) -> str:
    """How many times the errors of the rest."""
    ratio = cohort["rest"]["ratio"]
    return "" if ratio is None else f", {ratio:.1f} times that of all others"
