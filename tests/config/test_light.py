"""Definitions read from a module's source: the same ones that an import makes, without what else the module does."""

import importlib.util
import subprocess
import sys

import pytest

from isogloss.config.light import evaluate
from isogloss.config.registry import every_component
from isogloss.errors import ParamsError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write modules of a package `toys`; a name of its own for each test, since sources are read once a process."""
    name = f"toys_{abs(hash(tmp_path))}"
    (tmp_path / name).mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    def write(**modules):
        for module, text in modules.items():
            (tmp_path / name / f"{module}.py").write_text(text.replace("toys", name))
        return name

    write(__init__="raise RuntimeError('executed')")
    return write


@pytest.mark.parametrize("found", [pytest.param(f, id=f.module) for f in every_component() if f.declaration.options])
def test_options_read_from_the_source_are_those_of_the_executed_module(found):
    # The module is executed under another name, so that nothing that was read before can be handed back.
    spec = importlib.util.spec_from_file_location(f"executed_{found.declaration.name}", found.path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    executed = module.COMPONENT
    assert executed.options is not found.declaration.options
    assert executed.options.model_json_schema() == found.declaration.options.model_json_schema()
    assert executed.options().model_dump() == found.declaration.options().model_dump()
    assert hasattr(module, executed.implementation)


def test_reading_the_options_of_all_components_imports_none_of_them():
    program = (
        "import sys; from isogloss.config import load_params; load_params(); "
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'sklearn', 'pandas', 'numpy')"
        " or m.startswith('isogloss.') and not m.startswith(('isogloss.config', 'isogloss.errors'))])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]"


def test_only_what_a_definition_needs_is_executed_and_no_package_is(package):
    name = package(
        module="import torch_is_not_here\n1 / 0\nTWO = 2\ndef half(x):\n    return x / TWO\nVALUE = half(3.0)\n"
    )
    assert evaluate(f"{name}.module", "VALUE") == 1.5
    assert name not in sys.modules


def test_a_definition_of_another_module_is_read_there(package):
    name = package(
        base="import torch_is_not_here\nclass Base:\n    x = 1\n",
        module="from toys.base import Base as B\nclass C(B):\n    y = 2\n",
    )
    value = evaluate(f"{name}.module", "C")
    assert (value.x, value.y, value.__module__) == (1, 2, f"{name}.module")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import numpy as np\nVALUE = np.pi\n", "line 1: what a component declares uses numpy"),
        (
            "from isogloss.config.section import Sektion\nVALUE = Sektion\n",
            "there is no Sektion in isogloss.config.section",
        ),
        ("from . import base\nVALUE = base\n", "line 1: write the import of base in full"),
        ("VALUE = 1 / 0\n", "line 1: VALUE cannot be read without importing the module; ZeroDivisionError"),
        ("from isogloss.nowhere import X\nVALUE = X\n", "there is no Python module 'isogloss.nowhere'"),
        ("OTHER = 1\n", "VALUE is not defined at the top of the module"),
        ("VALUE = = 1\n", "is not valid Python"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_the_file(package, text, words):
    name = package(module=text)
    with pytest.raises(ParamsError) as error:
        evaluate(f"{name}.module", "VALUE")
    assert words in str(error.value) and "\n" not in str(error.value)
    assert words.startswith("there is no Python") or f"{name}/module.py" in str(error.value)
