"""The wires of the banks' own gateways, called by a merchant who knows nothing but their descriptions."""

import asyncio
import hmac
import json
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from sandbox.callers.payer.payer import PayerDecision
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.providers.bank_redirect.dbbl import signature
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.providers.bank_redirect.caller import City, Dbbl, Spg, a_name, all_banks

Banks = tuple[Dbbl, Dbbl, Spg, City]
SPLIT: Json = {"0000000000001": 100.5, "0000000000002": 20}


@pytest.fixture
async def banks(tmp_path: Path, clock: SetClock) -> AsyncIterator[Banks]:
    async with all_banks(tmp_path, clock) as opened:
        yield opened


@pytest.fixture
def dbbl(banks: Banks) -> Dbbl:
    return banks[0]


@pytest.fixture
def rocket(banks: Banks) -> Dbbl:
    return banks[1]


@pytest.fixture
def spg(banks: Banks) -> Spg:
    return banks[2]


@pytest.fixture
def city(banks: Banks) -> City:
    return banks[3]


def is_signed(result: Json) -> bool:
    told = f"{result['TRANSACTION_ID']}{result['RESULT_CODE']}{result['RRN']}".encode()
    right = hmac.new(b"gateway-sandbox-secret", told, sha256).hexdigest()
    return bool(result["SIGNATURE"] == right)


async def over(spg: Spg) -> Json:
    """The push of the one payment, once it is owed no longer."""
    async with asyncio.timeout(10):
        while True:
            (push,) = (await spg.admin("GET", "pushes?house=sonali_spg"))["pushes"]
            if push["over_at"]:
                told: Json = push
                return told


# ---- DBBL and Rocket


def test_the_signature_is_that_of_the_published_vector() -> None:
    told = signature("test-checksum-secret", "TXN1234567890", "000", "126208000123")
    assert told == "53bdfebe4b3c6ac5ed0426d96e343c2971635219698bcf7468558b6698c3981c"


@pytest.mark.parametrize("at", [0, 1])
async def test_a_card_and_a_wallet_pay_at_dbbls_page(banks: Banks, at: int) -> None:
    bank = (banks[0], banks[1])[at]
    opened = await bank.getransid()
    name = opened["TRANSACTION_ID"]
    assert opened["RSPCODE"] == "1"
    assert all(letter in name for letter in "+/=")
    assert opened["REDIRECT_URL"].endswith(f"&trans_id={quote(name, safe='')}")
    visit = await bank.visit(opened["REDIRECT_URL"])
    assert visit.sent_to == f"{bank.letterbox.url}/{bank.house}/return"
    assert visit.carries == {"trans_id": name}
    result = await bank.getresult(name)
    assert (result["RESULT"], result["RESULT_CODE"], result["AMOUNT"]) == ("OK", "000", "12050")
    assert re.fullmatch(r"[0-9]{12}", result["RRN"])
    assert result["TRANS_DATE"] == "1773122400000"
    assert "*" in result["CARD_NUMBER"]
    assert is_signed(result)


@pytest.mark.parametrize(
    ("kind", "does", "words"),
    [
        ("insufficient_funds", PayerDecision.APPROVE, ("FAILED", "116")),
        ("declined", PayerDecision.APPROVE, ("FAILED", "100")),
        ("failed_by_error", PayerDecision.APPROVE, ("FAILED", "911")),
        ("normal", PayerDecision.WRONG_PIN, ("FAILED", "106")),
        ("normal", PayerDecision.CANCEL, ("CANCELLED", "")),
        ("normal", PayerDecision.LEAVE, ("CREATED", "")),
        ("pending", PayerDecision.APPROVE, ("PENDING", "")),
    ],
)
async def test_dbbl_tells_what_has_become_of_it(
    dbbl: Dbbl, kind: str, does: PayerDecision, words: tuple[str, str]
) -> None:
    result = await dbbl.result_of(kind, does)
    assert (result["RESULT"], result["RESULT_CODE"], result["RRN"]) == (*words, "")
    assert is_signed(result)


async def test_a_page_of_dbbl_lapses(dbbl: Dbbl, clock: SetClock) -> None:
    opened = await dbbl.getransid()
    clock.advance(seconds=1_800)
    assert (await dbbl.getresult(opened["TRANSACTION_ID"]))["RESULT"] == "TIMEOUT"


