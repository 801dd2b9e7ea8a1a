"""The checkpoints of an adaptation are those of its code."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
from ruamel.yaml import YAML

from isogloss.config import Params
from isogloss.training import adaptation

ROOT = Path(__file__).parents[2]


def test_the_key_covers_what_the_stage_computes_with(monkeypatch):
    covered = []
    monkeypatch.setattr(adaptation, "training_key", lambda stage, params, files, code: covered.extend(code))
    setting = SimpleNamespace(worst=[], utterances=pd.DataFrame())
    adaptation._key("pseudo_labels", Params(), setting, base=Path("base"), data=Path("data"))
    deps = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]["mitigate"]["do"]["deps"]
    packages = {Path(dep).parts[2] for dep in deps if dep.startswith("src/isogloss/")}
    computing = packages & {"models", "losses", "decoding", "mitigation", "training"}
    assert len(computing) == 5 and {path.name for path in covered} == computing
