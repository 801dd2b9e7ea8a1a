"""Tables in JSON: one object a line (JSONL, NeMo's manifests), or one array of objects."""

from pathlib import Path
from typing import Any

from isogloss.checks import parse_json
from isogloss.errors import TableError
from isogloss.io.source import Source, read_utf8, record_source


def open_jsonl(path: Path) -> Source:
    """One JSON object a line; empty lines are skipped."""
    return objects_by_line(path, read_utf8(path).decode())


def open_json(path: Path) -> Source:
    """One JSON object a line, or one array of objects."""
    content = read_utf8(path).decode()
    if not content.lstrip().startswith("["):
        return objects_by_line(path, content)
    items = _parsed(content, str(path), "give an array of objects, or one object a line")
    for number, item in enumerate(items, start=1):
        _require_record(item, f"{path}, item {number}", "give an array of objects")
    return record_source(path, items, unit="item", numbers=range(1, len(items) + 1))


def objects_by_line(path: Path, content: str) -> Source:
    """The objects of JSONL text."""
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        record = _parsed(line, f"{path}, line {number}", "give one object a line")
        _require_record(record, f"{path}, line {number}", "give one JSON object a line")
        records.append(record)
        numbers.append(number)
    return record_source(path, records, unit="line", numbers=numbers)


def _parsed(text: str, where: str, remedy: str) -> Any:
    """The value of a JSON text."""
    try:
        return parse_json(text)
    except ValueError as error:
        raise TableError(f"{where} {error}; {remedy}") from None


def _require_record(value: Any, where: str, remedy: str) -> None:
    """Refuse a value that is not an object."""
    if not isinstance(value, dict):
        raise TableError(f"{where} is a {type(value).__name__}; {remedy}")
