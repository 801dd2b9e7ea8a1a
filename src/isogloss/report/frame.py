"""The rendering of all pages: self-contained, with escaped data and a common format of numbers."""

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from isogloss.report import text


def page_environment() -> Environment:
    """The templates of the pages, and the filters by which numbers are written."""
    environment = Environment(
        loader=PackageLoader("isogloss.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=text.percent,
        signed=text.signed_percent,
        interval=text.interval,
        decimal=text.decimal,
        count=text.count,
        counted=text.counted,
        cost=text.cost,
        cost_interval=text.cost_interval,
        probability=text.probability,
        listing=text.listing,
    )
    return environment


def page_style(*names: str) -> Markup:
    """Style sheets of the package, one after the other; they need no escaping."""
    folder = resources.files("isogloss.report").joinpath("templates")
    return Markup("\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names))
