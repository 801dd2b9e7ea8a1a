"""`isogloss check` says at once, before any training, what a corpus and the params cannot do together."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from isogloss.cli.check import check
from isogloss.corpus.ingest import describe
from isogloss.corpus.ingest.source import Options

from .conftest import sound

ATLAS = Path(__file__).parents[2] / "corpora" / "atlas.yaml"


def corpus(folder: Path, speakers: int, *, texts: int = 2, last: str = "turn it on") -> str:
    folder.mkdir()
    soundfile.write(folder / "a.wav", sound(8000, 1), 8000)
    lines = ["utterance_id,audio,text,speaker_id,native_language"]
    for s in range(speakers):
        for take in range(texts):
            text = last if (s, take) == (speakers - 1, texts - 1) else "turn it on"
            lines.append(f"u{s}-{take},a.wav,{text},s{s},{['Urdu', 'Thai'][s % 2]}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    attributes = {"native_language": "native_language"}
    said: list[str] = []
    describe(folder / "t.csv", "mine", options=Options(attributes=attributes), overwrite=True, say=said.append)
    return said[0]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("{}\n", encoding="utf-8")  # all defaults
    return tmp_path


def asked(*settings: str):
    arguments = [part for setting in settings for part in ("-S", setting)]
    return CliRunner().invoke(check, arguments)


def test_all_of_what_cannot_be_done_is_said_at_once(here):
    corpus(here / "speech", 70)
    result = asked("corpus.source=mine")
    assert result.exit_code == 2
    for part in (
        "the rule geographic needs latitude, longitude, which the corpus lacks",
        "the rule geodemographic needs a table of ZIPs",
        "the rule attribute needs age_band, which the corpus lacks",
        "audio of 8000 Hz",
        "3 of 5 findings stop a run",
    ):
        assert part in result.output
    rules = ("cohorts.rules=[attribute,automatic]", "mitigation.rule=attribute")
    better = asked("corpus.source=mine", *rules, "attribute.columns=[native_language]")
    assert better.exit_code == 0, better.output
    assert "native_language: 2 of 2 values have fewer than 20 speakers in test" in better.output
    assert "Nothing stops a run." in better.output


def test_what_ingest_prints_can_be_typed(here):
    said = corpus(here / "speech", 70)
    check_command, run_command = (shlex.split(line.partition(": ")[2]) for line in said.splitlines()[-2:])
    assert check_command[:2] == ["isogloss", "check"] and run_command[:3] == ["dvc", "exp", "run"]
    assert check_command[2:] == run_command[3:]
    result = CliRunner().invoke(check, check_command[2:])
    assert (result.exit_code, "Nothing stops a run." in result.output) == (0, True), result.output


def test_six_speakers_are_told_how_many_it_takes(here):
    said = corpus(here / "speech", 6)
    assert "6 speakers are too few for its splits, which take about 50; judge a recogniser" in said
    assert "dvc exp run" not in said
    result = asked("corpus.source=mine", "cohorts.rules=[automatic]", "mitigation.rule=automatic")
    assert result.exit_code == 2
    assert "of the corpus' 6 speakers too few are in some splits (train 2, adapt 2, discovery 1" in result.output
    assert "validation.min_speakers is 5; add speakers (it takes about 50)" in result.output
    corpus(here / "fewer", 3)
    result = asked("corpus.source=mine", "cohorts.rules=[automatic]", "mitigation.rule=automatic")
    assert "the corpus has 3 speakers, too few for splits" in result.output
    assert "takes about 6, and to judge cohorts about 20 speakers of each in test" in result.output


def test_letters_that_train_lacks_are_named_with_an_utterance(here):
    corpus(here / "speech", 70)
    text = (here / "speech" / "t.csv").read_text().splitlines()
    import pandas as pd

    from isogloss.config import PrepareParams
    from isogloss.corpus.splits import assign_splits

    table = pd.read_csv(here / "speech" / "t.csv")
    tested = table[assign_splits(table, PrepareParams()) == "test"]["utterance_id"].iloc[0]
    changed = [line.replace("turn it on", "straße") if line.startswith(f"{tested},") else line for line in text]
    (here / "speech" / "t.csv").write_text("\n".join(changed) + "\n")
    options = Options(attributes={"native_language": "native_language"})
    describe(here / "speech" / "t.csv", "mine", options=options, overwrite=True)
    rules = ("cohorts.rules=[automatic]", "mitigation.rule=automatic")
    result = asked("corpus.source=mine", *rules)
    assert f"'ß' in 1 utterances, the first {tested}" in result.output
    assert "'ß'" not in asked("corpus.source=mine", *rules, "prepare.tokens=pieces").output


def test_utterances_longer_than_the_recogniser_hears_are_counted(here):
    corpus(here / "speech", 70)
    result = asked("corpus.source=mine", "validation.max_duration_s=0.5")
    assert "140 utterances last more than 0.5 s (u0-0, u0-1, u1-0, u1-1, u2-0 and 135 others)" in result.output
    assert "or raise validation.max_duration_s" in result.output
    whisper = ("asr.model=whisper", "asr.checkpoint=none", "whisper.window_seconds=1")
    assert "last more than 1 s" not in asked("corpus.source=mine", *whisper).output


def test_utterances_that_prepare_leaves_out_stop_nothing(here):
    corpus(here / "speech", 70)
    soundfile.write(here / "speech" / "long.wav", np.tile(sound(8000, 1), 3), 8000)
    table = (here / "speech" / "t.csv").read_text().replace("u0-0,a.wav", "u0-0,long.wav")
    (here / "speech" / "t.csv").write_text(table)
    describe(
        here / "speech" / "t.csv",
        "mine",
        options=Options(attributes={"native_language": "native_language"}),
        overwrite=True,
    )
    rules = ("cohorts.rules=[automatic]", "mitigation.rule=automatic", "corpus.source=mine")
    window = ("asr.model=whisper", "asr.checkpoint=none", "whisper.window_seconds=2")
    stopped = asked(*rules, *window)
    assert "1 utterances last more than 2 s (u0-0)" in stopped.output
    assert "leave them out by prepare.max_duration_s, or raise whisper.window_seconds" in stopped.output
    kept = asked(*rules, *window, "prepare.max_duration_s=2")
    assert (kept.exit_code, "last more than" in kept.output) == (0, False), kept.output
    none = asked(*rules, *window, "prepare.max_duration_s=0.1")
    assert (none.exit_code, "the shortest utterance lasts 1.0 s" in none.output) == (2, True)


def test_a_synthetic_corpus_has_nothing_to_be_checked(here):
    Path("corpora").mkdir()
    Path("corpora/atlas.yaml").write_text(ATLAS.read_text(encoding="utf-8"), encoding="utf-8")
    assert asked().output == "Nothing stops a run.\n"


def test_a_setting_that_is_none_is_one_sentence(here):
    result = asked("corpus.source")
    assert (result.exit_code, "give KEY=VALUE" in result.output) == (2, True)
