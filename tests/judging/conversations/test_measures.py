"""Measures of conversations on cases made by hand, and against meeteval's own corpus-level commands."""

import pandas as pd
import pytest

from isogloss.judging.conversations.attribution import turn_errors
from isogloss.judging.conversations.measures import match_turns, measure

pytest.importorskip("meeteval")

TURNS = pd.DataFrame(
    {
        "conversation_id": ["c", "c", "d"],
        "speaker_id": ["s", "t", "s"],
        "ref": ["a b", "c d", "a"],
        "start": [0.0, 1.5, 0.5],
        "end": [2.0, 3.5, 1.5],
    }
)
COLUMNS = ["conversation_id", "channel", "turn", "word", "start", "end", "turn_start", "turn_end", "last_word_end"]
HEARD = pd.DataFrame(
    [
        ("c", 0, 0, "a", 0.5, 0.9, 0.2, 2.3, 1.9),
        ("c", 0, 0, "b", 1.5, 1.9, 0.2, 2.3, 1.9),
        ("c", 1, 0, "c", 1.9, 2.5, 1.6, 3.9, 3.0),
        ("c", 1, 0, "x", 2.6, 3.0, 1.6, 3.9, 3.0),
        ("d", 0, 0, "a", 0.9, 1.3, 0.6, None, 1.4),
        ("d", 1, 0, "", 4.0, 4.0, 4.0, 4.5, 4.0),
    ],
    columns=COLUMNS,
).astype({"turn_end": float})


def test_the_figures_of_a_case_by_hand():
    figures = measure(turn_errors(TURNS, HEARD), HEARD, marks_turns=True)
    assert figures["orc_wer"] == figures["cp_wer"] == figures["tcp_wer"] == pytest.approx(1 / 5)
    assert figures["turn_count_accuracy"] == 0.5  # d has a turn too many
    assert figures["turn_recall"] == 1.0 and figures["turn_precision"] == pytest.approx(3 / 4)
    assert figures["start_latency_s"] == {"mean": pytest.approx(0.1333, abs=1e-4), "p50": 0.1, "p90": 0.18, "turns": 3}
    assert figures["end_latency_s"] == {"mean": 0.35, "p50": 0.35, "p90": 0.39, "turns": 2}


def test_a_system_without_marks_has_no_figures_of_turns():
    figures = measure(turn_errors(TURNS, HEARD), HEARD, marks_turns=False)
    assert figures["turn_recall"] is None and figures["end_latency_s"] is None and figures["orc_wer"] is not None


def test_words_said_far_too_late_cost_in_time_constrained_errors_alone():
    late = HEARD.assign(start=HEARD["start"] + 60.0, end=HEARD["end"] + 60.0)
    figures = measure(turn_errors(TURNS, late), late, marks_turns=False)
    assert figures["cp_wer"] == pytest.approx(1 / 5) and figures["tcp_wer"] > 1.0


def test_speakers_who_share_a_channel_cost_in_errors_by_speaker_alone():
    together = HEARD.assign(channel=0)
    figures = measure(turn_errors(TURNS, together), together, marks_turns=False)
    assert figures["orc_wer"] == pytest.approx(1 / 5) and figures["cp_wer"] > 0.3


def test_silence_is_all_deleted():
    nothing = HEARD.iloc[:0]
    figures = measure(turn_errors(TURNS, nothing), nothing, marks_turns=True)
    assert figures["orc_wer"] == figures["cp_wer"] == figures["tcp_wer"] == 1.0
    assert figures["turn_recall"] == 0.0 and figures["turn_precision"] is None
    assert figures["start_latency_s"]["mean"] is None


def test_a_turn_that_shares_less_than_half_is_not_found():
    turns = pd.DataFrame({"start": [0.0], "end": [2.0]})
    for span, found in (((0.9, 2.5), 1), ((1.1, 2.5), 0), ((0.0, 4.5), 0), ((5.0, 7.0), 0)):
        heard = pd.DataFrame({"turn_start": [span[0]], "turn_end": [span[1]], "last_word_end": [span[1]]})
        assert len(match_turns(turns, heard)) == found
