"""LibriCSS and LibriSpeechMix are read from tiny corpora that lie on the disk as the true ones do."""

import json

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, MonoCut, Recording, SupervisionSegment

from isogloss.config import MultitalkerParams
from isogloss.corpus.conversations.libricss import read_libricss
from isogloss.corpus.conversations.librispeechmix import read_librispeechmix
from isogloss.corpus.conversations.store import read_conversations, store_conversations, turn_table
from isogloss.errors import CorpusError

RATE = 16_000
CONDITIONS = ("0L", "0S", "OV10", "OV20", "OV30", "OV40")
HEAD = "start_time\tend_time\tspeaker\tutterance_id\ttranscription\n"


def noise(seconds, channels=1, seed=1):
    return 0.1 * np.random.default_rng(seed).standard_normal((int(seconds * RATE), channels))


@pytest.fixture
def libricss(tmp_path):
    """A session of 6 s with 7 microphones in each condition; two segments, the second of which has two talkers."""
    segments = {}
    for ratio, condition in enumerate(CONDITIONS):
        name = f"overlap_ratio_{10.0 * ratio}_sil0.1_0.5_session0_actual{10.0 * ratio}"
        session = tmp_path / "for_release" / condition / name
        for folder in ("record", "clean", "transcription"):
            (session / folder).mkdir(parents=True)
        soundfile.write(session / "record" / "raw_recording.wav", noise(6.0, 7), RATE)
        (session / "transcription" / "meeting_info.txt").write_text(
            HEAD
            + "0.2\t1.4\t6930\t6930-75918-0000\tTHE FIRST TALKER\n"
            + "2.5\t4.0\t1320\t1320-122612-0001\tTHE SECOND\n"
            + "3.5\t5.5\t6930\t6930-75918-0001\tINTERRUPTED\n"
        )
        segments[name] = [[0, 2 * RATE], [2 * RATE, 6 * RATE]]
    (tmp_path / "for_release" / "all_res.json").write_text(json.dumps(segments))
    return tmp_path


@pytest.fixture
def librispeechmix(tmp_path):
    """Two mixtures of two and one of three of four utterances, as the lists of the repository have them."""
    cuts, paths = [], []
    for number, text in enumerate(["ONE TWO", "THREE", "FOUR FIVE", "SIX"]):
        name = f"61-70968-000{number}"
        soundfile.write(tmp_path / f"{name}.flac", noise(1.5, seed=number), RATE)
        recording = Recording.from_file(tmp_path / f"{name}.flac", recording_id=name)
        said = SupervisionSegment(
            id=name, recording_id=name, start=0.0, duration=1.5, text=text, speaker=f"speaker-{number}"
        )
        cuts.append(MonoCut(f"{name}-0", 0.0, 1.5, 0, recording=recording, supervisions=[said]))
        paths.append(f"test-clean/61/70968/{name}.flac")
    CutSet.from_cuts(cuts).to_file(tmp_path / "librispeech_cutset_test-clean.jsonl.gz")
    (tmp_path / "list").mkdir()
    for talkers, mixtures in ((2, [(0, 1), (2, 3)]), (3, [(0, 1, 2)])):
        lines = [
            json.dumps(
                {
                    "id": f"test-clean-{talkers}mix/test-clean-{talkers}mix-{number:04d}",
                    "wavs": [paths[at] for at in some],
                    "delays": [0.5 * place for place in range(talkers)],
                }
            )
            for number, some in enumerate(mixtures)
        ]
        (tmp_path / "list" / f"test-clean-{talkers}mix.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_libricss_gives_the_segments_of_each_session_with_their_turns(libricss):
    table = turn_table(read_libricss(libricss))
    assert set(table["condition"]) == set(CONDITIONS) and len(table) == 3 * len(CONDITIONS)
    first = table[table["condition"] == "OV20"]
    assert first["ref"].tolist() == ["the first talker", "the second", "interrupted"]
    assert first["speaker_id"].tolist() == ["6930", "1320", "6930"]
    assert first["start"].tolist() == pytest.approx([0.2, 0.5, 1.5])  # from the beginning of the segment
    assert first["overlapped"].tolist() == pytest.approx([0.0, 1 / 3, 0.25])


def test_a_stored_corpus_keeps_its_audio_where_it_is(libricss, tmp_path):
    params = MultitalkerParams(folder=str(libricss))
    table = store_conversations("libricss", params, data=tmp_path, folder=tmp_path / "set")
    cuts = read_conversations(tmp_path / "set")
    assert turn_table(cuts).equals(table)
    assert cuts[0].load_audio().shape == (1, 2 * RATE) and not (tmp_path / "set" / "audio").exists()


def test_librispeechmix_gives_the_mixtures_of_two_in_the_order_of_their_list(librispeechmix, tmp_path):
    params = MultitalkerParams(folder=str(librispeechmix))
    table = store_conversations("librispeechmix", params, data=tmp_path, folder=tmp_path / "set")
    assert set(table["condition"]) == {"test-clean-2mix"}
    assert table["ref"].tolist() == ["one two", "three", "four five", "six"]
    assert table["start"].tolist() == pytest.approx([0.0, 0.5, 0.0, 0.5])
    cuts = read_conversations(tmp_path / "set")
    alone = [soundfile.read(librispeechmix / f"61-70968-000{number}.flac")[0] for number in (0, 1)]
    mixed_S = cuts[0].load_audio()[0]
    assert np.allclose(mixed_S[: RATE // 2], alone[0][: RATE // 2], atol=1e-4)
    assert np.allclose(mixed_S[RATE // 2 : RATE], alone[0][RATE // 2 : RATE] + alone[1][: RATE // 2], atol=1e-4)


@pytest.mark.parametrize(
    ("read", "sentence"),
    [(read_libricss, "does not hold LibriCSS"), (read_librispeechmix, "holds no list of LibriSpeechMix")],
)
def test_a_folder_without_the_corpus_is_one_sentence(tmp_path, read, sentence):
    with pytest.raises(CorpusError, match=rf"^[^\n]*{sentence}[^\n]*$"):
        list(read(tmp_path))


def test_librispeechmix_without_librispeech_is_one_sentence(librispeechmix):
    (librispeechmix / "librispeech_cutset_test-clean.jsonl.gz").unlink()
    with pytest.raises(CorpusError, match=r"librispeech_cutset_test-clean\.jsonl\.gz is missing"):
        list(read_librispeechmix(librispeechmix))


def test_a_corpus_without_a_conversation_is_one_sentence(librispeechmix, tmp_path):
    for path in (librispeechmix / "list").iterdir():
        path.write_text("")
    params = MultitalkerParams(folder=str(librispeechmix), sets=["librispeechmix"])
    with pytest.raises(CorpusError, match="holds no conversation with words"):
        store_conversations("librispeechmix", params, data=tmp_path, folder=tmp_path / "set")
