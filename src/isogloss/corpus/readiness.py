"""Checks of whether a corpus and the params fit together, from tables and headers, before anything is trained.

A finding either stops a run, since a stage would refuse the same thing minutes later, or warns of what a report could
not say. All findings are given at once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from isogloss.config.components import EMBEDDINGS, TEXT_COLUMNS, ZIP_FIGURES, RecognizerComponent, RuleComponent
from isogloss.config.params import Params
from isogloss.config.registry import declaration
from isogloss.config.section import Section
from isogloss.corpus.description import RecordedCorpus, read_description
from isogloss.corpus.expectations import WEIGHT_TOLERANCE
from isogloss.corpus.ingest.corpus import check
from isogloss.corpus.ingest.ingested import Ingested
from isogloss.corpus.selection import select_utterances
from isogloss.corpus.splits import UNSPECIFIED, mean_weights, speakers_needed, with_splits
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


def findings(
    params: Params, corpora: Path | str = "corpora", *, repository: Path | str = ".", recogniser: bool = False
) -> list[Finding]:
    """All findings about the corpus that `corpus.source` names; a synthetic corpus has none.

    Parameters
    ----------
    params
        All sections.
    corpora, repository
        Folders of the descriptions, and of what relative paths in them are relative to.
    recogniser
        Whether a recogniser is about to be trained, which takes transcripts.

    Raises
    ------
    ParamsError, CorpusError, TableError
        The corpus has no description, or its tables cannot be read at all.
    """
    description = read_description(params.corpus.source, corpora)
    if description is None:
        return []
    ingested = check(description.model_copy(update={"skip_bad": True}), repository=repository, listen=False)
    return [*_rows(description, ingested), *_other_findings(params, ingested, recogniser=recogniser)]


def _rows(description: RecordedCorpus, ingested: Ingested) -> Iterator[Finding]:
    """Utterances that cannot be used."""
    if ingested.left_out:
        many = f"{len(ingested.left_out)} utterances cannot be used: {'; '.join(ingested.left_out[:MOST_NAMED])}"
        remedy = "" if description.skip_bad else "; mend them, or leave them out by `isogloss ingest --skip-bad`"
        yield Finding(many + remedy, stops=not description.skip_bad)


def _other_findings(params: Params, ingested: Ingested, *, recogniser: bool) -> Iterator[Finding]:
    """All findings that are not about unusable utterances."""
    try:
        table = select_utterances(ingested.table(), params.prepare)
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
        yield from _without_transcripts(params, recogniser=recogniser)
    if (table["speaker_id"] == table["utterance_id"]).all():
        yield Finding(
            "speakers are not known: one voice may be in several splits, and intervals treat utterances as independent "
            "speakers",
            stops=False,
        )
        if params.verification.methods:
            yield Finding("verification.methods needs to know which utterances share a speaker; empty it", stops=True)
    try:
        table = with_splits(table, params.prepare)
    except CorpusError as error:
        yield Finding(str(error), stops=True)
        return
    yield from _speakers(params, table)
    yield from _weights(params, table)
    yield from _verification(params, table)
    if transcribed:
        yield from _speech_rate(params, table)
        yield from _rules(params, table, ingested)
        pretrained = declaration(RecognizerComponent, params.asr.model).pretrained
        if params.prepare.tokens == "characters" and not pretrained:
            yield from _letters(table)


def _without_transcripts(params: Params, *, recogniser: bool) -> Iterator[Finding]:
    """What a corpus without transcripts allows, and what of the params it does not."""
    settings = "speaker.encoders=[base] and verification.methods=[continued] or others"
    remedy = "" if params.verification.methods else f", with {settings}"
    yield Finding(
        "the corpus has no transcripts, so no recogniser can be trained or judged; compare verifiers by "
        f"`isogloss run report_speaker`{remedy}",
        stops=recogniser,
    )
    if params.cohorts.rules:
        yield Finding(
            f"cohorts.rules lists {', '.join(params.cohorts.rules)}, but rules find cohorts by the errors of a "
            "recogniser, and the corpus has no transcripts; set cohorts.rules and mitigation.methods to [] "
            "(verifiers are compared by verification.attributes)",
            stops=True,
        )


def _verification(params: Params, table: pd.DataFrame) -> Iterator[Finding]:
    """Findings about what verifiers need, and about embeddings that are brought."""
    options, brought = params.verification, params.speaker.embeddings
    voices = [rule for rule in params.cohorts.rules if EMBEDDINGS in declaration(RuleComponent, rule).inputs]
    if brought is not None and (params.cohorts.voices == "asr" or not voices):
        remedy = "set cohorts.voices to speaker" if voices else "list a rule about voices in cohorts.rules"
        yield Finding(
            f"speaker.embeddings names {brought}, but no cohort rule reads it (cohorts.voices is "
            f"{params.cohorts.voices}); {remedy}, or set speaker.embeddings to null",
            stops=False,
        )
    if not options.methods:
        return
    if brought is not None:
        yield Finding(
            f"verification.methods lists {', '.join(options.methods)}, but there is no encoder to train, since "
            "speaker.embeddings names a file; empty one of the two",
            stops=True,
        )
    asked = [options.attribute, *options.attributes]
    if lacking := sorted({name for name in asked if name not in table or table[name].isna().all()}):
        yield Finding(
            f"verification groups speakers by {', '.join(lacking)}, which the corpus lacks; change "
            "verification.attribute and verification.attributes, or empty verification.methods",
            stops=True,
        )
    known = (table["speaker_id"] != table["utterance_id"]).any()
    for split in ("discovery", "test"):
        if known and table.loc[table["split"] == split, "speaker_id"].is_unique:
            yield Finding(
                f"no speaker of {split} has two utterances, so there is nothing by which a verifier could recognise "
                "them; add utterances, or empty verification.methods",
                stops=True,
            )


def _durations(params: Params, table: pd.DataFrame) -> Iterator[Finding]:
    """Findings about utterances that are longer than the recogniser or the data gate allows."""
    long = table[table["duration_s"] > params.longest_utterance_s]
    if len(long):
        yield Finding(
            f"{len(long)} utterances last more than {params.longest_utterance_s:g} s "
            f"({_some_names(long['utterance_id'].tolist())}); cut them, leave them out by prepare.max_duration_s, or "
            f"raise {params.bound_of_duration}",
            stops="duration" not in params.validation.warn,
        )


def _speech_rate(params: Params, table: pd.DataFrame) -> Iterator[Finding]:
    """Findings about utterances in which more is said than fits into their audio."""
    fast = table[table["words_per_s"] > params.validation.max_words_per_s]
    if len(fast):
        yield Finding(
            f"{len(fast)} utterances have more than {params.validation.max_words_per_s:g} words a second "
            f"({_some_names(fast['utterance_id'].tolist())}); correct their text or their span, leave them out, or "
            "raise validation.max_words_per_s",
            stops="speech_rate" not in params.validation.warn,
        )


def _weights(params: Params, table: pd.DataFrame) -> Iterator[Finding]:
    """Findings about weights of speakers that are not relative to their split."""
    mean = mean_weights(table)
    wrong = mean[(mean - 1).abs() > WEIGHT_TOLERANCE]
    if len(wrong):
        named = ", ".join(f"{split} {value:.3g}" for split, value in wrong.items())
        yield Finding(
            f"the speakers of a split should have a mean weight within {WEIGHT_TOLERANCE:g} of 1, but that of {named}; "
            "divide the weights of each split by their mean",
            stops="mean_weight" not in params.validation.warn,
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
            stops="split_speakers" not in params.validation.warn,
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
        columns = _chosen(options, inputs)
        needed = _needed(inputs)
        missing = _missing_figures(options, ingested.zips) if ZIP_FIGURES in inputs else []
        missing += [name for name in [*needed, *columns] if name not in table or table[name].isna().all()]
        if missing:
            yield Finding(
                f"the rule {rule} needs {', '.join(missing)}, which the corpus lacks; take it out of cohorts.rules",
                stops=True,
            )
            continue
        yield from _sizes(params, rule, discovery.dropna(subset=needed), needed)
        if EMBEDDINGS in inputs:
            yield from _voices(params, rule, discovery)
        for column in columns:
            if not pd.api.types.is_numeric_dtype(table[column]):
                yield from _values(params, rule, column, table)


def _chosen(options: Section, inputs: Sequence[str]) -> list[str]:
    """The columns that the options of a rule about columns of text name; empty where it takes what there is."""
    return list(getattr(options, "columns", None) or []) if TEXT_COLUMNS in inputs else []


def _needed(inputs: Sequence[str]) -> list[str]:
    """The columns without which a rule cannot be used; one that takes columns of text makes do with what there is."""
    if TEXT_COLUMNS in inputs:
        return []
    return [name for name in inputs if name not in (ZIP_FIGURES, EMBEDDINGS)] + ["zip"] * (ZIP_FIGURES in inputs)


def _missing_figures(options: Section, zips: pd.DataFrame) -> list[str]:
    """What a rule about figures of ZIPs lacks: the table of ZIPs, or some of its columns."""
    if len(zips.columns) < 2:
        return ["a table of ZIPs (`zips` in the description)"]
    asked = getattr(options, "attributes", None) or []
    return [f"{name} in the table of ZIPs" for name in asked if name not in zips]


def _sizes(params: Params, rule: str, known: pd.DataFrame, needed: Sequence[str]) -> Iterator[Finding]:
    """Findings about a rule with too few speakers in discovery, those of the rows of `known`."""
    options, speakers = params.section(rule), known["speaker_id"].nunique()
    fewest = getattr(options, "min_speakers", 0)
    if fewest and speakers < 2 * fewest:
        whose = f" whose {', '.join(needed)} is known" if needed else ""
        yield Finding(
            f"the rule {rule} can find only one cohort: discovery has {speakers} speakers{whose}, and two cohorts take "
            f"{2 * fewest} ({rule}.min_speakers); lower it, or take the rule out",
            stops=rule == params.mitigation.rule,
        )
    clusters = getattr(options, "n_clusters", 0)
    if isinstance(clusters, int) and speakers < clusters:
        yield Finding(
            f"the rule {rule} makes {clusters} groups, but discovery has {speakers} speakers; lower {rule}.n_clusters",
            stops=True,
        )


def _voices(params: Params, rule: str, discovery: pd.DataFrame) -> Iterator[Finding]:
    """Findings about a rule that compares utterances of one speaker, where no speaker has two."""
    if getattr(params.section(rule), "normalization", None) != "within_speaker":
        return
    why = f"the rule {rule} compares utterances of one speaker ({rule}.normalization is within_speaker), but"
    if discovery["speaker_id"].is_unique:
        yield Finding(f"{why} no speaker of discovery has two; set {rule}.normalization to mean", stops=True)
    elif params.cohorts.voices == "asr" and params.cohorts.voice_utterances == 1:
        yield Finding(f"{why} cohorts.voice_utterances is 1; raise it, or set {rule}.normalization to mean", stops=True)


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
