"""What prepaid utilities keep: deposits, quotes, vends across a restart, the file of a day; and rubbish."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.billers.prepaid.caller import HOUSES, PrepaidCaller, paisa, prepaid_at
from tests.sandbox.caller import SetClock

DPDC, BREB = "dpdc_prepaid", "breb_prepaid"


@pytest.fixture
async def prepaid(tmp_path: Path, clock: SetClock) -> AsyncIterator[PrepaidCaller]:
    async with prepaid_at(tmp_path, clock) as caller:
        yield caller


async def deposit(prepaid: PrepaidCaller, house: str = BREB) -> int:
    balance: int = (await prepaid.admin("GET", "deposits"))[house]
    return balance


# ---- deposits ----------------------------------------------------------------------------------------------


async def test_every_vend_lowers_the_deposit_of_its_house_alone(prepaid: PrepaidCaller) -> None:
    before = await prepaid.admin("GET", "deposits")
    assert set(before) == set(HOUSES)
    for _ in range(2):
        number = await prepaid.a_quote(BREB, payinAmount="500.00")
        data = (await prepaid.vend(BREB, number))["data"]
        again = (await prepaid.vend(BREB, number))["data"]
        assert data["balance"] == again["balance"]
        assert paisa(data["balance"]) == await deposit(prepaid)
    after = await prepaid.admin("GET", "deposits")
    assert after == before | {BREB: before[BREB] - 100_000}


async def test_below_the_amount_a_vend_is_10023_until_the_deposit_is_filled(prepaid: PrepaidCaller) -> None:
    number = await prepaid.a_quote(BREB, payinAmount="500.00")
    answer = await prepaid.admin("POST", "deposits", {"house": BREB, "paisa": -(10**14)})
    assert answer == {BREB: 0}
    assert (await prepaid.vend(BREB, number))["resultcode"] == "10023"
    assert (await prepaid.history(BREB, number))["resultcode"] == "10009"
    await prepaid.admin("POST", "deposits", {"house": BREB, "paisa": 49_999})
    assert (await prepaid.vend(BREB, number))["resultcode"] == "10023"
    await prepaid.admin("POST", "deposits", {"house": BREB, "paisa": 1})
    assert (await prepaid.vend(BREB, number))["data"]["balance"] == "0.00"
    assert (await prepaid.vend(BREB, number))["resultcode"] == "0"


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"house": "other", "paisa": 1},
        {"house": BREB},
        {"house": BREB, "paisa": 1.5},
        {"house": BREB, "paisa": 1, "colour": "red"},
        [],
    ],
)
async def test_an_order_for_a_deposit_that_cannot_be_read_is_400(
    prepaid: PrepaidCaller, order: object
) -> None:
    before = await deposit(prepaid)
    async with prepaid.session.post(f"{prepaid.origin}/_admin/deposits", json=order) as answer:
        assert answer.status == 400
    assert await deposit(prepaid) == before


# ---- restarts and the file of a day ------------------------------------------------------------------------


async def test_quotes_vends_and_deposits_outlive_a_restart(tmp_path: Path, clock: SetClock) -> None:
    async with prepaid_at(tmp_path, clock) as caller:
        await caller.admin("POST", "deposits", {"house": DPDC, "paisa": 7})
        quoted, vended = await caller.a_quote(DPDC, nth=2), await caller.a_quote(DPDC, nth=12)
        first = await caller.vend(DPDC, vended)
        balance = await deposit(caller, DPDC)
    async with prepaid_at(tmp_path, clock) as caller:
        assert await deposit(caller, DPDC) == balance
        assert await caller.history(DPDC, vended) == first
        assert await caller.vend(DPDC, vended) == first
        assert (await caller.vend(DPDC, quoted))["resultcode"] == "0"
        fresh = [await caller.a_quote(DPDC) for _ in range(5)]
        assert len({*fresh, quoted, vended}) == 7


async def test_a_vend_that_was_lost_before_a_restart_is_lost_once(tmp_path: Path, clock: SetClock) -> None:
    async with prepaid_at(tmp_path, clock) as caller:
        number = await caller.a_quote(BREB, "lost_unpaid")
        assert await caller.vend_in_vain(BREB, number)
    async with prepaid_at(tmp_path, clock) as caller:
        assert (await caller.vend(BREB, number))["resultcode"] == "0"


async def test_the_end_of_day_file_sums_to_the_book(prepaid: PrepaidCaller) -> None:
    for nth in range(3):
        await prepaid.vend(BREB, await prepaid.a_quote(BREB, nth=nth))
    lines = (await prepaid.end_of_day(BREB, "2026-03-10")).splitlines()
    total = sum(line["amount_paisa"] for line in await prepaid.payments())
    assert lines[-1].startswith(f"TRAILER,3,{total // 100}.{total % 100:02d},")
    receipts = {line["receipt"] for line in await prepaid.payments()}
    assert receipts == {line.split(",")[10] for line in lines[1:-1]}
    assert not any(
        line["facts"]["token"].split(",")[0] in "".join(lines) for line in await prepaid.payments()
    )


async def test_what_is_unpaid_names_a_recharge_in_whole_taka(prepaid: PrepaidCaller) -> None:
    (line,) = (await prepaid.admin("GET", f"unpaid?house={BREB}&count=1"))["bills"]
    assert line["fields"] == {
        "meter_no": "310123400001",
        "mobile": "01700100001",
        "amount": str(line["total_paisa"] // 100),
    }
    assert line["total_paisa"] % 100 == 0


# ---- rubbish -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["login", "pre-charge", "remote-charge", "history"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":NaN}', b"{}"])
async def test_what_cannot_be_read_is_400_and_does_nothing(
    prepaid: PrepaidCaller, path: str, body: bytes
) -> None:
    await prepaid.log_in(DPDC)
    headers = {"access_token": prepaid.tokens[DPDC]}
    url = f"{prepaid.origin}/prepaid/{DPDC}/{path}"
    async with prepaid.session.post(url, data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["resultcode"]) == (400, "400")
    assert await prepaid.payments() == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("customerNo", 23_400_001),
        ("customerNo", ""),
        ("customerNo", "x" * 65),
        ("customerNo", "\u09e8\u09e9\u09ea\u09e6\u09e6\u09e6\u09e6\u09e7"),
        ("mobileNo", "02711000000"),
        ("mobileNo", None),
        ("payinAmount", 500),
        ("payinAmount", "500"),
        ("payinAmount", "0.00"),
        ("payinAmount", "-500.00"),
        ("payinAmount", "1,500.00"),
        ("payinAmount", "5e2"),
    ],
)
async def test_a_field_in_another_form_is_400(prepaid: PrepaidCaller, member: str, value: object) -> None:
    named = await prepaid.named(DPDC)
    status, answer = await prepaid.post(DPDC, "pre-charge", named | {member: value})
    assert (status, answer["resultcode"]) == (400, "400")
    assert member in answer["resultdesc"]


@pytest.mark.parametrize("token", ["", "guessed", "Bearer guessed"])
async def test_without_a_living_token_nothing_is_looked_at(prepaid: PrepaidCaller, token: str) -> None:
    number = await prepaid.a_quote(DPDC)
    prepaid.tokens[DPDC] = token
    for path in ("pre-charge", "remote-charge", "history"):
        status, _ = await prepaid.post(DPDC, path, {"transactionId": number})
        assert status == 401
    assert await prepaid.payments() == []
