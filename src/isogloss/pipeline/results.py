"""The results of a run that people read: the numbers in the metrics files, and the pages."""

import json
from pathlib import Path
from typing import Any

from isogloss.config import flattened
from isogloss.pipeline.plan import Plan
from isogloss.pipeline.repo.outputs import metric_files


def metric_rows(root: Path) -> list[dict[str, Any]]:
    """The values of the metrics files, one per row: `metric` and `value`, and the file if there are several.

    Files that do not exist or are not JSON are left out. Raises `PipelineError` if dvc.yaml cannot be read.
    """
    found = {}
    for file in metric_files(root):
        try:
            content = json.loads((root / file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found[file] = content if isinstance(content, dict) else {"": content}
    return [
        {
            **({"file": file} if len(found) > 1 else {}),
            "metric": key,
            "value": value if isinstance(value, int | float | str | None) else json.dumps(value),
        }
        for file, content in found.items()
        for key, value in flattened(content)
    ]


def report_pages(root: Path, plan: Plan) -> list[str]:
    """The HTML pages among the outputs that exist, relative to the root."""
    outs = [out for stage in (*plan.stages, *plan.beyond) for out in stage.outs]
    return [out for out in outs if out.endswith(".html") and (root / out).is_file()]
