"""The sections of params.yaml that components declare.

A plug-in's code lies outside the repository, where DVC does not see it change. So the section of a plug-in that is used
has one key more, `version`, which must be the installed version of the package: whoever installs another one has to
write it down, and the stages that read the section run anew. That versions change when code does is up to the plug-in.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, create_model

from isogloss.config.reading import unknown_key, validated_part
from isogloss.config.registry import Found, every_component
from isogloss.config.section import Section


def sections() -> dict[str, type[Section]]:
    """The options that components declare, by name: those of a kind together."""
    return {name: found.declaration.options for name, found in _with_sections().items() if found.declaration.options}


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


def without_version(used: Mapping[str, Section]) -> Iterator[str]:
    """A sentence about each plug-in that is used and whose section does not say the version."""
    known = _with_sections()
    for name, section in used.items():
        if name in known and known[name].plugin and not hasattr(section, "version"):
            found = known[name]
            yield (
                f"{name} comes from the plug-in {found.plugin}, whose version params must say so that a change of it "
                f"is seen: add `version: {found.version!r}` to the section {name}"
            )


def _with_sections() -> dict[str, Found[Any]]:
    """The components that have a section, by its name; every plug-in has one, for its version."""
    return {f.declaration.name: f for f in every_component() if f.declaration.options is not None or f.plugin}


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
    if found.plugin and name in content:
        options = _versioned(options, name, found)
    return validated_part(given, options, key=name)


def _versioned(options: type[Section], name: str, found: Found[Any]) -> type[Section]:
    """The options of a plug-in with the version of its package."""

    def installed(version: str) -> str:
        if version != found.version:
            raise ValueError(
                f"{name}.version is {version!r}, but {found.plugin} {found.version} is installed: write "
                f"{found.version!r}, and what depends on it runs anew"
            )
        return version

    field = (Annotated[str, AfterValidator(installed)], Field(exclude=True))
    return create_model(options.__name__, __base__=options, __doc__=options.__doc__, version=field)  # type: ignore[call-overload, no-any-return]
