"""A repository as the stages leave it, with made-up but consistent figures: every report test starts from one."""

import json
import math
import shutil
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from isogloss.report.inputs import document_path
from isogloss.tables import ASSIGNMENT_COLUMNS, METADATA_COLUMNS, RESULT_COLUMNS, conform

REGIONS: list[tuple[str, list[list[float]], float, int]] = [
    # label, rectangles (south, west, north, east), base WER on test, speakers of test
    ("lat < 34.1, lon < -103.7", [[24.0, -125.0, 34.1, -103.7]], 0.282, 31),
    ("lat < 31.9, lon >= -90.2", [[24.0, -90.2, 31.9, -66.0]], 0.214, 24),
    ("34.1 <= lat < 37.4, lon < -103.7", [[34.1, -125.0, 37.4, -103.7]], 0.131, 12),
    ("lat >= 41.0, lon >= -75.2", [[41.0, -75.2, 50.0, -66.0]], 0.108, 27),
    ("lat < 37.4, -103.7 <= lon < -90.2", [[24.0, -103.7, 37.4, -90.2]], 0.082, 43),
    ("31.9 <= lat < 37.4, lon >= -90.2", [[31.9, -90.2, 37.4, -66.0]], 0.061, 38),
    ("lat >= 37.4, lon < -103.7", [[37.4, -125.0, 50.0, -103.7]], 0.048, 36),
    ("lat >= 37.4, -103.7 <= lon < -75.2", [[37.4, -103.7, 50.0, -75.2]], 0.037, 59),
    ("37.4 <= lat < 41.0, lon >= -75.2", [[37.4, -75.2, 41.0, -66.0]], 0.035, 22),
]
AGES: list[tuple[str, list[list[float]], float, int]] = [
    ("age_band = 60 and over", [], 0.121, 52),
    ("age_band = 18 to 29", [], 0.094, 96),
    ("age_band = 30 to 44", [], 0.081, 88),
    ("age_band = 45 to 59", [], 0.079, 56),
]
COST: dict[str, Any] = {
    "parameters": {"encoder": 664_480, "total": 849_814},
    "flops": {"per_second": 37_912_462.9, "dense_share": None},
    "emission_delay": {"median_ms": 57.5, "p95_ms": 157.5},
}
EFFECTS = {"finetune": {0: -0.36, 1: -0.22, 6: 0.34, 7: 0.42}, "ewc": {0: -0.31, 1: -0.24, 2: -0.09, 7: 0.05}}


def _interval(value: float, speakers: int, *, wide: float = 1.9) -> list[float]:
    """A plausible interval: relative half width falls with the root of the speakers."""
    half = wide * value / math.sqrt(speakers)
    return [round(value - half, 5), round(value + half * 1.15, 5)]


def cohort_entry(index: int, row: tuple, effect: float, *, mitigated: bool) -> dict[str, Any]:
    """One cohort of a document."""
    label, _, before, speakers = row
    after = before * (1 + effect)
    half = 0.55 / math.sqrt(speakers)
    inference = speakers >= 20
    p = 0.0004 if abs(effect) > 1.5 * half else 0.3
    return {
        "cohort": f"C{index:02d}",
        "label": label,
        "mitigated": mitigated,
        "speakers": speakers,
        "utterances": speakers * 8,
        "words": speakers * 41,
        "discovery_rank": index + 1,
        "discovery": round(before * (1.18 - 0.05 * index), 5),
        "before": before,
        "before_ci95": _interval(before, speakers) if inference else None,
        "after": round(after, 5),
        "after_ci95": _interval(after, speakers) if inference else None,
        "relative_change": round(effect, 5),
        "ci95": [round(effect - half, 5), round(effect + half, 5)] if inference else None,
        "p": p if inference else None,
        "p_holm": min(1.0, p * 5) if inference else None,
        "inference": inference,
        "effective_speakers": float(speakers),
        "harm_bound": round(effect + half, 5) if inference else None,
        "noninferior": effect + half < 0.1 if inference else None,
    }


