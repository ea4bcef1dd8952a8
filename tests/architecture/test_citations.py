"""Every document, section, row, law, attack and decision that is cited exists in the repository.

How citations are written stands in docs/specs/README.md. A reader who follows one finds the fact.
"""

import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "docs" / "specs"
READ = {".html", ".md", ".py", ".toml", ".typ"}

# A blank, or the end of a line with whatever begins the next one: a comment's sign, a string that goes on.
GAP = r"""(?:[ \t]+|[ \t]*"?[ \t]*\n[ \t]*(?:#+|//|f?")?[ \t]*)"""
SEPARATOR = rf"(?:,?{GAP}(?:(?:and|or|to){GAP})?|[-/]|\u2013)"
KIND = rf"(?:(?P<kind>rows?|cases?|findings?|laws?){GAP})?"
TARGET = r"""(?:(?P<attack>T\d{2,3})|(?P<number>F?\d+(?:\.\d+)*)|"(?P<name>[^"]{1,70})")(?!\w)"""
STEP = re.compile(rf"{SEPARATOR}{KIND}{TARGET}")
# What another way of citing would go on with.
OTHER_WAY = re.compile(rf"{SEPARATOR}(?:part|sections?|chapter|before|§){GAP}")
# Not a part of a longer path or of a link.
PAGE_NAME = re.compile(r"""(?<![\w./*<>{}-])(?<!\]\()((?:[\w.-]+/)*[\w-][\w.-]*\.md)\b(?!\])`?""")
LAW = re.compile(rf"\b[Ll]aws?{GAP}(\d+(?:(?:, |,? and | to )\d+)*)\b")
DECISION = re.compile(rf"\bADRs?{GAP}(\d{{4}}(?:(?:, |,? and | to )\d{{4}})*)\b")
DECISION_FILE = re.compile(r"\badr/(\d{4})\b")
ATTACK = re.compile(r"""T(?<![\w"'./-]T)(?<!noqa: T)(\d{2,3})\b(?!")""")
SOURCE = re.compile(r"\[P:([A-Z]\d+(?:,[A-Z]\d+)*)\]")
# A file of ours in a page of text; those of docs/specs are other projects'.
CODE_PATH = re.compile(
    r"`((?:benchmarks|biller_adapters|config|connectors|ekpay_switch|migrations|reconciliation|sandbox|tests)"
    r"/[\w./-]+\.\w+)`"
)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"#{1,6} (?:Part )?(?:(?P<number>\d+(?:\.\d+)*)\.? (?:— )?)?(?P<title>.*)")
# The section of what is cited without one.
IMPLIED = {"finding": "0", "law": "2"}
# The file that the how-to about connectors has its reader write.
INVENTED = {"config/connectors/meghna_pay.toml"}
# Texts that become pages of another folder.
TEMPLATES = {"how_fast.md": ROOT / "docs" / "operations"}


@dataclass(slots=True)
class Page:
    """What can be cited of a page: its sections, the rows of each, and its headings and bold openings."""

    sections: set[str] = field(default_factory=set)
    rows: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    names: set[str] = field(default_factory=set)
    anchors: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Citation:
    """A citation where it stands; `problem` says what does not exist, or is empty."""

    file: str
    line: int
    text: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text!r}: {self.problem}"


def read_page(text: str) -> Page:
    page = Page()
    section = ""
    for line in text.splitlines():
        if heading := HEADING.fullmatch(line):
            title = heading["title"].replace("`", "")
            section = heading["number"] or section
            page.sections.add(section)
            page.names.add(plain(title))
            page.anchors.add(anchor(line.lstrip("# ")))
        elif row := re.match(r"\| ([^|]+) \|", line):
            page.names.add(plain(row[1]))
            for above in sections_above(section):
                page.rows[above].add(plain(row[1]).split(" ")[0])
        elif item := re.match(r"(\d+)\. ", line):
            page.rows[section].add(item[1])
        page.names.update(plain(bold) for bold in re.findall(r"\*\*([^*]+)\*\*", line))
    return page


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("*", "").replace("`", "")).strip().rstrip(".:").casefold()


def anchor(heading: str) -> str:
    """The name that a heading has in a link."""
    return re.sub(r"[^\w\- ]", "", heading.casefold()).replace(" ", "-")


def sections_above(section: str) -> Iterator[str]:
    """A section and those that it is part of: 2.9, 2."""
    parts = section.split(".")
    return (".".join(parts[:length]) for length in range(len(parts), 0, -1))


