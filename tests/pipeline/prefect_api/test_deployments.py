"""prefect.yaml as users break it."""

import pytest

from isogloss.errors import PipelineError
from isogloss.pipeline.prefect_api.deployments import deploy


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file"),
        ("deployments: [", "cannot be read"),
        ("pull: []\n", "deployments"),
        ("deployments:\n", "cannot be read"),
        ("deployments: [{name: x, work_pool: {name: cpu}}]\n", "x has no entrypoint"),
        ("deployments: [{name: x, entrypoint: 'a.py:f', work_pool: {}}]\n", "x: its work_pool has no name"),
        (
            "deployments: [{name: x, entrypoint: 'a.py:f', work_pool: {name: cpu}, schedules: [{cron: at night}]}]\n",
            "x: {'cron': 'at night'} is no schedule by cron",
        ),
    ],
)
def test_what_prefect_yaml_lacks_is_one_sentence_before_any_server_is_asked(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "prefect.yaml").write_text(content)
    with pytest.raises(PipelineError) as caught:
        deploy(tmp_path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
