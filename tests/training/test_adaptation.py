"""An adaptation keeps utterances apart, and its checkpoints are those of its code."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from lhotse.testing.dummies import dummy_cut, dummy_supervision
from ruamel.yaml import YAML

from isogloss.config import AsrParams, MitigationParams, Params
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import ModelError
from isogloss.mitigation import Setting, build_mitigation
from isogloss.recognizers.batches import Utterances
from isogloss.recognizers.transducer import TransducerRecognizer
from isogloss.training import adapt_recognizer
from isogloss.training.adaptation import Adaptation

ROOT = Path(__file__).parents[2]


def test_the_key_covers_what_the_stage_computes_with(monkeypatch):
    covered = []
    monkeypatch.setattr(adapt_recognizer, "training_key", lambda stage, params, files, code: covered.extend(code))
    setting = SimpleNamespace(worst=[], utterances=pd.DataFrame())
    adapt_recognizer._key("pseudo_labels", Params(), setting, base=Path("base"), data=Path("data"))
    deps = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]["mitigate"]["do"]["deps"]
    packages = {Path(dep).parts[2] for dep in deps if dep.startswith("src/isogloss/")}
    # What settles a method after its training (`inference`) is computed anew whatever the checkpoint.
    computing = packages & {"recognizers", "mitigation", "training"}
    assert len(computing) == 3 and {path.name for path in covered} == computing


def test_the_key_follows_the_options_of_the_loss(tmp_path):
    for name in ("cuts/train.jsonl", "cuts/adapt.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    setting = SimpleNamespace(worst=[], utterances=pd.DataFrame())
    sections = [AsrParams(), AsrParams(fastemit=0.01), AsrParams(delay_penalty=0.01), AsrParams(learning_rate=0.1)]
    keys = [
        adapt_recognizer._key("finetune", Params(asr=asr), setting, base=tmp_path / "cuts", data=tmp_path)
        for asr in sections
    ]
    assert len(set(keys)) == 3 and keys[0] == keys[3]


def test_an_utterance_that_is_drawn_again_is_no_other_whatever_its_id(monkeypatch):
    cohorts = {"a": "far", "a#2": "near", "a#2#2": "mid"}
    cuts = {
        id_: dummy_cut(0, supervisions=[dummy_supervision(0, text="ab")]).with_id(id_)
        for id_ in cohorts  # the id of an utterance is that of its cut and of its supervision
    }
    for id_, cut in cuts.items():
        cut.supervisions[0].id = id_
    table = pd.DataFrame({"utterance_id": list(cohorts), "split": "adapt", "cohort": list(cohorts.values())})
    mitigation = build_mitigation("group_dro", Params())
    mitigation.examples = lambda *_: pd.DataFrame(
        {"utterance_id": ["a", "a", "a#2", "a#2", "a#2#2", "a"], "weight": 1.0}
    )
    setting = Setting(utterances=table, worst=["far"])
    mitigation.start(None, setting, [])
    tokens = Tokens.of(["ab"])
    model = TransducerRecognizer(
        tokens,
        encoder="lstm",
        encoder_options={"channels": 2, "hidden_dim": 4, "layers": 1},
        input_dim=8,
        predictor_dim=4,
        joiner_dim=4,
    )
    objective = adapt_recognizer.RecognizerObjective(model, AsrParams(), learning_rate=1e-3)
    module = Adaptation(objective, mitigation)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    monkeypatch.setattr(Utterances, "_load", lambda *_: torch.randn(20, 8))
    dataset, seen = Utterances(model.hears, cohorts=cohorts), []
    for batch in adapt_recognizer._epochs(objective, mitigation, setting, cuts, dataset, MitigationParams())(0):
        seen += zip(batch.ids, batch.cohorts, strict=True)
        module.training_step(batch, 0)
    assert len({id_ for id_, _ in seen}) == 6
    assert sorted(cohort for _, cohort in seen) == ["far"] * 3 + ["mid"] + ["near"] * 2
    assert mitigation.weights()[["utterance_id", "cohort"]].values.tolist() == [list(one) for one in cohorts.items()]


def test_a_method_that_adapts_no_part_of_a_recogniser_is_refused():
    encoder_alone = torch.nn.Linear(2, 2)
    encoder_alone.kind, encoder_alone.part = "ctc", lambda name: "acoustic"
    encoder_alone.trained_parameters = lambda: dict(encoder_alone.named_parameters())
    adapt_recognizer._require_adapted_part("encoder_only", build_mitigation("encoder_only", Params()), encoder_alone)
    mitigation = build_mitigation("predictor_only", Params())
    with pytest.raises(ModelError, match="predictor_only adapts no part of a ctc; leave it out of mitigation"):
        adapt_recognizer._require_adapted_part("predictor_only", mitigation, encoder_alone)