@cache
def page_at(path: Path) -> Page:
    return read_page(path.read_text(encoding="utf-8"))


@cache
def short_names() -> dict[str, Path]:
    """The pages that are cited by their name alone."""
    return {"architecture.md": ROOT / "docs" / "architecture.md"} | {
        path.name: path for path in SPECS.glob("*.md") if path.name != "README.md"
    }


@cache
def laws() -> frozenset[str]:
    return frozenset(page_at(short_names()["architecture.md"]).rows["2"])


@cache
def attacks() -> frozenset[int]:
    rows = page_at(short_names()["api-conventions-and-security.md"]).rows["5"]
    return frozenset(int(row[1:]) for row in rows if re.fullmatch(r"t\d+", row))


@cache
def sources() -> frozenset[str]:
    lines = (SPECS / "billers.md").read_text(encoding="utf-8").split("# Sources")[1].splitlines()
    return frozenset(line.split(" ")[1] for line in lines if line.startswith("| "))


@cache
def decisions() -> frozenset[str]:
    return frozenset(path.name[:4] for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"))


def places_of(path: str, folder: Path) -> Path | None:
    """The file that a path in a text means: a short name, or seen from the text's folder or from the root."""
    if path in short_names():
        return short_names()[path]
    return next((place for place in (folder / path, ROOT / path) if place.is_file()), None)


def cited_pages(text: str, folder: Path) -> Iterator[tuple[int, str, str]]:
    """Every page that a text names, with what stands behind the name: offset, words, problem."""
    for found in PAGE_NAME.finditer(text) if ".md" in text else ():
        if text[found.start() - 1] == text[found.end(1) : found.end(1) + 1] == '"':
            # A path that code opens: it fails by itself.
            continue
        place = places_of(found[1], folder)
        end, problems = found.end(), [] if place else [f"no {found[1]}"]
        if place:
            end, problems = behind(text, end, page_at(place))
        yield found.start(), text[found.start() : end], "; ".join(problems)


def behind(text: str, start: int, page: Page) -> tuple[int, list[str]]:
    """What is named of a page behind its name: where that ends, and what of it does not exist."""
    kind, section, problems = "", "", []
    while step := STEP.match(text, start):
        start = step.end()
        kind = (step["kind"] or kind).rstrip("s")
        if step["name"]:
            is_there = plain(re.sub(GAP, " ", step["name"])) in page.names
        elif step["attack"]:
            is_there = int(step["attack"][1:]) in attacks()
        elif kind and "." not in step["number"]:
            is_there = step["number"].casefold() in page.rows[IMPLIED.get(kind, section)]
        else:
            kind, section = "", step["number"]
            is_there = section in page.sections
        problems += [] if is_there else [f"no {re.sub(GAP, ' ', step[0]).strip(' ,')}"]
    if OTHER_WAY.match(text, start):
        problems.append("written another way than docs/specs/README.md says")
    return start, problems


def numbers_of(listed: str) -> Iterator[str]:
    """The numbers of a list such as "3, 5 and 7 to 9"."""
    for part in re.split(r",? and |, ", listed):
        first, *_ = ends = part.split(" to ")
        yield from (str(number).zfill(len(first)) for number in range(int(first), int(ends[-1]) + 1))


def cited_numbers(text: str) -> Iterator[tuple[int, str, str]]:
    """Laws, decisions and attacks that a text cites by a word and numbers."""
    for word, pattern, known in NUMBERED:
        for found in pattern.finditer(text) if word in text else ():
            absent = [number for number in numbers_of(found[1]) if not known(number)]
            yield found.start(), found[0], f"no {', '.join(absent)}" if absent else ""


NUMBERED: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("aw", LAW, lambda number: number in laws()),
    ("ADR", DECISION, lambda number: number in decisions()),
    ("adr/", DECISION_FILE, lambda number: number in decisions()),
    ("T", ATTACK, lambda number: int(number) in attacks()),
)


def cited_sources(text: str) -> Iterator[tuple[int, str, str]]:
    for found in SOURCE.finditer(text) if "[P:" in text else ():
        absent = [key for key in found[1].split(",") if key not in sources()]
        yield found.start(), found[0], f"no source {', '.join(absent)}" if absent else ""


def links(text: str, folder: Path) -> Iterator[tuple[int, str, str]]:
    """The links of a page of text to files beside it, with the heading that they lead to."""
    for found in LINK.finditer(text):
        path, _, heading = found[1].partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        place = folder / path
        if path and not place.exists():
            yield found.start(), found[0], f"no {path}"
        elif place.suffix == ".md" or not path:
            page = page_at(place.resolve()) if path else read_page(text)
            end, problems = behind(text, found.end(), page) if path else (found.end(), [])
            if heading and heading not in page.anchors:
                problems = [f"no heading #{heading}", *problems]
            yield found.start(), text[found.start() : end], "; ".join(problems)


