"""The extra of Isogloss that installs a missing package.

The core (`pip install isogloss`) audits and gates; whatever trains, runs the pipeline or synthesises speech comes with
an extra. What belongs to which is said in `pyproject.toml` alone, and read here from the metadata of the installed
package.
"""

import re
from collections.abc import Iterable
from importlib import metadata


def missing_extra(module: str) -> str | None:
    """One sentence for a module that cannot be imported; None if no extra of Isogloss installs it.

    Parameters
    ----------
    module
        Its dotted name, as in `ModuleNotFoundError.name`.
    """
    try:
        requirements = metadata.requires("isogloss") or []
    except metadata.PackageNotFoundError:
        return None
    package = module.split(".")[0]
    extra = extra_of(package, requirements)
    if extra is None:
        return None
    return f"{package} is not installed, and this needs it; run: pip install 'isogloss[{extra}]'"


def extra_of(package: str, requirements: Iterable[str]) -> str | None:
    """The first extra that requires a package, `dev` last.

    Parameters
    ----------
    package
        Its name when imported. Distributions are taken to be called alike, with - for _; where none is, the name up to
        the first _ counts, since distributions such as dvc bring helpers of their own (dvc_data).
    requirements
        As package metadata has them.

    Examples
    --------
    >>> extra_of("torch", ['torch<2.14,>=2.6; extra == "train"', "numpy>=2"])
    'train'
    """
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if name and extra:
            extras.setdefault(_canonical(name[0]), []).append(extra[1])
    found = extras.get(_canonical(package)) or extras.get(_canonical(package.split("_")[0]), [])
    return min(found, key=lambda extra: extra == "dev", default=None)


def _canonical(name: str) -> str:
    """The form of a distribution's name in which all its spellings are equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
