"""Transcribing stored conversations, or a recording as a stream, with a multi-talker recogniser."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lhotse import CutSet

from isogloss.config import Params
from isogloss.corpus.conversations.store import read_conversations
from isogloss.corpus.frontend.audio import read_audio
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.determinism import compute_repeatably
from isogloss.inference.stream import CHUNK
from isogloss.io.normalise import normalise
from isogloss.judging.conversations.attribution import turn_errors
from isogloss.judging.conversations.document import compare_conditions
from isogloss.judging.conversations.measures import measure
from isogloss.judging.conversations.normalising import normalise_heard
from isogloss.judging.system import read_rules
from isogloss.recognizers.multitalker.batches import stored_batches
from isogloss.recognizers.multitalker.reading import HeardTurn
from isogloss.recognizers.multitalker.recognizer import MultitalkerRecognizer
from isogloss.recognizers.multitalker.systems import START
from isogloss.tables import atomic_folder, read_parquet, write_json, write_parquet

Seconds = float

COLUMNS = {
    "conversation_id": "str",
    "channel": "int64",
    "turn": "int64",
    "word": "str",
    "start": "float64",
    "end": "float64",
    "turn_start": "float64",
    "turn_end": "float64",
    "last_word_end": "float64",
}


def hear_conversations(recognizer: MultitalkerRecognizer, cuts: CutSet) -> pd.DataFrame:
    """One row per word, and one with an empty word for a turn without words, in the order of the cuts.

    `conversation_id, channel, turn, word, start, end, turn_start, turn_end, last_word_end`: times in seconds; `turn`
    counts the turns of a channel; `turn_end` is missing if the system has not marked the end.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recognizer = recognizer.to(device).eval()
    num_filters = recognizer.configuration["transducer"]["input_dim"]
    heard: dict[str, list[HeardTurn]] = {}
    for batch in stored_batches(cuts, num_filters=num_filters):
        on_device = batch.to(device)
        heard |= zip(batch.ids, recognizer.transcribe(on_device.features_BTF, on_device.lengths_B), strict=True)
    rows = [row for cut in cuts for row in _rows(cut.id, heard[cut.id])]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _rows(name: str, turns: Sequence[HeardTurn]) -> Iterator[tuple[object, ...]]:
    """The words of one conversation."""
    counted: dict[int, int] = {}
    for turn in turns:
        number = counted[turn.channel] = counted.get(turn.channel, -1) + 1
        end = float("nan") if turn.end is None else turn.end
        last = turn.words[-1].end if turn.words else turn.start
        words = [(word.text, word.start, word.end) for word in turn.words] or [("", turn.start, turn.start)]
        for said in words:
            yield (name, turn.channel, number, *said, turn.start, end, last)


def stream_turns(recognizer: MultitalkerRecognizer, path: Path) -> Iterator[tuple[Seconds, list[HeardTurn]]]:
    """After each 100 ms of a recording, the seconds so far and all turns so far; the last ones are final.

    Raises
    ------
    CorpusError
        The recording cannot be read.
    """
    samples_N = read_audio(path)
    stream = recognizer.stream()
    for at in range(0, len(samples_N), CHUNK):
        chunk_N = samples_N[at : at + CHUNK]
        yield (at + len(chunk_N)) / SAMPLING_RATE, stream.accept(chunk_N)
    yield len(samples_N) / SAMPLING_RATE, stream.finish()


def evaluate_multitalker(
    system: str, params: Params, *, data: Path, model: Path, cohorts: Path, output: Path
) -> dict[str, dict[str, Any]]:
    """Transcribe and judge every set of `multitalker.sets`, and write the results into a folder, atomically.

    For each set it writes `<set>.parquet`, one row per turn with its errors, `<set>-heard.parquet`, one row per
    recognised word, and in `measures.json` the figures of each condition. For the simulated set it also writes
    `overlap-<condition>.json`: documents that compare each condition with overlap with the one with least.

    Parameters
    ----------
    system
        Name of the system in its files.
    data, model, cohorts, output
        Folders of the prepared data, the system's model, the cohort rules and the results.

    Returns
    -------
    The content of `measures.json`: by set and condition, as `measure` gives them.
    """
    compute_repeatably(params.multitalker.threads)
    recognizer = MultitalkerRecognizer.load(model)
    rules = read_rules(cohorts, params)
    weights = read_parquet(data / "utterances.parquet", ["utterance_id", "weight"]).set_index("utterance_id")["weight"]
    figures: dict[str, dict[str, Any]] = {}
    with atomic_folder(output) as folder:
        for name in params.multitalker.sets:
            stored = data / "conversations" / name
            heard = hear_conversations(recognizer, read_conversations(stored))
            turns = read_parquet(stored / "turns.parquet")
            turns["ref"] = normalise(turns["ref"].tolist(), params.text.steps)
            heard = normalise_heard(heard, params.text.steps)
            errors = turn_errors(turns, heard)
            errors["weight"] = errors["source_id"].map(weights).fillna(1.0)
            write_parquet(errors, folder / f"{name}.parquet")
            write_parquet(heard, folder / f"{name}-heard.parquet")
            figures[name] = {
                str(condition): measure(
                    rows,
                    heard[heard["conversation_id"].isin(rows["conversation_id"])],
                    marks_turns=START in recognizer.tokens.symbols,
                )
                for condition, rows in errors.groupby("condition", sort=False)
            }
            if name == "simulated":
                first, *others = errors["condition"].unique()
                for condition in others:
                    document = compare_conditions(errors, first, condition, rules, params)
                    write_json(document.content(), folder / f"overlap-{condition.split()[0]}.json")
        write_json({"system": system, "sets": figures}, folder / "measures.json")
    return figures
