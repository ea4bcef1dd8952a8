"""A card number in every field of every edge; then every column, log line and answer is looked through.

docs/adr/0084. The search shares no code with the detector: it looks for the digits of known numbers, whatever
stands between them.
"""

import copy
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

import pytest
from fastapi import FastAPI

from ekpay_switch.api.merchant.refusals import BASE as MERCHANT
from ekpay_switch.api.syndicate.codes import BASE as SYNDICATE
from ekpay_switch.cli.acting import visible_text
from ekpay_switch.composition.http_app import build_app
from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.collections.connector_calls import Collected, PageCreated
from ekpay_switch.domain.outcome import Approved
from ekpay_switch.persistence.challans.users import ChallanAccess
from ekpay_switch.persistence.parties.api_keys import ApiKeys
from ekpay_switch.persistence.parties.partners import NewPartner, Partners
from ekpay_switch.ports.billers import Parameter
from ekpay_switch.ports.world import World
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.pass_keys import hash_pass_key
from ekpay_switch.settings import Settings
from sandbox.callers.partner.messages import MessageWriter, Payout
from sandbox.kit.jwe import seal, unseal
from tests.api.api_setup import Content, Reply, request_of
from tests.api.echallan.echallan_setup import CREATE
from tests.factories import TOTAL, a_bill
from tests.fakes.billers import BILL_NUMBER, PROFILE, Deed, FakeBiller, FakeBillers
from tests.fakes.challans import TREASURY, FakeTreasury
from tests.fakes.connectors import FakeConnector, FakeConnectors, Move, Page
from tests.fakes.crash_points import Steps
from tests.persistence.books import Books
from tests.persistence.challans.challan_setup import BIN, MachineClock
from tests.persistence.collections.merchant_money_setup import Stall
from tests.scenarios.merchant_orders import ELSEWHERE, KEY, SERVER, an_order

OPENS_NOTHING = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # 32 bytes that open nothing
CARDS = ("4012888888881881", "5200828282828210", "371449635398431")
SPELLINGS = (
    "4012888888881881",
    "4012 8888 8888 1881",
    "5200-8282-8282-8210",
    "৪০১২ ৮৮৮৮ ৮৮৮৮ ১৮৮১",
    "3714.496353.98431",
    "5200828282828210",
)
TEXT_COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public'
  AND data_type IN ('text', 'character varying', 'jsonb', 'json', 'bytea', 'ARRAY')
