"""The commands that check and run the pipeline on a corpus, with params that its attributes and transcripts allow."""

from collections import Counter
from collections.abc import Mapping

from isogloss.corpus.ingest.ingested import Ingested

COHORT_SPEAKERS = 20
"""A value with fewer speakers cannot be judged as a cohort (`statistics.min_speakers`)."""
POSITIONED_SHARE = 0.5
"""The geographic rule is suggested if at least this share of the speakers has a position."""


def next_commands(
    name: str, ingested: Ingested, attributes: Mapping[str, Counter[str]], *, transcripts: bool, speakers_known: bool
) -> tuple[str, str]:
    """Two commands with the same params for copying into a shell: `isogloss check`, and the pipeline.

    Parameters
    ----------
    name
        What `corpus.source` calls the corpus.
    attributes
        The speakers of each value of each attribute of text.
    transcripts, speakers_known
        Whether the corpus has them.
    """
    settings = [f"corpus.source={name}"]
    columns = [column for column, values in attributes.items() if column != "zip" and _divides(values)]
    rules = rules_of(ingested, columns)
    settings += [f"cohorts.rules=[{','.join(rules)}]", f"mitigation.rule={rules[0]}"]
    if columns:
        settings += [
            f"attribute.columns=[{','.join(columns)}]",
            f"prepare.stratify_by={_scarcest(attributes, columns)}",
        ]
    target = ""
    if not transcripts:
        settings.append("verification.methods=[continued]")
        settings += (
            [f"verification.attribute={columns[0]}", f"verification.attributes=[{','.join(columns)}]"]
            if columns
            else []
        )
        target = " report_speaker"
    elif not speakers_known:
        settings.append("verification.methods=[]")
    quoted = " ".join(f"-S '{setting}'" if "[" in setting else f"-S {setting}" for setting in settings)
    return f"isogloss check {quoted}", f"dvc exp run{target} {quoted}"


def rules_of(ingested: Ingested, columns: list[str]) -> list[str]:
    """The cohort rules whose inputs the corpus has, the most telling first."""
    placed = {u.speaker_id for u in ingested.utterances if "latitude" in u.attributes}
    rules = ["geographic"] if len(placed) >= POSITIONED_SHARE * ingested.speakers else []
    rules += ["geodemographic"] if len(ingested.zips.columns) > 1 else []
    rules += ["attribute"] if columns else []
    return [*rules, "automatic"]


def _scarcest(attributes: Mapping[str, Counter[str]], columns: list[str]) -> str:
    """The column that splits have to balance most: the one whose smallest cohort has the fewest speakers."""
    smallest = {
        column: min(n for value, n in attributes[column].items() if value != "unspecified" and n >= COHORT_SPEAKERS)
        for column in columns
    }
    return min(columns, key=lambda column: smallest[column])


def _divides(values: Mapping[str, int]) -> bool:
    """Whether an attribute has at least two values that enough speakers share."""
    return sum(n >= COHORT_SPEAKERS for value, n in values.items() if value != "unspecified") > 1
