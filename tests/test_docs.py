"""The pages keep to the code: their commands parse, and the params, files, modules and links that they name exist."""

import pkgutil
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest

from isogloss.cli import main
from isogloss.config import Params, flattened, overridden, read_yaml
from isogloss.config.reading import parse_yaml, validated
from isogloss.config.registry import GROUP

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "studies").glob("*.md")),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FOLDERS = ("src", "docs", "tests", "stages", "flows", "experiments", "corpora", "benchmarks")
OF_READERS = {"corpora/mine.yaml"}
"""Files that a reader makes by the commands of a page."""

every_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)


def code(text: str) -> str:
    """The text of all code blocks of a page, indented and fenced; a line that ends with a backslash goes on."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4,}(.*)$", rest, flags=re.MULTILINE)
    return re.sub(r"\\\n\s*", "", "\n".join([*fenced, *indented]))


def spans(text: str) -> list[str]:
    """What stands between backticks in the prose of a page, with line ends as spaces."""
    prose = re.sub(r"^```.*?^```|^ {4,}[^\n]*$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)]


def commands(lines: Iterator[str] | list[str]) -> Iterator[list[str]]:
    """The words of each command of a shell, behind its own name; what a shell computes is a digest."""
    for line in lines:
        computed = re.sub(r"\$\([^)]*\)", "a" * 64, line)
        for part in re.split(r"&&|\|\||[|;]", computed):
            command = part.strip().removeprefix("- run: ")
            if command.startswith(("isogloss ", "dvc ", "python ", "make ")) and not command.startswith("python -c"):
                yield shlex.split(command, comments=True)


def test_commands_are_found_in_every_kind_of_code():
    text = (
        "Say `isogloss\nrun report`.\n\n    isogloss a -S x=$(sha f | cut) && make b  # why\n    dvc c \\\n      d\n\n"
    )
    text += "```yaml\n- run: isogloss e || [ $? ]\n```\n"
    assert spans(text + "\nSay `f`.\n") == ["isogloss run report", "f"]
    assert sorted(commands(code(text).splitlines())) == [
        ["dvc", "c", "d"],
        ["isogloss", "a", "-S", "x=" + "a" * 64],
        ["isogloss", "e"],
        ["make", "b"],
    ]


def parse(arguments: list[str], command: click.Command = main, *, whole: bool = True) -> None:
    """Parse the arguments of `isogloss`; without `whole`, arguments that are required may be left out."""
    context = click.Context(command, info_name=command.name)
    if not isinstance(command, click.Group):
        command.make_parser(context).parse_args(list(arguments))
        if whole and not {"--help", "-h"} & set(arguments):
            command.parse_args(context, list(arguments))
    elif arguments and not arguments[0].startswith("-"):
        command.parse_args(context, list(arguments))
        _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse(rest, inner, whole=whole)
    else:
        command.make_parser(context).parse_args(list(arguments))


def tree(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from tree(inner)


@every_page
def test_commands_of_a_page_parse(page):
    text = page.read_text(encoding="utf-8")
    wrong = []
    for words, whole in [
        *((words, True) for words in commands(code(text).splitlines())),
        *((words, False) for words in commands(spans(text))),
    ]:
        try:
            if words[0] == "isogloss":
                parse(words[1:], whole=whole)
        except click.UsageError as error:
            wrong.append(f"{shlex.join(words)}: {error.format_message()}")
    assert not wrong


@pytest.mark.parametrize("command", list(tree(main)), ids=lambda command: command.name)
def test_the_example_of_a_help_parses(command):
    examples = list(commands((command.epilog or "").splitlines()))
    assert examples or command is main
    for words in examples:
        parse(words[1:])


def overrides(words: list[str]) -> dict[str, object]:
    """The params that a command sets, by `-S KEY=VALUE` or as `isogloss params` takes them."""
    given = [word for option, word in pairwise(words) if option == "-S"]
    values: dict[str, object] = {}
    for word in [*given, *(words[2:] if words[:2] == ["isogloss", "params"] else ())]:
        key, equals, value = word.partition("=")
        values |= {key: parse_yaml(value, where=word)} if equals else dict(flattened(read_yaml(ROOT / key)))
    return values


@every_page
def test_params_of_a_page_are_known_and_may_have_these_values(page):
    text = page.read_text(encoding="utf-8")
    for words in commands([*code(text).splitlines(), *spans(text)]):
        changed = overridden({}, overrides(words), where=shlex.join(words))
        validated(changed, Params, where=shlex.join(words))


@every_page
def test_files_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    named = {word for span in [*spans(text), *code(text).splitlines()] for word in span.split()}
    paths = {word.rstrip(".,:;)") for word in named if word.partition("/")[0] in FOLDERS and "/" in word}
    of_code = {path for path in paths if not re.search(r"[<>*{}$]", path)} - OF_READERS
    assert [path for path in sorted(of_code) if not (ROOT / path).exists()] == []
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert {word for word in named if re.fullmatch(r"test_\w+\.py", word)} <= tests


@every_page
def test_links_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_modules_that_a_page_names_can_be_had(page):
    for span in spans(page.read_text(encoding="utf-8")):
        if re.fullmatch(r"isogloss(\.\w+)+", span) and span != GROUP:
            pkgutil.resolve_name(span)


@every_page
def test_scripts_and_targets_of_a_page_have_their_options(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for words in commands([*code(text).splitlines(), *spans(text)]):
        if words[0] == "make":
            assert set(words[1:]) <= set(targets), words
        elif words[0] == "python" and words[1].startswith(FOLDERS):
            script = (ROOT / words[1]).read_text(encoding="utf-8")
            assert [word for word in words[2:] if word.startswith("--") and f'"{word}"' not in script] == []
