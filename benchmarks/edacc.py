"""The five recognisers of `edacc-transcripts`, side by side by accent, under the rules of its source.

    python benchmarks/edacc.py

Those rules (SOURCE.md of the data): utterances with <FOREIGN> or IGNORE_TIME_SEGMENT_IN_SCORING are dropped, the other
marks are no words, texts go through Whisper's English normaliser, and seven accents are kept. The normaliser is that of
`transformers` with Whisper's table of spellings, which is OpenAI's to the letter; the package `whisper-normalizer`, and
so `--normalise english`, also spells out "kinda" and "'cause", which takes 0.1 to 0.3 points off. The rest is
`isogloss audit`: once with all systems, and once for each pair of which the study says something. Writes
docs/studies/edacc.json; docs/studies/edacc.md says what it shows.
"""

import gzip
import json
import os
import re
import tempfile
from pathlib import Path

import pandas as pd
import whisper_normalizer.english
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from isogloss.cli.auditing import audit_utterances
from isogloss.config import StatisticsParams
from isogloss.judging import Document
from isogloss.judging.intake import Request
from isogloss.tables import write_json

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("ISOGLOSS_DATA", ROOT / "../shared/data")) / "edacc-transcripts" / "transcripts.jsonl.gz"
ACCENTS = {
    "Indian English": "Indian",
    "Irish English": "Irish",
    "Jamaican English": "Jamaican",
    "Mainstream US English": "US",
    "Nigerian English": "Nigerian",
    "Spanish": "Spanish",
    "Vietnamese": "Vietnamese",
}
SYSTEMS = {
    "small": "hyp_whisper_small",
    "finetuned": "hyp_whisper_small_finetuned",
    "group_dro": "hyp_whisper_small_group_dro",
    "parakeet": "hyp_parakeet_tdt_v3",
    "turbo": "hyp_whisper_large_v3_turbo",
}
DROPPED = re.compile("<FOREIGN>|IGNORE_TIME_SEGMENT_IN_SCORING")
FEWEST = 3
"""Speakers of an accent: intervals of so few are wide, and less sure than their level says."""


def selected() -> pd.DataFrame:
    """The utterances that the rules keep."""
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        table = pd.DataFrame(json.loads(line) for line in file)
    kept = table["accent"].isin(list(ACCENTS)) & ~table["ref"].str.contains(DROPPED)
    chosen = table[kept].assign(accent=table["accent"].map(ACCENTS)).reset_index(drop=True)
    normaliser = EnglishTextNormalizer(whisper_normalizer.english.EnglishTextNormalizer().standardize_spellings.mapping)
    return chosen.assign(**{name: chosen[name].fillna("").map(normaliser) for name in ("ref", *SYSTEMS.values())})


def audited(path: Path, systems: dict[str, str]) -> Document:
    """The audit of some systems by accent."""
    request = Request(
        table=path,
        hypotheses=tuple(systems.items()),
        by=("accent",),
        allow_empty=True,
        min_speakers=FEWEST,
        statistics=StatisticsParams(min_speakers=FEWEST),
    )
    return audit_utterances(request).document


def main() -> None:
    """Audit, print and write."""
    table = selected()
    print(f"{len(table)} utterances of {table['speaker_id'].nunique()} speakers")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "edacc.jsonl"
        table.to_json(path, orient="records", lines=True)
        together = audited(path, SYSTEMS).side_by_side
        pairs = {
            f"{one} -> {other}": audited(path, {one: SYSTEMS[one], other: SYSTEMS[other]})
            for one, other in (("small", "finetuned"), ("finetuned", "group_dro"), ("small", "group_dro"))
        }
    if together is None:
        raise SystemExit("there is a single system")
    for row in together.rows:
        rates = ", ".join(f"{n} {100 * (r.rate or 0):.1f}" for n, r in zip(together.systems, row.rates, strict=True))
        apart = [f"{r.first}/{r.second}" for r in row.ratios if r.ci95 and not r.ci95[0] <= 1 <= r.ci95[1]]
        print(f"{row.label} ({row.speakers}): {rates}; best or tied {row.best}; told apart {apart}")
    for pair, document in pairs.items():
        overall = document.overall
        print(f"{pair}: {overall.relative_change:+.1%} {overall.ci95}, p {overall.p}")
        for cohort in document.groupings[0].cohorts:
            print(f"  {cohort.label}: {cohort.relative_change:+.1%} {cohort.ci95}, p {cohort.p_holm}")
    content = {"side_by_side": together.model_dump(mode="json"), "pairs": {k: d.content() for k, d in pairs.items()}}
    write_json(content, ROOT / "docs" / "studies" / "edacc.json")


if __name__ == "__main__":
    main()
