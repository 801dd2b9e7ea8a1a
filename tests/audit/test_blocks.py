"""Tables that are read in blocks against the same tables read whole."""

import gzip

import numpy as np
import pandas as pd
import pytest

from isogloss.cli.auditing import audit_utterances
from isogloss.config import StatisticsParams
from isogloss.errors import IsoglossError
from isogloss.io.normalise import parse_steps
from isogloss.judging.intake import Request, streaming, utterances

SPEAKERS = 60
ROWS = 400
KINDS = ["csv", "semicolons", "tsv", "jsonl", "gz", "weights", "empty cells", "systems", "counts", "sums", "errors"]


@pytest.fixture
def in_blocks(monkeypatch, threads):
    """An audit by blocks of 2,000 bytes, and whether the table was not read whole in the end."""

    def audited(request, executor=threads):
        with monkeypatch.context() as patch:
            patch.setattr(streaming, "LARGE_BYTES", 0)
            patch.setattr(streaming, "BLOCK_BYTES", 2000)
            patch.setattr(streaming, "ProcessPoolExecutor", executor)
            sums = []
            patch.setattr(utterances, "stream_rows", lambda one: sums.append(streaming.stream_rows(one)) or sums[-1])
            found = audit_utterances(request)
            return found, sums[-1] is not None

    return audited


def texts():
    """Utterances of three to nine words with errors of each kind, some of them runaways."""
    rng = np.random.default_rng(5)
    words = np.array(["it's", "one", "Two,", "three", "four", "“five”", "six."])
    speaker = rng.integers(0, SPEAKERS, ROWS)
    ref = [" ".join(rng.choice(words, rng.integers(3, 9))) for _ in range(ROWS)]
    changes = [
        lambda text: text,
        lambda text: text.lower(),
        lambda text: text.replace("one", "won"),
        lambda text: text[text.index(" ") :],
        lambda text: f"{text} {text} {text} again",
    ]
    return pd.DataFrame(
        {
            "utterance_id": [f"u{number}" for number in range(ROWS)],
            "speaker_id": [f"s{number}" for number in speaker],
            "gender": np.array(["f", "m", "x"])[speaker % 3],
            "age": np.array(["old", "young"])[speaker // 3 % 2],
            "ref": ref,
            "hyp": [changes[rng.integers(len(changes))](text) for text in ref],
        }
    )


def counts():
    table = texts().drop(columns=["ref", "hyp"])
    rng = np.random.default_rng(6)
    kinds = {kind: rng.integers(0, 3, len(table)) for kind in ("substitutions", "deletions", "insertions")}
    return table.assign(words=rng.integers(6, 12, len(table)), **kinds)


def written(folder, kind):
    """A file of a kind, and what its request says beside its path and cohorts."""
    table, path, options = texts(), folder / "table.csv", {}
    if kind == "weights":
        table["weight"] = np.where(table["gender"] == "f", 0.5, 2.0)
    elif kind == "empty cells":
        table.loc[::7, "hyp"] = ""
        table.loc[::11, "gender"] = ""
    elif kind == "systems":
        table["other"] = table["ref"].str.replace("three", "tree")
        options["hypotheses"] = (("first", "hyp"), ("second", "other"))
    elif kind in ("counts", "errors"):
        table = counts()
        if kind == "errors":
            table = table.assign(errors=table["substitutions"]).drop(
                columns=["substitutions", "deletions", "insertions"]
            )
    elif kind == "sums":
        keys = ["speaker_id", "gender", "age"]
        table = counts().drop(columns="utterance_id").assign(utterances=1).groupby(keys, as_index=False).sum()
    if kind == "jsonl":
        path = folder / "table.jsonl"
        table.to_json(path, orient="records", lines=True)
    elif kind == "tsv":
        path = folder / "table.tsv"
        table.to_csv(path, sep="\t", index=False)
    elif kind == "gz":
        path = folder / "table.csv.gz"
        path.write_bytes(gzip.compress(table.to_csv(index=False).encode()))
    else:
        table.to_csv(path, sep=";" if kind == "semicolons" else ",", index=False)
    return path, options


def request_of(path, **options):
    return Request(
        table=path,
        by=("gender", "age", "gender+age"),
        normalise=parse_steps("lower,punctuation"),
        statistics=StatisticsParams(permutations=200, resamples=200, min_speakers=5),
        **options,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_in_blocks_gives_what_the_whole_one_gives(tmp_path, in_blocks, kind):
    path, options = written(tmp_path, kind)
    found, streamed = in_blocks(request_of(path, **options))
    whole = audit_utterances(request_of(path, **options))
    assert streamed
    assert found.document.model_dump() == whole.document.model_dump()
    assert found.warnings == whole.warnings


def test_blocks_in_processes_give_the_same(tmp_path, in_blocks):
    path, _ = written(tmp_path, "csv")
    found, streamed = in_blocks(request_of(path), streaming.__dict__["ProcessPoolExecutor"])
    assert streamed
    assert found.document.model_dump() == audit_utterances(request_of(path)).document.model_dump()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("ref", "", "row 350: column 'ref' is empty"),
        ("speaker_id", "", "1 of 400 rows have no speaker (the first is utterance 'u349')"),
        ("utterance_id", "", "row 350: column 'utterance_id' is empty"),
        ("utterance_id", "u3", "u3"),
        ("hyp", 'an "odd quote', None),
        ("hyp", "two\nlines", None),
    ],
)
def test_a_bad_row_of_a_late_block_is_said_as_of_the_whole_table(tmp_path, in_blocks, column, value, said):
    table, path = texts(), tmp_path / "table.csv"
    table.loc[349, column] = value
    table.to_csv(path, index=False)
    try:
        expected = audit_utterances(request_of(path)).document.model_dump()
    except IsoglossError as error:
        assert said is not None
        assert said in str(error)
        with pytest.raises(IsoglossError) as caught:
            in_blocks(request_of(path))
        assert str(caught.value) == str(error)
    else:
        assert said is None or column == "utterance_id"
        assert in_blocks(request_of(path))[0].document.model_dump() == expected
