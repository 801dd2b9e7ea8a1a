"""The registry: our own components by folder, those of installed packages by entry point, and what mistakes give."""

import pytest

from isogloss.config import Params, load_params, registry
from isogloss.config.components import (
    EncoderComponent,
    MitigationComponent,
    RecognizerComponent,
    RuleComponent,
    SourceComponent,
)
from isogloss.errors import ParamsError

RULE = '''
from pydantic import Field
from typing import Annotated
from sklearn.base import BaseEstimator
from isogloss.config.components import RuleComponent
from isogloss.config.section import Section

class WeatherParams(Section):
    """Rain or shine."""

    degrees: Annotated[int, Field(ge=0)] = 20
    """Above it is summer."""

COMPONENT = RuleComponent(
    name="weather", options=WeatherParams, implementation="Weather", inputs=("age_band",), title="weather", about="?"
)

class Weather(BaseEstimator):
    pass
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution that brings a cohort rule; returns a function that writes its module."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"weather_{abs(hash(tmp_path))}"

    def write(text=RULE, version="1.0"):
        (tmp_path / f"{name}.py").write_text(text)
        information = tmp_path / f"isogloss_weather-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: isogloss-weather\nVersion: {version}\n")
        (information / "entry_points.txt").write_text(f"[isogloss.plugins]\nweather = {name}\n")
        registry.forget()

    yield write
    registry.forget()


def read(folder, text):
    (folder / "params.yaml").write_text(text)
    return load_params(folder / "params.yaml")


def complaint(folder, text):
    with pytest.raises(ParamsError) as error:
        read(folder, text)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "kind", [EncoderComponent, MitigationComponent, RecognizerComponent, RuleComponent, SourceComponent]
)
def test_every_component_names_what_its_module_has(kind):
    assert registry.names(kind)
    for name in registry.names(kind):
        assert registry.implementation(kind, name).__module__ == registry.components(kind)[name].module


def test_the_defaults_of_params_choose_components_that_exist():
    params = Params()
    assert params.asr.encoder in registry.names(EncoderComponent)
    assert {*params.cohorts.rules, params.mitigation.rule} <= {*registry.names(RuleComponent)}


def test_every_option_has_a_default():
    for found in registry.every_component():
        assert found.declaration.options is None or found.declaration.options()


def test_every_rule_can_say_what_it_is_with_its_options():
    params = Params()
    for name, found in registry.components(RuleComponent).items():
        text = found.declaration.about.format(**params.section(name).model_dump())
        assert text.endswith(".") and "{" not in text


def test_an_installed_rule_is_known_by_name_and_has_a_section(install, tmp_path):
    install()
    found = registry.components(RuleComponent)["weather"]
    assert (found.plugin, found.version) == ("isogloss-weather", "1.0")
    params = read(tmp_path, "weather: {degrees: 30, version: '1.0'}\ncohorts: {rules: [geographic, weather]}\n")
    assert params.section("weather").model_dump() == {"degrees": 30}
    assert list(params.used_sections()).index("weather") == list(params.used_sections()).index("geographic") + 1
    assert registry.implementation(RuleComponent, "weather").__name__ == "Weather"


def test_an_installed_rule_that_is_not_used_asks_for_nothing(install, tmp_path):
    install()
    assert read(tmp_path, "").section("weather").model_dump() == {"degrees": 20}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cohorts: {rules: [geographic, wether]}", ["cohorts.rules.1 is 'wether'", "did you mean 'weather'?"]),
        ("weather: {degrees: -1}", ["weather.degrees is -1", "greater than or equal to 0"]),
        ("weather: {degree: 1}", ["unknown key 'weather.degree'", "did you mean 'degrees'?"]),
        ("weathr: {}", ["unknown key 'weathr'", "did you mean 'weather'?"]),
        ("cohorts: {rules: [geographic, weather]}", ["isogloss-weather", "has no version", "write `version: '1.0'`"]),
        (
            "cohorts: {rules: [geographic, weather]}\nweather: {version: '0.9'}",
            ["has version '0.9'", "1.0 is installed"],
        ),
    ],
)
def test_mistakes_about_an_installed_rule_are_one_sentence(install, tmp_path, text, words):
    install()
    message = complaint(tmp_path, f"{text}\n")
    assert all(word in message for word in words), message


def test_a_plugin_that_cannot_be_read_is_named(install, tmp_path):
    install("COMPONENT = 3\n")
    message = complaint(tmp_path, "")
    assert "the plug-in isogloss-weather (isogloss.plugins: weather)" in message and "COMPONENT is int" in message


def test_two_components_of_one_name_are_refused(install, tmp_path):
    install(RULE.replace('"weather"', '"lstm"'))
    assert "both declare a component named 'lstm'; rename one" in complaint(tmp_path, "")


def test_a_class_that_the_module_lacks_is_said_so(install):
    install(RULE.replace('implementation="Weather"', 'implementation="Wether"'))
    with pytest.raises(ParamsError, match="is implemented by Wether, but the module has no such class"):
        registry.implementation(RuleComponent, "weather")


def test_an_unknown_component_is_refused_with_the_nearest_name():
    with pytest.raises(ParamsError, match="there is no encoder 'lstmm'; did you mean 'lstm'"):
        registry.declaration(EncoderComponent, "lstmm")


def test_a_section_is_accepted_from_an_import_as_well():
    from isogloss.cohorts.geographic import GeographicParams

    assert Params(geographic=GeographicParams(max_leaves=7)).section("geographic").model_dump()["max_leaves"] == 7