def grouping_content(method: str, rule: str, rows: list, *, worst: int) -> dict[str, Any]:
    """One grouping of a document."""
    effects = EFFECTS[method] if rule == "geographic" else dict.fromkeys(range(9), -0.06)
    cohorts = [cohort_entry(i, r, effects.get(i, 0.02), mitigated=i < worst) for i, r in enumerate(rows)]
    sides = [[c[side] for c in cohorts] for side in ("before", "after")]
    gaps = [max(side) / min(side) - 1 for side in sides]
    return {
        "name": rule,
        "title": rule,
        "discovered": True,
        "split": "test",
        "found": len(rows),
        "cohorts": cohorts,
        "spread": {
            "cohorts": [c["cohort"] for c in cohorts],
            "mean": change(*(float(np.mean(s)) for s in sides), half=0.05),
            "max": change(*(max(s) for s in sides), half=0.12),
            "variance": change(*(float(np.var(s)) for s in sides), half=0.2),
            "relative_gap": change(*gaps, half=0.25),
        },
        "worst_cohort_by_discovery": "C00",
        "worst_cohort_by_test": "C00",
        "harmed_cohorts": [c["cohort"] for c in cohorts if c["relative_change"] > 0.2 and c["inference"]],
        "regions": [
            {"cohort": f"C{i:02d}", "rank": i + 1, "rectangles": rectangles}
            for i, (_, rectangles, *_) in enumerate(rows)
            if rectangles
        ],
        "test": "Intervals: studentised bootstrap. p: sign-flip permutation over speakers; p_holm: by Holm.",
    }


def document_content(method: str, groupings: list[dict[str, Any]]) -> dict[str, Any]:
    """A whole fairness.json."""
    cohorts = groupings[0]["cohorts"]
    words = sum(c["words"] for c in cohorts)
    before, after = (sum(c[side] * c["words"] for c in cohorts) / words for side in ("before", "after"))
    return {
        "task": "asr",
        "metric": "WER",
        "systems": ["base", method],
        "split": "test",
        "speakers": sum(c["speakers"] for c in cohorts),
        "utterances": sum(c["utterances"] for c in cohorts),
        "words": words,
        "confidence": 0.95,
        "resamples": 200,
        "permutations": 200,
        "seed": 1,
        "min_speakers": 5,
        "min_speakers_for_inference": 20,
        "seeds": {"asr": 1, "mitigation": 1},
        "overall": {
            **change(before, after, half=0.06),
            "before_ci95": _interval(before, 292, wide=1.4),
            "after_ci95": _interval(after, 292, wide=1.4),
            "p": 0.02,
        },
        "groupings": groupings,
    }


def change(first: float, second: float, *, half: float) -> dict[str, Any]:
    """A figure under both systems, and its change with an interval."""
    relative = second / first - 1
    ci95 = [relative - half, relative + half]
    return {"before": first, "after": second, "relative_change": relative, "ci95": ci95}


def summary_content(rule: str, rows: list) -> dict[str, Any]:
    """A rule's summary.json."""
    cohorts = []
    for i, (label, rectangles, before, speakers) in enumerate(rows):
        wer = round(before * (1.18 - 0.05 * i), 5)
        figures = {"speakers": speakers, "utterances": speakers * 8, "words": speakers * 41, "wer": wer}
        cohorts.append(
            {
                "cohort": f"C{i:02d}",
                "label": label,
                "wer_rank": i + 1,
                "discovery": {**figures, "ci95": _interval(wer, speakers)},
                "speakers_by_split": {"discovery": speakers, "test": speakers},
                "geometry": {"rectangles": rectangles} if rectangles else None,
                "colour_class": i // 2,
            }
        )
    return {"rule": rule, "cohorts": cohorts, "worst": ["C00", "C01"]}


def utterance_table(*, seed: int = 5) -> pd.DataFrame:
    """A small utterance table of all splits; whoever is of discovery or test errs as his region does."""
    rng = np.random.default_rng(seed)
    regions = np.repeat([row[2] for row in REGIONS], [row[3] for row in REGIONS])
    rows = []
    for split, speakers in (("train", 40), ("adapt", 40), ("discovery", 292), ("dev", 10), ("test", 292)):
        for speaker in range(speakers):
            for utterance in range(4):
                name = f"{split}-{speaker:03d}"
                rows.append(
                    {
                        "utterance_id": f"{name}-{utterance}",
                        "speaker_id": name,
                        "split": split,
                        "weight": 1.0,
                        "ref": "turn on the lights",
                        "words": 4,
                        "duration_s": 1.5,
                        "latitude": float(rng.uniform(25, 49)),
                        "longitude": float(rng.uniform(-124, -67)),
                        "zip": "00000",
                        "gender": None,
                        "age": float("nan"),
                        "accent": None,
                        "hyp": "turn of the lights",
                        "substitutions": int(rng.binomial(4, regions[speaker])),
                        "deletions": 0,
                        "insertions": 0,
                    }
                )
    return pd.DataFrame(rows)


