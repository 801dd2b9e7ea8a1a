"""The results of a run that people read: the numbers in the metrics files, and the pages among the outputs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isogloss.pipeline.repo.graph import plan
from isogloss.pipeline.repo.outputs import metric_files


def metric_rows(root: Path) -> list[dict[str, Any]]:
    """The values of the metrics files, one per row: `metric` and `value`, and the file if there are several.

    Files that do not exist or are not JSON are left out. Raises `PipelineError` if dvc.yaml cannot be read.
    """
    found = []
    for file in metric_files(root):
        try:
            content = json.loads((root / file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found.append((file, content))
    several = len(found) > 1
    return [
        {**({"file": file} if several else {}), "metric": key, "value": value}
        for file, content in found
        for key, value in _leaves("", content)
    ]


def report_pages(root: Path) -> list[str]:
    """The HTML pages among the outputs that exist, relative to the root."""
    outs = [out for stage in plan(root).stages for out in stage.outs]
    return [out for out in outs if out.endswith(".html") and (root / out).is_file()]


def _leaves(prefix: str, content: Any) -> Iterator[tuple[str, Any]]:
    """Dotted key and value of each leaf of nested mappings."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else str(key), value)
    else:
        yield prefix, content if isinstance(content, int | float | str | None) else json.dumps(content)
