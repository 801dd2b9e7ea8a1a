"""Small inputs in the shape of public bug reports, with the values that were worked out by hand.

Unless said otherwise an input has twelve speakers, s0 to s5 women and s6 to s11 men, of two utterances each.
"""

import csv
import json

import pandas as pd
import pytest
from click.testing import CliRunner

from isogloss.cli.audit import audit as command
from isogloss.errors import TableError
from isogloss.io.cells import cells
from isogloss.io.normalise import normalise
from isogloss.io.table_reader import read_table
from isogloss.io.transcripts import read_transcripts
from isogloss.judging.intake import Request
from isogloss.judging.intake.utterances import read_utterances

COLUMNS = ("utterance_id", "speaker_id", "gender", "ref", "hyp")


def rows(ref="turn on the light", women="turn off the light", men="turn on the light"):
    """By default one word of four is wrong where women speak: 12 of 96 errors, 12.5 %."""
    return [
        (f"u{speaker}_{number}", f"s{speaker}", "f" if speaker < 6 else "m", ref, women if speaker < 6 else men)
        for speaker in range(12)
        for number in range(2)
    ]


def errors_and_words(path, *steps, **options):
    before = read_utterances(Request(table=path, normalise=steps or ("none",), **options)).before
    return int(before[["substitutions", "deletions", "insertions"]].to_numpy().sum()), int(before["words"].sum())


