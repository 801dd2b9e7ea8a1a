"""`isogloss params`: values of a file and of the command line reach params.yaml, or nothing does."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from isogloss.cli import main
from isogloss.config import load_params

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(default_params, tmp_path, monkeypatch):
    commented = default_params.replace("  model: transducer\n", "  model: transducer # or whisper\n")
    (tmp_path / "params.yaml").write_text(f"# ours\n{commented}")
    (tmp_path / "recorded.yaml").write_text(
        "asr: {model: whisper, learning_rate: 2e-5}\ntext:\n  normalizer: english\n"
    )
    shutil.copy(ROOT / "params-recorded.yaml", tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    return lambda *values: CliRunner().invoke(main, ["params", *values])


def test_a_file_and_later_values_are_written_and_comments_stay(run):
    result = run("recorded.yaml", "corpus.source=mine", "asr.checkpoint=model", "mitigation.methods=[finetune]")
    assert result.exit_code == 0, result.output
    params = load_params()
    assert params.corpus.source == "mine" and params.asr.model == "whisper" and params.asr.checkpoint == "model"
    assert params.mitigation.methods == ["finetune"] and params.text.normalizer == "english"
    assert len(params.asr.checkpoint_sha256) == 64 and "asr.learning_rate: 0.003 -> 2e-05" in result.output
    written = Path("params.yaml").read_text()
    assert written.startswith("# ours\n") and re.search(r"  model: whisper +# or whisper\n", written)


def test_lines_of_other_params_stay_as_they_are_and_null_is_a_word(run):
    before = Path("params.yaml").read_text(encoding="utf-8").splitlines()
    result = run("prepare.max_duration_s=8.0", "asr.download=true")
    assert result.output == "prepare.max_duration_s: null -> 8.0\nasr.download: false -> true\n"
    after = Path("params.yaml").read_text(encoding="utf-8").splitlines()
    changed = [line.split(":")[0].strip() for line, old in zip(after, before, strict=True) if line != old]
    assert changed == ["max_duration_s", "download"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["ewc.strenght=3"], "unknown key 'ewc.strenght'; did you mean 'strength'?"),
        (["mitigation.rule=attribute", "cohorts.rules=[geographic]"], "mitigation.rule is 'attribute'"),
        (["asr.model=whisper", "asr.checkpoint=nothing"], "checkpoint 'nothing': there is no folder"),
        (["nothing.yaml"], "nothing.yaml does not exist"),
        (["corpus.source=[a"], "is not valid YAML"),
    ],
)
def test_what_a_run_would_refuse_is_not_written(run, values, sentence):
    before = Path("params.yaml").read_bytes()
    result = run(*values)
    assert result.exit_code == 2 and sentence in " ".join(result.output.split()), result.output
    assert Path("params.yaml").read_bytes() == before


def test_the_file_for_recordings_has_only_params_that_there_are(run):
    assert run("params-recorded.yaml", "asr.checkpoint=model").exit_code == 0


def test_an_empty_file_gets_its_first_values(run):
    Path("params.yaml").write_text("# nothing yet\n", encoding="utf-8")
    result = run("prepare.seed=3")
    assert (result.exit_code, result.output) == (0, "prepare.seed: null -> 3\n")
