"""docs/attacks.md: every attack of its ranges is listed once, and every test that it names exists."""

import ast
import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "attacks.md"
FIRST = ["T32", *(f"T{number}" for number in range(53, 70))]
SECOND = [f"T{number}" for number in range(13, 35)]
THIRD = [*(f"T{number}" for number in range(35, 41)), "T42", "T44", "T45"]
ROW = re.compile(r"\| (T\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def tables() -> list[list[re.Match[str]]]:
    """The rows of the three tables."""
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    written = [[line for line in part.splitlines() if line.startswith("| T")] for part in parts]
    found = [[row for row in map(ROW.fullmatch, lines) if row] for lines in written]
    assert [len(rows) for rows in found] == [len(lines) for lines in written], "a row of another form"
    return found


@cache
def names_of_tests_in(file: str) -> frozenset[str]:
    """The names of the test functions that pytest finds in a file."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_attack_of_the_ranges_is_listed_once_and_in_order() -> None:
    assert [[row[1] for row in rows] for rows in tables()] == [FIRST, SECOND, THIRD]


def test_every_row_names_its_tests_and_nothing_beside_them() -> None:
    for row in chain.from_iterable(tables()):
        named = NAMED.findall(row[4])
        assert row[4] == ", ".join(f"`{file}::{name}`" for file, name in named), row[1]
        assert len(set(named)) == len(named) > 0, row[1]


@pytest.mark.parametrize("number", [0, 1, 2], ids=["T32, T53 to T69", "T13 to T34", "T35 to T40"])
def test_every_test_that_is_named_exists(number: int) -> None:
    missing = [
        f"{row[1]}: {file}::{name}"
        for row in tables()[number]
        for file, name in NAMED.findall(row[4])
        if not (ROOT / file).is_file() or name not in names_of_tests_in(file)
    ]
    assert missing == []
