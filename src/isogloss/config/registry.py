"""The registry of components: those of this package, found by their folder, and those of installed plug-ins.

A module is a component if it has a `COMPONENT` at its top (`isogloss.config.components`); no list names it. An
installed package adds its own through the entry-point group `isogloss.plugins`, one entry a component:

    [project.entry-points."isogloss.plugins"]
    weather = "my_package.weather"

Finding and describing components reads their source and imports none of them; `implementation` imports one.
"""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

from isogloss.config.components import Component, Model
from isogloss.config.light import evaluate, source_file
from isogloss.errors import ParamsError

PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = ("cohorts", "corpus/sources", "mitigation", "recognizers")
"""Folders of this package in which components are looked for, subfolders included."""
GROUP = "isogloss.plugins"

AnyComponent = TypeVar("AnyComponent", bound=Component)


@dataclass(frozen=True)
class Found(Generic[AnyComponent]):
    """A component and where it comes from."""

    declaration: AnyComponent
    module: str
    path: Path
    plugin: str | None = None
    """The distribution that brings the component; None for a component of this package."""
    version: str | None = None
    """The installed version of that distribution."""

    @property
    def has_section(self) -> bool:
        """Whether params.yaml has a section of its name: for its options, and for the version of a plug-in."""
        return self.declaration.in_params and (self.declaration.options is not None or self.plugin is not None)


def every_component() -> list[Found[Any]]:
    """All components, kind by kind."""
    return [found for of_kind in _all().values() for found in of_kind.values()]


def components(kind: type[AnyComponent]) -> dict[str, Found[AnyComponent]]:
    """The components of a kind by name, plug-ins after our own.

    Raises
    ------
    ParamsError
        A module declares no proper component, or two components have one name.
    """
    return _all().get(kind, {})


def names(kind: type[Component], *, adapts: Model | None = None) -> list[str]:
    """The names of a kind's components; of mitigations, where a model is given, those that can adapt it."""
    found = components(kind).items()
    return [name for name, one in found if adapts is None or adapts in getattr(one.declaration, "adapts", ())]


def declaration(kind: type[AnyComponent], name: str) -> AnyComponent:
    """What a component declares about itself.

    Raises
    ------
    ParamsError
        There is none of that name; the nearest is suggested.
    """
    return _found(kind, name).declaration


def implementation(kind: type[Component], name: str) -> Any:
    """The class that does a component's work; its module is imported.

    Raises
    ------
    ParamsError
        There is no component of that name, or its module lacks the class.
    """
    found = _found(kind, name)
    module = import_module(found.module)
    if not hasattr(module, found.declaration.implementation):
        raise ParamsError(
            f"{found.path}: COMPONENT says that the {kind.kind} {name!r} is implemented by "
            f"{found.declaration.implementation}, but the module has no such class"
        )
    return getattr(module, found.declaration.implementation)


def forget() -> None:
    """Look for components anew the next time; for processes that install plug-ins while they run."""
    _all.cache_clear()


def _found(kind: type[AnyComponent], name: str) -> Found[AnyComponent]:
    """One component; a ParamsError with the nearest name if there is none."""
    known = components(kind)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        raise ParamsError(f"there is no {kind.kind} {name!r}; {hint}")
    return known[name]


@cache
def _all() -> dict[type[Component], dict[str, Found[Any]]]:
    """Every component by kind and name."""
    found: dict[type[Component], dict[str, Found[Any]]] = defaultdict(dict)
    with_section: dict[str, Found[Any]] = {}
    for one in [*_own(), *_plugins()]:
        name, kind = one.declaration.name, type(one.declaration)
        # A section bears the name of its component, so two kinds share a name only where one has no section.
        other = found[kind].get(name) or (with_section.get(name) if one.has_section else None)
        if other:
            raise ParamsError(f"{one.path} and {other.path} both declare a component named {name!r}; rename one")
        found[kind][name] = one
        if one.has_section:
            with_section[name] = one
    return dict(found)


def _own() -> Iterator[Found[Any]]:
    """The components of this package."""
    for folder in FOLDERS:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            # Most modules are no components: parsing only those that are saves half the time.
            if re.search(rb"^COMPONENT\b", path.read_bytes(), re.MULTILINE):
                relative = path.relative_to(PACKAGE).with_suffix("")
                module = ".".join(["isogloss", *relative.parts]).removesuffix(".__init__")
                yield Found(_declared(module, path), module, path)


def _plugins() -> Iterator[Found[Any]]:
    """The components of installed packages, by the name of their entry point."""
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        distribution = point.dist
        plugin = distribution.name if distribution is not None else point.module
        version = distribution.version if distribution is not None else "0"
        try:
            path = source_file(point.module)
            yield Found(_declared(point.module, path), point.module, path, plugin, version)
        except ParamsError as error:
            raise ParamsError(f"the plug-in {plugin} ({GROUP}: {point.name}): {error}") from None


def _declared(module: str, path: Path) -> Component:
    """The `COMPONENT` of a module."""
    declared = evaluate(module, "COMPONENT")
    if not isinstance(declared, Component):
        raise ParamsError(f"{path}: COMPONENT is {type(declared).__name__}; make it one of isogloss.config.components")
    return declared
