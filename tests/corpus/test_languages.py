"""Corpora in other alphabets: text rules are found and said, tokens spell what was said, nothing vanishes."""

from pathlib import Path

import pytest
import soundfile

from isogloss.config import PrepareParams, ValidationParams
from isogloss.corpus.description import TextRules, read_description
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.corpus.gate import validate
from isogloss.corpus.ingest import describe, ingest
from isogloss.corpus.ingest.letters import letters_of
from isogloss.corpus.manifests import load_supervisions
from isogloss.corpus.prepare import prepare
from isogloss.errors import CorpusError, TableError

from .conftest import sound

GERMAN = ["Über die Brücke führt kein Weg.", "Die Straße ist naß!", "Ein Bär sagt: „Guten Tag“"]
HINDI = ["मुझे पानी चाहिए।", "यह क्या है?", "दिल्ली में बारिश हो रही है"]


def described(folder: Path, texts: list[str], said: list[str] | None = None, **options: object) -> None:
    folder.mkdir(exist_ok=True)
    lines = ["audio,text,speaker_id"]
    for number, text in enumerate(texts):
        soundfile.write(folder / f"{number}.wav", sound(8000, number), 16000)
        lines.append(f'{number}.wav,"{text}",s{number}')
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    describe(folder / "table.csv", "mine", say=(said if said is not None else []).append, **options)


@pytest.mark.parametrize(
    ("texts", "references"),
    [
        (GERMAN, ["über die brücke führt kein weg", "die straße ist naß", "ein bär sagt guten tag"]),
        (HINDI, ["मुझे पानी चाहिए", "यह क्या है", "दिल्ली में बारिश हो रही है"]),
    ],
    ids=["German", "Hindi"],
)
def test_letters_are_found_and_references_keep_them(tmp_path, monkeypatch, texts, references):
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    described(tmp_path / "speech", texts, said)
    assert ("Latin 100.0%; letters beyond English: ßäü" in said[0]) == (texts is GERMAN)
    assert ("Devanagari 100.0%" in said[0]) == (texts is HINDI)
    ingest(read_description("mine"), "data/corpus", source="mine")
    found = [supervision.text for supervision in load_supervisions("data/corpus")]
    assert found == references
    for unit in ("characters", "words", "pieces"):
        tokens = Tokens.of(found * 2, unit=unit, pieces=60)
        tokens.write("tokens.txt")
        again = Tokens.read("tokens.txt")
        assert again == tokens and (tmp_path / "tokens.txt").read_bytes() == _written_again(again)
        for text in found:
            assert again.decode(again.encode(text)) == text == again.spell(again.encode(text))
        assert again.symbols[0] == "<blank>" and set("".join(found)) <= again.alphabet


@pytest.mark.parametrize("unit", ["characters", "pieces"])
@pytest.mark.parametrize("texts", [GERMAN, HINDI], ids=["German", "Hindi"])
def test_other_alphabets_pass_prepare_and_the_gate(tmp_path, monkeypatch, texts, unit):
    monkeypatch.chdir(tmp_path)
    described(tmp_path / "speech", texts * 20)  # sixty speakers
    ingest(read_description("mine"), "data/corpus", source="mine")
    with pytest.raises(CorpusError, match=r"adapt gets no utterances: .* lower prepare\.train_min_speakers"):
        prepare(Path("data/corpus"), Path("data"), PrepareParams())  # an utterance a speaker cannot be shared
    params = PrepareParams(tokens=unit, pieces=50, train_min_speakers=10)
    utterances = prepare(Path("data/corpus"), Path("data"), params, run=map)
    thresholds = ValidationParams(max_words_per_s=20.0)  # half a second holds up to six words
    summary = validate(thresholds, data=Path("data"), output=Path("reports/validation.json"))
    assert (summary["success"], summary["utterances"], len(utterances)) == (True, 60, 60)
    assert Path("data/validated.txt").exists()
    tokens = Tokens.read("data/tokens.txt")
    assert all(tokens.decode(tokens.encode(ref)) == ref for ref in utterances["ref"])


def _written_again(tokens: Tokens) -> bytes:
    tokens.write("again.txt")
    return Path("again.txt").read_bytes()


def test_digits_and_foreign_scripts_are_refused_with_their_row_unless_a_rule_says_what_becomes_of_them(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    texts = ["Gate 7", *["the river runs"] * 60, "пять"]
    with pytest.raises(TableError, match=r"line 2: text 'Gate 7' holds '7', .* --keep, or say what becomes of it"):
        described(tmp_path / "speech", texts)
    assert not Path("corpora/mine.yaml").exists()
    said: list[str] = []
    described(tmp_path / "speech", texts, said, keep="abcdefghijklmnopqrstuvwxyz'7", skip_bad=True)
    assert "left out: 1 utterances" in said[0] and "'п'" in said[0]
    described(tmp_path / "speech", texts[:-1], others="remove", overwrite=True)
    assert read_description("mine").text == TextRules(others="remove")


def test_scripts_of_a_hundredth_of_the_letters_are_the_corpus_s_own():
    found = letters_of(["a" * 99 + "б"])
    assert found.kept == {"a": 1, "б": 1} and found.foreign == {}
    found = letters_of(["a" * 199 + "б"])
    assert (found.kept, found.foreign) == ({"a": 1}, {"б": 1})


def test_words_that_were_seen_once_are_unknown_and_pieces_spell_any_word_of_their_letters():
    words = Tokens.of(["play music", "play songs"], unit="words")
    assert words.symbols == ("<blank>", "<unk>", "▁play") and words.encode("play songs") == [2, 1]
    pieces = Tokens.of(["low lower lowest new newer newest"] * 3, unit="pieces", pieces=25)
    assert len(pieces) <= 25 and pieces.decode(pieces.encode("wet rower")) == "wet rower"
    with pytest.raises(CorpusError, match=r"no 20 pieces can be learnt from 1 texts"):
        Tokens.of([" "], unit="pieces", pieces=20)
    with pytest.raises(CorpusError, match=r"prepare.pieces is 28, but the letters of the texts take 29; raise it"):
        Tokens.of(["abcdefghijklm nopqrstuvwxyz"], unit="pieces", pieces=28)
    assert len(Tokens.of(["abcdefghijklm nopqrstuvwxyz"], unit="pieces", pieces=29)) == 29
    assert Tokens.of([], unit="pieces", pieces=20).symbols == ("<blank>",)


def test_a_vocabulary_that_is_damaged_is_one_sentence(tmp_path):
    (tmp_path / "tokens.txt").write_text("<sentencepiece> !!!\n<blank>\n")
    with pytest.raises(CorpusError, match="is no vocabulary of tokens"):
        Tokens.read(tmp_path / "tokens.txt")
