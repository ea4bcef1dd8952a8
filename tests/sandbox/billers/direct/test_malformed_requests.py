from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.billers.direct.caller import DirectCaller, direct_at
from tests.sandbox.caller import Json, SetClock

DPDC = "dpdc_postpaid"
PATHS = ["login", "payment", "status"]


@pytest.fixture
async def direct(tmp_path: Path, clock: SetClock) -> AsyncIterator[DirectCaller]:
    async with direct_at(tmp_path, clock) as caller:
        await caller.log_in(DPDC)
        yield caller


async def post(direct: DirectCaller, path: str, body: bytes) -> tuple[int, Json]:
    headers = {"Authorization": f"Bearer {direct.tokens[DPDC]}"}
    url = f"{direct.origin}/direct/api/{path}"
    async with direct.session.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("path", [*PATHS, "bill"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"a":NaN}', b"[" * 5_000]
)
async def test_what_is_no_json_object_is_400(direct: DirectCaller, path: str, body: bytes) -> None:
    status, answer = await post(direct, f"{DPDC}/{path}", body)
    assert (status, answer["code"]) == (400, "400")


@pytest.mark.parametrize(
    ("path", "status"), [("login", 400), ("status", 400), ("payment", 200), ("bill", 200)]
)
async def test_an_empty_object_names_nothing(direct: DirectCaller, path: str, status: int) -> None:
    answered, answer = await post(direct, f"{DPDC}/{path}", b"{}")
    assert answered == status
    assert answer["code"] == ("400" if status == 400 else "405")


@pytest.mark.parametrize(
    "field", ["billNo", "accountNo", "transactionId", "amount", "paidAt", "channel", "stampQty"]
)
async def test_a_field_of_another_type_is_400_and_pays_nothing(direct: DirectCaller, field: str) -> None:
    payment = await direct.a_payment(DPDC)
    spoiled: list[object] = [None, "", [], {}, "x" * 65, True, -1, 1.5]
    for value in spoiled:
        status, answer = await direct.post(DPDC, "payment", payment | {field: value})
        assert (status, answer["code"]) == (400, "400"), value
        assert field in answer["message"]
    assert await direct.payments() == []


@pytest.mark.parametrize(
    "amount", ["1e3", "NaN", "-1.00", "1.0", "1.000", "1,000.00", "01.00", "1", " 1.00", 1]
)
async def test_an_amount_in_another_form_is_400(direct: DirectCaller, amount: object) -> None:
    status, _ = await direct.post(DPDC, "payment", await direct.a_payment(DPDC, amount=amount))
    assert status == 400


@pytest.mark.parametrize(
    "instant",
    ["2026-03-10", "2026-03-10T12:00:00", "2026-03-10T12:00:00Z", "2026-02-30T12:00:00+06:00", "noon"],
)
async def test_an_instant_that_is_not_of_dhaka_is_400(direct: DirectCaller, instant: str) -> None:
    status, _ = await direct.post(DPDC, "payment", await direct.a_payment(DPDC, paidAt=instant))
    assert status == 400


async def test_a_wrong_password_is_401(direct: DirectCaller) -> None:
    for changes in ({"user": "other"}, {"password": "guess"}, {"password": "\u09aa"}):
        body = {"user": "ekpay", "password": "counter-sandbox", **changes}
        status, answer = await direct.post(DPDC, "login", body)
        assert (status, answer["code"]) == (401, "401")


@pytest.mark.parametrize("path", ["bill", "payment", "status"])
async def test_every_call_without_a_bearer_of_that_house_is_401(direct: DirectCaller, path: str) -> None:
    own = direct.tokens[DPDC]
    status, answer = await post(direct, f"kgdcl_gas/{path}", b"{}")
    assert (status, answer["code"]) == (401, "401")
    direct.tokens[DPDC] = "unknown"
    assert (await post(direct, f"{DPDC}/{path}", b"{}"))[0] == 401
    direct.tokens[DPDC] = own
    assert (await post(direct, f"{DPDC}/{path}", b"{}"))[0] != 401
    async with direct.session.post(f"{direct.origin}/direct/api/{DPDC}/{path}", json={}) as bare:
        assert bare.status == 401


async def test_a_bearer_dies_after_an_hour(direct: DirectCaller, clock: SetClock) -> None:
    clock.advance(seconds=3_599)
    assert (await direct.post(DPDC, "bill", {}))[0] == 200
    clock.advance(seconds=1)
    assert (await direct.post(DPDC, "bill", {}))[0] == 401


async def test_other_paths_methods_and_sizes_are_refused(direct: DirectCaller) -> None:
    assert (await post(direct, "other_house/bill", b"{}"))[0] == 404
    assert (await post(direct, f"{DPDC}/other", b"{}"))[0] == 404
    assert (await post(direct, f"{DPDC}/payment", b" " * 300_000))[0] == 413
    async with direct.session.get(f"{direct.origin}/direct/api/{DPDC}/bill") as answer:
        assert answer.status == 405
