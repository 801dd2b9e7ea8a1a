"""The page, the terminal and the folder: nothing from the data acts, nothing is overwritten."""

import io
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from isogloss.cli.auditing import audit_utterances as audit
from isogloss.consoles import Console, console
from isogloss.errors import TableError
from isogloss.judging.intake import Request
from isogloss.report.document_page import render_document as render
from isogloss.report.folder import check_folder, write_folder
from isogloss.report.terminal import show

EVIL = "<script>alert(1)</script>\"'>"
MARKUP = "[red]=1+1[/red]\x1b[31m\u202e"


class Tags(HTMLParser):
    """The tags of a page, and what they carry."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def document(save, table, quick):
    evil = table.assign(part=table["part"].replace({"north": EVIL, "south": MARKUP})).rename(columns={"part": EVIL})
    after = evil.assign(hyp=evil["ref"])
    request = Request(
        table=save(evil, "a.parquet"), after=save(after, "b.parquet"), by=(EVIL, "gender"), statistics=quick, name=EVIL
    )
    return audit(request).document


def test_names_in_data_are_escaped_on_the_page(document):
    page = render(document)
    tags = Tags(page).found
    assert EVIL not in page and "&lt;script&gt;" in page
    assert not [tag for tag, _ in tags if tag in ("script", "iframe", "object", "link") and tag != "link"]
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]


def test_the_page_fetches_nothing(document):
    tags = Tags(render(document)).found
    policy = next(a["content"] for tag, a in tags if tag == "meta" and a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    links = [a[key] for _, a in tags for key in ("href", "src") if key in a]
    assert all(link.startswith(("#", "data:")) for link in links)
    ids = {a["id"] for _, a in tags if "id" in a}
    assert {link[1:] for link in links if link.startswith("#")} <= ids


def test_the_terminal_shows_markup_as_text_and_no_control_characters(document):
    on = Console(record=True, width=200, force_terminal=True)
    show(document, on)
    text = on.export_text()
    assert "[red]=1+1[/red]" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text.replace("\n", ""))


@pytest.mark.parametrize("width", range(60, 121, 12))
def test_a_figure_and_its_unit_are_on_one_line_in_any_window(document, width):
    file = io.StringIO()
    show(document, Console(file=file, width=width))
    units = re.findall(r"(?:^|[\s(])(?:%|points)", file.getvalue(), re.MULTILINE)
    assert len(units) == len(re.findall(r"\d[ \u202f](?:%|points)", file.getvalue())) > 10


def test_a_pipe_gets_whole_names(save, table, quick, capsys):
    name = "a name of seventy characters that goes on and on until the very end of it"
    rows = table.assign(part=table["part"].replace({"north": name}))
    show(audit(Request(table=save(rows), by=("part",), statistics=quick)).document, console())
    assert "very end of it" in capsys.readouterr().out


def test_a_folder_is_written_whole_and_replaced_only_by_another_audit(document, tmp_path):
    folder = tmp_path / "out"
    write_folder(document, folder)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_folder(document, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert set(first) == {"fairness.json", "cohorts.parquet", "audit.html"}
    assert len(pd.read_parquet(folder / "cohorts.parquet")) == 5
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(TableError, match=r"holds 'notes\.txt', which no audit writes"):
        write_folder(document, folder)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "fairness.json").write_text('{"task": "asr"}')
    with pytest.raises(TableError, match="is not an earlier audit"):
        check_folder(tmp_path)
    with pytest.raises(TableError, match="is a file"):
        check_folder(tmp_path / "fairness.json")


def test_no_word_of_a_transcript_and_no_speaker_is_in_any_output(document, tmp_path, table):
    write_folder(document, tmp_path / "out")
    content = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert not any(speaker.encode() in content for speaker in table["speaker_id"].unique())
    assert not re.search(rb"\bw\d+ w\d+\b", content)