def code_paths(text: str) -> Iterator[tuple[int, str, str]]:
    for found in CODE_PATH.finditer(text):
        is_there = found[1] in INVENTED or (ROOT / found[1]).is_file()
        yield found.start(), found[0], "" if is_there else f"no {found[1]}"


def citations_in(text: str, file: str) -> Iterator[Citation]:
    """Every citation of a text; `file` is its path from the root."""
    folder = TEMPLATES.get(Path(file).name, (ROOT / file).parent)
    readers = [cited_pages(text, folder), cited_sources(text), cited_numbers(text)]
    if file.endswith(".md"):
        readers.append(links(text, folder))
    if file.endswith(".md") and folder != SPECS and file != "CHANGELOG.md":
        readers.append(code_paths(text))
    for reader in readers:
        for offset, words, problem in reader:
            yield Citation(file, text.count("\n", 0, offset) + 1, re.sub(GAP, " ", words), problem)


@cache
def all_citations() -> tuple[Citation, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split("\0") if Path(name).suffix in READ]
    # This file's own examples are invented.
    files = [name for name in names if ROOT / name != Path(__file__) and (ROOT / name).is_file()]
    return tuple(
        citation
        for file in files
        for citation in citations_in((ROOT / file).read_text(encoding="utf-8"), file)
    )


@pytest.mark.parametrize(
    "text",
    [
        "billers.md 9.9",
        "billers.md 2.9, 2.99",
        "billers.md 1.1, 7",
        "billers.md 1.1, row 58",
        "billers.md 1.1, rows 2, 5 and 99",
        "billers.md, finding 8",
        "`connectors.md 17.2, row F8`",
        "reconciliation.md 5, case 21",
        "reconciliation.md part 5, case 10",
        "api-conventions-and-security.md T101",
        "api-conventions-and-security.md T99 to T101",
        'ekpay-syndicate-api.md, "Bindings"',
        "architecture.md 10",
        "architecture.md\n# 6 and 10",
        '"architecture.md 6 and "\n    "10"',
        "architecture.md 5, law 22",
        "(law 22)",
        "Laws 3 and 22",
        "ADR 9999",
        "ADR 0005 and 9999",
        "docs/adr/9999",
        "T110",
        "[P:Z9]",
        "billing.md 2.9",
        "docs/specs/billing.md",
        "[how](docs/how-to/none.md)",
        "[laws](docs/architecture.md#10-laws)",
        "[laws](docs/architecture.md) 10",
        "`ekpay_switch/domain/none.py`",
    ],
)
def test_an_invented_citation_is_dangling(text: str) -> None:
    assert any(citation.problem for citation in citations_in(f"One\n{text}.", "invented.md"))


@pytest.mark.parametrize(
    "text",
    [
        "billers.md 1.1, rows 2, 5 and 27 to 29, and 2.9",
        "billers.md: [P:E1,G1]",
        "connectors.md 8, 9 and 11.3",
        "reconciliation.md 5, case 10",
        "api-conventions-and-security.md, findings 1 and 3",
        "api-conventions-and-security.md T13 to T19, T21",
        'architecture.md 6, "Group\n# commit"',
        "architecture.md 5, law 14",
        "laws 3, 5 and 7 to 9",
        "ADR 0005; docs/adr/0009",
        "[laws](docs/architecture.md#2-laws)",
        "`ekpay_switch/domain/money.py`",
    ],
)
def test_a_citation_of_what_exists_is_not(text: str) -> None:
    found = list(citations_in(f"One\n# {text}", "invented.md"))
    assert found
    assert [str(citation) for citation in found if citation.problem] == []


def test_a_citation_is_reported_where_it_stands() -> None:
    [citation] = citations_in("One.\nTwo (billers.md\n# 2.99).", "invented.toml")
    assert str(citation) == "invented.toml:2: 'billers.md 2.99': no 2.99"


def test_the_repository_cites_every_short_name() -> None:
    cited = {citation.text.split(" ")[0].rstrip(",") for citation in all_citations()}
    assert set(short_names()) <= cited


def test_every_citation_leads_to_what_it_names() -> None:
    dangling = [str(citation) for citation in all_citations() if citation.problem]
    assert not dangling, "\n".join(["", *dangling])
