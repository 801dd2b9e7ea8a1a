"""Secrets never leave through logs, artifacts and messages."""

import prefect.artifacts
import pytest

from isogloss.errors import PipelineError
from isogloss.pipeline.masking import masked
from isogloss.pipeline.plan import Plan, Reason, Stage
from isogloss.pipeline.prefect_api.tasks import publish_plan, publish_results
from isogloss.pipeline.repo.git import git


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


def test_what_a_stage_prints_is_masked_in_the_terminal_and_in_its_log(new_toy, capsys, monkeypatch):
    monkeypatch.setenv("UPLOAD_TOKEN", "tok-4711-0815")
    toy = new_toy(
        "stages: {leak: {cmd: 'echo token $UPLOAD_TOKEN at s3://key:hunter2secret@bucket', deps: [words.txt]}}"
    )
    toy.run()
    for text in (capsys.readouterr().out, toy.read(".dvc/tmp/isogloss/logs/leak.log")):
        assert "token *** at s3://***@bucket" in text
        assert "4711" not in text.replace("$UPLOAD_TOKEN", "") and "hunter2secret" not in text.split("at s3")[1]


def test_the_plan_and_the_metrics_are_published_without_secrets(new_toy, monkeypatch):
    tables = {}
    monkeypatch.setattr(prefect.artifacts, "create_table_artifact", lambda table, key, **_: tables.update({key: table}))
    monkeypatch.setattr(prefect.artifacts, "create_markdown_artifact", lambda **_: None)
    stages = "stages: {one: {cmd: 'true', deps: [words.txt], metrics: [{metrics.json: {cache: false}}]}}"
    toy = new_toy(stages, **{"metrics.json": '{"source": "https://me:hunter2@host/x", "wer": 0.1}'})
    publish_results(toy.root, toy.plan())
    publish_plan(Plan((Stage("one", (), (Reason("remote.url: s3://me:hunter2@bucket → none"),)),)))
    assert tables["metrics"] == [
        {"metric": "source", "value": "https://***@host/x"},
        {"metric": "wer", "value": 0.1},
    ]
    assert tables["plan"][0]["why"] == "remote.url: s3://***@bucket → none"


def test_what_git_says_of_a_remote_is_masked(new_toy):
    toy = new_toy()
    with pytest.raises(PipelineError) as caught:
        git(toy.root, "fetch", "https://me:hunter2@127.0.0.1:1/x.git")
    assert "hunter2" not in str(caught.value) and "127.0.0.1" in str(caught.value)
