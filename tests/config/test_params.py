"""params.yaml: complete, strict, and every kind of mistake is one sentence with key, value and rule."""

import json
import math
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from isogloss.config import Params, load_params, seeds
from isogloss.errors import ParamsError

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = sorted(Params().model_dump())


def write(folder: Path, text: str) -> Path:
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, text: str) -> str:
    """The one sentence about a params.yaml, without its path."""
    path = write(folder, text)
    with pytest.raises(ParamsError) as error:
        load_params(path)
    message = str(error.value)
    assert message.startswith(f"{path}")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_params_yaml_of_the_repository_has_all_keys_of_the_models_whatever_their_values():
    """A plug-in's section may stand there too, so nothing is said of keys beyond the models'."""
    written = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert not {
        f"{name}.{key}" for name, section in Params() for key in set(type(section).model_fields) - set(written[name])
    }


def test_a_complete_file_is_read_as_it_is_written(tmp_path, default_params):
    written = YAML(typ="safe", pure=True).load(default_params)
    assert load_params(write(tmp_path, default_params)).model_dump(mode="json") == written


def test_an_empty_file_means_all_defaults(tmp_path):
    assert load_params(write(tmp_path, "")) == Params()


def test_a_section_or_key_that_is_left_out_has_its_default(tmp_path):
    params = load_params(write(tmp_path, "ewc: {strength: 3.0}\n"))
    assert params.ewc.strength == 3.0
    assert params.ewc.fisher_utterances == Params().ewc.fisher_utterances


@pytest.mark.parametrize(
    ("written", "value"), [("1e3", 1000.0), ("1e-3", 0.001), ("2.5E+2", 250.0), ("3", 3.0), ("0.0", 0.0)]
)
def test_numbers_are_those_of_yaml_1_2(tmp_path, written, value):
    assert load_params(write(tmp_path, f"ewc: {{strength: {written}}}\n")).ewc.strength == value


def test_params_cannot_be_changed_after_reading():
    with pytest.raises(ValueError, match="frozen"):
        Params().ewc.strength = 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ewc: {strenght: 3}", ["unknown key 'ewc.strenght'", "did you mean 'strength'?"]),
        ("ewx: {strength: 3}", ["unknown key 'ewx'", "did you mean 'ewc'?"]),
        ("finetune: {qqq: 3}", ["unknown key 'finetune.qqq'"]),
        ("ewc: {qqq: 3}", ["unknown key 'ewc.qqq'", "strength, fisher_utterances"]),
        ("ewc: {strength: -1}", ["ewc.strength is -1", "greater than or equal to 0"]),
        ("ewc: {strength: strong}", ["ewc.strength is 'strong'", "valid number"]),
        ("ewc: {strength: '3'}", ["ewc.strength is '3'", "valid number"]),
        ("ewc: {strength: true}", ["ewc.strength is True", "valid number"]),
        ("ewc: {strength: null}", ["ewc.strength is None", "valid number"]),
        ("ewc: 3", ["ewc is 3", "ewc"]),
        ("asr: {seed: 1.5}", ["asr.seed is 1.5", "valid integer"]),
        ("asr: {seed: 2147483648}", ["asr.seed is 2147483648", "2147483647"]),
        ("asr: {encoder: lstn}", ["asr.encoder is 'lstn'", "must be", "'lstm'"]),
        ("lstm: {dropout: 1.0}", ["lstm.dropout is 1.0", "less than 1"]),
        ("lstm: {subsampling: 5}", ["lstm.subsampling is 5", "must be less than or equal to 4"]),
        ("geographic: {max_leaves: 1}", ["geographic.max_leaves is 1", "greater than or equal to 2"]),
        ("cohorts: {rules: []}", ["cohorts.rules is []", "set mitigation.methods to [] too"]),
        ("mitigation: {methods: []}", ["mitigation.methods is []", "name a method"]),
        ("cohorts: {rules: geographic}", ["cohorts.rules is 'geographic'", "valid list"]),
        ("cohorts: {rules: [geografic]}", ["cohorts.rules.0 is 'geografic'", "did you mean 'geographic'?"]),
        ("cohorts: {rules: [attribute, attribute]}", ["cohorts.rules lists 'attribute' twice"]),
        ("automatic: {n_clusters: 1}", ["automatic.n_clusters is 1", "auto or a whole number of at least 2"]),
        ("automatic: {n_clusters: many}", ["automatic.n_clusters is 'many'", "auto or a whole number"]),
        ("geodemographic: {attributes: [a, a]}", ["geodemographic.attributes lists 'a' twice"]),
        ("mitigation: {methods: [ewc, ewc]}", ["mitigation.methods lists 'ewc' twice"]),
        ("mitigation: {methods: [ewk]}", ["mitigation.methods.0 is 'ewk'", "did you mean 'ewc'?"]),
        ("cohorts: {voices: speaker}", ["cohorts.voices is speaker, but speaker.encoders is []: set it to [base]"]),
        ("verification: {methods: [continued]}", ["verification.methods lists continued, but speaker.encoders is []"]),
        ("cohorts: {rules: [attribute]}", ["mitigation.rule is 'geographic'", "cohorts.rules lists only attribute"]),
        ("corpus: {source: ../elsewhere}", ["corpus.source is '../elsewhere'", "pattern"]),
        ("prepare: {test_share: 0.6}", ["shares of adapt, discovery, dev and test sum to 1.1", "train"]),
        ("prepare: {train_shares: {a: 0.5, b: 0.5}}", ["train_shares sum to 1", "other speakers"]),
        ("prepare: {scheduler: 'tcp://host:1'}", ["scheduler is tcp://host:1", "engine is processes", "dask or ray"]),
        ("statistics: {confidence: 95}", ["statistics.confidence is 95", "less than 1"]),
    ],
)
def test_a_mistake_is_one_sentence_with_key_value_and_rule(tmp_path, text, words):
    message = complaint(tmp_path, text + "\n")
    assert all(word in message for word in words), message


