import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.errors import ParamsError
from isogloss.io.normalise import normalise, parse_steps


@pytest.mark.parametrize(
    ("steps", "text", "expected"),
    [
        ("none", "Hello,  World!", "Hello,  World!"),
        ("lower", "HELLO, İstanbul", "hello, i̇stanbul"),
        ("punctuation", "Don’t stop-it, 'now'.", "Don't stop it now"),
        ("punctuation,apostrophes", "don’t", "dont"),
        ("brackets", "[noise] yes <unk> (laughs) no", "yes no"),
        ("fillers", "um I uh think Er so", "I think so"),
        ("nfkc", "ﬁve Ｔｗｏ", "five Two"),
        ("punctuation", "ten\u200btimes $5", "tentimes 5"),
        ("lower,punctuation", "ÇA VA? नमस्ते।", "ça va नमस्ते"),
    ],
)
def test_each_step_does_what_it_says(steps, text, expected):
    assert normalise([text], parse_steps(steps)) == [expected]


def test_steps_are_applied_in_one_order_whatever_the_order_of_naming():
    assert parse_steps("punctuation, lower") == parse_steps("lower,punctuation") == ("lower", "punctuation")


@pytest.mark.parametrize("option", ["lowercase", "", "none,lower"])
def test_unknown_steps_are_refused_with_the_known_ones(option):
    with pytest.raises(ParamsError, match="--normalise"):
        parse_steps(option)


@given(st.text(), st.sets(st.sampled_from(["lower", "punctuation", "fillers"]), min_size=1))
def test_normalising_twice_changes_nothing_more(text, named):
    steps = parse_steps(",".join(named))
    once = normalise([text], steps)
    assert normalise(once, steps) == once
