"""The console of commands, which does not break figures, even in a narrow window.

Rich breaks lines at every kind of space, no-break ones included. Here `12.3 %` and `0.5 s` stay on one line, in
sentences and in tables, and a table that cannot be narrower than its figures is wider than the window.
"""

import errno
import os
import re
from collections.abc import Iterator
from typing import IO, Any

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, ConsoleRenderable, RichCast
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 120
LABEL_WIDTH = 24
"""Smallest width of a column with a long name, in characters; names are broken into lines, never cut."""

_UNITS = r"(?:%|‰|(?:points?|nats|h|min|s|ms|dB|Hz|kHz|MiB|GiB|km)\b)"
_WITHIN = re.compile(rf"(?<=\d) (?={_UNITS})|(?<=\d) (?=to [+−]?\d)|(?<=\d to) (?=[+−]?\d)|(?<=<) (?=\d)")
"""Spaces within a figure: before its unit, in an interval, after the sign of a bound."""
_JOINED = "\ue002"
_HELD = {"\u00a0": "\ue000", "\u202f": "\ue001", " ": _JOINED}
"""Spaces at which no line breaks, and private characters of the same width in their place while Rich breaks lines."""
_HOLD = str.maketrans({space: held for space, held in _HELD.items() if held != _JOINED})
_RELEASE = str.maketrans({held: space for space, held in _HELD.items()})


class Whole:
    """A text whose lines are not broken within a figure, nor at other no-break spaces."""

    def __init__(self, text: str | Text) -> None:
        self._text = Text(text) if isinstance(text, str) else text.copy()
        self._text.plain = _WITHIN.sub(_JOINED, self._text.plain).translate(_HOLD)

    def __str__(self) -> str:
        return self._text.plain.translate(_RELEASE)

    def __rich_console__(self, console: RichConsole, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in self._text.__rich_console__(console, options):
            yield segment if segment.control else Segment(segment.text.translate(_RELEASE), segment.style)

    def __rich_measure__(self, console: RichConsole, options: ConsoleOptions) -> Measurement:
        return self._text.__rich_measure__(console, options)


class Table(RichTable):
    """A table without lines around it, whose cells keep their figures whole."""

    def __init__(self) -> None:
        super().__init__(box=None, pad_edge=False, header_style="dim")

    def add_column(self, header: Any = "", *arguments: Any, overflow: Any = "fold", **options: Any) -> None:
        """Add a column as Rich does; long cells are folded, since a cut name or figure would be wrong."""
        super().add_column(_whole(header), *arguments, overflow=overflow, **options)

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row as Rich does."""
        super().add_row(*map(_whole, cells), **options)


class Console(RichConsole):
    """Rich's console without highlighting; texts and tables keep their figures whole."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as Rich does, except that a string has no markup and a table is as wide as its figures."""
        width = self.width
        for one in objects:
            if isinstance(one, Table):
                self.width = self._share_out(one)
        try:
            super().print(*map(_whole, objects), **options)
        finally:
            self.width = width

    def on_broken_pipe(self) -> None:
        """Raise the error that Rich has caught; Rich would exit with code 1, which means a verdict in some commands."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def _share_out(self, table: Table) -> int:
        """Fix the widths of a table's columns, shrinking the widest first, and return the console's width.

        No word of up to `LABEL_WIDTH` is broken, and a column that is not wrapped needs all its width; Rich's own
        sharing heeds neither.
        """
        unlimited = self.options.update_width(10_000)
        widths, least = [], []
        for column in table.columns:
            cells = [Measurement.get(self, unlimited, cell) for cell in (column.header, *column.cells)]
            widths.append(max(cell.maximum for cell in cells))
            longest_word = widths[-1] if column.no_wrap else min(max(cell.minimum for cell in cells), LABEL_WIDTH)
            least.append(min(widths[-1], max(column.min_width or 0, longest_word)))
        gaps = 2 * (len(widths) - 1)
        while sum(widths) + gaps > self.width and widths != least:
            widest = max((n for n in range(len(widths)) if widths[n] > least[n]), key=lambda n: widths[n])
            widths[widest] -= 1
        for column, width in zip(table.columns, widths, strict=True):
            column.width = width
        return max(self.width, sum(widths) + gaps)


def console(*, stderr: bool = False, file: IO[str] | None = None, soft_wrap: bool = False) -> Console:
    """A console that does not break lines if its output is not a terminal."""
    made = Console(highlight=False, stderr=stderr, file=file, soft_wrap=soft_wrap)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = WIDTH_WITHOUT_TERMINAL
    return made


def _whole(content: Any) -> ConsoleRenderable | RichCast | Whole:
    """A string or a text as `Whole`; anything else as it is."""
    return Whole(content) if isinstance(content, str | Text) else content
