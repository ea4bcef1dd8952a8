"""Errors outside any message, as problem documents (RFC 9457); nothing of the request is echoed.

Each class of the core's errors has a status here; a test checks that none is missing.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.api.echallan import error_answers as echallan
from ekpay_switch.api.merchant.refusals import answer_with, is_under_merchant_api
from ekpay_switch.api.syndicate.codes import busy_answer, is_under_syndicate
from ekpay_switch.api.v1.problems import is_under_v1, problem_of_status
from ekpay_switch.domain import errors

BUSY = 503
STATUS_OF: Mapping[type[Exception], int] = MappingProxyType(
    {
        errors.MalformedAmountError: 422,
        errors.CurrencyMismatchError: 422,
        errors.IllegalTransitionError: 409,
        errors.OverloadedError: 503,
        errors.DatabaseRefusesError: 503,
        errors.CommitUnknownError: 503,
        errors.UnbalancedEntryError: 500,
        errors.UnknownAccountError: 500,
        errors.NoFeeError: 500,
    }
)
TITLES = MappingProxyType(
    {
        404: "not found",
        405: "method not allowed",
        409: "conflict",
        422: "unprocessable",
        503: "busy, ask again",
    }
)


def problem(status: int, headers: dict[str, str] | None = None) -> Response:
    """A problem document; nothing of the request is in it."""
    body = {"type": "about:blank", "title": TITLES.get(status, "error"), "status": status}
    return Response(orjson.dumps(body), status, headers, media_type="application/problem+json")


def api_error(
    method: str, path: str, status: int, headers: Mapping[str, str] | None = None
) -> Response | None:
    """The answer with this status in an API that has codes of its own; None where the path is in none."""
    if is_under_v1(path):
        return problem_of_status(status).response(headers)
    if is_under_merchant_api(path):
        return answer_with(method, path, status, headers)
    if status == BUSY and is_under_syndicate(path):
        return busy_answer(headers)
    if echallan.is_under_echallan(path):
        return echallan.answer_with(status, headers)
    return None


def problem_at(request: Request, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The error in the format of the API that the path belongs to, else as a problem document."""
    answer = api_error(request.method, request.url.path, status, headers)
    return answer or problem(status, dict(headers) if headers else None)


def install_error_handlers(
    app: FastAPI,
    passing: Iterable[type[Exception]] = (),
    is_passing: Callable[[Exception], bool] = lambda _: True,
) -> None:
    """Replace the stock handlers, which echo input and answer 500 to NaN (finding 1 and 2).

    `passing` are the classes of error of a database that is away, and `is_passing` tells these from others of
    the class: they are answered 503, since nothing was done and a retry is right.
    """

    async def of_http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return problem_at(request, 500)
        allowed = (error.headers or {}).get("Allow")
        return problem_at(request, error.status_code, {"Allow": allowed} if allowed else None)

    async def of_switch(request: Request, error: Exception) -> Response:
        status = STATUS_OF.get(type(error), 500)
        telemetry.log_error("request_failed", error=error)
        return problem_at(request, status, {"Retry-After": "1"} if status == BUSY else None)

    async def of_a_passing_trouble(request: Request, error: Exception) -> Response:
        telemetry.log_error("request_failed", error=error)
        return (
            problem_at(request, BUSY, {"Retry-After": "1"}) if is_passing(error) else problem_at(request, 500)
        )

    async def of_anything(request: Request, error: Exception) -> Response:
        telemetry.log_error("request_failed", error=error)
        return problem_at(request, 500)

    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(errors.SwitchError, of_switch)
    for kind in passing:
        app.add_exception_handler(kind, of_a_passing_trouble)
    app.add_exception_handler(Exception, of_anything)
