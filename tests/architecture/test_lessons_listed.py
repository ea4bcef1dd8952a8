"""docs/lessons-of-others.md: every lesson is proven by a test of its name, or owed and not there yet."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "lessons-of-others.md"
_NAMES = """
    ack_before_commit amount_echo_mismatch amount_mismatch_is_review_not_failed batch_cap_overshoot
    cap_lowered_now client_gives_up_in_bounded_time crash_between_commit_and_notify decimal_no_float
    disabled_connector_never_chosen docs_list_every_event duplicate_timeout_events early_run_can_be_repeated
    equal_lines_stay_two fallback_after_ineligible gateway_pending_is_not_failed
    idempotency_key_concurrent_first_use inflight_counts_as_used late_success_after_timeout lost_after_hash
    no_receipt_yet_is_not_failed_page pending_without_peer_id_not_failed refund_toctou
    refund_webhook_without_peer_id status_storm swallowed_db_error_alarms timeout_resets_position
    two_commits_of_one_reservation webhook_before_response window_close_races_commit zero_window_settles
"""
LESSONS = _NAMES.split()
ROW = re.compile(r"\| `(\w+)` \| ([^|]+) \| ([^|]+) \|")
FILES = re.compile(r"`tests/[\w/]+\.py`(?:, `tests/[\w/]+\.py`)*")
OWED = re.compile(r'owed by issue \d+, "[^"]+"')


@cache
def rows() -> dict[str, str]:
    """Where each lesson is proven, as the page says it."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = [row for row in map(ROW.fullmatch, lines) if row]
    assert len(found) == len([line for line in lines if line.startswith("| `")]), "a row of another form"
    assert len({row[1] for row in found}) == len(found), "a lesson that stands twice"
    return {row[1]: row[3] for row in found}


@cache
def names_tested_in(path: Path) -> frozenset[str]:
    """The names of the test functions that pytest finds in a file."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def proven() -> list[tuple[str, str]]:
    return [
        (name, file)
        for name, where in rows().items()
        if not OWED.fullmatch(where)
        for file in re.findall(r"`([^`]+)`", where)
    ]


def test_there_are_thirty_lessons_and_the_page_lists_each() -> None:
    assert len(LESSONS) == 30
    assert sorted(rows()) == LESSONS


def test_every_lesson_is_either_proven_or_owed() -> None:
    unclear = {n: w for n, w in rows().items() if not OWED.fullmatch(w) and not FILES.fullmatch(w)}
    assert unclear == {}


@pytest.mark.parametrize(("name", "file"), proven())
def test_a_lesson_is_proven_where_the_page_says(name: str, file: str) -> None:
    assert (ROOT / file).is_file()
    assert f"test_{name}" in names_tested_in(ROOT / file)


def test_what_is_owed_is_not_there_yet() -> None:
    """A debt that was paid must name its file, or nobody notices when the test goes away again."""
    owed = {f"test_{name}" for name, where in rows().items() if OWED.fullmatch(where)}
    paid = {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in owed & names_tested_in(path)
    }
    assert paid == set()
