"""The planted truth changes nothing: absent, spoilt or turned around, discovery writes the same bytes.

`tests/test_architecture.py` looks for whoever names the truth; here the stage runs.
"""

import hashlib
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from isogloss.config.components import RuleComponent
from isogloss.config.registry import names

STAGE = Path(__file__).parents[2] / "stages" / "discover.py"
PARAMS = {
    "geographic": {"max_leaves": 4, "min_speakers": 8, "min_words": 50},
    "geodemographic": {"attributes": ["percent_black"], "min_speakers": 8, "min_words": 50},
    "automatic": {"n_clusters": 3},
    "statistics": {"resamples": 200},
}


@pytest.fixture
def repository(tmp_path, monkeypatch, country):
    """A repository as prepare, transcribe and train_speaker leave it."""
    with (tmp_path / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(PARAMS, file)
    country = country.assign(zip="01000")
    identifiers = country[["utterance_id", "speaker_id", "split"]]
    rng = np.random.default_rng(0)
    inputs = {
        "geographic": identifiers.join(country[["latitude", "longitude"]]),
        "geodemographic": identifiers.assign(percent_black=country["longitude"] + 145),
        "automatic": identifiers.join(pd.DataFrame(rng.normal(size=(len(country), 4))).add_prefix("e")),
        "attribute": identifiers.join(country[["age_band"]]),
        "slices": identifiers.join(country[["age_band", "longitude"]]),
    }
    (tmp_path / "data/cohort_inputs").mkdir(parents=True)
    (tmp_path / "data/truth").mkdir()
    (tmp_path / "results/asr/base").mkdir(parents=True)
    for rule, table in inputs.items():
        table.to_parquet(tmp_path / f"data/cohort_inputs/{rule}.parquet")
    country.drop(columns="southwest").to_parquet(tmp_path / "results/asr/base/utterances.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def discovered(root: Path, rule: str, monkeypatch) -> dict[str, str]:
    """Run the stage; what it wrote."""
    monkeypatch.setattr("sys.argv", ["discover.py", rule])
    runpy.run_path(str(STAGE), run_name="__main__")
    return {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in sorted((root / "cohorts" / rule).iterdir())}


@pytest.mark.parametrize("rule", names(RuleComponent))
def test_discovery_does_not_depend_on_the_truth(rule, repository, country, monkeypatch):
    truth = repository / "data/truth/planted.parquet"
    planted = country.drop_duplicates("speaker_id")[["speaker_id"]].assign(dialect="south", rare=True)
    planted.to_parquet(truth)
    with_truth = discovered(repository, rule, monkeypatch)
    assert set(with_truth) == {"rule.json", "assignments.parquet", "summary.json"}
    truth.write_bytes(b"not a table")
    assert discovered(repository, rule, monkeypatch) == with_truth
    truth.unlink()
    truth.parent.rmdir()
    assert discovered(repository, rule, monkeypatch) == with_truth
