"""Transcripts become references: nothing that was spoken vanishes unseen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.corpus.description import TextRules
from isogloss.corpus.ingest.normalise import Normaliser
from isogloss.errors import TableError


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
    assert Normaliser(TextRules())(text, where="t") == reference


def test_a_letter_outside_keep_is_an_error_until_the_rules_say_otherwise():
    with pytest.raises(TableError, match=r"t\.csv, line 2: text 'café' holds 'é', which text\.keep does not list"):
        Normaliser(TextRules())("café", where="t.csv, line 2")
    assert Normaliser(TextRules(others="remove"))("café au", where="t") == "caf au"
    assert Normaliser(TextRules(others="space"))("a1b", where="t") == "a b"


def test_composed_and_decomposed_letters_are_the_same():
    normalise = Normaliser(TextRules(keep="acefé"))
    assert normalise("CAFE\u0301", where="t") == normalise("café", where="t") == "café"


@given(st.text(max_size=40))
def test_a_reference_is_made_of_kept_words_and_is_its_own_reference(text):
    rules = TextRules(others="space")
    try:
        reference = Normaliser(rules)(text, where="t")
    except TableError:
        return
    assert reference == " ".join(reference.split())
    assert set(reference) <= {*rules.keep, " "}
    assert Normaliser(rules)(reference, where="t") == reference


@given(st.lists(st.text("abcxyz", min_size=1, max_size=6), min_size=1, max_size=6))
def test_plain_words_are_left_as_they_are(words):
    assert Normaliser(TextRules())(" ".join(words), where="t") == " ".join(words)