async def test_a_result_can_be_wrongly_signed(rocket: Dbbl) -> None:
    result = await rocket.result_of("bad_hmac")
    assert result["RESULT"] == "OK"
    assert not is_signed(result)


async def test_the_signature_does_not_tell_another_amount(rocket: Dbbl) -> None:
    result = await rocket.result_of("other_amount")
    assert result["AMOUNT"] == "12150"
    assert is_signed(result)


async def test_dbbl_lets_nobody_else_in(dbbl: Dbbl) -> None:
    assert (await dbbl.getransid(passwd="wrong"))["RSPCODE"] == "0"
    assert (await dbbl.getransid(userid="wrong"))["RSPCODE"] == "0"
    name = (await dbbl.getransid())["TRANSACTION_ID"]
    assert "RESULT" not in await dbbl.getresult(name, passwd="wrong")


@pytest.mark.parametrize("changes", [{"cardtype": "6"}, {"amount": 0}, {"amount": "1.50"}, {"amount": True}])
async def test_dbbl_opens_no_page_for_anything(dbbl: Dbbl, changes: Json) -> None:
    assert (await dbbl.getransid(**changes))["RSPCODE"] == "0"


async def test_rocket_is_card_type_six(rocket: Dbbl) -> None:
    assert (await rocket.getransid(cardtype="1"))["RSPCODE"] == "0"


async def test_dbbl_counts_no_reference_and_knows_no_transaction_of_others(dbbl: Dbbl) -> None:
    first, second = [await dbbl.getransid(txnrefnum="TWICE") for _ in range(2)]
    assert first["TRANSACTION_ID"] != second["TRANSACTION_ID"]
    await dbbl.visit(second["REDIRECT_URL"])
    assert (await dbbl.getresult(first["TRANSACTION_ID"]))["RESULT"] == "CREATED"
    assert (await dbbl.getresult(second["TRANSACTION_ID"]))["RESULT"] == "OK"
    # The merchant's own reference is no name over there.
    for name in ("TWICE", "UNKNOWN"):
        result = await dbbl.getresult(name)
        assert (result["RESULT"], result["RESULT_CODE"]) == ("FAILED", "911")
    assert (await dbbl.call("ecomrs/rsvr/ecomtxn/getransid", dbbl.login(clientip="x")))[0] == 400


async def test_without_registered_addresses_the_browser_stays_and_nothing_is_pushed(
    tmp_path: Path, clock: SetClock
) -> None:
    async with all_banks(tmp_path, clock, is_registered=False) as (dbbl, _, spg, _):
        opened = await dbbl.getransid()
        assert (await dbbl.visit(opened["REDIRECT_URL"])).sent_to is None
        assert (await dbbl.getresult(opened["TRANSACTION_ID"]))["RESULT"] == "OK"
        _, session = await spg.opened()
        await spg.visit(spg.page(session))
        assert (await over(spg))["tries"] == 0


async def test_the_file_of_dbbl_has_the_names_of_its_calls(dbbl: Dbbl) -> None:
    result = await dbbl.result_of()
    await dbbl.result_of("declined")
    (row,) = await dbbl.file()
    for name in ("TRANSACTION_ID", "RRN", "APPROVAL_CODE", "CARD_NUMBER", "CARDNAME", "AMOUNT", "TRANS_DATE"):
        assert row[name] == result[name]
    assert (row["FEE"], row["NET"], row["RESULT_CODE"]) == ("181", "11869", "000")


# ---- Sonali


async def test_an_account_pays_a_split_invoice(spg: Spg) -> None:
    invoice, session = await spg.opened(SPLIT)
    assert (await spg.verified(session))["PaymentStatus"] == "202"
    visit = await spg.visit(spg.page(session))
    assert visit.sent_to == f"{spg.letterbox.url}/return?session_token={session}&status=200"
    told = await spg.verified(session)
    assert (told["status"], told["PaymentStatus"], told["InvoiceNo"]) == ("200", "200", invoice)
    assert (told["TotalAmount"], told["PayAmount"], told["Vat"]) == ("120.50", "120.50", "0.00")
    third = await spg.ask("api/v3/spgservice/TransactionVerificationWithToken", {"Token": session})
    assert (third["Status"], third["CustomerPaidAmount"], third["Token"]) == ("200", "120.50", session)
    (row,) = await spg.file()
    assert (row["InvoiceNo"], row["ScrollNo"]) == (invoice, told["ScrollNo"])
    assert row["crAccount"] == "0000000000001:10050 0000000000002:2000"


