"""The commands that check and run the pipeline on a corpus, with params that its attributes and transcripts allow."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from isogloss.config.components import RuleComponent
from isogloss.config.data import PrepareParams, ValidationParams
from isogloss.config.registry import declaration
from isogloss.corpus.ingest.ingested import Ingested
from isogloss.corpus.splits import assign_splits, speakers_needed
from isogloss.errors import CorpusError
from isogloss.tables import SPLITS

COHORT_SPEAKERS = 20
"""A value with fewer speakers cannot be judged as a cohort (`statistics.min_speakers`)."""
SHOWN_SPEAKERS = 5
"""A value with fewer speakers is not shown as a cohort (`privacy.min_speakers`)."""
POSITIONED_SHARE = 0.5
"""The geographic rule is suggested if at least this share of the speakers has a position."""
LEAST_SPEAKERS = ValidationParams().min_speakers
"""Speakers that each split takes."""
AUDIT = "judge a recogniser that you have by `isogloss audit`, which needs no splits"


@dataclass(frozen=True)
class NextStep:
    """What the owner of a corpus can do next."""

    check: str
    """The `isogloss check` command."""
    run: str
    """The command that runs the pipeline with the same params, or why there is none."""


def next_step(
    name: str, ingested: Ingested, attributes: Mapping[str, Counter[str]], *, transcripts: bool, speakers_known: bool
) -> NextStep:
    """Commands for copying into a shell: `isogloss check`, and the pipeline with the same params.

    Parameters
    ----------
    name
        What `corpus.source` calls the corpus.
    attributes
        The speakers of each value of each attribute of text.
    transcripts, speakers_known
        Whether the corpus has them.
    """
    least = COHORT_SPEAKERS
    if not transcripts and not _columns(attributes, least):
        least = SHOWN_SPEAKERS
    columns = _columns(attributes, least)
    stratify = {"stratify_by": _scarcest(attributes, columns, least)} if columns else {}
    splitting, splits = _splitting(ingested, stratify)
    settings = [f"corpus.source={name}"]
    if transcripts:
        rules = rules_of(ingested, columns, splits)
        settings += [f"cohorts.rules={_listed(rules)}", f"mitigation.rule={rules[0]}"]
        settings += [f"attribute.columns={_listed(columns)}"] if columns else []
        settings += ["automatic.normalization=mean"] if _once_each(ingested, splits) else []
        settings += [] if speakers_known else ["verification.methods=[]"]
    else:
        settings += ["cohorts.rules=[]", "mitigation.methods=[]"]
        settings += ["speaker.encoders=[base]", "verification.methods=[continued]"]
        settings += [f"verification.attribute={columns[0]}"] if columns else []
        settings += [f"verification.attributes={_listed(columns)}"] if columns else []
    settings += [f"prepare.{key}={value}" for key, value in splitting.items()]
    quoted = " ".join(f"-S '{setting}'" if "[" in setting else f"-S {setting}" for setting in settings)
    target = "" if transcripts else " report_speaker"
    hindrance = _hindrance(ingested, splits, columns, transcripts=transcripts, speakers_known=speakers_known)
    return NextStep(f"isogloss check {quoted}", hindrance or f"dvc exp run{target} {quoted}")


def rules_of(ingested: Ingested, columns: Sequence[str], splits: pd.Series | None) -> list[str]:
    """The cohort rules whose inputs the corpus has, the most telling first.

    The geographic rule is among them only where the speakers of discovery with a position are enough for two regions.
    """
    placed = pd.Series([u.speaker_id if "latitude" in u.attributes else None for u in ingested.utterances], dtype="str")
    found = placed if splits is None else placed[(splits == "discovery").to_numpy()]
    fewest = getattr(declaration(RuleComponent, "geographic").options(), "min_speakers", 0)
    enough = placed.nunique() >= POSITIONED_SHARE * ingested.speakers and found.nunique() >= 2 * fewest
    rules = ["geographic"] if enough else []
    rules += ["geodemographic"] if len(ingested.zips.columns) > 1 else []
    rules += ["attribute"] if columns else []
    return [*rules, "automatic"]


def _hindrance(
    ingested: Ingested, splits: pd.Series | None, columns: Sequence[str], *, transcripts: bool, speakers_known: bool
) -> str | None:
    """Why the pipeline cannot run on the corpus at all; None if it can."""
    if not transcripts and not speakers_known:
        return "none, since neither what is said nor who speaks is known"
    if splits is None:
        needed = speakers_needed(PrepareParams(), LEAST_SPEAKERS)
        few = f"{ingested.speakers} speakers are too few for its splits"
        few += f", which take about {needed}" if ingested.speakers < needed else ""
        return f"{few}; {AUDIT}" if transcripts else f"{few}; add speakers"
    if not transcripts and not columns:
        return (
            "none, since without transcripts verifiers are compared by attributes, and no attribute has two values "
            f"with {SHOWN_SPEAKERS} speakers each; name one that does by --attribute"
        )
    return None


def _splitting(ingested: Ingested, stratify: Mapping[str, str]) -> tuple[dict[str, Any], pd.Series | None]:
    """Params of `prepare` that give every split enough speakers, and the splits; None if there are no such params.

    The defaults serve larger corpora: test takes up to two fifths of a small stratum, and a small train shares its
    speakers with adapt, which takes two utterances of a speaker.
    """
    table = ingested.table()
    even, own = {"test_min_speakers": 1}, {"train_min_speakers": LEAST_SPEAKERS}
    for more in ({}, even, own, even | own):
        found: dict[str, Any] = {**stratify, **more}
        try:
            splits = assign_splits(table, PrepareParams(**found))
        except CorpusError:
            continue
        speakers = table.groupby(splits)["speaker_id"].nunique().reindex(list(SPLITS), fill_value=0)
        if speakers.min() >= LEAST_SPEAKERS:
            return found, splits
    return dict(stratify), None


def _columns(attributes: Mapping[str, Counter[str]], least: int) -> list[str]:
    """The attributes that have at least two values with `least` speakers each."""
    return [
        column
        for column, values in attributes.items()
        if column != "zip" and sum(n >= least for value, n in values.items() if value != "unspecified") > 1
    ]


def _scarcest(attributes: Mapping[str, Counter[str]], columns: Sequence[str], least: int) -> str:
    """The column that splits have to balance most: the one whose smallest cohort has the fewest speakers."""

    def smallest(column: str) -> int:
        return min(n for value, n in attributes[column].items() if value != "unspecified" and n >= least)

    return min(columns, key=smallest)


def _once_each(ingested: Ingested, splits: pd.Series | None) -> bool:
    """Whether no speaker of discovery has two utterances, by which embeddings could be compared within speakers."""
    speakers = pd.Series([utterance.speaker_id for utterance in ingested.utterances])
    return bool((speakers if splits is None else speakers[(splits == "discovery").to_numpy()]).is_unique)


def _listed(names: Sequence[str]) -> str:
    """A list as YAML and as a value of `dvc exp run -S`."""
    return f"[{','.join(names)}]"
