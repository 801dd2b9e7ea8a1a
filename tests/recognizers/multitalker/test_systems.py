"""What each system writes for a conversation, and that reading it gives the turns again."""

import pytest

from isogloss.corpus.conversations.turns import Turn
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import CorpusError
from isogloss.recognizers.multitalker.reading import TurnReader
from isogloss.recognizers.multitalker.systems import with_special_tokens, word_ends, written

TOKENS = Tokens.of(["abcd "])
TURNS = [Turn("u1", "s", "ab c", 0.0, 4.0), Turn("u2", "t", "d a", 3.0, 6.0), Turn("u3", "s", "bb", 7.0, 8.0)]


def spelt(channel, tokens):
    return [tokens.symbols[one] for one in channel.tokens]


def test_the_separator_writes_a_channel_turn_after_turn_between_marks():
    tokens = with_special_tokens(TOKENS, "sts", turn_tokens=True)
    first, second = written(TURNS, tokens, "sts", where="c")
    start, end = "<start-of-turn>", "<end-of-turn>"
    assert spelt(first, tokens) == [start, *"ab c", end, start, *"bb", end]
    assert spelt(second, tokens) == [start, *"d a", end]
    assert first.ends == [(5, 4.0), (9, 8.0)] and second.ends == [(4, 6.0)]


def test_without_marks_turns_are_words_one_after_another():
    tokens = with_special_tokens(TOKENS, "sts", turn_tokens=False)
    channels = written(TURNS, tokens, "sts", where="c")
    assert ["".join(spelt(one, tokens)) for one in channels] == ["ab c bb", "d a"] and tokens == TOKENS


def test_t_sot_writes_words_by_their_ends_and_changes_channel_between_them():
    """Words end at 2 (ab), 4 (c), 4 (d), 6 (a) and 8 (bb); the second turn is on the other channel."""
    tokens = with_special_tokens(TOKENS, "tsot", turn_tokens=True)
    assert word_ends(TURNS[0]) == [("ab", 2.0), ("c", 4.0)] and word_ends(TURNS[1]) == [("d", 4.0), ("a", 6.0)]
    (stream,) = written(TURNS, tokens, "tsot", where="c")
    change = "<change-of-channel>"
    assert spelt(stream, tokens) == [*"ab c", change, *"d a", change, *"bb"]


def test_one_output_writes_turn_after_turn_by_their_starts():
    (stream,) = written(TURNS, TOKENS, "single", where="c")
    assert "".join(spelt(stream, TOKENS)) == "ab c d a bb"


def test_reading_gives_the_turns_back_token_by_token():
    tokens = with_special_tokens(TOKENS, "sts", turn_tokens=True)
    for channel, one in enumerate(written(TURNS, tokens, "sts", where="c")):
        reader = TurnReader(tokens, channel=channel)
        for time, token in enumerate(one.tokens):
            reader.read([token], [float(time)])
        own = [TURNS[0], TURNS[2]] if channel == 0 else [TURNS[1]]
        assert [turn.text for turn in reader.turns()] == [turn.text for turn in own]
        assert [turn.end for turn in reader.turns()] == [float(place) for place, _ in one.ends]
        assert {turn.channel for turn in reader.turns()} == {channel}


def test_reading_t_sot_gives_the_words_of_each_channel():
    tokens = with_special_tokens(TOKENS, "tsot", turn_tokens=True)
    (stream,) = written(TURNS, tokens, "tsot", where="c")
    reader = TurnReader(tokens)
    reader.read(stream.tokens, [0.1 * number for number in range(len(stream.tokens))])
    assert {turn.channel: turn.text for turn in reader.turns()} == {0: "ab c bb", 1: "d a"}
    assert all(turn.end is None for turn in reader.turns())


def test_an_end_without_a_start_and_a_start_without_an_end_do_no_harm():
    tokens = with_special_tokens(TOKENS, "sts", turn_tokens=True)
    start, end, a = len(tokens) - 2, len(tokens) - 1, tokens.encode("a")[0]
    reader = TurnReader(tokens)
    reader.read([end, a, start, start, a, end], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    assert [(turn.start, turn.end, turn.text) for turn in reader.turns()] == [
        (1.0, None, "a"),
        (2.0, None, ""),
        (3.0, 5.0, "a"),
    ]


def test_three_talkers_at_once_are_refused():
    crowded = [Turn("u", "s", "a", 0.0, 4.0), Turn("v", "t", "b", 1.0, 4.0), Turn("w", "x", "c", 2.0, 4.0)]
    with pytest.raises(CorpusError, match=r"conversation-7: 3 talkers speak at once at 2\.00 s, where speaker 'x'"):
        written(crowded, TOKENS, "sts", where="conversation-7")
