"""Reading a corpus folder: recordings with the paths of this machine, supervisions, and cuts."""

from pathlib import Path

from lhotse import CutSet, MonoCut, MultiCut, Recording, RecordingSet, SupervisionSegment, SupervisionSet

from isogloss.corpus.frontend.audio_root import resolve_root
from isogloss.errors import CorpusError
from isogloss.tables import read_json


def load_recordings(corpus_folder: Path | str, *, repository: Path | str = ".") -> RecordingSet:
    """The recordings of a corpus, with paths that can be opened from here.

    Parameters
    ----------
    corpus_folder
        A folder that the `corpus` stage wrote.
    repository
        What a relative audio root is relative to.

    Raises
    ------
    CorpusError
        A file is missing, or the audio root is not on this machine.
    """
    folder = Path(corpus_folder)
    root = resolve_root(read_json(folder / "corpus.json")["audio_root"], repository)
    recordings = RecordingSet.from_file(_existing(folder / "recordings.jsonl"))
    return RecordingSet.from_recordings(recording.with_path_prefix(root) for recording in recordings)


def load_supervisions(corpus_folder: Path | str) -> SupervisionSet:
    """The supervisions of a corpus; raises `CorpusError` if it has none."""
    return SupervisionSet.from_segments(SupervisionSet.from_file(_existing(Path(corpus_folder) / "supervisions.jsonl")))


def make_cuts(corpus_folder: Path | str, *, repository: Path | str = ".") -> CutSet:
    """One cut an utterance: its id is the utterance's, its only supervision spans it, its audio is resolved.

    Raises
    ------
    CorpusError
        As `load_recordings`, or a supervision names a recording that is not there.
    """
    recordings = {recording.id: recording for recording in load_recordings(corpus_folder, repository=repository)}
    cuts = []
    for supervision in load_supervisions(corpus_folder):
        recording = recordings.get(supervision.recording_id)
        if recording is None:
            raise CorpusError(
                f"{Path(corpus_folder) / 'supervisions.jsonl'}: {supervision.id!r} names recording "
                f"{supervision.recording_id!r}, which recordings.jsonl lacks; run the corpus stage again"
            )
        cuts.append(_cut(supervision, recording))
    return CutSet.from_cuts(cuts)


def _cut(supervision: SupervisionSegment, recording: Recording) -> MonoCut | MultiCut:
    """The part of a recording that a supervision spans; with several channels if their mean is used."""
    kind = MultiCut if isinstance(supervision.channel, list) else MonoCut
    return kind(
        id=supervision.id,
        start=supervision.start,
        duration=supervision.duration,
        channel=supervision.channel,
        recording=recording,
        supervisions=[supervision.with_offset(-supervision.start)],
    )


def _existing(path: Path) -> Path:
    """The path, if there is such a file."""
    if not path.is_file():
        raise CorpusError(f"{path} does not exist; run the corpus stage")
    return path
