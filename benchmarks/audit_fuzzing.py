"""Mutated transcripts, counts, trials and gates through `isogloss audit` and `isogloss gate`.

    python benchmarks/audit_fuzzing.py [--cases 9000]

Valid files are changed as in `fuzzing.py`. A case holds where the command refuses it in one sentence, or where its
errors and words are those of an independent reading: Python's own CSV or JSON parser, and a textbook edit distance (for
trials, the number of targets and of all; for gates, the errors of both systems, after the gate has judged them).
Results: results/audit_fuzzing.{json,md}.
"""

import argparse
import csv
import functools
import io
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml
from fuzzing import mutated

from isogloss.errors import IsoglossError
from isogloss.gate import read_gate, run_gate
from isogloss.gate.pairs import read_pair
from isogloss.judging.intake import Request
from isogloss.judging.intake.trials import read_trials
from isogloss.judging.intake.utterances import read_utterances
from isogloss.judging.word_errors import error_counts
from isogloss.tables import atomic_path, write_json

RESULTS = Path(__file__).parent / "results"
Figure = tuple[int, int]


@dataclass(frozen=True)
class Entry:
    """A kind of file."""

    file: str
    seeds: list[bytes]
    read: Callable[[Path], Figure]
    """The audit's figure: errors and words, or targets and trials."""
    again: Callable[[bytes], Figure | None]
    """The same by other means; None where these cannot read it."""


def edit_distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Word edit distance by the textbook's recursion (Wagner & Fischer 1974)."""
    row = list(range(len(hypothesis) + 1))
    for place, word in enumerate(reference, start=1):
        diagonal, row[0] = row[0], place
        for other, said in enumerate(hypothesis, start=1):
            diagonal, row[other] = row[other], min(diagonal + (word != said), row[other] + 1, row[other - 1] + 1)
    return row[-1]


def records() -> list[dict[str, str]]:
    """Six speakers, two utterances each."""
    texts = ["turn on the light", "what is the time", "play some music"]
    return [
        {
            "utterance_id": f"u{number}",
            "speaker_id": f"s{number // 2}",
            "gender": "fm"[number // 2 % 2],
            "ref": texts[number % 3],
            "hyp": texts[number % 3].replace("the", "a") + " now" * (number % 2),
        }
        for number in range(12)
    ]


def written(table: pd.DataFrame, separator: str = ",") -> bytes:
    """A table as a CSV file."""
    return table.to_csv(index=False, sep=separator).encode()


def of_texts(path: Path, **options: object) -> Figure:
    """Errors and words that an audit counts."""
    table = read_utterances(Request(table=path, allow_empty=True, **options)).before  # type: ignore[arg-type]
    return int(error_counts(table).sum()), int(table["words"].sum())


def of_rows(rows: Sequence[dict[str, object]]) -> Figure | None:
    """The same of records, by the edit distance above."""
    pairs = [[str(row.get(name) or "").split() for name in ("ref", "hyp")] for row in rows]
    return sum(edit_distance(*pair) for pair in pairs), sum(len(reference) for reference, _ in pairs)


def csv_again(content: bytes) -> Figure | None:
    """A CSV file by Python's parser, with the separator that its header holds."""
    text = content.decode().removeprefix("\ufeff")
    header = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t|", key=header.count)
    quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=True)
    lines = [cells for cells in reader if cells]
    names = [name.strip() for name in lines[0]]
    return of_rows([dict(zip(names, cells, strict=True)) for cells in lines[1:]])


def jsonl_again(content: bytes) -> Figure | None:
    """JSON lines by Python's parser."""
    return of_rows([json.loads(line) for line in content.decode().removeprefix("\ufeff").split("\n") if line.strip()])


def counts_again(content: bytes) -> Figure | None:
    """Counts by pandas' parser."""
    table = pd.read_csv(io.BytesIO(content))
    kinds = ["substitutions", "deletions", "insertions"]
    errors = table[kinds].sum(axis=1) if set(kinds) <= set(table.columns) else table["errors"]
    return int(errors.sum()), int(table["words"].sum())


GATE = {
    "baseline": "base.jsonl",
    "candidate": "new.csv",
    "normalise": ["lower"],
    "margin": {"relative": 0.2, "absolute": 0.02},
    "cohorts": ["gender", {"by": "age", "required": ["old"]}],
    "unjudged": "allowed",
    "identical": "allowed",
    "statistics": {"resamples": 200, "permutations": 200, "min_speakers": 3},
}


def gate_files() -> dict[str, bytes]:
    """A gate of two systems on six speakers."""
    table = pd.DataFrame(records()).assign(age=["old", "young"] * 6)
    better = table.assign(hyp=table["hyp"].str.replace(" now", ""))
    return {
        "base.jsonl": table.to_json(orient="records", lines=True).encode(),
        "new.csv": written(better),
        "gate.yaml": yaml.safe_dump(GATE, sort_keys=False).encode(),
    }


def of_gate(path: Path) -> Figure:
    """Errors of both systems and words, of a gate that has been judged; one of its files is `path`."""
    for name, content in gate_files().items():
        if name != path.name:
            path.with_name(name).write_bytes(content)
    params = read_gate(path.with_name("gate.yaml"))
    assert run_gate(params, path.parent).exit_code in (0, 1, 3)
    pair = read_pair(params, path.parent)
    errors = sum(int(error_counts(table).sum()) for table in (pair.baseline, pair.candidate))
    return errors, int(pair.baseline["words"].sum())


