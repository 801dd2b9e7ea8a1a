"""Conversations from single speakers to a page: stored, heard, judged and shown; and streamed by the command."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from lhotse import CutSet

from isogloss.cli import main
from isogloss.config import MultitalkerParams, Params
from isogloss.config.multitalker import ConversationParams
from isogloss.corpus.conversations.store import read_conversations, store_conversations, turn_table
from isogloss.errors import CorpusError, TableError
from isogloss.inference.conversations import hear_conversations
from isogloss.judging.conversations.attribution import turn_errors
from isogloss.judging.conversations.document import compare_conditions
from isogloss.judging.conversations.measures import measure
from isogloss.judging.system import Rule
from isogloss.recognizers import save_recognizer
from isogloss.report.conversations_page import render_conversations, write_conversations_page
from isogloss.tables import write_json

pytest.importorskip("meeteval")


def conftest_of(*parts):
    """The factories of another folder's tests."""
    path = Path(__file__).parents[1].joinpath(*parts, "conftest.py")
    spec = importlib.util.spec_from_file_location("_".join(parts), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


single_talker = conftest_of("recognizers", "multitalker").single_talker
talkative = conftest_of("recognizers", "multitalker").talkative
noise = conftest_of("recognizers", "multitalker").noise
whole = conftest_of("recognizers", "multitalker").whole
params = conftest_of("recognizers", "multitalker").params


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Prepared data of six speakers of test."""
    data = tmp_path_factory.mktemp("workspace") / "data"
    (data / "corpus").mkdir(parents=True)
    (data / "cuts").mkdir()
    cuts = conftest_of("corpus", "conversations").write_utterances(data / "corpus", speakers=6)
    write_json({"audio_root": str(data / "corpus")}, data / "corpus" / "corpus.json")
    for cut in cuts:
        cut.recording.sources[0].source = Path(cut.recording.sources[0].source).name
    CutSet.from_cuts(cuts).to_file(data / "cuts" / "test.jsonl")
    return data


@pytest.fixture(scope="session")
def stored(data):
    folder = data / "conversations" / "simulated"
    store_conversations("simulated", MultitalkerParams(stored_conversations=6), data=data, folder=folder)
    return folder


@pytest.fixture(scope="session")
def errors(stored, talkative):
    turns = turn_table(read_conversations(stored))
    return turn_errors(turns, hear_conversations(talkative("sts"), read_conversations(stored)))


def rule():
    speakers = [(f"speaker-{s}-{n}", f"speaker-{s}", "east" if s < 3 else "west") for s in range(6) for n in range(3)]
    table = pd.DataFrame(speakers, columns=["utterance_id", "speaker_id", "cohort"])
    return Rule(table, {"cohorts": [{"cohort": name, "label": name.title()} for name in ("east", "west")]})


def judged():
    return Params.model_validate(
        {"statistics": {"min_speakers": 2, "resamples": 200, "permutations": 200}, "privacy": {"min_speakers": 2}}
    )


def test_a_set_is_the_same_bytes_twice_and_its_audio_is_found(data, stored, tmp_path):
    again = tmp_path / "again"
    store_conversations("simulated", MultitalkerParams(stored_conversations=6), data=data, folder=again)
    names = sorted(path.relative_to(stored) for path in stored.rglob("*") if path.is_file())
    assert len(names) == 2 + 6 * 3
    assert all((stored / name).read_bytes() == (again / name).read_bytes() for name in names)
    cuts = read_conversations(stored)
    assert all(np.abs(cut.load_audio()).max() > 0.01 for cut in cuts)
    table = turn_table(cuts)
    assert table.groupby("condition", sort=False)["overlapped"].max().iloc[0] == 0.0
    assert (table["partner_id"] != table["speaker_id"]).all()
    said = table.groupby("condition")[["turn_id", "source_id", "ref"]].apply(lambda rows: rows.to_numpy().tolist())
    assert said.iloc[0] == said.iloc[1] == said.iloc[2]


def test_ratios_that_round_alike_are_conditions_apart_and_the_least_comes_first(data, tmp_path):
    conversations = ConversationParams(overlap_ratios=[0.104, 0.1])
    table = store_conversations(
        "simulated",
        MultitalkerParams(stored_conversations=2, conversations=conversations),
        data=data,
        folder=tmp_path / "set",
    )
    assert table.groupby("conversation_id")["condition"].nunique().eq(1).all()
    assert table["condition"].unique().tolist() == ["10 % overlap", "10.4 % overlap"]
    assert len(list((tmp_path / "set" / "audio").iterdir())) == table["conversation_id"].nunique() == 4
    with pytest.raises(ValueError, match="'10 %' twice"):
        ConversationParams(overlap_ratios=[0.1, 0.10000001])


def test_each_cohort_is_compared_with_itself_apart(errors):
    document = compare_conditions(errors, "0 % overlap", "40 % overlap", {"region": rule()}, judged())
    assert document.systems == ["0 % overlap", "40 % overlap"]
    by_cohort, by_partner = document.groupings
    apart = errors[errors["condition"] == "0 % overlap"]
    for cohort in by_cohort.cohorts:
        of_cohort = apart["speaker_id"].map(
            rule().assignments.drop_duplicates("speaker_id").set_index("speaker_id")["cohort"]
        )
        rows = apart[of_cohort == cohort.cohort]
        assert cohort.before == pytest.approx(
            rows[["substitutions", "deletions", "insertions"]].to_numpy().sum() / rows["words"].sum()
        )
    assert {one.cohort for one in by_partner.cohorts} <= {"beside the same cohort", "beside another cohort"}
    with pytest.raises(TableError, match="there is no conversation of the condition '90 % overlap'"):
        compare_conditions(errors, "0 % overlap", "90 % overlap", {}, judged())


def test_the_page_has_every_figure_of_the_measures(errors, stored, talkative, tmp_path):
    heard = hear_conversations(talkative("sts"), read_conversations(stored))
    figures = {
        condition: measure(rows, heard[heard["conversation_id"].isin(rows["conversation_id"])], marks_turns=True)
        for condition, rows in errors.groupby("condition", sort=False)
    }
    documents = [compare_conditions(errors, "0 % overlap", "40 % overlap", {"region": rule()}, judged())]
    page = render_conversations({"system": "sts", "sets": {"simulated": figures}}, documents)
    for one in figures.values():
        assert f"{100 * one['orc_wer']:.1f}" in page and f"{100 * one['cp_wer']:.1f}" in page
    assert "East" in page and "Separator-transducer-segmenter" in page
    with pytest.raises(TableError, match="has no measures"):
        write_conversations_page(tmp_path, tmp_path / "page.html")


def test_a_split_of_one_speaker_makes_no_conversation_and_writes_nothing(data, tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "cuts").mkdir()
    write_json({"audio_root": str(data / "corpus")}, tmp_path / "corpus" / "corpus.json")
    CutSet.from_cuts(list(CutSet.from_file(data / "cuts" / "test.jsonl"))[:3]).to_file(tmp_path / "cuts" / "test.jsonl")
    with pytest.raises(CorpusError, match="it has 1 who are heard"):
        store_conversations("simulated", MultitalkerParams(), data=tmp_path, folder=tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_the_command_shows_turns_with_their_times_as_they_come(talkative, noise, whole, tmp_path):
    model, samples_N = talkative("sts"), noise(3.001)
    model.save(tmp_path / "model")
    soundfile.write(tmp_path / "talk.wav", samples_N, 16_000, subtype="FLOAT")
    result = CliRunner().invoke(
        main, ["transcribe", "--turns", str(tmp_path / "talk.wav"), "--model", str(tmp_path / "model")]
    )
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    for turn in whole(model, samples_N)[0]:
        ended = "" if turn.end is None else f"  ({turn.start:.1f} to {turn.end:.1f} s)"
        assert any(f"[{turn.channel + 1}] {turn.text}{ended}" in line for line in lines)
    assert float(lines[0].split(" s")[0]) < 1.0  # it does not wait for the end


def test_the_command_wants_one_recording_and_a_model_of_turns(single_talker, tmp_path):
    save_recognizer(single_talker(), tmp_path / "base")
    soundfile.write(tmp_path / "talk.wav", np.zeros(1600), 16_000)
    talk = str(tmp_path / "talk.wav")
    for arguments, sentence in (
        ([], "name a TABLE of recordings, or one recording"),
        (["--turns", talk, "--stream", talk], "name a TABLE of recordings"),
        (["--turns", talk, "--model", str(tmp_path / "base")], "marks no turns"),
        (["--turns", talk, "--model", str(tmp_path)], "has no model.json; name a folder that `isogloss run` made"),
    ):
        result = CliRunner().invoke(main, ["transcribe", *arguments])
        assert result.exit_code == 2 and sentence in result.stderr
