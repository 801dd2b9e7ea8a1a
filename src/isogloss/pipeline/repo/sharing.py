"""A digest of each stage's inputs that is known before anything has run; stages with equal digests have equal results.

DVC's run cache can tell this only for stages whose inputs exist. Here the digest of a stage covers its command, its
params, the files that no stage makes, and the digests of the stages upstream: it is known for the whole graph at once.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.pipeline.repo.graph import overlaps, stage_name
from isogloss.pipeline.repo.run_cache import has_run_cache

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import Stage as DvcStage


@dataclass(frozen=True)
class StageInputs:
    """The digest of everything that a stage is made from, and whether DVC can share its result between workspaces."""

    digest: str
    shareable: bool


def stage_inputs(repo: "Repo") -> dict[str, StageInputs]:
    """The inputs of every stage of an open repository, by its name; raises DVC's own errors."""
    import networkx as nx

    graph = repo.index.graph
    found: dict[str, StageInputs] = {}
    for stage in nx.topological_sort(graph.reverse(copy=False)):
        upstream = list(graph.successors(stage))
        above = {stage_name(other): found[stage_name(other)] for other in upstream}
        name = stage_name(stage)
        found[name] = StageInputs(
            digest=_digest([name, *_definition(stage, upstream), sorted((n, i.digest) for n, i in above.items())]),
            shareable=has_run_cache(stage) and all(inputs.shareable for inputs in above.values()),
        )
    return found


def run_digest(inputs: Mapping[str, StageInputs]) -> str:
    """The digest of all stages of a run."""
    return _digest(sorted((name, stage.digest) for name, stage in inputs.items()))


def _definition(stage: "DvcStage", upstream: list["DvcStage"]) -> list[Any]:
    """The inputs of a stage apart from the results of other stages."""
    given = [dep for dep in stage.deps if dep not in stage.params and not overlaps(dep, upstream)]
    return [
        stage.cmd,
        stage.wdir != stage.repo.root_dir and str(Path(stage.wdir).relative_to(stage.repo.root_dir)),
        sorted((str(params.def_path), params.read_params()) for params in stage.params),
        sorted((str(dep.def_path), str(dep.get_hash()) if dep.exists else None) for dep in given),
        sorted((str(out.def_path), out.use_cache) for out in stage.outs),
        # A .dvc file contains the hash of its data.
        [str(out.hash_info) for out in stage.outs] if stage.is_data_source else [],
    ]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
