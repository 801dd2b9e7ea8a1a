"""The expectations of the data gate: what must hold of a prepared corpus before anything is trained on it.

There is a suite for recordings, supervisions, speakers, splits and cohorts. An expectation that fails stops what
depends on it, or warns: each has its default, and `validation.stop` and `validation.warn` change it by name. Which
expectations there are is our choice.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from isogloss.config import ValidationParams
from isogloss.corpus.frontend.sound import CLIPPED_SHARE, DC_OFFSET, SILENT_PEAK
from isogloss.errors import ParamsError
from isogloss.tables import SPLITS

WEIGHT_TOLERANCE = 0.1
"""Largest deviation from 1 of the mean weight of a split's speakers; it is not exactly 1, since population shares are
estimated from samples."""
QUIETEST_DB = -50.0
Severity = Literal["stop", "warn"]
SUITES = ("recordings", "supervisions", "speakers", "splits", "cohorts")


@dataclass(frozen=True)
class Rule:
    """One expectation: a sentence, the table it speaks of, its Great Expectations class and the arguments of that."""

    name: str
    suite: str
    sentence: str
    table: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    severity: Severity = "stop"


def rules(params: ValidationParams, alphabet: Iterable[str] | None, *, transcribed: bool = True) -> list[Rule]:
    """All expectations, in the order in which they are reported.

    Parameters
    ----------
    params
        The thresholds, and what stops or warns.
    alphabet
        The characters of the tokens; None for a recogniser that brings a vocabulary of its own.
    transcribed
        Whether the corpus has transcripts; without, nothing is expected of them.

    Raises
    ------
    ParamsError
        `validation.stop` or `validation.warn` names no expectation.
    """
    listed = [*_recordings(), *_supervisions(params), *(_transcripts(params, alphabet) if transcribed else [])]
    listed += [*_speakers(), *_splits(params), *_cohorts(params)]
    names = {rule.name for rule in listed} | {rule.name for rule in _transcripts(params, "")}
    for key in ("stop", "warn"):
        for name in getattr(params, key):
            if name not in names:
                raise ParamsError(f"validation.{key} names {name!r}; the expectations are {', '.join(sorted(names))}")
    return [replace(rule, severity=_severity(rule, params)) for rule in listed]


def _severity(rule: Rule, params: ValidationParams) -> Severity:
    """Whether an expectation stops or warns."""
    if rule.name in params.stop:
        return "stop"
    return "warn" if rule.name in params.warn else rule.severity


def _recordings() -> list[Rule]:
    """What samples must be."""
    one: dict[str, Any] = {"suite": "recordings", "table": "sound"}
    return [
        _between("finite", "samples are numbers, neither NaN nor infinite", "non_finite", 0, 0, **one),
        _between("not_silent", "no utterance is silent (a peak below -60 dB)", "peak", SILENT_PEAK, **one),
        _between(
            "not_quiet", f"speech is louder than {QUIETEST_DB:g} dB of full scale", "level_db", QUIETEST_DB, **one,
            severity="warn",
        ),
        _between(
            "not_clipped", f"at most {CLIPPED_SHARE:.0%} of the samples of an utterance are clipped", "clipped_share",
            0, CLIPPED_SHARE, **one, severity="warn",
        ),
        _between(
            "no_offset", f"the mean sample is within {DC_OFFSET:g} of full scale", "dc_offset", -DC_OFFSET, DC_OFFSET,
            **one, severity="warn",
        ),
    ]  # fmt: skip


def _supervisions(params: ValidationParams) -> list[Rule]:
    """What rows must be, whatever was said."""
    one: dict[str, Any] = {"suite": "supervisions", "table": "utterances"}
    known = ("utterance_id", "speaker_id", "split", "ref", "words", "duration_s", "weight")
    return [
        Rule("rows", sentence="the table has rows", kind="ExpectTableRowCountToBeBetween", arguments={"min_value": 1},
             **one),
        *(
            Rule(f"{column}_known", sentence=f"{column} is known", kind="ExpectColumnValuesToNotBeNull",
                 arguments={"column": column}, **one)
            for column in known
        ),
        Rule("ids_unique", sentence="ids are unique", kind="ExpectColumnValuesToBeUnique",
             arguments={"column": "utterance_id"}, **one),
        Rule("split_names", sentence=f"split is one of {', '.join(SPLITS)}", kind="ExpectColumnValuesToBeInSet",
             arguments={"column": "split", "value_set": list(SPLITS)}, **one),
        _between("duration", f"duration is above 0 and at most {params.max_duration_s:g} s", "duration_s", 0,
                 params.max_duration_s, strict_min=True, **one),
        _between("latitude", "latitude is from -90 to 90 degrees", "latitude", -90, 90, **one),
        _between("longitude", "longitude is from -180 to 180 degrees", "longitude", -180, 180, **one),
        Rule("coordinates", sentence="latitude and longitude are known together", kind="ExpectColumnValuesToBeInSet",
             arguments={"column": "coordinates", "value_set": [0, 2]}, **one),
        _between("weight", "weight is positive", "weight", 0, 1e9, strict_min=True, **one),
    ]  # fmt: skip


def _transcripts(params: ValidationParams, alphabet: Iterable[str] | None) -> list[Rule]:
    """What references must be."""
    one: dict[str, Any] = {"suite": "supervisions", "table": "utterances"}
    characters = "".join(re.escape(character) for character in sorted(set(alphabet or ())))
    same = "ExpectColumnPairValuesToBeEqual"
    return [
        _between("speech_rate", f"speech has at most {params.max_words_per_s:g} words a second", "words_per_s", 0,
                 params.max_words_per_s, strict_min=True, **one),
        Rule("words", sentence="words is the number of words in ref", kind=same,
             arguments={"column_A": "words", "column_B": "words_in_ref"}, **one),
        Rule("lower_case", sentence="ref is in lower case", kind=same,
             arguments={"column_A": "ref", "column_B": "ref_in_lower_case"}, **one),
        _matching("single_spaces", "ref is words with single spaces between them", r"\S+(?: \S+)*"),
        *([] if alphabet is None else [
            _matching("alphabet", "ref is made of the characters of the token alphabet", f"[{characters}]+")]),
    ]  # fmt: skip


def _speakers() -> list[Rule]:
    """What speakers must be."""
    sentence = "no speaker is in two splits (train and adapt count as one)"
    return [_between("disjoint", sentence, "groups", 1, 1, suite="speakers", table="speakers")]


def _splits(params: ValidationParams) -> list[Rule]:
    """What splits must be."""
    one: dict[str, Any] = {"suite": "splits", "table": "splits"}
    few = f"every split has at least {params.min_speakers} speakers"
    mean = f"the speakers of a split have a mean weight within {WEIGHT_TOLERANCE:g} of 1"
    low, high = 1 - WEIGHT_TOLERANCE, 1 + WEIGHT_TOLERANCE
    return [
        _between("split_speakers", few, "speakers", params.min_speakers, **one),
        _between("mean_weight", mean, "mean_weight", low, high, **one),
    ]


def _cohorts(params: ValidationParams) -> list[Rule]:
    """What cohorts by known columns must be to be judged."""
    sentence = (
        f"every value of attribute.columns has at least {params.effective_speakers} effective speakers in test, which "
        f"show a difference of {params.detectable:.0%} of words with a power of {params.power:.0%}"
    )
    fewest = params.effective_speakers
    return [
        _between("effective_speakers", sentence, "effective", fewest, suite="cohorts", table="cohorts", severity="warn")
    ]


def _between(
    name: str, sentence: str, column: str, low: float, high: float | None = None, *, suite: str, table: str,
    strict_min: bool = False, severity: Severity = "stop",
) -> Rule:  # fmt: skip
    """A number from `low` (or above it) to `high`."""
    arguments = {"column": column, "min_value": low, "max_value": high, "strict_min": strict_min}
    return Rule(name, suite, sentence, table, "ExpectColumnValuesToBeBetween", arguments, severity)


def _matching(name: str, sentence: str, pattern: str) -> Rule:
    r"""References that a regular expression matches from end to end (`$` would let a last line end pass)."""
    arguments = {"column": "ref", "regex": rf"\A{pattern}\Z"}
    return Rule(name, "supervisions", sentence, "utterances", "ExpectColumnValuesToMatchRegex", arguments)
