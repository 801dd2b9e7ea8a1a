"""The sections of params.yaml that components declare.

A plug-in's code lies outside the repository, where DVC does not see it change. So the section of a plug-in that is used
has one key more, `version`, which must be the installed version of the package: whoever installs another one has to
write it down, and the stages that read the section run anew. That versions change when code does is up to the plug-in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, create_model

from isogloss.config.reading import unknown_key, validated_part
from isogloss.config.registry import Found, every_component
from isogloss.config.section import Section


def component_sections(content: Mapping[str, Any], *, fixed: Sequence[str]) -> dict[str, Section]:
    """The section of every component, from the content of params.yaml.

    Parameters
    ----------
    content
        Sections by name; those of `fixed` are none of ours, those that are left out have their defaults.

    Raises
    ------
    ValueError
        A section is unknown or does not fit.
    """
    known = _with_sections()
    for name in content:
        if name not in fixed and name not in known:
            raise ValueError(unknown_key(str(name), [*fixed, *known]))
    return {name: _section(name, found, content) for name, found in known.items()}


def version_problems(chosen: Iterable[str], sections: Mapping[str, Any]) -> Iterator[str]:
    """A sentence about each component that is chosen, is a plug-in's, and whose section does not say its version."""
    known = _with_sections()
    for name in chosen:
        if name in known and (problem := version_problem(known[name], getattr(sections[name], "version", None))):
            yield problem


def version_problem(found: Found[Any], version: str | None) -> str | None:
    """Why a version is not the one of a plug-in that is installed, as a sentence; None where it is, or for our own."""
    if found.plugin is None or version == found.version:
        return None
    name = found.declaration.name
    wrong = "has no version" if version is None else f"has version {version!r}"
    return (
        f"{name}, of the plug-in {found.plugin}, {wrong}, but {found.version} is installed: write "
        f"`version: {found.version!r}` there, so that what depends on it runs anew"
    )


def _with_sections() -> dict[str, Found[Any]]:
    """The components that have a section, by its name."""
    return {found.declaration.name: found for found in every_component() if found.has_section}


def _section(name: str, found: Found[Any], content: Mapping[str, Any]) -> Section:
    """A component's section, or its defaults."""
    options: type[Section] = found.declaration.options or Section
    given = content.get(name, {})
    if isinstance(given, options):
        return given
    if isinstance(given, Section) and (type(given).__module__, type(given).__qualname__) == (
        options.__module__,
        options.__qualname__,
    ):
        # The class as an import made it; `light` made ours.
        given = given.model_dump()
    if found.plugin is not None:
        version: Any = (str | None, Field(default=None, exclude=True))
        options = create_model(options.__name__, __base__=options, __doc__=options.__doc__, version=version)
    return validated_part(given, options, key=name)
