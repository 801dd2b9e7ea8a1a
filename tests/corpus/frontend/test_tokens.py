"""Tokens: what is encoded is decoded, and what is unknown is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import CorpusError

TEXT = st.lists(st.text("abc'", min_size=1), min_size=1).map(" ".join)


@given(st.lists(TEXT, min_size=1))
def test_texts_survive_encoding_and_writing(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("tokens") / "tokens.txt"
    Tokens.of(texts).write(path)
    tokens = Tokens.read(path)
    assert tokens == Tokens.of(texts)
    for text in texts:
        assert 0 not in tokens.encode(text)
        assert tokens.decode(tokens.encode(text)) == text


def test_an_unknown_character_is_named():
    with pytest.raises(CorpusError, match="character 'q' of 'quiz'"):
        Tokens.of(["abc"]).encode("quiz")
