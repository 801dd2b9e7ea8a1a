"""Checks of whether a corpus and the params fit together, from tables and headers, before anything is trained.

A finding either stops a run, since a stage would refuse the same thing minutes later, or warns of what a report could
not say. All findings are given at once.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from isogloss.config.components import EMBEDDINGS, TEXT_COLUMNS, ZIP_FIGURES, RecognizerComponent, RuleComponent
from isogloss.config.params import Params
from isogloss.config.registry import declaration
from isogloss.corpus.description import RecordedCorpus, read_description
from isogloss.corpus.ingest.corpus import check
from isogloss.corpus.ingest.ingested import Ingested
from isogloss.corpus.selection import select_utterances
from isogloss.corpus.splits import UNSPECIFIED, assign_splits, speakers_needed
from isogloss.errors import CorpusError
from isogloss.tables import SPLITS

MOST_NAMED = 5
"""Largest number of utterances, letters or values that one sentence names; the others are counted."""
LOWEST_RATE = 16_000


@dataclass(frozen=True)
class Finding:
    """A problem, in one sentence."""

    sentence: str
    stops: bool


def findings(params: Params, corpora: Path | str = "corpora", *, repository: Path | str = ".") -> list[Finding]:
    """All findings about the corpus that `corpus.source` names; a synthetic corpus has none.

    Raises
    ------
    ParamsError, CorpusError, TableError
        The corpus has no description, or its tables cannot be read at all.
    """
    description = read_description(params.corpus.source, corpora)
    if description is None:
        return []
    ingested = check(description.model_copy(update={"skip_bad": True}), repository=repository, listen=False)
    return [*_rows(description, ingested), *_other_findings(params, ingested)]


def _rows(description: RecordedCorpus, ingested: Ingested) -> Iterator[Finding]:
    """Utterances that cannot be used."""
    if ingested.left_out:
        many = f"{len(ingested.left_out)} utterances cannot be used: {'; '.join(ingested.left_out[:MOST_NAMED])}"
        remedy = "" if description.skip_bad else "; mend them, or leave them out by `isogloss ingest --skip-bad`"
        yield Finding(many + remedy, stops=not description.skip_bad)


def _other_findings(params: Params, ingested: Ingested) -> Iterator[Finding]:
    """All findings that are not about unusable utterances."""
    try:
        table = select_utterances(_table(ingested), params.prepare)
    except CorpusError as error:
        yield Finding(str(error), stops=True)
        return
    yield from _durations(params, table)
    low = sorted({h.sampling_rate for h in ingested.headers.values() if h.sampling_rate < LOWEST_RATE})
    if low:
        rates = ", ".join(map(str, low))
        yield Finding(
            f"audio of {rates} Hz is brought to {LOWEST_RATE} Hz, which adds no high frequencies", stops=False
        )
    transcribed = bool((table["ref"] != "").any())
    if not transcribed:
        yield Finding(
            "the corpus has no transcripts: no recogniser can be trained or judged; run `isogloss run report_speaker` "
            "with verification.methods",
            stops=False,
        )
    if (table["speaker_id"] == table["utterance_id"]).all():
        yield Finding(
            "speakers are not known: one voice may be in several splits, and intervals treat utterances as independent "
            "speakers",
            stops=False,
        )
        if params.verification.methods:
            yield Finding("verification.methods needs to know which utterances share a speaker; empty it", stops=True)
    try:
        table["split"] = assign_splits(table, params.prepare)
    except CorpusError as error:
        yield Finding(str(error), stops=True)
        return
    yield from _speakers(params, table)
    asked = [params.verification.attribute, *params.verification.attributes] if params.verification.methods else []
    if lacking := sorted({name for name in asked if name not in table or table[name].isna().all()}):
        yield Finding(
            f"verification groups speakers by {', '.join(lacking)}, which the corpus lacks; change "
            "verification.attribute and verification.attributes, or empty verification.methods",
            stops=True,
        )
    yield from _rules(params, table, ingested)
    pretrained = declaration(RecognizerComponent, params.asr.model).pretrained
    if transcribed and params.prepare.tokens == "characters" and not pretrained:
        yield from _letters(table)


def _table(ingested: Ingested) -> pd.DataFrame:
    """One row per utterance, with the columns that splits and rules use."""
    rows = zip(ingested.utterances, ingested.spans, strict=True)
    return pd.DataFrame(
        [
            {
                **u.attributes,
                "utterance_id": u.utterance_id,
                "speaker_id": u.speaker_id,
                "split": u.split,
                "ref": u.text,
            }
            | {"duration_s": span.duration}
            for u, span in rows
        ]
    )


def _durations(params: Params, table: pd.DataFrame) -> Iterator[Finding]:
    """Findings about utterances that are longer than the recogniser or the data gate allows."""
    long = table[table["duration_s"] > params.longest_utterance_s]
    if len(long):
        yield Finding(
            f"{len(long)} utterances last more than {params.longest_utterance_s:g} s "
            f"({_some_names(long['utterance_id'].tolist())}); cut them, leave them out by prepare.max_duration_s, or "
            f"raise {params.bound_of_duration}",
            stops=True,
        )


def _speakers(params: Params, table: pd.DataFrame) -> Iterator[Finding]:
    """Findings about splits with too few speakers to be judged."""
    speakers = table.groupby("split")["speaker_id"].nunique().reindex(list(SPLITS), fill_value=0)
    least = params.validation.min_speakers
    few = [f"{split} {count}" for split, count in speakers.items() if count < least]
    if few:
        total = table["speaker_id"].nunique()
        needed = speakers_needed(params.prepare, least)
        remedy = f"add speakers (it takes about {needed}), or " if total < needed else ""
        yield Finding(
            f"of the corpus' {total} speakers too few are in some splits ({', '.join(few)}), and "
            f"validation.min_speakers is {least}; {remedy}change the shares in prepare, or judge a recogniser that you "
            "have by `isogloss audit`, which needs no splits",
            stops=True,
        )
    if speakers["test"] < 2 * params.statistics.min_speakers:
        yield Finding(
            f"test has {speakers['test']} speakers: two cohorts that are judged need {params.statistics.min_speakers} "
            "each (statistics.min_speakers), so differences will be inconclusive",
            stops=False,
        )


def _rules(params: Params, table: pd.DataFrame, ingested: Ingested) -> Iterator[Finding]:
    """Findings about rules whose inputs are missing, or that can find only one cohort."""
    discovery = table[table["split"] == "discovery"]
    for rule in params.cohorts.rules:
        options = params.section(rule)
        inputs = declaration(RuleComponent, rule).inputs
        columns = list(getattr(options, "columns", [])) if TEXT_COLUMNS in inputs else []
        named = [name for name in inputs if name not in (TEXT_COLUMNS, ZIP_FIGURES, EMBEDDINGS)]
        missing = [name for name in [*named, *columns] if name not in table or table[name].isna().all()]
        if ZIP_FIGURES in inputs and len(ingested.zips.columns) < 2:
            missing.append("a table of ZIPs (`zips` in the description)")
        if missing:
            yield Finding(
                f"the rule {rule} needs {', '.join(missing)}, which the corpus lacks; take it out of cohorts.rules",
                stops=True,
            )
            continue
        known = discovery.dropna(subset=[name for name in named if name != "zip"])
        speakers = known["speaker_id"].nunique()
        fewest = getattr(options, "min_speakers", 0)
        if fewest and speakers < 2 * fewest:
            yield Finding(
                f"the rule {rule} can find only one cohort: discovery has {speakers} speakers whose {', '.join(named)} "
                f"is known, and two cohorts take {2 * fewest} ({rule}.min_speakers); lower it, or take the rule out",
                stops=rule == params.mitigation.rule,
            )
        clusters = getattr(options, "n_clusters", 0)
        if clusters and discovery["speaker_id"].nunique() < clusters:
            yield Finding(
                f"the rule {rule} makes {clusters} groups, but discovery has "
                f"{discovery['speaker_id'].nunique()} speakers; lower {rule}.n_clusters",
                stops=True,
            )
        for column in columns:
            yield from _values(params, rule, column, table)


def _values(params: Params, rule: str, column: str, table: pd.DataFrame) -> Iterator[Finding]:
    """Findings about values of a column with too few speakers in discovery or test."""
    if table.loc[table["split"] == "discovery", column].nunique() < 2:
        yield Finding(
            f"the rule {rule} can find only one cohort: {column} has one value in discovery; choose another column",
            stops=rule == params.mitigation.rule,
        )
    test = table[table["split"] == "test"]
    counts = test.groupby(test[column].fillna(UNSPECIFIED).astype("str"))["speaker_id"].nunique()
    few = [f"{value} ({n})" for value, n in counts.items() if n < params.statistics.min_speakers]
    if few:
        yield Finding(
            f"{column}: {len(few)} of {len(counts)} values have fewer than {params.statistics.min_speakers} speakers "
            f"in test, so nothing will be proved about them: {_some_names(few)}",
            stops=False,
        )


def _letters(table: pd.DataFrame) -> Iterator[Finding]:
    """Findings about letters of held-out references that train and adapt lack, which a recogniser cannot write."""
    learnt = table["split"].isin(["train", "adapt"])
    known = set().union(*(set(text) for text in table.loc[learnt, "ref"]))
    lacking: Counter[str] = Counter()
    rows: dict[str, str] = {}
    for utterance, text in zip(table.loc[~learnt, "utterance_id"], table.loc[~learnt, "ref"], strict=True):
        for letter in set(text) - known:
            lacking[letter] += 1
            rows.setdefault(letter, utterance)
    if lacking:
        named = [f"{letter!r} in {n} utterances, the first {rows[letter]}" for letter, n in lacking.most_common()]
        yield Finding(
            f"train lacks letters that other splits have: {_some_names(named)}; spell them in other letters, leave the "
            "rows out, or take prepare.tokens: pieces",
            stops=True,
        )


def _some_names(names: list[str]) -> str:
    """The first names, and how many others there are."""
    others = f" and {len(names) - MOST_NAMED} others" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + others