"""
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
ECHOED = frozenset({"bllr_id", "bll_no", "bllr_accno", "bll_mobno", "bll_typ", "meter_no"})
NAME = Parameter("name", "x_name", "", "", "^[^<>]{2,80}$", "Rahela Khatun", "A", is_required=False)


def cards_in(written: str | bytes) -> list[str]:
    """The known numbers in a text or body, in whatever spelling."""
    body = written.encode("utf-8", "surrogateescape") if isinstance(written, str) else written
    seen = []
    for form in (body, unquote_to_bytes(body.replace(b"+", b" "))):
        text = ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), form.decode("utf-8", "replace"))
        digits = "".join(str(int(sign)) for sign in text if sign.isdecimal())
        seen += [card for card in CARDS if card in digits]
    return seen


@dataclass
class Scene:
    """The whole application over real books, with a biller, a treasury and a wallet in memory."""

    app: FastAPI
    books: Books
    biller: FakeBiller
    wallet: FakeConnector
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    _count: int = 0

    def next(self) -> int:
        self._count += 1
        return self._count

    def spelling(self) -> str:
        return SPELLINGS[self.next() % len(SPELLINGS)]

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        address: str = SERVER,
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        sent = {"Content-Type": "application/json", **(headers or {})}
        reply = await request_of(
            self.app, method, path, body, sent.items(), query=query.encode(), address=address
        )
        self.answers.append((path, reply.body + json.dumps(reply.headers).encode()))
        return reply


def with_cards(content: Content, card: str) -> Iterator[tuple[str, Content]]:
    """The content with the number in one leaf after the other, alone and inside of what stood there."""
    for path in _leaves(content):
        for number, written in enumerate((card, f"x {card} y")):
            spoilt = copy.deepcopy(content)
            place: Any = spoilt
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = written
            yield f"{'.'.join(map(str, path))} {number}", spoilt


def _leaves(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in inner:
        yield from _leaves(member, (*before, name))
    if before and not isinstance(value, dict | list):
        yield before


@asynccontextmanager
async def opened(books: Books, home: Path) -> AsyncIterator[Scene]:
    clock, steps = MachineClock(), Steps()
    profile = replace(
        PROFILE, parameters=(BILL_NUMBER, NAME), safety=replace(PROFILE.safety, can_be_undone=True)
    )
    biller, treasury = FakeBiller(clock, steps, profile), FakeTreasury(clock, steps, TREASURY)
    wallet = FakeConnector(clock, steps)

    def wrap(world: World) -> World:
        return replace(world, billers=FakeBillers([biller, treasury]), connectors=FakeConnectors([wallet]))

    settings = Settings(
        home=home, master_key=OPENS_NOTHING, operations_port=0, public_url="https://pay.example"
    )
    app = build_app(settings, books.database, wrap)
    async with app.router.lifespan_context(app):
        yield Scene(app, books, biller, wallet)


async def orders_of_merchants(scene: Scene) -> None:
    base = an_order(
        {"cust_info": {"cust_email": "a@shop.example"}},
        note="x",
        meta={"items": [{"name": "sari", "n": "1"}]},
    )
    for _, order in with_cards(base, scene.spelling()):
        if order["trns_info"]["trnx_id"] == base["trns_info"]["trnx_id"]:
            order["trns_info"]["trnx_id"] = f"T-{scene.next()}"
        for member, card in (("cust_mail_addr", scene.spelling()), ("cust_name", f"R {scene.spelling()}")):
            order["cust_info"][member] = order["cust_info"][member] or card
        await scene.ask("POST", f"{MERCHANT}/merchant-api", json.dumps(order).encode())
        status = {"trnx_id": order["trns_info"]["trnx_id"], "username": "shop_test"}
        for address in (SERVER, ELSEWHERE):
            await scene.ask("POST", f"{MERCHANT}/get-status", json.dumps(status).encode(), address)
    for reference, trnx_id in await scene.books.rows(
        "SELECT checkout_reference, trnx_id FROM merchant_orders"
    ):
        await scene.ask("GET", f"/pay/checkout/{reference}")
        form = urlencode({"instrument": scene.spelling(), "nth": "1", "csrf": scene.spelling()})
        await scene.ask(
            "POST", f"/pay/checkout/{reference}/try", form.encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "X-Order": trnx_id},
        )  # fmt: skip


async def collected_bills(scene: Scene) -> None:
    await scene.books.partner()
    engine = scene.books.database.engine()
    key = await ApiKeys(engine).add("bank1", {"shop.example"})
    await engine.dispose()
    headers = {"Authorization": f"Bearer {key}"}
    base = {
        "biller": "b025", "parameters": {"bill_no": "", "name": "Rahela Khatun"}, "amount": TOTAL,
        "currency": "BDT", "instrument": "bkash", "return_url": "https://shop.example/done",
    }  # fmt: skip
    for _, spoilt in with_cards(base, scene.spelling()):
        order = _with_own_bill(scene, spoilt)
        name = f"key-of-a-walk-{scene.next():06d}"
        await scene.ask(
            "POST", "/v1/payments", json.dumps(order).encode(), headers={**headers, "Idempotency-Key": name}
        )
    order = _with_own_bill(scene, base)
    for name in (CARDS[0], f"order-{CARDS[0]}", "5200-8282-8282-8210"):
        await scene.ask(
            "POST", "/v1/payments", json.dumps(order).encode(), headers={**headers, "Idempotency-Key": name}
        )  # fmt: skip
    await _one_that_is_paid(scene, _with_own_bill(scene, base), headers)


def _bill(scene: Scene, number: str) -> Bill:
    return replace(a_bill(number), details={"customer_name": scene.spelling(), "address": f"at {CARDS[0]}"})


def _with_own_bill(scene: Scene, order: Mapping[str, Any]) -> Content:
    number = f"{scene.next():012d}"
    scene.biller.bills[number] = _bill(scene, number)
    parameters = dict(order["parameters"])
    parameters["bill_no"] = parameters["bill_no"] or number
    return {**order, "parameters": parameters}


async def _one_that_is_paid(scene: Scene, order: Content, headers: Mapping[str, str]) -> None:
    """Every answer of the far sides brings a card number, and so does what the payer's browser brings."""
    card = scene.spelling()
    scene.wallet.creates.append(PageCreated("PAID", "https://bkash.example/pay/PAID", {"note": card}))
    made = await scene.ask(
        "POST",
        "/v1/payments",
        json.dumps(order).encode(),
        headers={**headers, "Idempotency-Key": "key-of-a-walk-that-pays"},
    )
    assert made.status == 201, made.body
    asked = scene.wallet.orders[-1]
    scene.wallet.pages["PAID"] = Page(replace(asked, provider_reference="PAID"))
    money = Collected(asked.reference, asked.amount, "TRX1", {"payer_account": card, "words": f"by {card}"})
    scene.wallet.executes.append(Move(money))
    scene.biller.deeds.append(Deed(Approved({"receipt": "D-1", "message": f"paid {card}"}), posts=True))
    query = urlencode({"paymentID": "PAID", "status": "success", "card": card})
    returned = await scene.ask("GET", f"/pay/return/{asked.reference}", query=query)
    assert returned.status == 303, returned.body
    payment = made.plain["id"]
    refund = {"amount": 100, "currency": "BDT", "reason": visible_text(f"card {card}")}
    for reason in (card, f"paid by {card}", visible_text(f"card {card}")):
        refund["reason"] = reason
        await scene.ask(
            "POST", f"/v1/payments/{payment}/refunds", json.dumps(refund).encode(),
            headers={**headers, "Idempotency-Key": f"key-of-a-walk-refund-{scene.next()}"},
        )  # fmt: skip
    for path in (f"/v1/payments/{payment}", f"/v1/payments/{payment}/refunds"):
        await scene.ask("GET", path, headers=headers)


