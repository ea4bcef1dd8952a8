from datetime import UTC, datetime

import pytest

from ekpay_switch.api.operations import Health, build_operations_app
from ekpay_switch.api.problems import STATUS_OF
from ekpay_switch.api.syndicate.codes import BASE
from ekpay_switch.domain.errors import CommitUnknownError, NoFeeError, OverloadedError, SwitchError
from tests.api.api_setup import Caller, Desk, request_of

PROBLEM = "application/problem+json"
STARTED = datetime(2026, 4, 5, 6, 7, 8, tzinfo=UTC)
SINCE = {"started_at": "2026-04-05T06:07:08+00:00", "is_rehearsal": True}


async def test_outsiders_learn_whether_it_is_alive_and_ready_and_no_more(desk: Desk) -> None:
    assert (await desk.request("GET", "/health/live")).plain == {"status": "live"}
    assert (await desk.request("GET", "/health/ready")).status == 200
    assert (await desk.request("GET", "/metrics")).status == 404
    assert (await desk.request("GET", "/health/detail")).status == 404


@pytest.mark.parametrize(
    ("silent_seconds", "status", "said"),
    [
        (12.34, 200, {"status": "well", "worker_silent_seconds": 12.3, "queue_depth": 7, **SINCE}),
        (60.1, 503, {"status": "worker silent", "worker_silent_seconds": 60.1, "queue_depth": 7, **SINCE}),
        (None, 503, {"status": "database unavailable"}),
    ],
)
async def test_operators_learn_what_waits_and_whether_a_worker_works(
    silent_seconds: float | None, status: int, said: dict[str, object]
) -> None:
    async def why_not_ready() -> str:
        return "database unavailable" if silent_seconds is None else ""

    async def count() -> float | None:
        return silent_seconds

    app = build_operations_app(Health(why_not_ready, count, lambda: 7, 60, STARTED, is_rehearsal=True))
    detail = await request_of(app, "GET", "/health/detail")
    assert (detail.status, detail.plain) == (status, said)
    assert b"queue_depth 7.0" in (await request_of(app, "GET", "/metrics")).body
    assert (await request_of(app, "GET", "/health/live")).status == 200
    assert (await request_of(app, "GET", "/health/ready")).status == (503 if silent_seconds is None else 200)


async def test_a_switch_without_its_database_is_alive_and_not_ready(desk: Desk) -> None:
    desk.why_not_ready = "database refuses to write: disk_full"
    reply = await desk.request("GET", "/health/ready")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.plain == {"status": "database refuses to write: disk_full"}
    assert (await desk.request("GET", "/health/live")).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/redoc", "/openapi.json", "/.git/config", f"{BASE}/", f"{BASE}/v0/pay", "/admin"]
)
async def test_what_is_not_there_is_a_problem_document_without_the_path(desk: Desk, path: str) -> None:
    reply = await desk.request("GET", path)
    assert (reply.status, reply.headers["content-type"]) == (404, PROBLEM)
    assert reply.plain == {"type": "about:blank", "title": "not found", "status": 404}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH"])
async def test_another_method_is_not_allowed(desk: Desk, method: str) -> None:
    reply = await desk.request(method, f"{BASE}/get-token")
    assert (reply.status, reply.headers["content-type"]) == (405, PROBLEM)


@pytest.mark.parametrize("error", [OverloadedError(), CommitUnknownError(), NoFeeError("no row for b025")])
async def test_an_error_of_the_core_is_a_problem_with_its_status_and_none_of_its_words(
    desk: Desk, bank: Caller, error: SwitchError
) -> None:
    desk.small.books.trouble.append(error)
    reply = await bank.post("check-bill-status", bank.sealed(bank.write.status("F" * 24, "b025")))
    assert reply.status == STATUS_OF[type(error)]
    assert ("retry-after" in reply.headers) == (reply.status == 503)
    assert b"b025" not in reply.body


async def test_a_database_that_is_away_is_told_as_busy_and_never_as_a_failure(
    desk: Desk, bank: Caller
) -> None:
    desk.small.books.trouble.append(ConnectionRefusedError("postgres at /secret/place"))
    reply = await bank.post("check-bill-status", bank.sealed(bank.write.status("F" * 24, "b025")))
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert b"secret" not in reply.body
