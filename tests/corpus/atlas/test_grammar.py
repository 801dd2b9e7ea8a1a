import re
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from isogloss.corpus.atlas.grammar import Grammar


def test_the_shipped_grammar_has_at_least_a_hundred_words(description):
    vocabulary = description.grammar.vocabulary()
    assert 110 <= len(vocabulary) <= 150
    assert all(re.fullmatch(r"[a-z']+", word) for word in vocabulary)


def test_samples_use_the_whole_vocabulary_and_nothing_else(description):
    rng = np.random.default_rng(5)
    said = {word for _ in range(6000) for word in description.grammar.sample(rng).split()}
    assert said == description.grammar.vocabulary()


def test_the_shipped_grammar_is_not_predictable(description):
    # A bigram model that has seen ten times the default training set still cannot guess most words.
    rng = np.random.default_rng(6)
    follows: dict[str, dict[str, int]] = {}
    for _ in range(10_000):
        words = ["<s>", *description.grammar.sample(rng).split()]
        for word, following in pairwise(words):
            counts = follows.setdefault(word, {})
            counts[following] = counts.get(following, 0) + 1
    guessed = sum(max(counts.values()) for counts in follows.values())
    assert guessed / sum(sum(counts.values()) for counts in follows.values()) < 0.5


def test_a_sample_fills_nested_slots():
    grammar = Grammar(templates=["call {who}"], slots={"who": ["{name}", "my {name}"], "name": ["anna"]})
    rng = np.random.default_rng(0)
    assert {grammar.sample(rng) for _ in range(50)} == {"call anna", "call my anna"}
    assert grammar.vocabulary() == {"call", "my", "anna"}


@pytest.mark.parametrize(
    ("templates", "slots", "sentence"),
    [
        (["call {whom}"], {"who": ["anna"]}, "grammar.slots has no 'whom'"),
        (["call anna"], {"who": ["anna"]}, "is used by no template"),
        (["call {a}"], {"a": ["{b}"], "b": ["my {a}"]}, "contains itself"),
        (["Call anna"], {}, "words are made of a to z"),
        (["add 2 apples"], {}, "words are made of a to z"),
        (["turn {the lamp} on"], {}, "words are made of a to z"),
    ],
)
def test_a_malformed_grammar_is_refused_in_a_sentence(templates, slots, sentence):
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        Grammar(templates=templates, slots=slots)
