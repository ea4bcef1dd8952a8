"""docs/ is a site without a dead link (`make docs`), and the same pages read well as plain files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import markdown  # type: ignore[import-untyped]
import pytest
from markdown_it import MarkdownIt

from docs import site_hooks

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
OUTSIDE = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob(".github/*.md")]
)

INDEX = "# Index\n\n## First\n\n- [Page](page.md)\n- [Folder](folder/README.md)\n"
FAULTS = {
    "[x](no-such-page.md)": "no-such-page.md",
    "[x](#no-such-part)": "#no-such-part",
    "[x](folder/inner.md#no-such-part)": "does not contain an anchor",
    "[x](/folder/inner.md)": "/folder/inner.md",
    "[x](folder)": "'folder'",
    "[x](../no-such-file.toml)": "no-such-file.toml, which does not exist",
    '<img src="https://elsewhere.example/x.png">': "fetches from elsewhere",
}
BLOCK = re.compile(r"<(li|ul|ol|pre|table|tr|h\d|blockquote|strong|em)[ >]")


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def anchors(text: str) -> set[str]:
    """The anchors that a repository's web page gives a Markdown file's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Our settings and hooks over three pages, in a repository of their own."""
    (tmp_path / "docs" / "folder").mkdir(parents=True)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copy(DOCS / "site_hooks.py", tmp_path / "docs")
    (tmp_path / "docs" / "README.md").write_text(INDEX, encoding="utf-8")
    (tmp_path / "docs" / "page.md").write_text("# Page\n\n## A part\n", encoding="utf-8")
    (tmp_path / "docs" / "folder" / "README.md").write_text("# Folder\n", encoding="utf-8")
    (tmp_path / "docs" / "folder" / "inner.md").write_text("# Inner\n", encoding="utf-8")
    (tmp_path / "LICENSE").write_text("ours", encoding="utf-8")
    return tmp_path


def test_the_site_of_our_pages_has_no_dead_link(tmp_path: Path) -> None:
    built = build(ROOT, tmp_path / "site")
    assert built.returncode == 0, built.stderr
    assert len(list((tmp_path / "site").rglob("*.html"))) > len(PAGES)
    assert not list((tmp_path / "site").rglob("*.py"))


def test_what_is_right_builds(small: Path) -> None:
    page = "# Page\n\n## A part\n\n[here](#a-part) [there](folder/inner.md#inner) [licence](../LICENSE)\n"
    (small / "docs" / "page.md").write_text(page, encoding="utf-8")
    built = build(small, small / "site")
    assert built.returncode == 0, built.stderr
    assert "licence (<code>LICENSE</code>)" in (small / "site" / "page.html").read_text(encoding="utf-8")


def test_each_fault_is_a_warning_and_warnings_fail_the_build(small: Path) -> None:
    (small / "docs" / "page.md").write_text("# Page\n\n" + "\n\n".join(FAULTS), encoding="utf-8")
    (small / "docs" / "orphan.md").write_text("# Orphan\n", encoding="utf-8")
    built = build(small, small / "site")
    assert built.returncode != 0
    warnings = [line for line in built.stderr.splitlines() if line.startswith("WARNING")]
    for warning in FAULTS.values():
        assert any(warning in line for line in warnings), (warning, built.stderr)
    assert "orphan.md" in built.stderr


def test_the_navigation_is_the_index_and_a_folder_stands_for_its_pages(small: Path) -> None:
    assert site_hooks.navigation(INDEX, small / "docs") == [
        "README.md",
        {"First": ["page.md", "folder/README.md", "folder/inner.md"]},
    ]


def test_links_in_code_are_no_links() -> None:
    page = "[a](b.md) `[c](d.md)`\n\n```text\n[e](f.md)\n```\n\n[`g`](h.md)\n"
    assert list(site_hooks.links(page)) == [("a", "b.md"), ("`g`", "h.md")]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_same_parts_in_the_site_as_in_the_file(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    file = MarkdownIt("commonmark").enable("table").render(text)
    site = markdown.markdown(
        site_hooks.with_four_spaces(text), extensions=["tables", "sane_lists", "pymdownx.superfences"]
    )
    assert BLOCK.findall(site) == BLOCK.findall(file)


@pytest.mark.parametrize("name", OUTSIDE)
def test_every_link_outside_docs_leads_somewhere(name: str) -> None:
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    for _, target in site_hooks.links(text):
        path, _, anchor = target.partition("#")
        if ":" in target:
            continue
        there = page.parent / path if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), target


def test_anchors_are_those_of_the_site() -> None:
    heading = "## A part: `code`, ক and T13 / T34"
    assert anchors(heading) == {"a-part-code-ক-and-t13--t34"}
