# ruff: noqa: INP001 (MkDocs loads this file by its path)
"""What `make docs` does beyond MkDocs, so that the pages stay plain CommonMark files.

The navigation is read from docs/README.md, links out of docs/ become paths, lists are laid out as
Python-Markdown wants them, and a page that fetches a file from elsewhere fails the build.
"""

import logging
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
INDEX = "README.md"
# In `--strict` a warning of this logger fails the build.
log = logging.getLogger("mkdocs.hooks.site")

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
# A block of code or a span of code first, so that a link inside it stays what it is.
CODE_OR_LINK = re.compile(
    r"(?P<block>^ *(?P<fence>`{3,}|~{3,}).*?^ *(?P=fence)[^\n]*$)"
    rf"|{LINK.pattern}|(?P<span>(?P<ticks>`+)(?:(?!\n\n).)+?(?P=ticks))",
    re.MULTILINE | re.DOTALL,
)
LIST_ITEM = re.compile(r"(?:[-*]|\d+\.) +")
FENCE = re.compile(r" *(?:`{3,}|~{3,})")
EXTERNAL_FETCH = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//[^\s>]*")


def links(markdown: str) -> Iterator[tuple[str, str]]:
    """Text and target of every link of a page, those in code left out."""
    for match in CODE_OR_LINK.finditer(markdown):
        if match["target"]:
            yield match["text"], match["target"]


def repository_path(target: str, page: str) -> str | None:
    """Where in the repository a page's relative link leads if it leaves docs/, else None.

    `page` is the path of the page below docs/.
    """
    if ":" in target or target.startswith(("/", "#")):
        return None
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target.partition("#")[0]))
    return None if path.startswith("docs/") else path


def without_repository_links(markdown: str, page: str) -> str:
    """The page with each link to a file outside docs/ as text and path, since the site has no such page."""

    def path_as_text(match: re.Match[str]) -> str:
        path = match["target"] and repository_path(match["target"], page)
        if not path:
            return match[0]
        if not (DOCS.parent / path).exists():
            log.warning("%s links to %s, which does not exist", page, path)
        text = match["text"]
        return f"`{path}`" if text.strip("`") in {path, posixpath.basename(path)} else f"{text} (`{path}`)"

    return CODE_OR_LINK.sub(path_as_text, markdown)


def with_four_spaces(markdown: str) -> str:
    """The page with what belongs to a list item as Python-Markdown wants it, which is not CommonMark's way.

    It is indented by four spaces instead of the width of the item's marker ("1. " is three),
    and an item after an item of several blocks has a blank line before it.
    """
    lines: list[str] = []
    width, has_blocks, is_fenced = 0, False, False
    for line in markdown.split("\n"):
        item = None if is_fenced else LIST_ITEM.match(line)
        if item:
            lines += [""] if has_blocks and lines[-1] else []
            width, has_blocks = item.end(), False
        elif line.strip() and not line.startswith(" " * width):
            width = 0
        has_blocks = width > 0 and (has_blocks or not line.strip())
        if FENCE.match(line):
            is_fenced = not is_fenced
        lines.append(" " * 4 + line[width:] if width and line.strip() and not item else line)
    return "\n".join(lines)


def navigation(index: str, docs: Path) -> list[str | dict[str, list[str]]]:
    """The navigation that the index page gives: a section for each heading, a page for each link.

    A link to the index of a folder stands for all pages of that folder.
    """
    sections: list[str | dict[str, list[str]]] = [INDEX]
    for part in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        pages: list[str] = []
        for _, target in links(part):
            if posixpath.basename(target) == INDEX and repository_path(target, INDEX) is None:
                folder = (docs / target).parent
                others = sorted(path.relative_to(docs).as_posix() for path in folder.rglob("*.md"))
                pages += [target, *(page for page in others if page != target)]
            elif target.endswith(".md") and repository_path(target, INDEX) is None:
                pages.append(target)
        sections.append({part.partition("\n")[0]: pages})
    return sections


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """MkDocs calls it once the settings are read."""
    config.nav = navigation((DOCS / INDEX).read_text(encoding="utf-8"), DOCS)
    return config


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """MkDocs calls it for each page before the page is rendered."""
    return with_four_spaces(without_repository_links(markdown, page.file.src_uri))


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """MkDocs calls it for each page before the page is written."""
    for tag in EXTERNAL_FETCH.findall(output):
        log.warning("%s fetches from elsewhere: %s", page.file.src_uri, tag)
    return output
