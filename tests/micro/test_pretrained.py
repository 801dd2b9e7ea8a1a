"""The stages once more with a pretrained recogniser: a tiny Whisper of random weights, from the data to the report.

With one rule and one mitigation, since `test_mitigations.py` adapts a Whisper by each of them.
"""

import contextlib
import math

import numpy as np
import pytest

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.config import overridden_text
from isogloss.recognizers.pretrained import checkpoint_digest
from isogloss.tables import read_json, read_parquet


@pytest.fixture(scope="module")
def adapted(micro, warm_start, tiny_checkpoints, tmp_path_factory):
    """The micro run's data under another recogniser: adapted to train for an epoch, then for voices by EWC."""
    folder = tmp_path_factory.mktemp("pretrained")
    checkpoint = tiny_checkpoints.write_whisper(folder / "tiny")
    workspace = micro.copy(folder / "workspace")
    overrides = {
        "asr.model": "whisper",
        "asr.checkpoint": str(checkpoint),
        "asr.checkpoint_sha256": checkpoint_digest(checkpoint),
        "asr.epochs": 1,
        "asr.learning_rate": 1e-3,
        "whisper.window_seconds": 6,
        "whisper.max_tokens_per_second": 2.0,
        "cohorts.rules": ["automatic"],
        "cohorts.voices": "asr",
        "cohorts.voice_utterances": 2,  # of the three of train
        "automatic.normalization": "within_speaker",
        "mitigation.rule": "automatic",
        "mitigation.methods": ["ewc"],
        "verification.methods": [],
        "multitalker.systems": [],
        "multitalker.sets": [],
        "ewc.fisher_utterances": 8,
    }
    params = workspace.root / "params.yaml"
    params.write_text(overridden_text(params.read_text(), overrides, where="params.yaml"))
    workspace.command("dvc", "repro", "report", warm=warm_start())
    return workspace.root


def test_hypotheses_of_every_system_are_in_the_tables(adapted):
    for system in ("base", "ewc"):
        table = read_parquet(adapted / "results" / "asr" / system / "utterances.parquet")
        assert table["hyp"].notna().all() and set(table["split"]) >= {"dev", "test"}
    assert (adapted / "reports" / "fairness.html").stat().st_size > 10_000


def test_the_base_was_adapted_and_ewc_moved_it_on(adapted):
    from safetensors.torch import load_file

    base, ewc = (load_file(adapted / "models" / "asr" / name / "model.safetensors") for name in ("base", "ewc"))
    assert any(not base[name].equal(ewc[name]) for name in base)
    fisher = load_file(adapted / "models" / "asr" / "ewc" / "mitigation.safetensors")
    assert all(bool((tensor >= 0).all()) for tensor in fisher.values()) and len(fisher) > 20


def test_the_adapted_model_opens_in_transformers(adapted):
    from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor

    folder = adapted / "models" / "asr" / "ewc"
    assert read_json(folder / "model.json")["kind"] == "whisper"
    assert AutoModelForSpeechSeq2Seq.from_pretrained(folder).config.max_source_positions == 300
    assert AutoProcessor.from_pretrained(folder).feature_extractor.n_samples == 6 * 16_000


def test_clusters_are_of_what_the_recogniser_hears(adapted):
    """The input of the rule, against the encoder of plain `transformers`, utterance by utterance."""
    import torch
    from lhotse import CutSet
    from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor

    from isogloss.corpus.frontend.audio import load_audio
    from isogloss.corpus.frontend.cuts import read_cuts

    folder = adapted / "models" / "asr" / "base"
    encoder = AutoModelForSpeechSeq2Seq.from_pretrained(folder).model.encoder.eval()
    processor = AutoProcessor.from_pretrained(folder)
    inputs = read_parquet(adapted / "data" / "cohort_inputs" / "automatic.parquet").set_index("utterance_id")
    with contextlib.chdir(adapted):
        cuts = CutSet.from_cuts(list(read_cuts("data/cuts/test.jsonl", hears="audio"))[:5])
        for cut in cuts:
            audio = load_audio(cut)
            features = processor(audio, sampling_rate=16_000, return_tensors="pt").input_features
            with torch.inference_mode():
                frames = encoder(features).last_hidden_state[0]
            heard = frames[: math.ceil(len(audio) / 320)].mean(dim=0)  # 20 ms a frame
            expected = (heard / heard.norm()).numpy()
            row = inputs.loc[cut.supervisions[0].id].filter(regex=r"^e\d+$").to_numpy(dtype=float)
            np.testing.assert_allclose(row, expected, atol=1e-4)
