"""`isogloss check` says at once, before any training, what a corpus and the params cannot do together."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from isogloss.cli.check import check
from isogloss.config import Params
from isogloss.corpus.ingest import describe
from isogloss.corpus.ingest.source import Options
from isogloss.corpus.readiness import findings

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


def described(folder: Path, header: str, lines: list[str], **options) -> list[str]:
    """Describe a table beside one second of sound, as the corpus `mine`; the lines that were said."""
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / "a.wav", sound(16000, 1), 16000)
    (folder / "t.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    said: list[str] = []
    describe(folder / "t.csv", "mine", options=Options(**options), overwrite=True, say=said.append)
    return said[0].splitlines()


def suggested(said: list[str]) -> list[str]:
    """The arguments of the `isogloss check` that was suggested."""
    (command,) = (line.partition(": ")[2] for line in said if ": isogloss check" in line)
    return shlex.split(command)[2:]


def speech(speakers: int = 70, *, texts: int = 2) -> list[str]:
    """Rows utterance_id, audio, text, speaker_id, native_language."""
    return [
        f"u{s}-{take},a.wav,turn it on,s{s},{['Urdu', 'Thai'][s % 2]}" for s in range(speakers) for take in range(texts)
    ]


HEADER = "utterance_id,audio,text,speaker_id,native_language"
LANGUAGE = {"native_language": "native_language"}
UNTRANSCRIBED = {"attributes": LANGUAGE, "columns": {"text": None}}


def test_without_transcripts_cohort_rules_and_training_a_recogniser_stop_a_run(here):
    said = described(here / "speech", HEADER, speech(), **UNTRANSCRIBED)
    result = asked("corpus.source=mine")
    assert result.exit_code == 2
    assert "cohorts.rules lists geographic, geodemographic, automatic, attribute, but rules find" in result.output
    assert "warning: the corpus has no transcripts" in result.output and "needs age_band" not in result.output
    arguments = suggested(said)
    assert "cohorts.rules=[]" in arguments and "mitigation.methods=[]" in arguments
    assert "verification.attributes=[native_language]" in arguments
    result = CliRunner().invoke(check, arguments)
    assert (result.exit_code, "Nothing stops a run." in result.output) == (0, True), result.output
    params = Params.model_validate(
        {
            "corpus": {"source": "mine"},
            "cohorts": {"rules": []},
            "mitigation": {"methods": []},
            "speaker": {"encoders": ["base"]},
            "verification": {
                "methods": ["continued"],
                "attribute": "native_language",
                "attributes": ["native_language"],
            },
        }
    )
    stopping = [one.sentence for one in findings(params, recogniser=True) if one.stops]
    assert len(stopping) == 1 and "no recogniser can be trained" in stopping[0] and "report_speaker" in stopping[0]


def test_without_transcripts_a_run_is_suggested_only_where_verifiers_can_be_compared(here):
    said = described(here / "speech", HEADER, speech(), columns={"text": None})
    assert "the pipeline on it: none, since without transcripts verifiers are compared by attributes" in said[-1]
    said = described(here / "speech", HEADER, speech(), attributes=LANGUAGE, columns={"text": None, "speaker_id": None})
    assert "the pipeline on it: none, since neither what is said nor who speaks is known" in said[-1]
    said = described(here / "speech", HEADER, speech(6), **UNTRANSCRIBED)
    assert "6 speakers are too few" in said[-1] and "audit" not in said[-1]
    few = [line.replace("Thai", "Urdu") if int(line[1:].split("-")[0]) % 5 else line for line in speech()]
    said = described(here / "speech", HEADER, few, **UNTRANSCRIBED)  # 7 of 70 speak Thai
    assert "dvc exp run report_speaker" in said[-1]


def test_a_verifier_needs_two_utterances_of_a_speaker(here):
    said = described(here / "speech", HEADER, speech(texts=1), **UNTRANSCRIBED)
    result = CliRunner().invoke(check, suggested(said))
    assert result.exit_code == 2 and "no speaker of test has two utterances" in result.output


def test_the_suggestion_for_speakers_of_one_utterance_passes(here):
    said = described(here / "speech", HEADER, speech(400, texts=1), attributes=LANGUAGE)
    arguments = suggested(said)
    assert "automatic.normalization=mean" in arguments
    result = CliRunner().invoke(check, arguments)
    assert (result.exit_code, "Nothing stops a run." in result.output) == (0, True), result.output
    within = [argument.replace("=mean", "=within_speaker") for argument in arguments]
    result = CliRunner().invoke(check, within)
    assert result.exit_code == 2 and "no speaker of discovery has two; set automatic.normalization" in result.output


@pytest.mark.parametrize(("speakers", "texts"), [(60, 2), (100, 2), (120, 1), (250, 1)])
def test_the_suggestion_passes_for_corpora_of_few_speakers(here, speakers, texts):
    lines = [f"{line},{30 + s / 100},-90" for s, line in enumerate(speech(speakers, texts=texts))]
    said = described(here / "speech", f"{HEADER},latitude,longitude", lines, attributes=LANGUAGE)
    result = CliRunner().invoke(check, suggested(said))
    assert (result.exit_code, "Nothing stops a run." in result.output) == (0, True), result.output
    assert "dvc exp run" in said[-1]


RULES = ("corpus.source=mine", "attribute.columns=[native_language]")


def test_one_embedded_utterance_of_each_speaker_is_too_few_to_compare_within_speakers(here):
    described(here / "speech", HEADER, speech(), attributes=LANGUAGE)
    rules = (*RULES, "cohorts.rules=[automatic]", "mitigation.rule=automatic", "cohorts.voice_utterances=1")
    rules = (*rules, "automatic.normalization=within_speaker")
    result = asked(*rules, "cohorts.voices=asr")
    assert result.exit_code == 2 and "but cohorts.voice_utterances is 1; raise it" in result.output
    assert asked(*rules, "cohorts.voices=speaker", "speaker.encoders=[base]").exit_code == 0


def test_embeddings_that_no_rule_reads_are_said(here):
    described(here / "speech", HEADER, speech(), attributes=LANGUAGE)
    rules = (*RULES, "cohorts.rules=[automatic]", "mitigation.rule=automatic", "speaker.embeddings=e.parquet")
    result = asked(*rules, "cohorts.voices=asr")
    assert result.exit_code == 0, result.output
    assert "speaker.embeddings names e.parquet, but no cohort rule reads it (cohorts.voices is asr)" in result.output
    assert "no cohort rule reads it" not in asked(*rules, "cohorts.voices=speaker", "speaker.encoders=[base]").output
    both = asked(*rules, "cohorts.voices=speaker", "speaker.encoders=[base]", "verification.methods=[continued]")
    assert both.exit_code == 2 and "there is no encoder to train" in both.output


def test_a_search_for_slices_and_an_unknown_number_of_clusters_can_be_checked(here):
    described(here / "speech", HEADER, speech(200), attributes=LANGUAGE)
    rules = (*RULES, "cohorts.rules=[slices,automatic]", "mitigation.rule=slices", "automatic.n_clusters=auto")
    result = asked(*rules)
    assert result.exit_code == 0, result.output
    result = asked(*rules, "slices.columns=[native_language,duration_s,words_per_s]")
    assert result.exit_code == 0 and "words_per_s:" not in result.output, result.output
    assert "the rule slices needs snr_db" in asked(*rules, "slices.columns=[snr_db]").output


def test_figures_that_the_table_of_zips_lacks_are_named(here):
    lines = [f"{line},0100{s % 9}" for s, line in enumerate(speech())]
    described(here / "speech", f"{HEADER},zip", lines, attributes=LANGUAGE)
    (here / "zips.csv").write_text("zip,percent_white\n" + "".join(f"0100{n},{10 * n}\n" for n in range(9)))
    path = here / "corpora" / "mine.yaml"
    path.write_text(path.read_text() + "zips: {table: zips.csv}\n")
    rules = (
        *RULES,
        "cohorts.rules=[geodemographic]",
        "mitigation.rule=geodemographic",
        "geodemographic.min_speakers=5",
    )
    result = asked(*rules)
    assert result.exit_code == 2
    assert "the rule geodemographic needs percent_black in the table of ZIPs" in result.output
    assert "percent_white" not in result.output
    few = asked(*rules, "geodemographic.attributes=[percent_white]")
    assert few.exit_code == 0, few.output


def test_what_the_data_gate_would_stop_is_known_before_and_what_it_lets_pass_too(here):
    lines = [f"{line},{3 + s % 2}" for s, line in enumerate(speech())]
    lines[0] = lines[0].replace("turn it on", "a b c d e f g h i j k l m n")
    given = [f"{line},{['train', 'adapt', 'discovery', 'dev', 'test'][s // 2 % 5]}" for s, line in enumerate(lines)]
    splits = {"column": "split", "values": {s: s for s in ("train", "adapt", "discovery", "dev", "test")}}
    described(here / "speech", f"{HEADER},weight,split", given, attributes=LANGUAGE)
    path = here / "corpora" / "mine.yaml"
    path.write_text(path.read_text() + f"split: {json.dumps(splits)}\n")
    rules = (*RULES, "cohorts.rules=[attribute]", "mitigation.rule=attribute", "prepare.tokens=pieces")
    result = asked(*rules)
    assert result.exit_code == 2
    assert "1 utterances have more than 10 words a second (u0-0)" in result.output
    assert "a mean weight within 0.1 of 1, but that of adapt 3.5, dev 3.5" in result.output
    passed = asked(*rules, "validation.warn=[speech_rate,mean_weight,split_speakers,duration]")
    assert passed.exit_code == 0, passed.output
    described(here / "speech", f"{HEADER},weight", lines[1:], attributes=LANGUAGE)  # weights of splits that are made
    assert "mean weight" not in asked(*rules).output
