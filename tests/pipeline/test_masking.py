"""Secrets never leave through logs, artifacts and messages."""

import pytest

from isogloss.pipeline.masking import masked


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("s3://key:hunter2secret@bucket/x", "hunter2secret"),
        ("GET https://u:p%40ss@host:9000/a?b=1 failed", "p%40ss"),
        ("https://h/x?X-Amz-Signature=abc123def&y=2", "abc123def"),
        ("ssh://me@host/path", "me@"),
    ],
)
def test_the_user_part_and_signatures_of_addresses_are_hidden(text, hidden):
    assert hidden in text
    assert hidden not in masked(text)
    assert "***" in masked(text)


def test_values_of_secret_environment_variables_are_hidden_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "abcdefghijkl")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "admin:open sesame")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/etc/key.json")
    assert masked("key abcdefghijkl, admin:open sesame, open sesame") == "key ***, ***, ***"
    assert masked("/etc/key.json is missing") == "/etc/key.json is missing"


def test_ordinary_text_stays_as_it_is():
    text = "epoch 1/2: loss 0.5 at 10:30, mail a@example.org, http://127.0.0.1:4200/api"
    assert masked(text) == text
