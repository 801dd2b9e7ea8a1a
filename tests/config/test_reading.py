"""Whatever a YAML file holds: it is read, or refused at once in one short sentence."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.config import load_params, load_sweep
from isogloss.errors import ParamsError

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)
DAMAGED = {
    "an impossible date": "asr: {seed: 2001-02-30}",
    "text called a number": "asr: {seed: !!float abc}",
    "5000 digits": f"asr: {{seed: {'9' * 5000}}}",
    "20000 hexadecimal digits": f"asr: {{seed: 0x{'f' * 20000}}}",
    "a list as a key": "? [1, [2]]\n: 3",
    "nested aliases": LAUGHS,
    "nested aliases in a section": "asr:\n" + "".join(f"  {line}\n" for line in LAUGHS.splitlines()),
    "an alias of itself": "asr: &a [*a]",
    "deep nesting": "asr: " + "[" * 5000 + "]" * 5000,
    "half a character": 'asr: {model: "\\ud800"}',
    "an unknown tag": "asr: !!python/object/apply:os.system ['true']",
    "no mapping": "- 1\n- 2",
    "a long value": f"asr: {{seed: {'x' * 100_000}}}",
    "a long key": f"{'k' * 100_000}: 1",
    "a line of 10 MB": "asr: {seed: 1} " + "x" * 10_000_000,
    "NUL": "asr: \0",
    "infinity": "asr: {learning_rate: .inf}",
    "a duplicate key": "asr: {}\nasr: {}",
}


def said_of(path: Path, read) -> str:
    """The sentence in which a file is refused; it takes less than ten seconds."""
    begun = time.monotonic()
    with pytest.raises(ParamsError) as caught:
        read(path)
    assert time.monotonic() - begun < 10
    return str(caught.value)


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_cannot_be_meant_is_one_short_sentence_that_names_it(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_text(content)
    message = said_of(path, load_params)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < len(str(path)) + 1500


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_so_is_an_experiment_file(tmp_path, content):
    (tmp_path / "params.yaml").write_text("asr: {seed: 1}\n")
    path = tmp_path / "study.yaml"
    path.write_text("description: x\nbase:\n" + "".join(f"  {line}\n" for line in content.splitlines()))
    message = said_of(path, lambda file: load_sweep(file, params=tmp_path / "params.yaml"))
    assert len(message) < len(str(path)) + 1500


def test_a_folder_and_other_encodings_are_refused_too(tmp_path):
    assert "cannot be read" in said_of(tmp_path, load_params)
    (tmp_path / "params.yaml").write_bytes(b"asr: \xff\xfe")
    assert "is not valid YAML" in said_of(tmp_path / "params.yaml", load_params)


def test_a_file_that_makes_too_many_runs_is_refused_before_they_are_made(tmp_path):
    (tmp_path / "params.yaml").write_text("asr: {seed: 1}\n")
    path = tmp_path / "study.yaml"
    axes = "".join(f"  ewc.k{n}: {list(range(100))}\n" for n in range(9))
    path.write_text(f"description: x\ngrid:\n{axes}")
    message = said_of(path, lambda file: load_sweep(file, params=tmp_path / "params.yaml"))
    assert "makes 1e+18 runs, more than 1000" in message


LINES = st.sampled_from(
    [
        "asr:",
        "  seed: 1",
        "ewc: {strength: 1e3}",
        "  - &a 1",
        "  *a",
        "? x",
        ": y",
        "[[",
        "}}",
        "!!int x",
        "%YAML 1.2",
        "---",
    ]
)


@given(st.lists(LINES | st.text(max_size=12), max_size=8))
def test_nothing_else_than_a_sentence_comes_out(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("fuzz") / "params.yaml"
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    try:
        load_params(path)
    except ParamsError as error:
        assert "\n" not in str(error)