async def bills_of_partners(scene: Scene) -> None:
    engine = scene.books.database.engine()
    keys = KeyRing.open(Path("unused"), OPENS_NOTHING)
    given = await Partners(engine, keys).add(NewPartner("walker", "Walker", "walker-user", "NS77", "s77"))
    lane = await scene.books.value("SELECT lane FROM partners WHERE id = 'walker'")
    await engine.dispose()
    await scene.books.top_up("walker", 10_000_000, lane)
    login = {"user_id": "walker-user", "pass_key": given.pass_key}
    for _, spoilt in with_cards(login, CARDS[0]):
        await scene.ask("POST", f"{SYNDICATE}/get-token", json.dumps(spoilt).encode())
    reply = await scene.ask("POST", f"{SYNDICATE}/get-token", json.dumps(login).encode())
    token, secret = reply.plain["security_token"], given.shared_secret
    write = MessageWriter("NS77", "s77")

    async def say(path: str, message: Content) -> Content:
        sealed = seal(json.dumps(message).encode(), secret).encode()
        answer = await scene.ask(
            "POST", f"{SYNDICATE}/{path}", sealed, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status == 200, answer.body
        opened: Content = json.loads(unseal(answer.body.decode(), secret))
        # Names that a caller sent come back to it alone, in the sealed answer, and stand nowhere.
        told = {name: value for name, value in opened.items() if name not in {"trx", "bllr_inf"}}
        bill = {name: value for name, value in opened.get("bllr_inf", {}).items() if name not in ECHOED}
        scene.answers.append((path, json.dumps(bill).encode()))
        scene.answers.append((path, json.dumps(told).encode()))
        return opened

    for name, spoilt in with_cards(write.fetch("b025", bll_no="", x_name="Rahela", bll_cstnm="R"), CARDS[1]):
        bill_no = f"{scene.next():012d}"
        scene.biller.bills[bill_no] = _bill(scene, bill_no)
        if not name.startswith("bll_inf.bll_no"):
            spoilt["bll_inf"]["bll_no"] = bill_no
        fetched = await say("fetch-bill", spoilt)
        if fetched["resp_status"]["rsp_cd"] != "0000":
            continue
        scene.biller.deeds.append(Deed(Approved({"receipt": "D-1", "message": CARDS[1]}), posts=True))
        payment = write.payment(fetched, Payout(f"R{scene.next()}"))
        for _, spoilt_payment in with_cards(payment, scene.spelling()):
            await say("update-billPayment", spoilt_payment)
        assert (await say("update-billPayment", payment))["resp_status"]["rsp_cd"] in {"0000", "0101"}


async def challans_of_merchants(scene: Scene, trnx_id: str) -> None:
    engine = scene.books.database.engine()
    given = await ChallanAccess(engine).grant("shop", "shop_challan_test", BIN, "Rahima")
    await engine.dispose()
    login = {"username": given.username, "key": given.key}
    for _, spoilt in with_cards(login, CARDS[0]):
        await scene.ask("POST", "/echallan/api/authenticate", json.dumps(spoilt).encode())
    token = (await scene.ask("POST", "/echallan/api/authenticate", json.dumps(login).encode())).plain[
        "jwt_token"
    ]
    credit = {**CREATE["CREDIT_INFO"][0], "AMOUNT": "1"}
    base = {**CREATE, "PAY_TRXID": trnx_id, "TRANAMOUNT": "1", "CREDIT_INFO": [credit]}
    for _, spoilt in with_cards(base, scene.spelling()):
        if spoilt["REQUEST_ID"] == base["REQUEST_ID"]:
            spoilt["REQUEST_ID"] = f"R{scene.next()}"
        await scene.ask(
            "POST",
            "/echallan/api/challan/create",
            json.dumps(spoilt).encode(),
            headers={"Authorization": token},
        )
        query = urlencode({"REQUEST_ID": spoilt["REQUEST_ID"]})
        await scene.ask("GET", "/echallan/api/challan/search", query=query, headers={"Authorization": token})


async def callbacks_of_providers(scene: Scene) -> None:
    card = CARDS[0]
    bodies = (
        card, json.dumps({"card": SPELLINGS[3]}), urlencode({"card": SPELLINGS[3], "status": "success"}),
        urlencode({"paymentID": card, "status": "success", "reference": card, "consent": card}),
        f"status={card}", f"<card>{SPELLINGS[1]}</card>", "paymentID=PAID&status=success&card=" + quote(card),
    )  # fmt: skip
    for body in bodies:
        await scene.ask(
            "POST", "/callbacks/bkash", body.encode(), headers={"X-Card": card, "User-Agent": f"agent {card}"}
        )
        await scene.ask(
            "POST", "/callbacks/bkash", body.encode() + b"&", headers={"X-Proof": "wrong", "X-Card": card}
        )
        await scene.ask("GET", f"/pay/return/at/{quote(card)}", query=body if body.isascii() else "")


async def found_in_the_database(books: Books) -> tuple[list[str], int]:
    """Where a known number stands, and how many values were looked through."""
    found, looked = [], 0
    for table, column, kind in await books.rows(TEXT_COLUMNS):
        cast = f'"{column}"' if kind == "bytea" else f'"{column}"::text'
        for (value,) in await books.rows(f'SELECT {cast} FROM "{table}" WHERE "{column}" IS NOT NULL'):  # noqa: S608
            looked += 1
            found += [f"{table}.{column}: {value!r:.200}"] if cards_in(value) else []
    return found, looked


async def test_no_card_number_stays_anywhere(
    stall: Stall, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    books = stall.books
    await books.tell("UPDATE merchants SET pass_key_hash = $1", hash_pass_key(KEY))
    sold = await stall.shop.seen((await stall.sold()).payment_id)
    async with opened(books, tmp_path) as scene:
        await orders_of_merchants(scene)
        await collected_bills(scene)
        await bills_of_partners(scene)
        await challans_of_merchants(scene, sold.text.trnx_id)
        await callbacks_of_providers(scene)

    logs = capsys.readouterr().err
    assert [line for line in logs.splitlines() if cards_in(line)] == []
    assert [(path, body) for path, body in scene.answers if cards_in(body)] == []
    found, looked = await found_in_the_database(books)
    assert found == []
    # The walk went through every room.
    assert looked > 1_000
    for table in (
        *("merchant_orders", "collections", "quotes", "payments", "challan_requests", "callbacks"),
        *("unclaimed_callbacks", "evidence", "refunds", "history"),
    ):
        assert await books.count(table), table


def test_the_search_itself_finds_every_spelling() -> None:
    for written in SPELLINGS:
        assert cards_in(written)
        assert cards_in(json.dumps({"x": written}))
        assert cards_in(urlencode({"x": written}))
        assert cards_in(f'{{"x": "{written}"}}'.encode())
    assert cards_in("401288******1881 371449*****8431") == []