def test_there_may_be_neither_rules_nor_methods(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("cohorts: {rules: []}\nmitigation: {methods: []}\n", encoding="utf-8")
    assert load_params(path).cohorts.rules == []


@pytest.mark.parametrize("text", ["ewc: {strength: 3", "ewc:\n\tstrength: 3", "ewc: 1\newc: 2\n", "a: b: c"])
def test_what_is_not_yaml_is_said_so(tmp_path, text):
    assert "is not valid YAML" in complaint(tmp_path, text)


def test_bytes_that_are_no_utf8_are_said_so(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(b"corpus: {source: \xff\xfe}\n")
    with pytest.raises(ParamsError, match="is not valid YAML"):
        load_params(path)


@pytest.mark.parametrize("text", ["[]", "- a\n- b", "just words", "42"])
def test_a_file_that_holds_no_sections_is_refused(tmp_path, text):
    assert complaint(tmp_path, text)


def test_a_missing_file_says_where_to_run_from(tmp_path):
    with pytest.raises(ParamsError, match=r"does not exist; run from the repository's root"):
        load_params(tmp_path / "params.yaml")


def test_seeds_are_those_of_the_sections_that_have_one():
    found = seeds(Params())
    expected = {name for name, section in Params() if "seed" in type(section).model_fields}
    assert set(found) == expected
    assert {"corpus", "prepare", "asr", "mitigation", "statistics"} <= set(found)


def numeric_keys() -> list[tuple[str, str]]:
    """Section and key of every plain number in params.yaml."""
    return [
        (section, key)
        for section in SECTIONS
        for key, value in getattr(Params(), section)
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]


@given(where=st.sampled_from(numeric_keys()), value=st.one_of(st.integers(), st.floats(allow_nan=True)))
def test_any_number_is_either_accepted_unchanged_or_refused_with_its_key(tmp_path_factory, where, value):
    section, key = where
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump({section: {key: value}}, file)
    try:
        read = getattr(getattr(load_params(path), section), key)
    except ParamsError as error:
        assert key in str(error) or "share" in str(error)
        assert "\n" not in str(error)
    else:
        assert read == type(read)(value) and not isinstance(read, bool)


no_numbers = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], max_codepoint=0xFFFF), max_size=8),
    st.booleans(),
    st.none(),
)


@given(where=st.sampled_from(numeric_keys()), value=no_numbers)
def test_what_is_no_number_is_never_taken_for_one(tmp_path_factory, where, value: Any):
    section, key = where
    annotation = type(getattr(Params(), section)).model_fields[key].annotation
    assume(value is not None or type(None) not in get_args(annotation))  # null is a value of some of them
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    # YAML 1.2 holds all of JSON.
    path.write_text(json.dumps({section: {key: value}}, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(ParamsError) as error:
        load_params(path)
    assert f"{section}.{key} is {value!r}" in str(error.value)


def test_no_number_may_be_undefined(tmp_path):
    for section, key in numeric_keys():
        assert f"{section}.{key} is nan" in complaint(tmp_path, f"{section}: {{{key}: .nan}}\n")


@pytest.mark.parametrize("written", ["-.inf", ".inf"])
def test_no_number_may_be_infinite(tmp_path, written):
    accepted = []
    for section, key in numeric_keys():
        try:
            load_params(write(tmp_path, f"{section}: {{{key}: {written}}}\n"))
        except ParamsError:
            continue
        accepted.append(f"{section}.{key}")
    assert not accepted


def test_every_default_is_finite():
    for section, key in numeric_keys():
        assert math.isfinite(getattr(getattr(Params(), section), key))


def test_an_utterance_may_last_as_long_as_the_gate_and_the_window_of_the_recogniser_allow():
    pretrained = {"model": "whisper", "checkpoint": "models/mine"}
    assert Params().longest_utterance_s == 30.0
    assert Params.model_validate({"asr": pretrained, "whisper": {"window_seconds": 8}}).longest_utterance_s == 8
    assert Params.model_validate({"whisper": {"window_seconds": 8}}).longest_utterance_s == 30.0


def test_a_pretrained_recogniser_needs_a_checkpoint_and_the_transducer_has_none(tmp_path):
    needed = complaint(tmp_path, "asr: {model: whisper}")
    assert needed == "asr.model is whisper, which needs asr.checkpoint: a folder, or a model of the hub"
    assert "a transducer is trained from scratch; leave one of them out" in complaint(
        tmp_path, "asr: {checkpoint: here}"
    )
