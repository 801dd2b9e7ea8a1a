import contextlib
import hashlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from lhotse import RecordingSet, SupervisionSet
from lhotse.qa import validate_recordings_and_supervisions

from isogloss.config import AtlasParams
from isogloss.corpus.atlas import server
from isogloss.corpus.atlas.build import build_atlas, draw_corpus
from isogloss.corpus.atlas.casting import cast
from isogloss.corpus.atlas.grammar import Grammar
from isogloss.corpus.atlas.synthesis import synthesise
from isogloss.errors import CorpusError, ParamsError


def _bytes(folder):
    """Digest of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_one_and_two_workers_give_the_same_bytes(tiny, tiny_params, shipped_path, tmp_path, monkeypatch):
    root, planted = tiny
    monkeypatch.chdir(tmp_path)
    again = build_atlas(tiny_params, 1, shipped_path, "data/corpus", workers=1)
    pd.testing.assert_frame_equal(planted, again)
    first, second = _bytes(root / "data"), _bytes(tmp_path / "data")
    assert len([name for name in first if name.endswith(".flac")]) == 70
    assert first == second


def test_the_manifests_load_in_lhotse_and_fit_the_audio(tiny, monkeypatch):
    root, _ = tiny
    monkeypatch.chdir(root)
    recordings = RecordingSet.from_file("data/corpus/recordings.jsonl")
    supervisions = SupervisionSet.from_file("data/corpus/supervisions.jsonl")
    validate_recordings_and_supervisions(recordings, supervisions, read_data=True)
    assert len(recordings) == 70  # of train two utterances share one
    assert len(supervisions) == 20 * 2 + 50
    for recording in list(recordings)[:5]:
        info = soundfile.info(recording.sources[0].source)
        assert (info.samplerate, info.subtype, info.frames) == (16000, "PCM_16", recording.num_samples)


def test_the_corpus_folder_keeps_the_contract(tiny):
    folder = tiny[0] / "data" / "corpus"
    assert {path.name for path in folder.iterdir()} == {
        "audio", "recordings.jsonl", "supervisions.jsonl", "speakers.parquet", "zips.parquet", "corpus.json",
    }  # fmt: skip
    assert json.loads((folder / "corpus.json").read_text()) == {"source": "atlas", "audio_root": "."}
    speakers, zips = pd.read_parquet(folder / "speakers.parquet"), pd.read_parquet(folder / "zips.parquet")
    assert set(speakers["zip"]) <= set(zips["zip"])
    custom = json.loads((folder / "supervisions.jsonl").read_text().splitlines()[0])["custom"]
    assert list(custom) == list(speakers.columns[1:])


def test_the_planted_dialect_is_in_no_table_and_no_manifest(tiny, description):
    root, planted = tiny
    assert set(planted["dialect"]) == set(description.dialects)
    assert set(planted.loc[planted["rare"], "dialect"]) == {n for n, d in description.dialects.items() if d.rare}
    voices = {voice for dialect in description.dialects.values() for voice in dialect.voices if "-" in voice}
    for path in (root / "data" / "corpus").rglob("*"):
        if path.suffix == ".parquet":
            text = pd.read_parquet(path).to_csv()
        elif path.suffix in {".jsonl", ".json"}:
            text = path.read_text(encoding="utf-8")
        else:
            continue
        for word in (*description.dialects, *voices, "dialect", "accent", "variant"):
            assert word not in text, (path.name, word)


def test_a_speaker_has_a_channel_and_noise_of_its_own_in_every_recording(description):
    params = AtlasParams(train_speakers=20, train_utterances=5, utterances_per_recording=2)
    speakers, _ = draw_corpus(params, 1, description)
    jobs = cast(speakers, params, description, 1)
    train = next(job for job in jobs if len(job.takes) == 3)
    assert [len(take.texts) for take in train.takes] == [2, 2, 1]
    assert [take.recording_id for take in train.takes] == [f"{train.speaker_id}-r{n}" for n in (1, 2, 3)]
    # What varies over recordings varies within speakers as much as between them: the channel is nobody's own.
    draws = [[take.channel.snr_db for take in job.takes[:2]] for job in jobs if len(job.takes) > 1]
    assert abs(np.corrcoef(np.array(draws).T)[0, 1]) < 4 / np.sqrt(len(draws))
    seeds = [tuple(take.channel.seed) for job in jobs for take in job.takes]
    assert len(seeds) == len(set(seeds))


def test_no_sentence_of_the_held_out_splits_is_learnt_from(description):
    speakers, _ = draw_corpus(AtlasParams(), 1, description)
    said = {"learnt": [], "held out": []}
    for split, job in zip(speakers["split"], cast(speakers, AtlasParams(), description, 1), strict=True):
        side = "learnt" if split in ("train", "adapt") else "held out"
        said[side] += [text for take in job.takes for text in take.texts]
    assert set(said["learnt"]).isdisjoint(said["held out"])
    words = {side: {word for text in texts for word in text.split()} for side, texts in said.items()}
    assert words["held out"] <= words["learnt"]  # other sentences, no other words


def test_a_grammar_of_one_sentence_is_refused(description, tiny_params):
    grammar = Grammar(templates=["call anna"], slots={})
    speakers, _ = draw_corpus(tiny_params, 1, description)
    with pytest.raises(ParamsError, match="the grammar has too few sentences: none of 2,000 drawn ones is"):
        cast(speakers, tiny_params, description.model_copy(update={"grammar": grammar}), 1)


def test_every_utterance_is_audible_between_short_silences(tiny):
    folder = tiny[0] / "data" / "corpus"
    for line in (folder / "supervisions.jsonl").read_text().splitlines()[:20]:
        row = json.loads(line)
        audio, rate = soundfile.read(folder / "audio" / f"{row['recording_id']}.flac")
        utterance = audio[round(row["start"] * rate) : round((row["start"] + row["duration"]) * rate)]
        frames = np.sqrt(np.mean(utterance[: len(utterance) // 320 * 320].reshape(-1, 320) ** 2, axis=1))
        assert frames.max() > 3 * frames[:3].mean()
        assert frames.max() > 3 * frames[-5:].mean()
        assert np.abs(audio).max() < 1.0
        assert 0.1 < row["duration"] / len(row["text"].split()) < 1.5


def test_a_voice_that_espeak_lacks_leaves_nothing_behind(tiny_params, shipped_path, tmp_path):
    text = shipped_path.read_text(encoding="utf-8").replace("voices: [de]", "voices: [klingonese]")
    (tmp_path / "atlas.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match="espeak-ng has no voice 'klingonese"):
        build_atlas(tiny_params, 1, tmp_path / "atlas.yaml", tmp_path / "data" / "corpus", workers=1)
    assert list((tmp_path / "data").iterdir()) == []


def test_another_seed_gives_other_people(tiny, description, tiny_params):
    first = pd.read_parquet(tiny[0] / "data" / "corpus" / "speakers.parquet")
    second, _ = draw_corpus(tiny_params, 2, description)
    assert set(first["latitude"]).isdisjoint(second["latitude"])


def test_no_jobs_are_no_recordings(tmp_path):
    assert synthesise([], tmp_path) == {}


def test_a_missing_description_is_one_sentence(tiny_params, tmp_path):
    with pytest.raises(ParamsError, match="does not exist"):
        build_atlas(tiny_params, 1, tmp_path / "atlas.yaml", tmp_path / "corpus")


@pytest.mark.parametrize(("module", "without"), [("server", ("torch", "lhotse")), ("talker", ("numpy",))])
def test_processes_of_synthesis_are_small(module, without):
    check = f"import sys, isogloss.corpus.atlas.{module}; print([m for m in {without} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_voice_sounds_as_in_a_process_that_has_said_nothing(description):
    code = (
        "import json, sys; from isogloss.corpus.atlas.espeak import Espeak; request = json.loads(sys.argv[1]); "
        "texts = request.pop('texts'); engine = Espeak(); engine.set_voice(**request); "
        "sys.stdout.buffer.write(b''.join([engine.say(text) for text in texts]))"
    )
    asked = [
        {
            "voice": f"{voice}+{variant}",
            "pitch": 40,
            "pitch_range": 60,
            "rate": 170,
            "seed": 7,
            "texts": ["call anna", "no"],
        }
        for voice, variant in zip(
            sorted({voice for dialect in description.dialects.values() for voice in dialect.voices}),
            itertools.cycle((*description.variants.female, *description.variants.male)),
            strict=False,
        )
    ]
    module = [sys.executable, "-m", "isogloss.corpus.atlas.talker"]
    lines = "".join(json.dumps(request) + "\n" for request in asked * 2).encode()
    answers = io.BytesIO(subprocess.run(module, input=lines, capture_output=True, check=True).stdout)
    said = [b"".join([answers.read(n) for n in json.loads(answers.readline())["bytes"]]) for _ in asked * 2]
    assert not answers.read()
    alone = [
        subprocess.run([sys.executable, "-c", code, json.dumps(request)], capture_output=True, check=True).stdout
        for request in asked
    ]
    assert said == alone * 2


def test_a_talker_that_dies_is_named(description, tiny_params, monkeypatch):
    job, *_ = cast(draw_corpus(tiny_params, 1, description)[0], tiny_params, description, 1)
    monkeypatch.setattr(sys, "executable", "false")
    with server.Talker() as talker, pytest.raises(CorpusError, match=r"died \(status 1\) on .*" + job.speaker_id):
        talker.say(job, ["call anna"], breath=1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_leaves_no_process_and_no_corpus(number, shipped_path, tmp_path):
    code = (
        "import sys; from isogloss.config import AtlasParams; from isogloss.corpus.atlas.build import build_atlas\n"
        "few = dict.fromkeys(['adapt_speakers', 'discovery_speakers', 'dev_speakers', 'test_speakers'], 20)\n"
        "build_atlas(AtlasParams(train_speakers=100, **few), 1, sys.argv[1], sys.argv[2], workers=1)"
    )
    corpus = tmp_path / "data" / "corpus"
    command = [sys.executable, "-c", code, shipped_path, corpus]
    # A shell starts background jobs with SIGINT ignored, and so would whatever these tests start.
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    marked = os.environ | {"TMPDIR": str(tmp_path)}  # by which its processes are told from those of other tests
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=heed, env=marked) as build:
        while not list(tmp_path.glob("data/.corpus.*/audio/*.flac")):
            assert build.poll() is None
            time.sleep(0.05)
        build.send_signal(number)
    assert not corpus.exists()
    if number == signal.SIGINT:
        assert list((tmp_path / "data").iterdir()) == []
    for _ in range(200):  # after SIGKILL the servers finish the speaker at hand
        if not _processes_with(f"TMPDIR={tmp_path}"):
            return
        time.sleep(0.05)
    pytest.fail("a synthesis server outlived its parent")


def _processes_with(variable):
    """Processes that have a variable in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found += [path] if variable.encode() in path.read_bytes() else []
    return found
