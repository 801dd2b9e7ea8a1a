"""The figures of an audit of verification in sentences, computed: which cohort is worse served, and how surely.

The figures hold no test of one cohort against another, so "measurably worse served" is said where intervals allow it:
of two cohorts, where that of their gap leaves zero out; of more, where a cohort's interval lies wholly above that of
every other. Intervals that overlap do not say that cohorts are equal.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from isogloss.audit.findings import Headline
from isogloss.judging.verification.figures import SIDES
from isogloss.report.text import (
    as_far_as_judged,
    cost,
    cost_interval,
    counted,
    interval,
    listing,
    percent,
    points,
    signed_percent,
    signed_points,
)

Content = Mapping[str, Any]
_NOUNS = {"speakers": "speaker", "targets": "target", "nontargets": "non-target"}
_NONE_WORSE = "No cohort is measurably worse served than the others"
_WANTING = "speakers and trials"


def headline(document: Content) -> Headline:
    """The most important finding, and what belongs beside it."""
    overall, metric = document["overall"], document["metric"]
    whose, by = (f" {word} {document['baseline']}" if document["paired"] else "" for word in ("of", "by"))
    rate = f"The {metric}{whose} over all trials is {percent(overall['before'])}{_bounds(overall['before_ci95'])}."
    size = f"{listing([counted(document[key], noun) for key, noun in _NOUNS.items()])}."
    changes = _changes(document) if document["paired"] else []
    if not document["groupings"]:
        return Headline(rate, (size, *changes, "No cohorts were compared."))
    worse = [(g, c) for g in document["groupings"] if (c := worse_served(g, "before")) is not None]
    if not worse:
        return Headline(rate, (size, _none_worse(document["groupings"], ("before",), by), *changes))
    grouping, cohort = max(worse, key=lambda pair: pair[1]["before"])
    title = (
        f"{cohort['label']} ({grouping['rule']}) is measurably worse served: {_against(grouping, cohort, document)}."
    )
    others = [f"{c['label']} ({g['rule']})" for g, c in worse if c is not cohort]
    also = [f"Measurably worse served is also {listing(others)}."] if others else []
    return Headline(title, (size, rate, *also, *changes))


def costs(document: Content) -> list[str]:
    """The detection costs at each prior, in sentences."""
    sides = {"before": document["baseline"], "after": document["system"]} if document["paired"] else {"before": ""}
    sentences = []
    for side, name in sides.items():
        parts = []
        for prior, figures in document["overall"]["min_dcf"].items():
            bounds = figures[f"{side}_ci95"]
            within = "" if bounds is None else f" ({cost_interval((bounds[0], bounds[1]))})"
            parts.append(f"{cost(figures[side])}{within} at a target prior of {prior}")
        sentences.append(f"minDCF{f' of {name}' if name else ''}: {listing(parts)}.")
    return sentences


def worse_served(grouping: Content, side: str) -> Content | None:
    """The cohort that is measurably worse served than all others that can be judged; None where there is none.

    `side` is `before` or `after`, the verifier that is meant.
    """
    compared = _judged(grouping, side)
    if not compared:
        return None
    first, *others = sorted(compared, key=lambda c: -c[side])
    if "gap" in grouping["spread"]:
        return first if grouping["spread"]["gap"][f"{side}_ci95"][0] > 0 else None
    key = f"{side}_ci95"
    return first if first[key][0] > max(c[key][1] for c in others) else None


def _judged(grouping: Content, side: str) -> list[Content]:
    """The cohorts that can be compared with each other, two at least; none where an interval is wanting."""
    compared = [c for c in grouping["cohorts"] if c["cohort"] in grouping["spread"]["cohorts"]]
    gap, key = grouping["spread"].get("gap"), f"{side}_ci95"
    known = all(c[key] is not None for c in compared) if gap is None else gap.get(key) is not None
    return compared if known and len(compared) > 1 else []


def _none_worse(groupings: Sequence[Content], sides: Sequence[str], by: str) -> str:
    """That no cohort is worse served, as far as cohorts can be compared on all of the sides."""
    judged = sum(min(len(_judged(grouping, side)) for side in sides) for grouping in groupings)
    cohorts = sum(len(grouping["cohorts"]) for grouping in groupings)
    return as_far_as_judged(f"{_NONE_WORSE}{by}", judged=judged, of=cohorts, wanting=_WANTING)


def summary(grouping: Content, document: Content) -> list[str]:
    """What one grouping shows, in sentences."""
    sentences = _distances(grouping, document)
    sentences.append(_worse(grouping, document))
    if document["paired"]:
        sentences += _verdicts([grouping], document, by=False)
    if grouping["not_measurable"]:
        labels = [c["label"] for c in grouping["cohorts"] if not c["measurable"]]
        sentences.append(f"Not measurable, for want of targets or of non-targets: {listing(labels)}.")
    return sentences


def verdict(cohort: Content, grouping: Content) -> str | None:
    """What the second verifier does to a cohort, after Holm's adjustment; None where that cannot be judged."""
    if cohort["p_holm"] is None:
        return None
    if cohort["cohort"] in grouping["harmed_cohorts"]:
        return "harmed"
    gained = cohort["p_holm"] <= 1 - grouping["confidence"] and cohort["after"] < cohort["before"]
    return "gained" if gained else "no measurable change"


