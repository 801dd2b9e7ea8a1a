import re

import pytest

from isogloss.corpus.atlas.description import read_description
from isogloss.corpus.atlas.synthesis import check_voices
from isogloss.errors import CorpusError, ParamsError


def test_the_shipped_description_has_nine_dialects_and_two_rare_ones(description):
    assert len(description.dialects) >= 9
    rare = [dialect for dialect in description.dialects.values() if dialect.rare]
    assert len(rare) >= 2
    assert all(0.01 <= dialect.share <= 0.03 for dialect in rare)


def test_every_gender_of_a_dialect_has_several_variants(description):
    for dialect in description.dialects.values():
        variants = dialect.variants or description.variants
        assert len(set(variants.female)) >= 4
        assert len(set(variants.male)) >= 4


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("share: 0.015", "share: 0.025", "the shares of the dialects sum to 1.01, not 1"),
        (
            "areas:\n      - {latitude: 33.4",
            "aeras:\n      - {latitude: 33.4",
            "unknown key 'dialects.mesa.aeras'; did you mean 'areas'?",
        ),
        ("share: 0.015", "shere: 0.015", "dialects.mesa.share is missing"),
        ("share: 0.015", "share: many", "dialects.mesa.share is 'many', but must be a valid number"),
        ("pitch: [30, 60]", "pitch: [60, 30]", "a range is [low, high], but [60.0, 30.0] is not"),
        ("latitude: 33.4, longitude: -106.6", "latitude: 33.4, longitude: 106.6", "mesa.areas.0.longitude is 106.6"),
        ("hispanic: 74", "hispanic: 84", "the groups of a community sum to 106 percent"),
        ("noise_pole: [0.3, 0.95]", "noise_pole: [0.3, 1.0]", "channel.noise_pole is [0.3, 1.0]"),
        ("high_cut_hz: [3400, 7400]", "high_cut_hz: [3400, 9000]", "between 0 and 8000"),
        ("level_db: [-38, -26]", "level_db: [-38, -6]", "above -20 dB speech would clip"),
        ("hinterland_share: 0.34", "hinterland_share: 0.95", "leave some for the cities"),
        ("kind: atlas", "kind: table", "kind is 'table'"),
    ],
)
def test_a_mistake_in_a_description_is_one_sentence(shipped_path, tmp_path, old, new, sentence):
    text = shipped_path.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "atlas.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ParamsError, match=re.escape(sentence)) as caught:
        read_description(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_exactly_one_dialect_fills_the_map(description, shipped_path, tmp_path):
    lines = shipped_path.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("  mesa:"))
    del lines[next(i for i in range(start, len(lines)) if "areas:" in lines[i]) :][:2]
    areas = next(i for i in range(start, len(lines)) if "areas:" in lines[i])
    path = tmp_path / "atlas.yaml"
    path.write_text("\n".join(lines[:areas] + lines[areas + 2 :]), encoding="utf-8")
    with pytest.raises(ParamsError, match="heartland, mesa has no areas; exactly one"):
        read_description(path)


def test_an_unknown_variant_is_named_with_the_nearest_one(description):
    variants = description.variants.model_copy(update={"female": ["f1", "lindda"]})
    with pytest.raises(CorpusError, match=r"variants names 'lindda'.*did you mean 'linda'"):
        check_voices(description.model_copy(update={"variants": variants}))


def test_without_espeak_the_remedy_is_named(description, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CorpusError, match=r"pip install 'isogloss\[atlas\]'"):
        check_voices(description)