def gate_again(name: str, content: bytes) -> Figure | None:
    """The same of the tables, where their rows and gate.yaml's own keys that matter to it are as they were."""
    files = {**gate_files(), name: content}
    gate = yaml.safe_load(files["gate.yaml"])
    if any(gate.get(key) != GATE[key] for key in ("baseline", "candidate", "normalise")):
        raise ValueError("other tables or another normalisation: nothing to compare with")
    base, new = jsonl_again(files["base.jsonl"].lower()), csv_again(files["new.csv"].lower())
    return None if base is None or new is None else (base[0] + new[0], base[1])


def of_trials(path: Path) -> Figure:
    """Targets and trials that an audit counts."""
    speakers = path.with_name("speakers.csv")
    listed, _ = read_trials(path, speakers, by=["gender"], pattern="^(s[0-9]+)-")
    return int(listed["target"].sum()), len(listed)


def trials_again(content: bytes) -> Figure | None:
    """The same, from the ids of each line."""
    rows = [
        line.replace(",", " ").split() for line in content.decode().removeprefix("\ufeff").split("\n") if line.strip()
    ]
    rows = rows[1:] if "enrol_id" in rows[0] else rows
    ids = [[field for field in row if field.startswith("s") and "-" in field][:2] for row in rows]
    return sum(one.split("-")[0] == other.split("-")[0] for one, other in ids), len(ids)


def entries() -> dict[str, Entry]:
    """All kinds of files."""
    table = pd.DataFrame(records())
    kinds = {"substitutions": 1, "deletions": 0, "insertions": [0, 1] * 6}
    counts = table.drop(columns=["ref", "hyp"]).assign(words=4, **kinds)
    pairs = [(a, b) for a in range(6) for b in range(6)]
    trials = pd.DataFrame({"enrol_id": [f"s{a}-1" for a, _ in pairs], "test_id": [f"s{b}-2" for _, b in pairs]})
    trials["score"] = [float(3 * (a == b) + (a * b) % 4) for a, b in pairs]
    lines = "\n".join(" ".join(map(str, row)) for row in trials.itertuples(index=False)).encode()
    marked = trials.assign(target=[int(a == b) for a, b in pairs])
    jsonl = table.to_json(orient="records", lines=True).encode()
    return {
        "CSV": Entry("a.csv", [written(table), written(table, ";")], of_texts, csv_again),
        "TSV": Entry("a.tsv", [written(table, "\t")], of_texts, csv_again),
        "JSON lines": Entry("a.jsonl", [jsonl], of_texts, jsonl_again),
        "counts": Entry("a.csv", [written(counts), written(counts.assign(errors=2))], of_texts, counts_again),
        "scores": Entry("a.txt", [lines], of_trials, trials_again),
        "trials": Entry("a.csv", [written(trials), written(marked)], of_trials, trials_again),
        "gate.yaml": gate_entry("gate.yaml"),
        "gate's baseline": gate_entry("base.jsonl"),
        "gate's candidate": gate_entry("new.csv"),
    }


def gate_entry(name: str) -> Entry:
    """A gate, of whose files one is mutated."""
    content = gate_files()[name]
    # Most changes of so short a YAML file break it; between comments, some only change what it says or nothing.
    commented = content.replace(b"\n", b"  # a remark about this line\n")
    seeds = [content, 20 * b"# A remark about the gate.\n" + commented] if name == "gate.yaml" else [content]
    return Entry(name, seeds, of_gate, functools.partial(gate_again, name))


def attempt(entry: Entry, content: bytes, path: Path) -> str:
    """What became of a case: read, refused, or what is wrong."""
    path.write_bytes(content)
    try:
        figure = entry.read(path)
    except IsoglossError as error:
        return "refused" if "\n" not in str(error) else f"several lines: {str(error)[:100]!r}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]!r}"
    try:
        other = entry.again(content)
    except Exception:
        return "read where the independent reading is stricter"
    return "read" if other == figure else f"another figure: {figure} here, {other} there"


def main() -> None:
    """Do all cases, and write results/audit_fuzzing.{json,md}."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=9000)
    options = parser.parse_args()
    found: dict[str, dict[str, int]] = {}
    examples: dict[str, str] = {}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people = pd.DataFrame({"speaker_id": [f"s{n}" for n in range(6)], "gender": list("fmfmfm")})
        people.to_csv(folder / "speakers.csv", index=False)
        kinds = entries()
        for kind, entry in kinds.items():
            drawn, outcomes = random.Random(f"audit {kind}"), Counter[str]()
            for _ in range(options.cases // len(kinds)):
                content = mutated(drawn, entry.seeds)
                outcome = attempt(entry, content, folder / entry.file)
                outcomes[outcome.partition(":")[0]] += 1
                if ":" in outcome and kind not in examples:
                    examples[kind] = f"{outcome} of {content[-600:]!r}"
            found[kind] = dict(sorted(outcomes.items()))
            print(f"{kind}: {found[kind]} {examples.get(kind, '')}", flush=True)
    write_json({"cases": options.cases, "outcomes": found, "examples": examples}, RESULTS / "audit_fuzzing.json")
    good = ("read", "refused", "read where the independent reading is stricter")
    bad = sum(number for outcomes in found.values() for kind, number in outcomes.items() if kind not in good)
    lines = [
        "# Mutated files through `isogloss audit` and `isogloss gate`",
        "",
        f"`python benchmarks/audit_fuzzing.py --cases {options.cases}`",
    ]
    lines += ["", "| file | " + " | ".join(good) + " | wrong |", "|---|---:|---:|---:|---:|"]
    for kind, outcomes in found.items():
        cells = [outcomes.get(one, 0) for one in good]
        cells.append(sum(outcomes.values()) - sum(cells))
        lines.append(f"| {kind} | " + " | ".join(map(str, cells)) + " |")
    with atomic_path(RESULTS / "audit_fuzzing.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{bad} wrong; {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
