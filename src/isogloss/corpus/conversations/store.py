"""Sets of stored conversations: `cuts.jsonl`, audio where it was mixed here, and a table of the turns.

The audio of a simulated set lies beside its manifest, whose paths are relative to the folder; a corpus of conversations
stays where it is.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from lhotse import CutSet, MonoCut, Recording, SupervisionSegment
from lhotse.cut import Cut

from isogloss.config.multitalker import ConversationSet, MultitalkerParams
from isogloss.corpus.conversations.libricss import read_libricss
from isogloss.corpus.conversations.librispeechmix import read_librispeechmix
from isogloss.corpus.conversations.simulator import Conversation, Simulator
from isogloss.corpus.conversations.turns import assign_channels, overlapped_share, turns_of
from isogloss.corpus.frontend.audio_root import resolve_root
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.errors import CorpusError
from isogloss.tables import atomic_folder, write_parquet

STORED = 2**30
"""Stands in the seed of stored conversations where that of training conversations has the epoch, so that none are the
same."""


def store_conversations(name: ConversationSet, params: MultitalkerParams, *, data: Path, folder: Path) -> pd.DataFrame:
    """Write one set into a folder, atomically, and return its table of turns (`turn_table`).

    Parameters
    ----------
    name
        `simulated` from the split test of `data`, or a corpus in `params.folder`.
    params
        Section `multitalker`.

    Raises
    ------
    CorpusError
        A conversation cannot be judged (no speech, a segment past its recording, three talkers at once), the split has
        too few speakers, or the corpus is not where params say.
    """
    with atomic_folder(folder) as temporary:
        if name == "simulated":
            cuts = list(_simulated(params, data, temporary))
        else:
            root = resolve_root(str(params.folder))
            cuts = list((read_libricss if name == "libricss" else read_librispeechmix)(root))
            if not cuts:
                raise CorpusError(f"{root} holds no conversation with words; name another folder in multitalker.folder")
        table = turn_table(cuts)
        CutSet.from_cuts(cuts).to_file(temporary / "cuts.jsonl")
        write_parquet(table, temporary / "turns.parquet")
    return table


def read_conversations(folder: Path) -> CutSet:
    """The conversations of a stored set, with audio that can be opened from here."""
    cuts = CutSet.from_file(folder / "cuts.jsonl").to_eager()
    return CutSet.from_cuts(
        cut.with_recording_path_prefix(folder) if cut.custom.get("stored_beside") else cut for cut in cuts
    )


def turn_table(cuts: Iterable[Cut]) -> pd.DataFrame:
    """A row a turn, conversation after conversation.

    `conversation_id`; `condition`, such as "15 % overlap"; `utterance_id` of the turn; `turn_id`, which is the same in
    every condition that a conversation was mixed in; `source_id` of the single-talker utterance; `split`, always test;
    `speaker_id, ref, start, end`;
    `overlapped`, the share of the turn in which somebody else speaks; `partner_id`, the other speaker who overlaps most
    or, without overlap, whose turn is nearest.

    Raises
    ------
    CorpusError
        A conversation has no speech, a turn outside its recording, or three talkers at once.
    """
    rows = []
    for cut in cuts:
        turns = turns_of(cut)
        assign_channels(turns, where=f"conversation {cut.id!r}")
        for number, turn in enumerate(turns):
            others = [other for other in turns if other.speaker_id != turn.speaker_id]
            nearest = max(others, key=lambda o: min(o.end, turn.end) - max(o.start, turn.start), default=None)
            rows.append(
                {
                    "conversation_id": cut.id,
                    "condition": cut.custom["condition"],
                    "turn_id": f"{cut.custom.get('draw', cut.id)}/{number}",
                    "utterance_id": f"{cut.id}/{number}",
                    "source_id": turn.utterance_id,
                    "split": "test",
                    "speaker_id": turn.speaker_id,
                    "partner_id": "" if nearest is None else nearest.speaker_id,
                    "ref": turn.text,
                    "start": turn.start,
                    "end": turn.end,
                    "overlapped": overlapped_share(turn, others),
                }
            )
    return pd.DataFrame(rows)


def _simulated(params: MultitalkerParams, data: Path, folder: Path) -> Iterator[MonoCut]:
    """Conversations of the speakers of test, each at every overlap ratio, the least first; audio under the folder."""
    simulator = Simulator(read_cuts(data / "cuts" / "test.jsonl", hears="audio"), params.conversations)
    (folder / "audio").mkdir()
    for number in range(params.stored_conversations):
        for ratio in sorted(params.conversations.overlap_ratios):
            name = f"{number:05d}-{100 * ratio:02g}"
            conversation = simulator.draw(seed=(params.stored_seed, STORED, number), name=name, ratio=ratio)
            yield _stored(conversation, folder, condition=f"{100 * ratio:g} % overlap", draw=f"{number:05d}")


def _stored(conversation: Conversation, folder: Path, *, condition: str, draw: str) -> MonoCut:
    """Write the audio of a conversation; its cut."""
    mixture_S, _ = conversation.audio()
    path = Path("audio") / f"{conversation.id}.wav"
    pcm_S = np.rint(np.clip(mixture_S * 32768, -32768, 32767)).astype(np.int16)
    soundfile.write(folder / path, pcm_S, SAMPLING_RATE, subtype="PCM_16")
    recording = Recording.from_file(folder / path, recording_id=conversation.id)
    recording.sources[0].source = path.as_posix()
    said = [
        SupervisionSegment(
            id=f"{conversation.id}/{number}",
            recording_id=conversation.id,
            start=round(turn.start, 5),
            duration=round(turn.duration, 5),
            text=turn.text,
            speaker=turn.speaker_id,
            custom={"utterance_id": turn.utterance_id},
        )
        for number, turn in enumerate(conversation.turns)
    ]
    return MonoCut(
        id=conversation.id,
        start=0.0,
        duration=recording.duration,
        channel=0,
        recording=recording,
        supervisions=said,
        custom={"condition": condition, "draw": draw, "stored_beside": True},
    )