@pytest.mark.parametrize(
    "accounts",
    [
        {"0000000000001": 100, "0000000000002": 20},
        {"0000000000001": 120.51},
        {"x": 120.5},
        {"0000000000001": 120.5, "0000000000002": 0},
        {},
    ],
)
async def test_credits_that_do_not_add_up_get_no_token(spg: Spg, accounts: Json) -> None:
    told = await spg.token("X", accounts)
    assert (told["status"], told["msg"], "access_token" in told) == (400, "crAmount", False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"totalAmount": "120.51"}, "totalAmount"), ({"returnUrl": "x"}, "returnUrl")],
)
async def test_a_session_is_of_what_the_token_was_for(spg: Spg, changes: Json, message: str) -> None:
    invoice = a_name()
    token = (await spg.token(invoice, SPLIT))["access_token"]
    told = await spg.request(invoice, SPLIT, token, **changes)
    assert (told["status"], told["msg"]) == (400, message)
    other = {"0000000000001": 20, "0000000000002": 100.5}
    assert (await spg.request(invoice, other, token))["msg"] == "crAmount"
    assert "session_token" in await spg.request(invoice, SPLIT, token)


async def test_a_token_is_worth_one_invoice_once(spg: Spg) -> None:
    invoice = a_name()
    token = (await spg.token(invoice, SPLIT))["access_token"]
    assert (await spg.request("OTHER", SPLIT, token))["status"] == 401
    assert (await spg.request(invoice, SPLIT, "made up"))["status"] == 401
    assert "session_token" in await spg.request(invoice, SPLIT, token)
    assert (await spg.request(invoice, SPLIT, token))["status"] == 401
    # An invoice number counts no more than once only with whoever counts them.
    assert (await spg.opened(SPLIT, invoice))[0] == invoice


async def test_sonali_lets_nobody_else_in(spg: Spg) -> None:
    wrong = {"userName": "ekpay", "password": "wrong"}
    assert (await spg.token("X", SPLIT, AccessUser=wrong))["status"] == 401
    spg.headers = {"Authorization": "Basic x"}
    status, told = await spg.call("api/v2/SpgService/GetAccessToken", {})
    assert (status, told) == (401, {"Message": "Authorization has been denied for this request."})


@pytest.mark.parametrize(
    ("kind", "does", "status"),
    [
        ("declined", PayerDecision.APPROVE, "400"),
        ("normal", PayerDecision.CANCEL, "499"),
        ("pending", PayerDecision.APPROVE, "202"),
    ],
)
async def test_sonali_tells_what_has_become_of_it(
    spg: Spg, kind: str, does: PayerDecision, status: str
) -> None:
    _, session = await spg.opened()
    visit = await spg.visit(spg.page(session), kind, does)
    assert visit.status == status
    told = await spg.verified(session)
    assert (told["PaymentStatus"], told["TransactionId"], told["PayAmount"]) == (status, "", "")
    assert (await spg.verified("UNKNOWN"))["status"] == 404


async def test_sonali_takes_its_own_on_top(spg: Spg) -> None:
    _, session = await spg.opened()
    await spg.visit(spg.page(session), "charges_on_top")
    told = await spg.verified(session)
    assert (told["TotalAmount"], told["Commission"], told["Vat"]) == ("120.50", "10.00", "1.50")
    assert told["PayAmount"] == "132.00"


async def test_a_payment_is_notified_until_status_200_says_that_it_was_taken(spg: Spg) -> None:
    spg.letterbox.answer = '{"received": true}'
    invoice, session = await spg.opened()
    await spg.visit(spg.page(session))
    await spg.letterbox.until(2)
    spg.letterbox.answer = '{"Message": "Success", "Status": "200"}'
    assert (await over(spg))["status"] == 200
    told = json.loads(spg.letterbox.letters[0][1])
    assert (told["Username"], told["Password"]) == ("sonali", "gateway-sandbox-secret")
    assert (told["Token"], told["InvoiceNo"]) == (session, invoice)


