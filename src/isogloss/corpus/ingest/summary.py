"""A summary of a corpus for its owner, printed before anything is written, and the next command."""

from collections import Counter
from collections.abc import Mapping, Sequence

from isogloss.corpus.ingest.ingested import Ingested, Rows
from isogloss.corpus.ingest.letters import Letters
from isogloss.corpus.ingest.next_command import next_step

MOST_VALUES = 8
"""Values of an attribute that are listed; the others are counted together."""


def summary(ingested: Ingested, rows: Rows, *, title: str, letters: Letters, name: str) -> str:
    """Lines about size, audio, text, attributes with shares of speakers, positions, unknown values and the next step.

    Parameters
    ----------
    ingested, rows
        The checked corpus, and what its source read.
    title
        What a corpus of its kind is.
    letters
        What its transcripts are written with.
    name
        What `corpus.source` will call it.
    """
    attributes = speaker_attributes(ingested)
    lines = [f"{rows.table.path} is {title}: {ingested}", _audio(ingested), _text(rows, letters)]
    lines += [f"{attribute}: {_shares(values)}" for attribute, values in attributes.items()]
    lines.append(_positions(ingested))
    lines += _splits(ingested)
    if rows.description.columns.speaker_id is None:
        lines.append(
            "speakers: not known, so each utterance counts as a speaker of its own: one voice may be in several "
            "splits, intervals are too narrow where people speak more than once, and verification cannot be trained"
        )
    lines += [f"warning: {sentence}" for sentence in ingested.warnings]
    if ingested.left_out:
        lines.append(f"left out: {len(ingested.left_out)} utterances, the first: {ingested.left_out[0]}")
    unused = _unused(rows)
    if unused:
        lines.append(f"not kept: {', '.join(unused)} (--attribute NAME keeps one)")
    columns = rows.description.columns
    step = next_step(
        name,
        ingested,
        attributes,
        transcripts=columns.text is not None,
        speakers_known=columns.speaker_id is not None,
    )
    lines.append(f"what this corpus and the params cannot do: {step.check}")
    lines.append(f"the pipeline on it: {step.run}")
    return "\n".join(lines)


def speaker_attributes(ingested: Ingested) -> dict[str, Counter[str]]:
    """The number of speakers with each value of each text attribute, including `unspecified`."""
    values: dict[str, dict[str, set[str]]] = {}
    for utterance in ingested.utterances:
        for name, value in utterance.attributes.items():
            if isinstance(value, str):
                values.setdefault(name, {}).setdefault(utterance.speaker_id, set()).add(value)
    counted: dict[str, Counter[str]] = {}
    for name, of_speaker in sorted(values.items()):
        counted[name] = Counter(next(iter(v)) for v in of_speaker.values() if len(v) == 1)
        counted[name]["unspecified"] += ingested.speakers - counted[name].total()
    return counted


def _shares(values: Mapping[str, int]) -> str:
    """The largest values with their shares of the speakers, the unspecified last."""
    total = max(sum(values.values()), 1)
    known = sorted(((n, value) for value, n in values.items() if value != "unspecified"), key=lambda p: (-p[0], p[1]))
    said = [f"{value} {n / total:.0%}" for n, value in known[:MOST_VALUES]]
    if len(known) > MOST_VALUES:
        said.append(f"{len(known) - MOST_VALUES} more values {sum(n for n, _ in known[MOST_VALUES:]) / total:.0%}")
    return ", ".join([*said, f"unspecified {values.get('unspecified', 0) / total:.0%}"]) + " of speakers"


def _audio(ingested: Ingested) -> str:
    """Rates, channels and durations."""
    rates = Counter(header.sampling_rate for header in ingested.headers.values())
    channels = Counter(header.channels for header in ingested.headers.values())
    seconds = sorted(span.duration for span in ingested.spans)
    return (
        f"audio: {_counted(rates, 'Hz')}; {_counted(channels, 'channel')}; utterances of {seconds[0]:.1f} to "
        f"{seconds[-1]:.1f} s, half of them below {seconds[len(seconds) // 2]:.1f} s"
    )


def _counted(values: Mapping[int, int], unit: str) -> str:
    """Values with how many files have them, where there are several."""
    if len(values) == 1:
        return f"{next(iter(values))} {_plural(unit, next(iter(values)))}"
    return ", ".join(
        f"{value} {_plural(unit, value)} in {n} file{'s' * (n > 1)}" for value, n in sorted(values.items())
    )


def _plural(unit: str, count: int) -> str:
    """The plural of a unit; Hz does not change."""
    return f"{unit}s" if unit == "channel" and count > 1 else unit


def _text(rows: Rows, letters: Letters) -> str:
    """The text rules, and what they do with characters that they do not keep."""
    if rows.description.columns.text is None:
        return "text: no transcripts, so only speaker verification can be trained and judged"
    rules = rows.description.text
    return f"text: {letters}; kept: {rules.keep} (--keep); others: {rules.others} (--others)"


def _positions(ingested: Ingested) -> str:
    """How many speakers have a position and a ZIP."""
    placed = {u.speaker_id for u in ingested.utterances if "latitude" in u.attributes}
    zipped = {u.speaker_id for u in ingested.utterances if "zip" in u.attributes}
    return f"positions: of {len(placed)} of {ingested.speakers} speakers; ZIPs: of {len(zipped)}"


def _splits(ingested: Ingested) -> Sequence[str]:
    """The splits that the corpus brings."""
    speakers: dict[str, set[str]] = {}
    for utterance in ingested.utterances:
        if utterance.split:
            speakers.setdefault(utterance.split, set()).add(utterance.speaker_id)
    return ["splits: " + ", ".join(f"{split} {len(of)} speakers" for split, of in speakers.items())] if speakers else []


def _unused(rows: Rows) -> list[str]:
    """Columns that are not used."""
    description = rows.description
    used = {*description.columns.model_dump().values(), *description.attributes.values(), description.sample_rate}
    used |= {description.split.column} if description.split else set()
    standard = {"utterance_id", "speaker_id", "audio", "text", "start", "duration", "channel", "part"}
    return [name for name in rows.table.names if name not in used | standard]
