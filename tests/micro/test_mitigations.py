"""Every mitigation of a recogniser on tiny pretrained models, by the code of the stage `mitigate` on the micro data."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.config import Params, load_params, registry
from isogloss.config.components import MitigationComponent
from isogloss.inference.transcribe import transcribe
from isogloss.mitigation.strategy import DevRates
from isogloss.recognizers import load_recognizer, save_recognizer
from isogloss.recognizers.ctc import CtcRecognizer
from isogloss.recognizers.whisper import WhisperRecognizer
from isogloss.tables import ASSIGNMENT_COLUMNS, METADATA_COLUMNS, read_parquet
from isogloss.training.adapt_recognizer import adapt_recognizer

METHODS = registry.names(MitigationComponent, adapts="recognizer")
FEW = {"ewc": {"fisher_utterances": 4}, "lora": {"rank": 2}, "wise_ft": {"shares": [1.0]}}
MUST_NOT_MOVE = {"encoder_only": ".decoder.", "predictor_only": ".encoder."}


@pytest.fixture(scope="module")
def bases(tiny_checkpoints, tmp_path_factory):
    folder, tiny = tmp_path_factory.mktemp("bases"), tiny_checkpoints
    options = {"window_seconds": 4, "max_tokens_per_second": 2.0}
    whisper = WhisperRecognizer.from_checkpoint(tiny.write_whisper(folder / "w"), **options)
    save_recognizer(whisper, folder / "whisper")
    save_recognizer(CtcRecognizer.from_checkpoint(tiny.write_wav2vec2(folder / "c")), folder / "ctc")
    return folder


@pytest.fixture(scope="module")
def assignments(micro):
    return read_parquet(micro.root / "cohorts/automatic/assignments.parquet", ASSIGNMENT_COLUMNS)


@pytest.fixture(scope="module")
def adapted(micro, bases, assignments, tmp_path_factory):
    """A function that adapts a base and gives the folder that it wrote; what was asked for before is not made again."""
    folder, done = tmp_path_factory.mktemp("adapted"), {}
    params = load_params(micro.root / "params.yaml")

    def run(kind: str, method: str, **options) -> Path:
        shared = params.mitigation.model_copy(update={"rule": "automatic", "epochs": 1, "epoch_utterances": 8})
        section = params.section(method).model_copy(update=options)
        used: Params = params.model_copy(update={"mitigation": shared, method: section})
        output = folder / f"{kind}-{method}-{len(done)}"
        adapt_recognizer(
            method,
            used,
            data=micro.root / "data",
            base=bases / kind,
            assignments=assignments,
            worst=[assignments["cohort"].mode()[0]],
            output=output,
            dev=lambda model: DevRates(overall=0.5, worst=0.5),
        )
        assert load_recognizer(output).kind == kind
        return output

    def once(*what: str, **options) -> Path:
        key = json.dumps([what, options], sort_keys=True)
        if key not in done:
            done[key] = run(*what, **options)
        return done[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(micro.root)  # what the corpus' audio root is relative to
        patch.setattr("isogloss.training.fitting.CHECKPOINTS", folder / "checkpoints")
        yield once


@pytest.fixture(scope="module")
def adapt(adapted):
    """A function that adapts a base and gives the weights that it wrote."""
    return lambda *what, **options: load_file(adapted(*what, **options) / "model.safetensors")


@pytest.mark.parametrize("method", METHODS)
def test_every_mitigation_moves_a_whisper(adapt, bases, method):
    base, after = load_file(bases / "whisper" / "model.safetensors"), adapt("whisper", method, **FEW.get(method, {}))
    moved = {name for name in base if not base[name].equal(after[name])}
    held = MUST_NOT_MOVE.get(method, "nothing")
    assert moved and not any(held in name for name in moved)
    assert "model.encoder.embed_positions.weight" not in moved


def test_a_whisper_that_has_cohorts_for_an_input_transcribes_every_utterance(adapted, micro, assignments):
    """As the stage `evaluate` does."""
    params = load_params(micro.root / "params.yaml")
    table = transcribe(
        load_recognizer(adapted("whisper", "cohort_input")),
        read_parquet(micro.root / "data/utterances.parquet", METADATA_COLUMNS),
        ["dev", "test"],
        data=micro.root / "data",
        threads=1,
        decoding=params.decoding,
        steps=params.text.steps,
        cohorts=dict(zip(assignments["utterance_id"], assignments["cohort"], strict=True)),
    )
    assert table["hyp"].notna().all() and set(table["split"]) == {"dev", "test"}


@pytest.mark.parametrize("method", ["ewc", "arw", "group_dro", "lora", "cohort_input"])
def test_mitigations_that_look_into_a_model_move_a_wav2vec2(adapt, bases, method):
    base, after = load_file(bases / "ctc" / "model.safetensors"), adapt("ctc", method, **FEW.get(method, {}))
    assert any(not base[name].equal(after[name]) for name in base)


@pytest.mark.parametrize("kind", ["whisper", "ctc"])
def test_ewc_of_strength_0_is_fine_tuning_bit_for_bit_and_of_another_it_is_not(adapt, kind):
    plain, free = adapt(kind, "finetune"), adapt(kind, "ewc", strength=0.0, fisher_utterances=4)
    assert all(plain[name].equal(free[name]) for name in plain)
    held = adapt(kind, "ewc", strength=1e6, fisher_utterances=4)
    assert any(not plain[name].equal(held[name]) for name in plain)


def test_the_ends_of_wise_ft_are_base_and_fine_tuned_bit_for_bit(adapt, bases):
    base, tuned = load_file(bases / "whisper" / "model.safetensors"), adapt("whisper", "finetune")
    first, last = adapt("whisper", "wise_ft", shares=[0.0]), adapt("whisper", "wise_ft", shares=[1.0])
    assert all(base[name].equal(first[name]) and tuned[name].equal(last[name]) for name in base)