@pytest.mark.parametrize(("kind", "is_right"), [("push_forged", False), ("push_unfounded", True)])
async def test_a_notification_can_be_forged_or_unfounded(spg: Spg, kind: str, *, is_right: bool) -> None:
    _, session = await spg.opened()
    await spg.visit(spg.page(session), kind)
    await spg.letterbox.until(1)
    told = json.loads(spg.letterbox.letters[0][1])
    assert (told["Password"] == "gateway-sandbox-secret") is is_right


# ---- City Bank


@pytest.mark.parametrize(
    ("kind", "does", "path", "status"),
    [
        ("normal", PayerDecision.APPROVE, "approved", "APPROVED"),
        ("declined", PayerDecision.APPROVE, "declined", "DECLINED"),
        ("normal", PayerDecision.CANCEL, "cancelled", "CANCELED"),
        ("pending", PayerDecision.APPROVE, "approved", "ON-LOCK"),
    ],
)
async def test_a_browser_comes_back_from_city_with_a_message(
    city: City, kind: str, does: PayerDecision, path: str, status: str
) -> None:
    creation_time = await city.createorder(description="A<B")
    items = creation_time["items"]
    visit = await city.visit(city.page(items), kind, does)
    assert creation_time["responseCode"] == "100"
    assert visit.sent_to == f"{city.letterbox.url}/{path}"
    message = (visit.carries or {})["xmlmsg"]
    assert f"<OrderStatus>{status}</OrderStatus>" in message
    assert "<OrderDescription>A&lt;B</OrderDescription>" in message
    told = (await city.details(items))["items"]
    assert (told["orderStatus"], told["amount"], told["currency"]) == (status, "12050", "050")
    assert ("rrn" in told) is (status == "APPROVED")


@pytest.mark.parametrize(
    "changes",
    [{"amount": 12_050}, {"amount": "0"}, {"amount": "120.50"}, {"currency": "BDT"}, {"approveUrl": "x"}],
)
async def test_city_opens_no_page_for_anything(city: City, changes: Json) -> None:
    told = await city.createorder(**changes)
    assert (told["responseCode"], told["items"]) == ("101", None)


async def test_city_lets_nobody_else_in(city: City, clock: SetClock) -> None:
    assert (await city.token(password="wrong"))["responseCode"] == "107"
    items = (await city.createorder())["items"]
    for changes in ({"secureToken": "made up"}, {"passWord": "wrong"}):
        assert (await city.createorder(**changes))["responseCode"] == "107"
        assert (await city.details(items, **changes))["responseCode"] == "107"
    assert (await city.createorder(merchantId="other"))["responseCode"] == "107"
    token = (await city.token())["transactionId"]
    clock.advance(hours=1)
    assert (await city.createorder(secureToken=token))["responseCode"] == "107"


async def test_an_order_of_city_needs_its_session_and_a_description_counts_for_nothing(city: City) -> None:
    first, second = [(await city.createorder(description="TWICE"))["items"] for _ in range(2)]
    assert first["orderId"] != second["orderId"]
    mixed = first | {"sessionId": second["sessionId"]}
    assert (await city.details(mixed))["responseCode"] == "101"
    async with city.session.get(city.page(mixed)) as answer:
        assert answer.status == 404
    await city.visit(city.page(second))
    assert (await city.details(first))["items"]["orderStatus"] == "CREATED"
    told = (await city.details(second))["items"]
    (row,) = await city.file()
    assert (row["description"], row["rrn"], row["net"]) == ("TWICE", told["rrn"], "11869")


async def test_a_lost_answer_of_city_has_opened_an_order(city: City) -> None:
    await city.admin(
        "POST",
        "faults",
        {"house": "city_bank", "step": ProviderStep.CREATE, "fault": ProviderFault.LOST_DONE},
    )
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await city.createorder()
    assert len((await city.admin("GET", "orders?house=city_bank"))["orders"]) == 1
