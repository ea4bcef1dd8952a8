"""The family against a far side without manners: which outcome each of them leads to, exactly."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from biller_adapters.families.scroll_rest import ScrollRest
from biller_adapters.manifest import Manifest, ManifestError
from biller_adapters.rehearsal import EXAMPLE_REFERENCE, TokenShelf, order_for
from biller_adapters.surroundings import Surroundings
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillQuery
from ekpay_switch.domain.delivery import PayOrder
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    NoAnswer,
    NotFound,
    Posted,
    Unreached,
)
from ekpay_switch.wire.http import HttpWire
from tests.wire.rude_peer import Caller, RudePeer, eventually, http_answer, rude_peer

BILL = "092512345678"
QUERY = BillQuery("desco_postpaid", {"bill_no": BILL})
NOON = datetime(2025, 10, 20, 6, 0, tzinfo=UTC)
SAVED = json.dumps({"status": "SUCCESS", "statusCode": 323, "message": "Saved"}).encode()

Manners = Callable[[Caller], Awaitable[None]]


@dataclass
class DhakaClock:
    """Real monotonic time under a date that the test chooses."""

    instant: datetime = NOON

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def bill_data(**changes: object) -> dict[str, object]:
    data: dict[str, object] = {
        "billNo": BILL,
        "accountNo": "12345678",
        "meterNo": "54321098",
        "year": "2025",
        "month": "09",
        "tariff": "LT-A",
        "departmentCode": "D07",
        "totalAmount": "1050.00",
        "totalVat": "50.00",
        "lpc": "52.50",
        "totalAmountTobePaid": "1050.00",
        "issueDate": "05-10-2025",
        "dueDate": "25-10-2025",
        "billToken": "tok-1",
        "customerName": "Rahela Khatun",
        "address": "House 4, Road 2, Mirpur",
        "totalKwh": "142",
    }
    return data | changes


def envelope(data: object, code: int = 200) -> bytes:
    return json.dumps({"statusCode": code, "message": "OK", "data": data}).encode()


@dataclass
class Desk:
    """A far side that logs in and answers politely, except where a test says otherwise."""

    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            "/bill": envelope(bill_data()),
            "/bills": envelope([]),
            "/payment": SAVED,
            "/payment-status": envelope([]),
        }
    )
    logins: int = 0
    good_token: str = "token-1"
    rotates: bool = False

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path.removeprefix("/api")
        if path in self.rude:
            await self.rude[path](caller)
        elif path == "/login":
            await self.log_in(caller)
        elif caller.heard.headers.get("authorization") != f"Bearer {self.good_token}":
            await caller.answer(b'{"statusCode": 401, "message": "no"}', status=401)
        else:
            await caller.answer(self.answers[path])

    async def log_in(self, caller: Caller) -> None:
        self.logins += 1
        self.good_token = f"token-{self.logins}"
        grant = {"statusCode": 200, "message": "OK", "token": self.good_token, "expiresIn": 3600}
        await caller.answer(json.dumps(grant).encode())


@dataclass
class Stage:
    """An adapter, the desk it talks to and the socket between them."""

    adapter: ScrollRest
    desk: Desk
    peer: RudePeer
    tokens: TokenShelf
    clock: DhakaClock

    def paths(self) -> list[str]:
        return [heard.path.removeprefix("/api") for heard in self.peer.heard]

    def sent(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(heard.body) for heard in self.peer.heard if heard.path == f"/api{path}"]

    async def bill(self) -> Bill:
        reply = await self.adapter.fetch(QUERY)
        assert isinstance(reply, BillFound), reply
        return reply.bill

    async def order(self, on: date = date(2025, 10, 20), seconds: float = 5.0) -> PayOrder:
        return order_for("desco_postpaid", await self.bill(), on, time.monotonic() + seconds)


Staged = Callable[..., Any]


@pytest.fixture
def staged(desco: Manifest) -> Staged:
    @asynccontextmanager
    async def stage(desk: Desk | None = None, **environ: str) -> AsyncIterator[Stage]:
        desk = desk or Desk()
        clock, tokens = DhakaClock(), TokenShelf()
        wire = HttpWire(clock)
        async with rude_peer(desk.serve) as peer:
            settings = {"EKPAY_DESCO_URL": peer.url("/api"), "EKPAY_DESCO_PASSWORD": "open sesame"} | environ
            # Answers are waited for 20 s / 40 here.
            adapter = ScrollRest(desco, Surroundings(wire, tokens, clock, settings, divisor=40))
            yield Stage(adapter, desk, peer, tokens, clock)
            await wire.close()

    return stage


# ---- fetching


async def test_a_bill_is_read_whole(staged: Staged) -> None:
    async with staged() as stage:
        bill = await stage.bill()
    assert (bill.bill_key, bill.bill_number, bill.account) == (BILL, BILL, "12345678")
    assert (bill.amount, bill.vat, bill.late_fee, bill.total) == (
        Money(100_000),
        Money(5_000),
        Money(0),
        Money(105_000),
    )
    assert (bill.issued_on, bill.due_on) == (date(2025, 10, 5), date(2025, 10, 25))
    assert bill.details == {
        "customer_name": "Rahela Khatun",
        "address": "House 4, Road 2, Mirpur",
        "meter_no": "54321098",
        "kwh": "142",
        "period_from": "2025-09-01",
        "period_to": "2025-09-30",
        "tariff": "LT-A",
    }
    assert bill.biller_quote["bill_token"] == "tok-1"
    assert not bill.is_paid


async def test_amounts_may_come_as_numbers_and_stay_exact(staged: Staged) -> None:
    """4.35 as a float is 4.3499999…; as text of JSON it is 435 paisa."""
    raw = envelope(bill_data()).decode()
    for amount in ("1050.00", "50.00", "52.50"):
        raw = raw.replace(f'"{amount}"', amount)
    raw = raw.replace("1050.00", "1004.35").replace("50.00", "50")
    async with staged(Desk(answers={"/bill": raw.encode()})) as stage:
        bill = await stage.bill()
    assert (bill.total, bill.vat) == (Money(100_435), Money(5_000))


async def test_the_due_date_is_over_with_the_dhaka_day(staged: Staged) -> None:
    async with staged() as stage:
        stage.clock.instant = datetime(2025, 10, 25, 17, 59, 59, tzinfo=UTC)
        assert (await stage.bill()).late_fee == Money(0)
        stage.desk.answers["/bill"] = envelope(bill_data(totalAmountTobePaid="1102.50"))
        stage.clock.instant = datetime(2025, 10, 25, 18, 0, tzinfo=UTC)
        late = await stage.bill()
    assert (late.late_fee, late.total) == (Money(5_250), Money(110_250))


async def test_an_account_stands_for_its_oldest_bill_and_says_how_many_there_are(staged: Staged) -> None:
    rows = [{"billNo": f"{month}2512345678", "dueDate": f"25-{month}-2025"} for month in ("10", "09", "08")]
    answers = {"/bills": envelope(rows), "/bill": envelope(bill_data(billNo="082512345678"))}
    async with staged(Desk(answers=answers)) as stage:
        reply = await stage.adapter.fetch(BillQuery("desco_postpaid", {"account_no": "12345678"}))
    assert isinstance(reply, BillFound)
    assert (reply.bill.bill_key, reply.bill.unpaid_count) == ("082512345678", 3)
    assert stage.sent("/bills") == [{"accountNo": "12345678", "paymentStatus": "0"}]
    assert stage.sent("/bill") == [{"billNo": "082512345678"}]


@pytest.mark.parametrize(
    "data",
    [
        bill_data(totalAmountTobePaid="1050.01"),
        bill_data(totalAmount=1e30),
        bill_data(totalAmount="1050.001"),
        bill_data(totalAmount="-1050.00"),
        bill_data(totalAmount="\N{BENGALI DIGIT ONE}05.00"),
        bill_data(totalAmount=True),
        bill_data(totalAmount=None),
        bill_data(totalVat="2000.00"),
        bill_data(dueDate="31-02-2025"),
        bill_data(dueDate="2025-10-25"),
        bill_data(billToken=""),
        bill_data(billNo="092500000000"),
        [bill_data()],
        None,
        "text",
    ],
)
async def test_a_bill_that_cannot_be_trusted_is_no_bill(staged: Staged, data: object) -> None:
    async with staged(Desk(answers={"/bill": envelope(data)})) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


async def test_a_bill_without_its_ornaments_is_still_a_bill(staged: Staged) -> None:
    data = bill_data(customerName=None, address=7, totalKwh=142, year="?", month="13")
    async with staged(Desk(answers={"/bill": envelope(data)})) as stage:
        bill = await stage.bill()
    assert (bill.details["customer_name"], bill.details["kwh"], bill.details["period_to"]) == ("", "142", "")


# ---- paying


async def test_a_save_says_everything_that_desco_asks_for(staged: Staged) -> None:
    async with staged() as stage:
        outcome = await stage.adapter.pay(await stage.order())
    assert outcome == Approved({"message": "Saved", "scroll_no": "1"})
    assert stage.sent("/payment") == [
        {
            "billNumber": BILL,
            "billToken": "tok-1",
            "transactionId": EXAMPLE_REFERENCE,
            "bankCode": "EKP",
            "scrollNo": 1,
            "totalPayableAmount": "1050.00",
            "totalPaidAmount": "1050.00",
            "lpc": "0.00",
            "paid": "Y",
            "issueDate": "05-10-2025",
            "dueDate": "25-10-2025",
            "cTariff": "LT-A",
            "departmentCode": "D07",
            "paymentAmount": "1050.00",
            "paymentVatAmount": "50.00",
            "paymentDate": "20-10-2025",
            "trackingNo": EXAMPLE_REFERENCE,
            "stampQty": 1,
            "transactionTrackingNo": EXAMPLE_REFERENCE,
            "tranAccount": "12345678",
            "transactionDateTime": "2025-10-20 12:00:00",
        }
    ]


@pytest.mark.parametrize(("total", "stamps"), [("400.00", 0), ("400.01", 1)])
async def test_a_stamp_is_due_above_four_hundred_taka(staged: Staged, total: str, stamps: int) -> None:
    answers = {
        "/bill": envelope(bill_data(totalAmount=total, totalAmountTobePaid=total)),
        "/payment": SAVED,
    }
    async with staged(Desk(answers=answers)) as stage:
        await stage.adapter.pay(await stage.order())
    assert stage.sent("/payment")[0]["stampQty"] == stamps


async def test_a_late_payment_names_its_late_charge(staged: Staged) -> None:
    async with staged() as stage:
        stage.clock.instant = datetime(2025, 10, 26, 6, 0, tzinfo=UTC)
        stage.desk.answers["/bill"] = envelope(bill_data(totalAmountTobePaid="1102.50"))
        await stage.adapter.pay(await stage.order(date(2025, 10, 26)))
    sent = stage.sent("/payment")[0]
    assert (sent["lpc"], sent["totalPaidAmount"], sent["paymentDate"]) == ("52.50", "1102.50", "26-10-2025")


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}/api"


async def say_and_leave(caller: Caller, raw: bytes) -> None:
    await caller.say(raw)
    await caller.hang_up()


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(Caller.stay_silent, id="silence"),
        pytest.param(Caller.hang_up, id="a connection dropped"),
        pytest.param(lambda c: say_and_leave(c, http_answer(SAVED)[:-3]), id="half a reply"),
        pytest.param(lambda c: say_and_leave(c, b"\x00\x01garbage\r\n\r\n"), id="garbage"),
        pytest.param(lambda c: c.answer(b"<html>saved</html>"), id="a page with 200"),
        pytest.param(lambda c: c.answer(b""), id="nothing with 200"),
        pytest.param(lambda c: c.answer(b"null"), id="JSON null"),
        pytest.param(lambda c: c.answer(b"[" * 100_000), id="nested without end"),
        pytest.param(lambda c: c.answer(b'{"statusCode": NaN}'), id="NaN"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 323.0}'), id="a code with a point"),
        pytest.param(lambda c: c.answer(b'{"statusCode": true}'), id="a code that is none"),
        pytest.param(lambda c: c.answer(b"\xff\xfe{}"), id="not UTF-8"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 3230}'), id="a code nobody mapped"),
        pytest.param(lambda c: c.answer(SAVED, status=500), id="500"),
        pytest.param(lambda c: c.answer(SAVED, status=503), id="503"),
        pytest.param(lambda c: c.answer(b"", status=302, extra="Location: /x\r\n"), id="a redirect"),
    ],
)
async def test_a_save_without_a_usable_answer_is_in_doubt_and_sent_once(
    staged: Staged, manners: Manners
) -> None:
    async with staged(Desk(rude={"/payment": manners})) as stage:
        outcome = await stage.adapter.pay(await stage.order())
    assert isinstance(outcome, InDoubt), outcome
    assert stage.paths().count("/payment") == 1


async def test_a_late_answer_is_in_doubt_and_is_not_taken_for_the_next_one(staged: Staged) -> None:
    async def save_late(caller: Caller) -> None:
        await given_up.wait()
        await caller.answer(SAVED)

    given_up = asyncio.Event()
    async with staged(Desk(rude={"/payment": save_late})) as stage:
        order = await stage.order()
        assert isinstance(await stage.adapter.pay(order), InDoubt)
        given_up.set()
        stage.desk.rude["/payment"] = lambda caller: caller.answer(b'{"statusCode": 328}')
        assert await stage.adapter.pay(order) == Declined("refused", "328")


async def test_the_same_reply_twice_does_not_answer_the_next_payment(staged: Staged) -> None:
    async def save_twice(caller: Caller) -> None:
        await caller.say(http_answer(SAVED) + http_answer(SAVED))

    async with staged(Desk(rude={"/payment": save_twice})) as stage:
        order = await stage.order()
        assert isinstance(await stage.adapter.pay(order), Approved)
        stage.desk.rude["/payment"] = lambda caller: caller.answer(b'{"statusCode": 328}')
        assert await stage.adapter.pay(order) == Declined("refused", "328")


async def test_a_far_side_that_is_gone_is_unreached(staged: Staged) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        async with staged() as stage, staged(EKPAY_DESCO_URL=url_of(unheard)) as gone:
            gone.tokens.held["desco_postpaid"] = "still good"
            assert isinstance(await gone.adapter.pay(await stage.order()), Unreached)


async def test_after_its_last_moment_a_save_is_not_sent(staged: Staged) -> None:
    async with staged() as stage:
        outcome = await stage.adapter.pay(await stage.order(seconds=0.0))
    assert outcome == Unreached("the send deadline passed")
    assert "/payment" not in stage.paths()


# ---- asking afterwards


async def test_what_is_saved_is_posted_with_the_amount_that_desco_echoes(staged: Staged) -> None:
    row = {
        "paymentStatus": "PAID",
        "transactionId": EXAMPLE_REFERENCE,
        "departmentCode": "D07",
        "paymentAmount": "1051.00",
        "paymentVatAmount": "50.00",
        "paymentDate": "20-10-2025",
    }
    async with staged(
        Desk(answers={"/bill": envelope(bill_data()), "/payment-status": envelope([row])})
    ) as stage:
        inquiry = await stage.adapter.inquire(await stage.order())
    assert isinstance(inquiry, Posted)
    assert (inquiry.reference, inquiry.amount_minor) == (EXAMPLE_REFERENCE, 105_100)
    assert inquiry.facts["paymentDate"] == "20-10-2025"
    assert stage.sent("/payment-status") == [{"billNumber": BILL, "transactionId": EXAMPLE_REFERENCE}]


async def test_an_empty_list_is_not_found(staged: Staged) -> None:
    async with staged() as stage:
        assert await stage.adapter.inquire(await stage.order()) == NotFound()


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(Caller.stay_silent, id="silence"),
        pytest.param(Caller.hang_up, id="a connection dropped"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 200}'), id="no list"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 404, "data": []}'), id="an empty list, but not OK"),
        pytest.param(lambda c: c.answer(envelope([{}])), id="an empty row"),
        pytest.param(lambda c: c.answer(envelope([]), status=500), id="500"),
    ],
)
async def test_only_a_sound_answer_settles_a_doubt(staged: Staged, manners: Manners) -> None:
    async with staged(Desk(rude={"/payment-status": manners})) as stage:
        assert isinstance(await stage.adapter.inquire(await stage.order()), NoAnswer)


# ---- logging in


async def test_twenty_at_once_log_in_once(staged: Staged) -> None:
    async with staged() as stage:
        replies = await asyncio.gather(*(stage.adapter.fetch(QUERY) for _ in range(20)))
    assert all(isinstance(reply, BillFound) for reply in replies)
    assert stage.desk.logins == 1
    assert stage.sent("/login") == [{"user": "ekpay", "password": "open sesame"}]


async def test_a_token_that_ended_costs_one_login_and_one_repeat(staged: Staged) -> None:
    async with staged() as stage:
        order = await stage.order()
        stage.desk.good_token = "rotated"
        assert isinstance(await stage.adapter.pay(order), Approved)
        assert stage.paths() == ["/login", "/bill", "/payment", "/login", "/payment"]
        assert stage.tokens.held == {"desco_postpaid": "token-2"}


async def test_twenty_refused_at_once_log_in_once(staged: Staged) -> None:
    async with staged() as stage:
        await stage.bill()
        stage.desk.good_token = "rotated"
        replies = await asyncio.gather(*(stage.adapter.fetch(QUERY) for _ in range(20)))
    assert all(isinstance(reply, BillFound) for reply in replies)
    assert stage.desk.logins == 2


async def test_refused_at_the_door_twice_is_an_answered_no(staged: Staged) -> None:
    async with staged() as stage:
        order = await stage.order()
        stage.desk.rude["/payment"] = lambda caller: caller.answer(b"{}", status=401)
        assert await stage.adapter.pay(order) == Declined("not_authenticated", "401")
        assert stage.paths().count("/payment") == 2


async def test_the_repeat_after_a_401_is_not_sent_after_the_last_moment(staged: Staged) -> None:
    async def log_in_slowly(caller: Caller) -> None:
        await eventually(lambda: time.monotonic() > order.send_before)
        await stage.desk.log_in(caller)

    async with staged() as stage:
        order = await stage.order(seconds=0.2)
        stage.desk.good_token = "rotated"
        stage.desk.rude["/login"] = log_in_slowly
        assert isinstance(await stage.adapter.pay(order), Unreached)
        assert stage.paths().count("/payment") == 1


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(lambda c: c.answer(b'{"statusCode": 401}', status=401), id="refused"),
        pytest.param(lambda c: c.answer(b"<html>"), id="a page"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 200, "expiresIn": 60}'), id="no token"),
        pytest.param(
            lambda c: c.answer(b'{"statusCode": 200, "token": "a\\r\\nb: c", "expiresIn": 60}'),
            id="a token that would break a header",
        ),
        pytest.param(
            lambda c: c.answer(b'{"statusCode": 200, "token": "t", "expiresIn": "x"}'), id="no life"
        ),
        pytest.param(Caller.hang_up, id="a connection dropped"),
    ],
)
async def test_without_a_login_nothing_is_sent(staged: Staged, manners: Manners) -> None:
    async with staged() as stage:
        order = await stage.order()
        stage.desk.rude["/login"] = manners
        stage.tokens.held.clear()
        stage.adapter._line._keeper._token = ""  # noqa: SLF001 - as in a process that has just started
        assert isinstance(await stage.adapter.pay(order), Unreached)
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)
        assert isinstance(await stage.adapter.inquire(order), NoAnswer)
        assert "/payment" not in stage.paths()


async def test_a_missing_password_is_named_and_nothing_is_sent(staged: Staged) -> None:
    async with staged(EKPAY_DESCO_PASSWORD="") as stage:
        assert await stage.adapter.fetch(QUERY) == BillerSilent("EKPAY_DESCO_PASSWORD is not set")
    assert stage.peer.heard == []


def test_a_manifest_without_one_of_the_calls_is_refused(desco: Manifest) -> None:
    operations = {name: call for name, call in desco.operations.items() if name != "status"}
    lacking = desco.model_copy(update={"operations": operations})
    around = Surroundings(HttpWire(DhakaClock()), TokenShelf(), DhakaClock(), {})
    with pytest.raises(ManifestError, match="status"):
        ScrollRest(lacking, around)


def test_a_setting_that_the_family_does_not_know_is_refused(desco: Manifest) -> None:
    odd = desco.model_copy(update={"family_settings": {**desco.family_settings, "colour": "red"}})
    around = Surroundings(HttpWire(DhakaClock()), TokenShelf(), DhakaClock(), {})
    with pytest.raises(ManifestError, match="colour"):
        ScrollRest(odd, around)
