"""Flows live beside the package, as `dvc.yaml` and the stages do; commands import them by their path."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from isogloss.errors import PipelineError
from isogloss.garbage import while_importing


def load_flow(path: Path) -> ModuleType:
    """Import a flow's file.

    Raises
    ------
    PipelineError
        The file does not exist.
    """
    if not path.is_file():
        raise PipelineError(f"{path} does not exist; run from the repository's root")
    spec = importlib.util.spec_from_file_location(f"flows.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise PipelineError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # The flow's annotations and Prefect's pickles look the module up here.
    with while_importing():
        spec.loader.exec_module(module)
    return module
