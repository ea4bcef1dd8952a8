import ast
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from io import BytesIO, TextIOWrapper
from pathlib import Path
from uuid import UUID

import pytest

from ekpay_switch import telemetry
from ekpay_switch.telemetry import configure, log, log_error, log_warning, render

Lines = pytest.CaptureFixture[str]


def _only_line(captured: Lines) -> dict[str, object]:
    text = captured.readouterr().err
    assert text.count("\n") == 1
    assert text.endswith("\n")
    return dict(json.loads(text))


@pytest.fixture
def _root_logger_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers, root.level = handlers, level
    telemetry._LOG_STREAM.process = "ekpay"  # noqa: SLF001 - what configure changed


class Colour(StrEnum):
    RED = "red"


def test_an_event_is_one_json_line_with_its_fields(capsys: Lines) -> None:
    log("payment_claimed", payment_id=UUID(int=7), batch_size=3, outcome=Colour.RED, reason=None)
    line = _only_line(capsys)
    at = datetime.fromisoformat(str(line.pop("at")))
    assert at.tzinfo == UTC
    assert line == {
        "level": "info",
        "process": "ekpay",
        "event": "payment_claimed",
        "payment_id": "00000000-0000-0000-0000-000000000007",
        "batch_size": 3,
        "outcome": "red",
        "reason": None,
    }


def test_a_field_that_is_not_on_the_list_leaves_only_its_name(capsys: Lines) -> None:
    log("partner_added", partner_id="P7", secret="open-sesame", pass_key="open-sesame")
    line = _only_line(capsys)
    assert line["dropped"] == "pass_key,secret"
    assert "sesame" not in str(line)


def test_a_listed_field_cannot_smuggle_an_object(capsys: Lines) -> None:
    log("x", reason={"pin": "1234"}, outcome=["1234"], state=b"1234")
    line = _only_line(capsys)
    assert (line["reason"], line["outcome"], line["state"]) == ("dict", "list", "bytes")


@pytest.mark.parametrize("number", ["12345678", 12345678])
def test_account_numbers_are_masked_whatever_their_type(number: object, capsys: Lines) -> None:
    log("bill_fetched", account=number, mobile=number)
    line = _only_line(capsys)
    assert (line["account"], line["mobile"]) == ("****5678", "****5678")


@pytest.mark.parametrize("name", ["reason", "trx_id", "user_agent", "reference", "ref_id"])
@pytest.mark.parametrize(
    "card", ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "৪১১১১১১১১১১১১১১১"]
)
def test_a_card_number_in_any_outside_text_is_masked(name: str, card: str, capsys: Lines) -> None:
    log("request_refused", **{name: f"my card {card} please"})
    shown = str(_only_line(capsys)[name])
    assert card not in shown
    assert shown.endswith(f"{card[-4:]} please")


def test_an_account_in_a_far_sides_words_is_masked_and_a_partners_reference_is_not(capsys: Lines) -> None:
    log("biller_refused", reason="Account 12345678 is closed", reference="2026112512345679", code=404)
    line = _only_line(capsys)
    assert line["reason"] == "Account ****5678 is closed"
    assert line["reference"] == "2026112512345679"
    assert line["code"] == 404


@pytest.mark.parametrize("evil", ["\r\n", "\x1b[31m", "\u2028", "\u202e", "\x7f", "\x85", "\ud800", "\x00"])
def test_no_value_breaks_its_line_or_colours_a_terminal(evil: str, capsys: Lines) -> None:
    log("x", user_agent=f'a{evil}{{"event":"payment_completed"}}', **{f"name{evil}": 1})
    line = _only_line(capsys)
    assert str(line["user_agent"]).isprintable()
    assert str(line["dropped"]).isprintable()
    assert line["event"] == "x"


def test_a_long_value_is_cut_at_256_characters(capsys: Lines) -> None:
    log("x", reason="y" * 1_000_000, user_agent="\n" * 1_000_000, count=10**400, http_status=2**63)
    line = _only_line(capsys)
    assert all(len(str(line[name])) <= 256 for name in ("reason", "user_agent", "count", "http_status"))


def test_an_error_is_named_with_its_place_and_not_quoted(capsys: Lines) -> None:
    try:
        int("open-sesame")
    except ValueError as error:
        log_error("step_failed", error=error)
    line = _only_line(capsys)
    assert str(line["error"]).startswith("ValueError at test_telemetry.py:")
    assert line["level"] == "error"
    assert "sesame" not in str(line)


def test_an_error_without_a_trace_is_named(capsys: Lines) -> None:
    log_warning("step_failed", error=KeyError("open-sesame"))
    assert _only_line(capsys)["error"] == "KeyError"


@pytest.mark.usefixtures("_root_logger_restored")
def test_a_librarys_warning_becomes_a_line_without_what_it_was_filled_with(capsys: Lines) -> None:
    configure("worker")
    logging.getLogger("aiohttp.client").warning("no answer to %s\nand more", "open-sesame")
    line = _only_line(capsys)
    assert line["process"] == "worker"
    assert (line["event"], line["logger"], line["level"]) == ("library_spoke", "aiohttp.client", "warning")
    assert line["reason"] == "no answer to %s"


@pytest.mark.usefixtures("_root_logger_restored")
def test_a_librarys_error_keeps_the_place_and_its_chatter_is_left_out(capsys: Lines) -> None:
    configure("web")
    logging.getLogger("asyncio").info("chatter")
    try:
        next(iter(()))
    except StopIteration:
        logging.getLogger("asyncio").exception("task failed")
    line = _only_line(capsys)
    assert (line["level"], line["reason"]) == ("error", "task failed")
    assert str(line["error"]).startswith("StopIteration at")


@pytest.mark.usefixtures("_root_logger_restored")
def test_a_traceback_in_a_librarys_text_is_told_by_its_last_line(capsys: Lines) -> None:
    configure("web")
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1\nFileNotFoundError: fees.toml\n'
    logging.getLogger("a.library").error(trace)
    assert _only_line(capsys)["reason"] == "FileNotFoundError: fees.toml"


def test_a_closed_stderr_costs_the_line_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = TextIOWrapper(BytesIO())
    monkeypatch.setattr(sys, "stderr", closed)
    closed.buffer.close()
    log("payment_claimed")
    assert closed.buffer.closed


def test_every_field_that_the_product_logs_is_on_the_list() -> None:
    product = Path(telemetry.__file__).parents[1]
    unlisted = [
        f"{path.name}:{call.lineno}: {argument.arg}"
        for package in ("ekpay_switch", "biller_adapters", "connectors", "reconciliation")
        for path in (product / package).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(("log", "log_warning", "log_error"))
        for argument in call.keywords
        if argument.arg is not None and argument.arg not in telemetry._FIELDS  # noqa: SLF001 - the list itself
    ]
    assert unlisted == []


def test_the_numbers_are_rendered_for_prometheus() -> None:
    telemetry.PAYMENTS.labels(outcome="completed").inc()
    telemetry.WIRE_CALLS.labels(far_side="desco", outcome="in_doubt").inc(2)
    telemetry.BATCH_SIZE.observe(3)
    telemetry.QUEUE_DEPTH.set(5)
    text = render().decode()
    assert 'ekpay_payments_total{outcome="completed"}' in text
    assert 'ekpay_wire_calls_total{far_side="desco",outcome="in_doubt"} 2.0' in text
    assert 'ekpay_batch_size_bucket{le="4.0"}' in text
    assert "ekpay_queue_depth 5.0" in text
    assert "ekpay_process_resident_memory_bytes" in text
