"""A property whose examples `make test` thins is tried whole by `make test-month`."""

from pathlib import Path

import pytest

from tests.examples import examples

ROOT = Path(__file__).parents[1]
THINNED = [
    path
    for path in (ROOT / "tests").rglob("test_*.py")
    if "from tests.examples import" in path.read_text(encoding="utf-8") and path != Path(__file__)
]


def test_a_third_is_tried_and_all_where_all_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EKPAY_ALL_EXAMPLES", raising=False)
    assert [examples(count) for count in (2, 4, 60)] == [2, 2, 20]
    monkeypatch.setenv("EKPAY_ALL_EXAMPLES", "1")
    assert examples(60) == 60


def test_every_file_with_fewer_examples_is_in_the_month_suite() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    _, _, properties = makefile.partition("PROPERTIES = ")
    named, _, _ = properties.partition(".PHONY")
    assert THINNED
    assert [path for path in THINNED if f"{path.parent.name}/{path.name}" not in named] == []
