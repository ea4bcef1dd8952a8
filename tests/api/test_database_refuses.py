"""A database that cannot write, its disk being full say: 503 with Retry-After in each API's own format."""

import json

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry, trouble
from ekpay_switch.api.problems import install_error_handlers
from ekpay_switch.api.v1.problems import MEDIA_TYPE
from ekpay_switch.domain.errors import DatabaseRefusesError
from ekpay_switch.persistence.engine import DATABASE_AWAY, is_passing, refusal_reason
from tests.api.api_setup import Caller, Desk, request_of

Error = type[Exception]
REFUSALS = {
    asyncpg.DiskFullError: "disk_full",
    asyncpg.OutOfMemoryError: "out_of_memory",
    asyncpg.TooManyConnectionsError: "too_many_connections",
    asyncpg.ConfigurationLimitExceededError: "configuration_limit",
    asyncpg.InsufficientResourcesError: "insufficient_resources",
    asyncpg.ReadOnlySQLTransactionError: "read_only",
}
BODIES = {
    "/syndicate/api/fetch-bill": ("application/json", "resp_cd", "2004"),
    "/syndicate/api/get-token": ("application/json", "resp_cd", "2004"),
    "/v1/payments": (MEDIA_TYPE, "code", "busy"),
    "/ekpaypg/v1/merchant-api": ("application/json", "responseCode", "1028"),
    "/echallan/api/challan/create": ("application/json", "STATUS", "503"),
    "/callbacks/bkash": (MEDIA_TYPE, "status", 503),
}


@pytest.fixture(autouse=True)
def sound() -> None:
    trouble.DATABASE.clear()


def app_that_raises(error: Exception) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    install_error_handlers(app, DATABASE_AWAY, is_passing)

    async def fail(_: Request) -> Response:
        raise error

    app.add_route("/{path:path}", fail, methods=["POST"])
    return app


def wrapped(error: Exception) -> DBAPIError:
    """As SQLAlchemy's dialect raises it."""
    orig = Exception("the dialect's own")
    orig.__cause__ = error
    return DBAPIError("INSERT", {}, orig)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("is_wrapped", [False, True])
async def test_each_api_says_busy_in_its_own_format(path: str, kind: Error, *, is_wrapped: bool) -> None:
    error: Exception = kind("no room")
    reply = await request_of(app_that_raises(wrapped(error) if is_wrapped else error), "POST", path, b"{}")
    media_type, member, value = BODIES[path]
    assert (reply.status, reply.headers["retry-after"]) == (503, "1"), reply.body
    assert (reply.headers["content-type"], reply.plain[member]) == (media_type, value)
    assert b"no room" not in reply.body


async def test_it_is_counted_and_said_once_until_it_is_over(capfd: pytest.CaptureFixture[str]) -> None:
    app = app_that_raises(asyncpg.DiskFullError("no room"))
    for _ in range(5):
        await request_of(app, "POST", "/v1/payments")
    numbers = telemetry.render().decode()
    assert 'ekpay_database_refusals_total{reason="disk_full"}' in numbers
    assert "ekpay_database_refusing 1.0" in numbers
    trouble.DATABASE.clear()
    trouble.DATABASE.clear()
    assert "ekpay_database_refusing 0.0" in telemetry.render().decode()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    said = [(line["event"], line["reason"]) for line in lines if line["event"].startswith("database_")]
    assert said == [("database_refuses", "disk_full"), ("database_writes_again", "disk_full")]


@pytest.mark.parametrize("error", [asyncpg.UniqueViolationError("a key"), RuntimeError("a bug")])
def test_other_errors_are_no_refusal(error: Exception) -> None:
    assert refusal_reason(error) == refusal_reason(wrapped(error)) == ""


async def test_a_payment_that_was_not_claimed_is_told_so_and_one_that_was_sent_is_in_progress(
    desk: Desk, bank: Caller
) -> None:
    fetched = await bank.fetch()
    refuse = DatabaseRefusesError()

    async def no_room(*_: object) -> None:
        raise refuse

    record = desk.small.books.record
    claim = desk.small.books.claim
    desk.small.books.claim = no_room  # type: ignore[assignment,method-assign]
    reply = await bank.post("update-billPayment", bank.sealed(bank.payment(fetched)))
    assert (reply.status, reply.plain["resp_cd"], reply.headers["retry-after"]) == (503, "2004", "1")
    desk.small.books.claim = claim  # type: ignore[method-assign]
    desk.small.books.record = no_room  # type: ignore[assignment,method-assign]
    answer = await bank.exchange(bank.payment(fetched))
    assert answer["resp_status"]["rsp_cd"] == "0102"
    desk.small.books.record = record  # type: ignore[method-assign]
