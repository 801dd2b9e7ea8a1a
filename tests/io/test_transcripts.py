import pytest

from isogloss.errors import TableError
from isogloss.io.transcripts import read_transcripts

STM = """;; a comment
call A anna 0.0 2.0 <o,f0,female> turn on the light
call B bert 1.0 3.0 <o,f0,male> yes
call A carl 2.0 2.5 <o> IGNORE_TIME_SEGMENT_IN_SCORING
call A anna 2.5 4.0 thank you
call A anna 5.0 6.0 <o,f0,female>
"""
CTM = """call A 0.10 0.20 turn 0.9
call A 0.40 0.20 off
call A 1.95 0.30 the
call A 4.60 0.10 you
call A 4.40 0.10 thank
call B 1.10 0.50 yes
;; uh
"""


def read(tmp_path, name, content, reference=None):
    (tmp_path / name).write_text(content)
    return read_transcripts(tmp_path / name, reference)


def test_kaldi_text_keeps_inner_words_and_knows_empty_lines(tmp_path):
    found = read(tmp_path, "text", "u1 one  two\nu2\n\nu3\tthree\n")
    assert found.texts.to_dict() == {"u1": "one  two", "u2": "", "u3": "three"}
    assert found.speakers is None


def test_trn_ids_stand_at_the_end_in_parentheses(tmp_path):
    found = read(tmp_path, "a.trn", "one (two) three (s1-001)\n;; (x)\n(s1-002)\n")
    assert found.texts.to_dict() == {"s1-001": "one (two) three", "s1-002": ""}


def test_stm_names_speakers_and_leaves_out_what_is_not_to_be_scored(tmp_path):
    found = read(tmp_path, "a.stm", STM)
    assert found.texts.to_dict() == {
        "call_A_0.0_2.0": "turn on the light",
        "call_B_1.0_3.0": "yes",
        "call_A_2.5_4.0": "thank you",
        "call_A_5.0_6.0": "",
    }
    assert found.speakers.tolist() == ["anna", "bert", "anna", "anna"]


def test_ctm_words_go_to_the_segment_that_holds_their_middle_else_to_the_nearest(tmp_path):
    # "the" lasts from 1.95 to 2.25: its middle, 2.10, is in the ignored segment. 4.45 and 4.65 lie 0.45 and 0.65 s
    # after one segment and 0.55 and 0.35 s before the next.
    found = read(tmp_path, "a.ctm", CTM, read(tmp_path, "a.stm", STM))
    assert found.texts.to_dict() == {
        "call_A_0.0_2.0": "turn off",
        "call_B_1.0_3.0": "yes",
        "call_A_2.5_4.0": "thank",
        "call_A_5.0_6.0": "you",
    }


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("text", "u1 a\nu1 b\n", "line 2: utterance 'u1' occurs twice"),
        ("text", "\n", "is empty"),
        ("a.trn", "one two\n", r"line 1 does not end in an utterance id in parentheses"),
        ("a.trn", "{ one / two } (s1-1)\n", "line 1 holds alternatives"),
        ("a.stm", "call A anna 0.0\n", "line 1 has 4 fields"),
        ("a.stm", "call A anna 2.0 1.0 hello\n", "line 1: the segment ends at 1.0 s, but begins at 2.0 s"),
        ("a.stm", "call A anna x 1.0 hello\n", "line 1: begin is 'x'; give seconds"),
        ("a.stm", "call A anna 0 nan hello\n", "line 1: end is 'nan'; give seconds"),
        ("a.stm", STM + "call A anna 0.0 2.0 again\n", "line 7: segment 'call_A_0.0_2.0' occurs twice"),
        ("a.stm", ";; nothing\n", "holds no segment"),
        ("a.ctm", CTM, "give references as an STM file"),
    ],
)
def test_a_malformed_file_is_one_sentence_with_its_line(tmp_path, name, content, sentence):
    with pytest.raises(TableError, match=sentence) as raised:
        read(tmp_path, name, content)
    assert str(tmp_path / name) in str(raised.value)


def test_words_of_an_unknown_recording_are_refused(tmp_path):
    with pytest.raises(TableError, match="line 1: recording 'other', channel 'A', has no segment"):
        read(tmp_path, "a.ctm", "other A 0.1 0.2 word\n", read(tmp_path, "a.stm", STM))