def refusal(*arguments):
    """What the command says when it refuses; it exits with 2."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    return result.output


def test_two_lone_quotes_that_swallow_five_rows_are_refused_with_their_place(tmp_path):
    lines = [",".join(row) for row in [COLUMNS, *rows()]]
    for row in (5, 10):  # lines 6 and 11
        lines[row] = lines[row].replace("turn on", '"turn on', 1)
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    said = refusal(tmp_path / "a.csv", "--by", "gender")
    assert "a.csv, line 6: ',' expected after '\"', in row 5, which goes on to line 11" in said


def test_the_same_with_tabs_is_read_since_quotes_are_plain_there(tmp_path):
    lines = ["\t".join(row) for row in [COLUMNS, *rows()]]
    lines[5] = lines[5].replace("turn on", '"turn on', 1)
    for name, options in (("a.tsv", {}), ("a.csv", {}), ("b.csv", {"separator": "\t"})):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        assert errors_and_words(tmp_path / name, "punctuation", **options) == (12, 96)


def test_semicolons_after_a_byte_order_mark_separate_cells(tmp_path):
    content = "\n".join(";".join(row) for row in [COLUMNS, *rows()]) + "\n"
    (tmp_path / "a.csv").write_text(content, encoding="utf-8-sig")
    assert errors_and_words(tmp_path / "a.csv") == (12, 96)


def test_a_cell_of_two_million_characters_is_read(tmp_path):
    with (tmp_path / "big.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["speaker_id", "ref", "hyp", "words_json"])
        for speaker in range(8):
            words = [{"w": "x", "s": 0.1 * k, "e": 0.2 * k} for k in range(40_000 if speaker == 5 else 1)]
            writer.writerow([f"s{speaker}", "turn on the light", "turn off the light", json.dumps(words)])
    source = read_table(tmp_path / "big.csv")
    assert source.rows == 8 and max(len(str(cell)) for cell in cells(source, "words_json")) > 1 << 20
    assert errors_and_words(tmp_path / "big.csv") == (8, 32)


def test_nested_brackets_are_no_words(tmp_path):
    spoken = rows("we left before noon", "we left before noon", "we left before noon")
    table = pd.DataFrame(spoken, columns=COLUMNS)
    table.loc[table["gender"] == "f", "ref"] = "we left (( )) before noon"
    table.to_csv(tmp_path / "a.csv", index=False)
    assert errors_and_words(tmp_path / "a.csv", "brackets") == (0, 96)
    assert errors_and_words(tmp_path / "a.csv") == (24, 120)


def test_segments_of_one_recording_are_told_apart_by_their_offset(tmp_path):
    lines = [
        {
            "audio_filepath": f"/data/{speaker}.wav",
            "offset": 12.5 * int(utterance[-1]),
            "duration": 4.0,
            "text": ref,
            "pred_text": hyp,
            "speaker": speaker,
        }
        for utterance, speaker, _, ref, hyp in rows()
    ]
    path = tmp_path / "manifest.json"
    path.write_text("\n".join(map(json.dumps, lines)))
    assert errors_and_words(path) == (12, 96)
    after = tmp_path / "after.json"
    after.write_text("\n".join(json.dumps({**line, "pred_text": "turn on"}) for line in lines))
    assert read_utterances(Request(table=path, after=after)).ids.tolist()[:2] == [
        "/data/s0.wav@0.0",
        "/data/s0.wav@12.5",
    ]
    path.write_text("\n".join(map(json.dumps, [lines[0], *lines])))
    with pytest.raises(TableError, match=r"line 2: utterance '/data/s0\.wav@0\.0' occurs a second time"):
        errors_and_words(path)


def test_an_apostrophe_between_a_vowel_sign_and_a_letter_keeps_the_word_whole(tmp_path):
    spoken = rows("দু'টি বই টেবিলে আছে", "দু'টি বই টেবিলে আছে", "দুটি বই টেবিলে আছে")
    path = tmp_path / "a.jsonl"
    pd.DataFrame(spoken, columns=COLUMNS).to_json(path, orient="records", lines=True)
    assert errors_and_words(path, "nfkc", "lower", "punctuation", "apostrophes") == (0, 96)


def test_a_script_without_spaces_gets_a_hint_and_can_be_counted_in_characters(tmp_path):
    path = tmp_path / "a.jsonl"
    spoken = rows("今天天气很好我们去公园", "今天天气很好我们去公圆", "今天天气很好我们去公园")
    pd.DataFrame(spoken, columns=COLUMNS).to_json(path, orient="records", lines=True)
    assert errors_and_words(path) == (12, 24)
    assert errors_and_words(path, "characters") == (12, 24 * 11)
    assert any("character error rates" in warning for warning in read_utterances(Request(table=path)).warnings)
    assert not read_utterances(Request(table=path, normalise=("characters",))).warnings


def test_an_stm_and_a_ctm_file_give_what_a_table_of_the_same_words_gives(tmp_path):
    stm, ctm = [], []
    for utterance, speaker, _, ref, hyp in rows():
        start = 10.0 * int(utterance[-1])
        stm.append(f"{speaker}.wav 1 {speaker} {start} {start + 5} <o> {ref}")
        ctm += [f"{speaker}.wav 1 {start + 0.5 * k} 0.4 {word}" for k, word in enumerate(hyp.split(), start=1)]
    (tmp_path / "ref.stm").write_text("\n".join(stm))
    (tmp_path / "hyp.ctm").write_text("\n".join(ctm))
    read = read_utterances(Request(ref=tmp_path / "ref.stm", hyp=tmp_path / "hyp.ctm"))
    table = pd.DataFrame(rows(), columns=COLUMNS)
    table.to_csv(tmp_path / "a.csv", index=False)
    expected = read_utterances(Request(table=tmp_path / "a.csv")).before
    assert read.before.to_dict() == expected.to_dict()


def test_trn_files_are_joined_by_their_ids(tmp_path):
    for name, column in (("ref.trn", 3), ("hyp.trn", 4)):
        lines = [f"{row[column]} ({row[0]})" for row in rows()]
        (tmp_path / name).write_text("\n".join(lines if column == 3 else lines[::-1]))
    (tmp_path / "utt2spk").write_text("\n".join(f"{row[0]} {row[1]}" for row in rows()))
    request = Request(ref=tmp_path / "ref.trn", hyp=tmp_path / "hyp.trn", utt2spk=tmp_path / "utt2spk")
    before = read_utterances(request).before
    assert (before["substitutions"].sum(), before["words"].sum()) == (12, 96)
    assert read_transcripts(tmp_path / "ref.trn").texts["u3_1"] == "turn on the light"


def trials(**changes):
    """The trials of twelve speakers: first against second utterance of each pair."""
    pairs = [(a, b) for a in range(12) for b in range(12)]
    pairs.sort(key=lambda pair: pair[0] != pair[1])
    listed = pd.DataFrame({"enrol_id": [f"u{a}_0" for a, _ in pairs], "test_id": [f"u{b}_1" for _, b in pairs]})
    listed["score"] = [float((7 * a + 3 * b) % 5) for a, b in pairs]
    listed["target"] = [int(a == b) for a, b in pairs]
    for column, (row, value) in changes.items():
        listed[column] = listed[column].astype(object)
        listed.loc[row, column] = value
    return listed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score": (2, None)}, "trials.csv, row 3: score is empty"),
        ({"enrol_id": (2, "nobody")}, "trials.csv, row 3 names the utterance 'nobody', which the table of speakers"),
        ({"target": (14, 1)}, "trials.csv, row 15: target is '1', but the two speakers are different"),
        ({"target": (14, "maybe")}, "trials.csv, row 15: target is 'maybe'"),
        ({"score": (14, "high")}, "trials.csv, row 15: column 'score' holds 'high', not a number"),
    ],
)
def test_a_mistake_in_trials_is_named_with_file_and_row(tmp_path, change, said):
    pd.DataFrame(rows(), columns=COLUMNS)[["utterance_id", "speaker_id", "gender"]].to_csv(
        tmp_path / "speakers.csv", index=False
    )
    trials(**change).to_csv(tmp_path / "trials.csv", index=False)
    arguments = ("--trials", tmp_path / "trials.csv", "--speakers", tmp_path / "speakers.csv", "--by", "gender")
    assert said in refusal(*arguments)


def test_marks_of_trials_may_be_words(tmp_path):
    pd.DataFrame(rows(), columns=COLUMNS).to_csv(tmp_path / "speakers.csv", index=False)
    outputs = set()
    for marks in ((0, 1), ("nontarget", "target"), ("imp", "tgt")):
        trials().assign(target=[marks[mark] for mark in trials()["target"]]).to_csv(tmp_path / "t.csv", index=False)
        arguments = ["--trials", tmp_path / "t.csv", "--speakers", tmp_path / "speakers.csv", "--by", "gender"]
        result = CliRunner().invoke(command, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        outputs.add(result.output)
    assert len(outputs) == 1


def test_common_voice_s_quotes_are_characters_of_the_sentence(tmp_path):
    lines = ["client_id\tpath\tsentence", "a\tx.mp3\tThe river runs.", 'a\ty.mp3\t"Open the gate, said the guard.']
    (tmp_path / "validated.tsv").write_text("\n".join(lines) + "\n")
    found = cells(read_table(tmp_path / "validated.tsv"), "sentence")
    assert found == ["The river runs.", '"Open the gate, said the guard.']
    assert normalise(found, ("punctuation",))[1] == "Open the gate said the guard"
