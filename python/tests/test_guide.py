"""Holds the pages to the program and to its sources: commands that parse, links that lead somewhere, every exit code, every
file that a study leaves, messages that the program has."""

from __future__ import annotations

import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import ROOT, Program

DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"))]
FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")

# Ends one command of a line.
BETWEEN = {"|", "||", "&&", ";", "&"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(text: str) -> str:
    """A page without its blocks of code."""
    lines = FENCE.sub("", text).splitlines()
    return "\n".join(line for line in lines if not line.startswith("    "))


def blocks(text: str) -> list[str]:
    """The lines of shell in a page's blocks of code, each with what continues it; answers and settings are not shell."""
    found = [body for _, language, body in FENCE.findall(text) if language in ("", "sh", "console")]
    indented = [line[4:] for line in FENCE.sub("", text).splitlines() if line.startswith("    ")]
    joined = "\n".join([*found, *indented]).replace("\\\n", " ")
    return joined.splitlines()


def commands(line: str) -> list[list[str]]:
    """What `rimforge` is given in a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # An apostrophe: no shell.
        return []
    found: list[list[str]] = []
    own: list[str] | None = None
    skip = False
    for word in words:
        if word in BETWEEN:
            own = None
        elif set(word) <= set("<>"):
            skip = True
        elif skip:
            skip = False
        elif own is not None:
            own.append(word)
        elif Path(word).name == "rimforge":
            own = []
            found.append(own)
    return found


def typed(page: Path, subcommands: set[str]) -> set[tuple[str, ...]]:
    """Every command line of a page: in blocks, and in spans that begin with the program or with a command and an option."""
    text = page.read_text()
    found = [words for line in blocks(text) for words in commands(line)]
    for span in SPAN.findall(prose(text)):
        span = span.replace("\\|", "|")
        if span.startswith("rimforge "):
            found.extend(commands(span))
        elif span.split()[0] in subcommands and " --" in span:
            found.extend(commands(f"rimforge {span}"))
    return {tuple(words) for words in found if words and words[0] in subcommands}


class Words(NamedTuple):
    """What the program understands."""

    commands: set[str]
    options: set[str]


@pytest.fixture(scope="module")
def known(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Words:
    """By the words of its completions: those of the program itself come first."""
    script = program(tmp_path_factory.mktemp("words"), "completions", "bash")
    lists = [words.split() for words in re.findall(r'^ +opts="([^"]+)"', script, re.MULTILINE)]
    words = Words({word for word in lists[0] if word[0] != "-"}, {word for words in lists for word in words})
    assert {"run", "prepare", "two-sided"} <= words.commands, words.commands
    return words


def test_every_command_of_the_pages_parses(program: Program, known: Words, tmp_path: Path) -> None:
    lines = {words: name_of(page) for page in PAGES for words in typed(page, known.commands)}
    assert len(lines) >= 60, f"{len(lines)} commands were found"

    def refused(words: tuple[str, ...]) -> str | None:
        # What may be left out stands in brackets, and a word in capitals for a value.
        given = [word.strip("[]") for word in words if word.strip("[].")]
        given = ["1" if at and re.fullmatch(r"[A-Z][A-Z|]*", word) else word for at, word in enumerate(given)]
        try:
            # Words are read from left to right, so that what comes before --help is judged and nothing runs.
            program(tmp_path, *given, "--help")
        except AssertionError as error:
            said = str(error)
            named_alone = given[-1].startswith("--") and f"a value is required for '{given[-1]}" in said
            if not named_alone and "invalid value '1' for" not in said:
                return f"{lines[words]}: rimforge {' '.join(words)}\n{said.splitlines()[0]}"
        return None

    with ThreadPoolExecutor(2) as threads:
        faults = [fault for fault in threads.map(refused, sorted(lines)) if fault]
    assert not faults, "\n\n".join(faults)


def test_words_are_judged_before_help_is_given(program: Program, tmp_path: Path) -> None:
    for wrong in ("prepare --cohrt x", "train --condition nix", "prepar", "train --batch many"):
        with pytest.raises(AssertionError):
            program(tmp_path, *wrong.split(), "--help")
    program(tmp_path, "train", "--batch", "4", "--help")


def test_every_option_that_the_guide_names_exists(known: Words) -> None:
    # Another spelling, which completions do not offer.
    others = {"--participant-label"}
    for page in PAGES:
        spans = [span for span in SPAN.findall(prose(page.read_text())) if span.startswith("--")]
        for option in {re.split(r"[ =,]", span)[0] for span in spans} - others:
            assert option in known.options, f"{name_of(page)} names {option}, which no command has"


def shown_settings(text: str) -> set[str]:
    """Names of the settings in what `config show` prints: those that are unset stand there as comments."""
    section, found = "", set()
    for line in text.splitlines():
        if heading := re.match(r"\[(.+)\]", line):
            section = heading[1] + "."
            found.add(heading[1])
        elif name := re.match(r"(?:# )?([a-z_0-9]+)(?: =|:)", line):
            found.add(section + name[1])
    return found


def test_every_setting_that_the_guide_names_exists(program: Program) -> None:
    studies = sorted((ROOT / "studies").glob("*.toml"))
    known = set().union(*(shown_settings(program(ROOT, "config", "show", study)) for study in studies))
    known.add("train.quantise")  # A table that is absent unless it is given.
    sections = {name.split(".")[0] for name in known}
    named = 0
    for page in PAGES:
        for span in SPAN.findall(prose(page.read_text())):
            setting = re.fullmatch(r"([a-z_]+(?:\.[a-z_0-9]+)+)(?: ?=.*)?", span)
            is_file = span.rsplit(".", 1)[-1] in ("json", "png", "toml", "safetensors", "md", "py", "rs", "npy", "tsv", "sh")
            if setting and not is_file and setting[1].split(".")[0] in sections:
                assert setting[1] in known, f"{name_of(page)} names {span}, which no study has"
                named += 1
    assert named >= 40, named


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_relative_link_leads_somewhere() -> None:
    links = 0
    for page in [*PAGES, ROOT / "python" / "README.md", ROOT / "SECURITY.md"]:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if "://" in target or target.startswith("mailto:"):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path) if path else page
            assert file.exists(), f"{name_of(page)} links to {target}, which is not there"
            if anchor:
                assert anchor in anchors(file), f"{name_of(page)} links to {target}: no such heading"
            links += 1
    assert links >= 60, f"{links} links were found"


def test_every_page_can_be_reached_from_the_way_in() -> None:
    way_in = (DOCS / "README.md").read_text()
    missing = [page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"({page.name}" not in way_in]
    assert not missing, f"docs/README.md names no {missing}"
    assert "(docs/README.md)" in (ROOT / "README.md").read_text()


def test_every_exit_code_has_its_row() -> None:
    kinds = re.search(r"pub enum Kind \{(.*?)^\}", (ROOT / "src/problem.rs").read_text(), re.MULTILINE | re.DOTALL)
    assert kinds is not None
    codes = set(re.findall(r"= (\d+),", kinds[1])) | {"0"}
    rows = set(re.findall(r"^\| (\d+) \|", (DOCS / "exit-codes.md").read_text(), re.MULTILINE))
    assert codes == rows and len(codes) >= 7, (codes, rows)


def sections() -> list[tuple[list[str], list[str]]]:
    """docs/files.md: the folders that each heading names, and the files of its table's first column."""
    parts = re.split(r"^## ", (DOCS / "files.md").read_text(), flags=re.MULTILINE)[1:]
    found = []
    for part in parts:
        heading, _, rest = part.partition("\n")
        rows = [line.split("|")[1] for line in rest.splitlines() if line.startswith("| `")]
        found.append((SPAN.findall(heading), [span for row in rows for span in SPAN.findall(row)]))
    return found


def pattern(name: str) -> re.Pattern[str]:
    """Words in capitals stand for a part of a name, `...` for any folders."""
    fixed = re.split(r"([A-Z][A-Z0-9]*|\.\.\.)", name)
    whole = {"...": ".*"}
    text = "".join(whole.get(part, r"[^/]+") if at % 2 else re.escape(part) for at, part in enumerate(fixed))
    return re.compile(text)


def test_every_name_in_run_dir_is_on_the_page_of_files() -> None:
    files = sorted((ROOT / "src/run_dir").glob("*.rs"))
    source = "\n".join(file.read_text().split("#[cfg(test)]")[0] for file in files)
    code = "\n".join(line for line in source.splitlines() if not line.strip().startswith("//"))
    names = {name for name in re.findall(r'"([^"\n]+)"', code) if " " not in name}
    assert len(names) >= 70, len(names)
    page = "\n".join(span for folders, files in sections() for span in [*folders, *files])
    parts = {part for span in page.splitlines() for part in span.split("/")}
    missing = []
    for name in sorted(names):
        # `{item}.npz` stands on the page as ITEM.npz, an ending alone behind some word in capitals, "train" as train.png.
        fixed = re.split(r"\{\w+\}", name)
        text = r"[A-Z]+".join(map(re.escape, fixed))
        wanted = re.compile((r"[A-Z]*" if name.startswith((".", "_")) else "") + text + r"(\.\w+)?")
        if not any(wanted.fullmatch(part) for part in parts):
            missing.append(name)
    assert not missing, f"docs/files.md does not name {missing}"


def unknown_files(study: Path) -> list[str]:
    """Files of a study that docs/files.md has no row for."""
    known = sections()
    anywhere = [pattern(file) for folders, files in known if not folders for file in files]
    unknown = []
    for path in sorted(study.rglob("*")):
        if not path.is_file():
            continue
        inside = path.relative_to(study)
        top, rest = (inside.parts[0] + "/", "/".join(inside.parts[1:])) if len(inside.parts) > 1 else ("./", inside.name)
        if any(pattern.fullmatch(inside.name) for pattern in anywhere):
            continue
        own = [files for folders, files in known if any(pattern(folder).fullmatch(top) for folder in folders)]
        if not any(pattern(file).fullmatch(rest) for files in own for file in files):
            unknown.append(str(inside))
    return unknown


@pytest.mark.parametrize("kind", ["rim", "glioma", "anisotropy", "skin"])
def test_every_file_that_a_study_leaves_is_on_the_page_of_files(kind: str, request: pytest.FixtureRequest) -> None:
    study: Path = request.getfixturevalue(kind)
    unknown = unknown_files(study)
    assert not unknown, f"docs/files.md has no row for {unknown[:20]} ({len(unknown)} in all)"


def test_every_message_on_the_page_of_troubles_is_one_of_the_programs() -> None:
    # A text goes on behind a backslash at the end of a line.
    texts = [re.sub(r"\\\n\s*", "", path.read_text()) for path in sorted((ROOT / "src").rglob("*.rs"))]
    source = "\n".join(texts).replace('\\"', '"')
    text = (DOCS / "troubleshooting.md").read_text()
    headings = re.findall(r"^### `(.+)`$", text, re.MULTILINE)
    assert 30 <= len(headings), f"{len(headings)} messages"
    # What varies is `...`, and what was found and expected are two texts. Headings in quotation marks are of the system's words.
    parts = [part for heading in headings for part in re.split(r"\.\.\.|; expected", heading)]
    words = [part.strip(" :;,\"'()") for part in parts]
    missing = [part for part in words if len(part) > 3 and part not in source]
    assert not missing, f"no message of the program has {missing}"
