import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.errors import ParamsError, TableError
from isogloss.io.normalise import ReferenceNormaliser, lacks_spaces, normalise, parse_steps

KEPT = "abcdefghijklmnopqrstuvwxyz'"


@pytest.mark.parametrize(
    ("steps", "text", "expected"),
    [
        ("none", "Hello,  World!", "Hello,  World!"),
        ("lower", "HELLO, İstanbul", "hello, i̇stanbul"),
        ("punctuation", "Don’t stop-it, 'now'.", "Don't stop it now"),
        ("punctuation,apostrophes", "don’t", "dont"),
        ("brackets", "[noise] yes <unk> (laughs) no", "yes no"),
        ("brackets", "we left (( )) before [a (b) c] noon ((uh) (um)) (", "we left before noon ("),
        ("punctuation", "দু'টি বই", "দু'টি বই"),
        ("punctuation", "cafe\u0301's 'cafe\u0301'", "cafe\u0301's cafe\u0301"),
        ("nfkc,lower,punctuation,apostrophes", "দু'টি", "দুটি"),
        ("characters", "天气 很好", "天 气 很 好"),
        ("characters", "দু'টি", "দু ' টি"),
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


def test_brackets_nested_a_hundred_thousand_deep_are_removed_in_one_pass():
    deep = "(" * 100_000 + ")" * 100_000
    assert normalise([f"a {deep} b", "(( )"], ("brackets",)) == ["a b", "("]


@given(st.text("ab() ", max_size=30), st.sampled_from(["()", "[]", "<>"]))
def test_removing_brackets_is_removing_the_innermost_until_none_is_left(text, pair):
    text = text.replace("(", pair[0]).replace(")", pair[1])
    expected, before = text, None
    while expected != before:
        opening, closing = map(re.escape, pair)
        before, expected = expected, re.sub(f"{opening}[^{opening}{closing}]*{closing}", " ", expected, count=1)
    assert normalise([text], ("brackets",)) == [" ".join(expected.split())]


def test_scripts_without_spaces_are_noticed_and_short_commands_are_not():
    assert lacks_spaces(["今天天气很好我们去公园", "你好吗我很好"])
    assert not lacks_spaces(["stop", "playback", "turn it up"])
    assert not lacks_spaces(["दाएँ मुड़ें", "बाएँ मुड़ें"])
    assert not lacks_spaces([])


def references(**rules):
    """The normaliser of corpora with English letters."""
    return ReferenceNormaliser(KEPT, **rules)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("WE CALL IT BEAR", "we call it bear"),
        ("\tplay\u00a0 “Help!” – now ", "play help now"),
        ("a T-shirt", "a t shirt"),
        ("it’s o'clock ' here", "it's o'clock here"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_punctuation_goes_and_words_stay(text, reference):
    assert references()(text, where="t") == reference


def test_a_letter_outside_keep_is_an_error_until_the_rules_say_otherwise():
    with pytest.raises(TableError, match=r"t\.csv, line 2: text 'café' holds 'é', which text\.keep does not list"):
        references()("café", where="t.csv, line 2")
    assert references(others="remove")("café au", where="t") == "caf au"
    assert references(others="space")("a1b", where="t") == "a b"


def test_composed_and_decomposed_letters_are_the_same():
    normalise = ReferenceNormaliser("acefé")
    assert normalise("CAFE\u0301", where="t") == normalise("café", where="t") == "café"


@given(st.text(max_size=40))
def test_a_reference_is_made_of_kept_words_and_is_its_own_reference(text):
    try:
        reference = references(others="space")(text, where="t")
    except TableError:
        return
    assert reference == " ".join(reference.split())
    assert set(reference) <= {*KEPT, " "}
    assert references(others="space")(reference, where="t") == reference


@given(st.lists(st.text("abcxyz", min_size=1, max_size=6), min_size=1, max_size=6))
def test_plain_words_are_left_as_they_are(words):
    assert references()(" ".join(words), where="t") == " ".join(words)


def test_the_english_normaliser_is_that_of_whisper_whatever_else_stands_in_the_table():
    pytest.importorskip("whisper_normalizer")
    texts = ["Mr. Brown's colour cost $3.50!", "", "he won't [laughs] go", "Mr. Brown's colour cost $3.50!"]
    assert normalise(texts, ("english",)) == [
        "mister brown is color cost $3.50",
        "",
        "he will not go",
        "mister brown is color cost $3.50",
    ]
    assert normalise(["two thousand eight hundred ninety one"], ("english",)) == normalise(["2,891"], ("english",))


def test_the_basic_normaliser_leaves_words_of_any_language():
    pytest.importorskip("whisper_normalizer")
    assert normalise(["Ça va, (oui) ?"], ("basic",)) == ["ça va"]


def test_a_normaliser_that_is_not_installed_is_named(monkeypatch):
    from isogloss.io import normalise as module

    module._whisper.cache_clear()
    monkeypatch.setitem(sys.modules, "whisper_normalizer.english", None)
    with pytest.raises(ParamsError, match=r"needs the package whisper-normalizer; install isogloss\[normalizers\]"):
        normalise(["a"], ("english",))
    module._whisper.cache_clear()


@given(st.text("a'é्\u0301 1_-’", max_size=12))
def test_apostrophes_stay_only_between_letters_digits_and_marks(text):
    plain = "".join("'" if one in "'’" else " " if one in "_-" else one for one in text)
    kept = [
        " "
        if one == "'"
        and not all(inside(other) for other in (plain[place - 1 : place] or " ", plain[place + 1 : place + 2]))
        else one
        for place, one in enumerate(plain)
    ]
    assert normalise([text], ("punctuation",)) == [" ".join("".join(kept).split())]


def inside(character):
    """Whether a character may stand beside an apostrophe in a word."""
    return character.isalnum() or unicodedata.category(character or " ")[0] == "M"