def assignment_table(rule: str, rows: list) -> pd.DataFrame:
    """The cohort of every utterance: as many speakers of each in discovery and test as the figures say."""
    utterances = utterance_table()[["utterance_id", "speaker_id"]]
    number = np.repeat(np.arange(len(rows)), [row[3] for row in rows])
    if rule != "geographic":
        np.random.default_rng(3).shuffle(number)
    cohort = number[utterances["speaker_id"].str[-3:].astype(int)]
    names = pd.Series([f"C{code:02d}" for code in cohort], dtype="str")
    return conform(utterances.assign(cohort=names, wer_rank=cohort + 1), ASSIGNMENT_COLUMNS, where="fixture")


class Repository:
    """A repository root with all inputs of the report, and a way to spoil one."""

    rows = {"geographic": REGIONS, "attribute": AGES}

    def __init__(self, root: Path) -> None:
        self.root = root
        self.params: dict[str, Any] = {}
        self.write_params()
        table = utterance_table()
        metadata = conform(table.drop(columns=list(RESULT_COLUMNS)), METADATA_COLUMNS, where="fixture")
        results = conform(
            table[table["split"].isin(["discovery", "dev", "test"])],
            {**METADATA_COLUMNS, **RESULT_COLUMNS},
            where="fixture",
        )
        for name, content in (("data", metadata), ("results/asr/base", results)):
            (root / name).mkdir(parents=True)
            content.to_parquet(root / name / "utterances.parquet", index=False)
        self.write("results/asr/base/cost.json", COST)
        for rule, rows in self.rows.items():
            self.write(f"cohorts/{rule}/summary.json", summary_content(rule, rows))
            assignment_table(rule, rows).to_parquet(root / f"cohorts/{rule}/assignments.parquet", index=False)
        for method in EFFECTS:
            groupings = [
                grouping_content(method, rule, rows, worst=2 if rule == "geographic" else 0)
                for rule, rows in self.rows.items()
            ]
            self.write(document_path(method), document_content(method, groupings))

    def write_params(self, **sections: dict[str, Any]) -> None:
        """params.yaml with the given sections (all others by default, with few draws, two rules and two methods)."""
        usual = {
            "corpus": {"source": "atlas"},
            "cohorts": {"rules": list(self.rows)},
            "mitigation": {"methods": list(EFFECTS)},
            "statistics": {"resamples": 200, "permutations": 200},
        }
        with (self.root / "params.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(usual | sections, file)

    def write(self, relative: str, content: Any) -> None:
        """A JSON input."""
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")

    def read(self, relative: str) -> Any:
        """A JSON input."""
        return json.loads((self.root / relative).read_text(encoding="utf-8"))

    def rule(self, method: str, rule: str = "geographic") -> Any:
        """What the document of a method says under one rule, and of all speech: `overall`."""
        document = self.read(document_path(method))
        grouping = next(one for one in document["groupings"] if one["name"] == rule)
        return {**grouping, "overall": document["overall"]}

    def write_rule(self, method: str, content: Any) -> None:
        """Put back what `rule` gave, changed."""
        document = self.read(document_path(method))
        document["overall"] = content["overall"]
        changed = {key: value for key, value in content.items() if key != "overall"}
        document["groupings"] = [changed if one["name"] == changed["name"] else one for one in document["groupings"]]
        self.write(document_path(method), document)

    def page(self) -> str:
        """The built page."""
        return (self.root / "reports/fairness.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def written_once(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The repository of which each test gets a copy; to write it takes longer than most of them."""
    return Repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def repository(written_once: Repository, tmp_path: Path) -> Repository:
    """A complete repository of realistic figures."""
    shutil.copytree(written_once.root, tmp_path, dirs_exist_ok=True)
    mine = copy(written_once)
    mine.root, mine.params = tmp_path, {}
    return mine
