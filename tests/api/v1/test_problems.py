"""Problem documents: whole, of one shape, and explained; also for what no endpoint has seen."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ekpay_switch.api.v1.problems import MEANINGS, ProblemCode, ProblemError
from ekpay_switch.domain.errors import (
    CommitUnknownError,
    CurrencyMismatchError,
    IllegalTransitionError,
    OverloadedError,
)
from tests.api.v1.v1_setup import NO_PAYMENT, PAYMENTS, Shop, Till, an_order, as_bytes, code_of


@pytest.mark.parametrize("code", ProblemCode)
def test_every_code_has_a_meaning_and_a_document(code: ProblemCode) -> None:
    meaning, refused = MEANINGS[code], ProblemError(code)
    assert 400 <= meaning.status < 600
    assert meaning.title
    assert meaning.advice.endswith(".")
    response = refused.response()
    assert (response.status_code, response.media_type) == (meaning.status, "application/problem+json")
    assert ("retry-after" in response.headers) == (meaning.retry_after_s is not None)


async def test_every_code_is_explained_where_its_type_leads_to(till: Till) -> None:
    page = await till.request("GET", "/v1/problems")
    ids = re.findall(r'<dt id="([a-z_]+)">', page.body.decode())
    assert page.status == 200
    assert ids == [code.value for code in ProblemCode]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    HTMLParser().feed(page.body.decode())


async def test_a_status_that_may_pass_says_when_to_come_back() -> None:
    passing = {code for code, meaning in MEANINGS.items() if meaning.retry_after_s is not None}
    assert {MEANINGS[code].status for code in passing} == {408, 429, 500, 503}


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/payment",
        "/v1/payments/",
        f"{PAYMENTS}/{NO_PAYMENT}/",
        f"{PAYMENTS}/{NO_PAYMENT}/captures",
        f"{PAYMENTS}/{NO_PAYMENT}/refunds/rfd_1",
        "/v1/payments/a/b/c",
        "/v1/../v1",
        "/v1/<script>",
        "/v1/openapi.json",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_path_that_is_not_there_is_a_problem_of_rest_v1(till: Till, method: str, path: str) -> None:
    reply = await till.request(method, path)
    assert (reply.status, code_of(reply)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", PAYMENTS, {"POST"}),
        ("PUT", PAYMENTS, {"POST"}),
        ("OPTIONS", PAYMENTS, {"POST"}),
        ("TRACE", PAYMENTS, {"POST"}),
        ("POST", f"{PAYMENTS}/{NO_PAYMENT}", {"GET", "HEAD"}),
        ("DELETE", f"{PAYMENTS}/{NO_PAYMENT}/refunds", {"POST", "GET", "HEAD"}),
        ("GET", f"{PAYMENTS}/{NO_PAYMENT}/cancel", {"POST"}),
        ("POST", "/v1/problems", {"GET", "HEAD"}),
    ],
)
async def test_another_method_is_told_which_there_are(
    till: Till, method: str, path: str, allowed: set[str]
) -> None:
    reply = await till.request(method, path)
    assert (reply.status, code_of(reply)) == (405, "method_not_allowed")
    assert set(reply.headers["allow"].split(", ")) == allowed


async def test_a_head_is_a_get(shop: Shop) -> None:
    made = await shop.made()
    headers = [("Authorization", f"Bearer {shop.api_key}")]
    for path in (f"{PAYMENTS}/{made['id']}", f"{PAYMENTS}/{made['id']}/refunds"):
        assert (await shop.till.request("HEAD", path, headers=headers)).status == 200


@pytest.mark.parametrize("path", [PAYMENTS, f"{PAYMENTS}/{NO_PAYMENT}/refunds", "/v1/nothing"])
async def test_what_is_too_large_is_a_problem_before_anybody_reads_it(till: Till, path: str) -> None:
    big = await till.request("POST", path, b"x" * (64 * 1024 + 1))
    assert (big.status, code_of(big)) == (413, "body_too_large")
    announced = await till.request("POST", path, b"", [("Content-Length", str(50 * 2**20))])
    assert (announced.status, code_of(announced)) == (413, "body_too_large")
    wide = await till.request("POST", path, b"", [(f"X-{n}", "y") for n in range(65)])
    assert (wide.status, code_of(wide)) == (431, "headers_too_large")


async def test_other_doors_keep_their_own_words(till: Till) -> None:
    reply = await till.request("POST", "/syndicate/api/fetch-bill", b"x" * (64 * 1024 + 1))
    assert (reply.status, set(reply.plain)) == (413, {"resp_cd", "resp_msg"})
    reply = await till.request("GET", "/v2")
    assert (reply.status, reply.plain) == (404, {"type": "about:blank", "title": "not found", "status": 404})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError("inner words"), "busy"),
        (OverloadedError("inner words"), "busy"),
        (CommitUnknownError("inner words"), "busy"),
        (ValueError("inner words"), "internal_error"),
        (IllegalTransitionError("inner words"), "internal_error"),
        (CurrencyMismatchError("inner words"), "internal_error"),
    ],
)
async def test_trouble_of_any_kind_says_nothing_of_itself(
    till: Till, shop: Shop, error: Exception, code: str
) -> None:
    till.small.books.trouble.append(error)
    reply = await shop.create()
    assert code_of(reply) == code
    assert b"inner" not in reply.body


async def test_a_request_is_refused_for_the_first_reason_that_applies(till: Till, shop: Shop) -> None:
    """Who, then the key, then the form, then the content: nobody learns more than they may."""
    rubbish = as_bytes(an_order(amount="x"))
    nobody = await till.request("POST", PAYMENTS, rubbish)
    keyless = await shop.post(PAYMENTS, rubbish, None, {"Content-Type": "text/plain"})
    plain = await shop.post(PAYMENTS, b"{", "k" * 16, {"Content-Type": "text/plain"})
    broken = await shop.post(PAYMENTS, b"{", "k" * 16)
    wrong = await shop.post(PAYMENTS, rubbish, "k" * 16)
    assert [code_of(one) for one in (nobody, keyless, plain, broken, wrong)] == [
        "unauthenticated",
        "idempotency_key_missing",
        "unsupported_media_type",
        "invalid_json",
        "validation_failed",
    ]


def test_the_contract_lists_every_code_under_its_status_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "rest-v1.md").read_text(encoding="utf-8")
    table = page.partition("| status | `code` |\n| --- | --- |\n")[2]
    listed: dict[str, list[str]] = {}
    for line in table.splitlines():
        if line.startswith("| "):
            _, statuses, codes, _ = line.split("|")
            listed |= {code: statuses.split(",") for code in re.findall(r"`([a-z_]+)`", codes)}
    told = {code: [int(status) for status in statuses] for code, statuses in listed.items()}
    assert set(told) == {code.value for code in ProblemCode}
    assert [code for code in ProblemCode if MEANINGS[code].status not in told[code]] == []
