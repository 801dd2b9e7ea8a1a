"""What a run is called in Prefect's pages: its corpus, and what has changed since the last run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isogloss.pipeline.masking import masked
from isogloss.pipeline.plan import Plan, Reason

_SHOWN_PARAMS = 3
_SHOWN_CHARACTERS = 40
_CHANGED = ("param changed", "param new")


@dataclass(frozen=True)
class RunLabel:
    """The name and the tags of a run."""

    name: str
    tags: tuple[str, ...] = ()


def label_of(plan: Plan) -> RunLabel:
    """The label of a run of a plan.

    >>> from isogloss.pipeline.plan import Reason, Stage
    >>> stage = Stage("train_asr", reasons=(Reason("param changed", "asr.seed", 1, 2),))
    >>> label_of(Plan((stage,), params={"params.yaml": {"corpus": {"source": "atlas"}}}))
    RunLabel(name='atlas: asr.seed=2', tags=('atlas', 'asr.seed=2'))
    """
    found = [(stage.name, reason) for stage in plan.stale for reason in stage.reasons if reason.kind != "downstream"]
    changed = list(dict.fromkeys(_assignment(reason) for _, reason in found if reason.kind in _CHANGED))
    what = changed or [masked(f"{name} ({reason})") for name, reason in found[:1]]
    return _label(corpus_of(plan.params), what, changed)


def sweep_label(name: str, varied: tuple[str, ...], plan: Plan) -> RunLabel:
    """The label of a sweep: the experiment's name and the params that it varies; `plan` is that of one of its runs."""
    return _label(corpus_of(plan.params), [f"{name} ({', '.join(varied)})" if varied else name], [name, *varied])


def corpus_of(params: Mapping[str, Mapping[str, Any]]) -> str:
    """The corpus that params.yaml names; empty for a pipeline without one."""
    section = params.get("params.yaml", {}).get("corpus")
    source = section.get("source") if isinstance(section, Mapping) else None
    return source if isinstance(source, str) else ""


def _label(corpus: str, what: list[str], tags: list[str]) -> RunLabel:
    """`atlas: asr.seed=2, ewc.strength=3.0 and 2 more`."""
    shown = ", ".join(what[:_SHOWN_PARAMS])
    if len(what) > _SHOWN_PARAMS:
        shown += f" and {len(what) - _SHOWN_PARAMS} more"
    return RunLabel(": ".join(filter(None, [corpus, shown])), tuple(filter(None, [corpus, *tags])))


def _assignment(reason: Reason) -> str:
    """A changed param with its new value, without secrets."""
    value = str(reason.new)
    return masked(f"{reason.what}={value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + '...'}")