def withheld(document: Content) -> str:
    """Why nothing of a grouping is shown."""
    few = f"fewer than {document['min_speakers']} speakers"
    return f"Not shown: its cohorts are too small to be shown apart without telling of {few}."


def _distances(grouping: Content, document: Content) -> list[str]:
    """The gap of two cohorts, the spread of more."""
    spread = grouping["spread"]
    labels = [c["label"] for c in grouping["cohorts"] if c["cohort"] in spread["cohorts"]]
    if len(labels) < 2:
        return ["Fewer than two cohorts can be measured, so nothing is said of how far they are apart."]
    gap = spread.get("gap")
    if gap is not None:
        texts = [f"{points(gap[side])}{_bounds(gap.get(f'{side}_ci95'))}" for side in ("before", "after")]
        text = f"Gap between {listing(labels)}: {texts[0]}"
        if document["paired"]:
            text += f" with {document['baseline']}, {texts[1]} with {document['system']}; a change of "
            text += f"{signed_points(gap['change'], digits=1)}{_bounds(gap['ci95'], signed=True)}"
        return [f"{text}."]
    deviation, highest = spread["standard_deviation"], spread["max"]
    text = f"Spread over {counted(len(labels), 'cohort')}: "
    text += f"a standard deviation of {points(deviation['before'])}, the highest {percent(highest['before'])}"
    if document["paired"]:
        text += f" with {document['baseline']}; {points(deviation['after'])} and {percent(highest['after'])} with "
        text += f"{document['system']}, the deviation a change of {signed_percent(deviation['relative_change'])}"
        text += _bounds(deviation["ci95"], signed=True)
    return [f"{text}."]


def _worse(grouping: Content, document: Content) -> str:
    """Which cohort is worse served, by each verifier."""
    first = worse_served(grouping, "before")
    if not document["paired"]:
        return f"Measurably worse served: {first['label']}." if first else _none_worse([grouping], ("before",), "")
    second = worse_served(grouping, "after")
    if first is None and second is None:
        return _none_worse([grouping], SIDES, ", with either verifier")
    if first is not None and first is second:
        return f"Measurably worse served, with either verifier: {first['label']}."
    named = [one["label"] if one else "none" for one in (first, second)]
    return f"Measurably worse served: {named[0]} with {document['baseline']}, {named[1]} with {document['system']}."


def _changes(document: Content) -> list[str]:
    """What the second verifier changes overall."""
    overall = document["overall"]
    text = f"{document['system']} has {percent(overall['after'])}{_bounds(overall['after_ci95'])}"
    if overall["relative_change"] is not None:
        text += f", a relative change of {signed_percent(overall['relative_change'])}"
        text += _bounds(overall["ci95"], signed=True)
    return [f"{text}.", *_verdicts(document["groupings"], document, by=True)]


def _verdicts(groupings: Sequence[Content], document: Content, *, by: bool) -> list[str]:
    """Whom the second verifier harms, and who gains by it; `by` says of what the cohorts are values."""
    if not groupings:
        return []
    judged = [
        (verdict(cohort, grouping), cohort["label"] + (f" (by {grouping['rule']})" if by else ""))
        for grouping in groupings
        for cohort in grouping["cohorts"]
    ]
    tested = sum(cohort["p_holm"] is not None for grouping in groupings for cohort in grouping["cohorts"])
    nothing = f"No cohort is measurably harmed by {document['system']}"
    harmed, gained = ([label for said, label in judged if said == wanted] for wanted in ("harmed", "gained"))
    sentences = [
        f"Measurably harmed by {document['system']}: {listing(harmed)}."
        if harmed
        else as_far_as_judged(nothing, judged=tested, of=len(judged), wanting=_WANTING)
    ]
    return sentences + ([f"Measurably better served by it: {listing(gained)}."] if gained else [])


def _against(grouping: Content, cohort: Content, document: Content) -> str:
    """A cohort's rate beside that of the other, or of all trials."""
    others = [
        c
        for c in grouping["cohorts"]
        if c["cohort"] in grouping["spread"]["cohorts"] and c["cohort"] != cohort["cohort"]
    ]
    rate = f"{percent(cohort['before'])} {document['metric']}"
    if len(others) == 1:
        return f"{rate} against {percent(others[0]['before'])} of {others[0]['label']}"
    return f"{rate} against {percent(document['overall']['before'])} over all trials"


def _bounds(bounds: Sequence[float] | None, *, signed: bool = False) -> str:
    """An interval in brackets, where there is one."""
    return "" if bounds is None else f" ({interval((bounds[0], bounds[1]), signed=signed)})"
