"""What a shop writes, what it is told, and that it is told the truth whatever breaks behind it."""

import asyncio
import json

import pytest

from ekpay_switch.api.echallan import answers
from ekpay_switch.domain.challans import ChallanRefusal
from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.payment import State
from tests.api.echallan.echallan_setup import CREATE, Window
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.fakes.challans import CREDITED, FEE, STRANGE, VAT, gives

REFUSES = Deed(Declined("refused", "104"))
ONE = [{"SLNO": "1", "CREDIT_ACCOUNT": FEE, "AMOUNT": "500"}]


def a_line(amount: object = "500", account: object = FEE, slno: object = 1) -> dict[str, object]:
    return {"SLNO": slno, "CREDIT_ACCOUNT": account, "AMOUNT": amount}


async def test_done_is_status_200_with_a_challan_for_each_line(window: Window) -> None:
    window.scene.treasury.deeds += [gives("2526-0000000001"), gives("2526-0000000002")]
    reply = await window.create()
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.content == {
        "STATUS": "200",
        "MESSAGE": "Challan created successfully",
        "REQUEST_ID": "R1",
        "REF_NO": "M-1",
        "TRAN_DATE": "2026-03-01",
        "PAY_TRXID": "T1",
        "TRANAMOUNT": "575.00",
        "CREDIT_INFO": [
            {
                "SLNO": "1",
                "CREDIT_ACCOUNT": FEE,
                "AMOUNT": "500.00",
                "STATUS": "200",
                "CHALLAN_NO": "2526-0000000001",
            },
            {
                "SLNO": "2",
                "CREDIT_ACCOUNT": VAT,
                "AMOUNT": "75.00",
                "STATUS": "200",
                "CHALLAN_NO": "2526-0000000002",
            },
        ],
    }


@pytest.mark.parametrize("path", ["challan/search", "searchEchallanInfo"])
async def test_a_search_says_what_stands(window: Window, path: str) -> None:
    made = await window.create()
    found = await window.search(path, REQUEST_ID="R1", TRAN_DATE="2026-03-01")
    assert found.content == made.content
    assert (await window.search(path, REQUEST_ID="R1")).content == made.content


@pytest.mark.parametrize("query", [{"REQUEST_ID": "R2"}, {"REQUEST_ID": "R1", "TRAN_DATE": "2026-03-02"}])
async def test_what_is_not_there_is_404_in_an_answer_that_clients_read(
    window: Window, query: dict[str, str]
) -> None:
    await window.create()
    reply = await window.search(**query)
    assert (reply.status, reply.told) == (200, "404")


@pytest.mark.parametrize(
    "query", [{}, {"REQUEST_ID": ""}, {"REQUEST_ID": "a b"}, {"REQUEST_ID": "R1", "TRAN_DATE": "1-3-2026"}]
)
async def test_a_search_for_nothing_is_malformed(window: Window, query: dict[str, str]) -> None:
    reply = await window.search(**query)
    assert (reply.status, reply.told) == (400, "400")


async def test_another_merchants_request_is_not_there(window: Window) -> None:
    await window.create()
    standing = window.scene.challans.requests.pop(("shop", "R1"))
    window.scene.challans.requests["other", "R1"] = standing
    assert (await window.search(REQUEST_ID="R1")).told == "404"


async def test_numbers_come_as_text_or_as_numbers_and_names_with_blanks(window: Window) -> None:
    first = await window.create()
    body = json.dumps(
        {
            **{f"{name} ": value for name, value in CREATE.items()},
            "TRANAMOUNT ": 575,
            "CREDIT_INFO ": [
                {" SLNO": "1", "CREDIT_ACCOUNT ": FEE, "AMOUNT": 500},
                {"SLNO": "2", "CREDIT_ACCOUNT": VAT, "AMOUNT": "75.00"},
            ],
        }
    )
    again = await window.send(body.encode())
    assert again.content == first.content
    assert len(window.scene.treasury.book) == 2


async def test_what_may_be_left_out_may_be_null_too(window: Window) -> None:
    left_out = dict.fromkeys(("REF_NO", "REFERENCE_NAME", "ADDRESS", "PURPOSE"))
    first = await window.create(**left_out)
    assert (first.told, first.content["REF_NO"]) == ("200", "")
    again = await window.send(json.dumps({**CREATE, **left_out}).encode())
    assert again.content == first.content


@pytest.mark.parametrize("written", ["01712345678", "+8801712345678", "8801712345678", "০১৭১২৩৪৫৬৭৮"])
async def test_a_mobile_number_is_told_to_the_treasury_in_one_form(window: Window, written: str) -> None:
    await window.create(MOBILE_NO=written)
    assert {order.biller_quote["mobile"] for order in window.scene.treasury.orders} == {"01712345678"}


@pytest.mark.parametrize(
    "changes",
    [
        {"REQUEST_ID": None},
        {"REQUEST_ID": ""},
        {"REQUEST_ID": "x" * 65},
        {"REQUEST_ID": "R 1"},
        {"REQUEST_ID": True},
        {"REQUEST_ID": ["R1"]},
        {"TRAN_DATE": None},
        {"TRAN_DATE": "01-03-2026"},
        {"TRAN_DATE": "2026-02-30"},
        {"TRAN_DATE": 20260301},
        {"APPLICANT_NAME": ""},
        {"APPLICANT_NAME": "x" * 501},
        {"APPLICANT_NAME": {}},
        {"APPLICANT_NAME": "a\u0007"},
        {"MOBILE_NO": "0171234567"},
        {"MOBILE_NO": "01212345678"},
        {"MOBILE_NO": None},
        {"ADDRESS": 5.5, "PURPOSE": []},
        {"PAY_TRXID": None},
        {"PAY_TRXID": " "},
        {"TRANAMOUNT": "0"},
        {"TRANAMOUNT": "-575"},
        {"TRANAMOUNT": "575.001"},
        {"TRANAMOUNT": 5.75e2 + 0.001},
        {"TRANAMOUNT": "5,75"},
        {"TRANAMOUNT": True},
        {"TRANAMOUNT": None},
        {"CREDIT_INFO": None},
        {"CREDIT_INFO": []},
        {"CREDIT_INFO": {}},
        {"CREDIT_INFO": "x"},
        {"CREDIT_INFO": [1]},
        {"CREDIT_INFO": [a_line()] * 21},
        {"CREDIT_INFO": [a_line(amount="0")]},
        {"CREDIT_INFO": [a_line(amount=None)]},
        {"CREDIT_INFO": [a_line(account="")]},
        {"CREDIT_INFO": [a_line(slno=[])]},
        {"CREDIT_INFO": [{"SLNO": 1, "SLNO ": 1, "CREDIT_ACCOUNT": FEE, "AMOUNT": "500"}]},
    ],
)
async def test_what_cannot_be_meant_so_is_malformed(window: Window, changes: dict[str, object]) -> None:
    reply = await window.create(**changes)
    assert (reply.status, reply.told, set(reply.content)) == (400, "400", {"STATUS", "MESSAGE"})
    message, _, member = reply.content["MESSAGE"].partition(": ")
    # A member that stands twice has no place to name.
    assert (message, member.partition(".")[0] in {*changes, ""}) == ("Validation error", True)
    assert window.scene.challans.requests == {}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"REQUEST_ID":"R1","REQUEST_ID ":"R2"}', b"\xff", b"null"]
)
async def test_rubbish_is_malformed(window: Window, body: bytes) -> None:
    assert (await window.send(body)).status == 400


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"TRANAMOUNT": "574.99"}, "422", "TRANAMOUNT is not the sum of the AMOUNTs"),
        ({"CREDIT_INFO": [a_line("575", STRANGE)]}, "422", "A CREDIT_ACCOUNT is not known"),
        ({"PAY_TRXID": "T9"}, "404", "PAY_TRXID names no payment of this merchant"),
        ({"PAY_TRXID": "T2"}, "412", "The payment is not completed"),
        (
            {"TRANAMOUNT": "1001", "CREDIT_INFO": [a_line("1001")]},
            "402",
            "More than the payment has left for challans",
        ),
        (
            {"TRANAMOUNT": "0.50", "CREDIT_INFO": [a_line("0.50")]},
            "422",
            "The treasury takes no such amount, or not from this payer",
        ),
    ],
)
async def test_a_refusal_moves_nothing_and_is_read_by_clients(
    window: Window, changes: dict[str, object], status: str, message: str
) -> None:
    window.scene.order_paid("T2", 2, 100_000, State.CREATED)
    reply = await window.create(**changes)
    assert (reply.status, reply.content) == (200, {"STATUS": status, "MESSAGE": message})
    assert window.scene.balances() == (0, 0, 0, 0)


def test_every_refusal_has_its_words() -> None:
    assert set(answers.REFUSALS) == set(ChallanRefusal)


async def test_the_same_name_with_other_content_is_409(window: Window) -> None:
    await window.create()
    reply = await window.create(APPLICANT_NAME="Karim")
    assert (reply.status, reply.told) == (200, "409")


async def test_lines_that_the_treasury_refused_say_so(window: Window) -> None:
    window.scene.treasury.deeds += [REFUSES, gives("2526-0000000001")]
    reply = await window.create()
    assert reply.told == "206"
    assert [(line["STATUS"], line["CHALLAN_NO"]) for line in reply.content["CREDIT_INFO"]] == [
        ("424", None),
        ("200", "2526-0000000001"),
    ]
    window.scene.treasury.deeds.append(REFUSES)
    assert (await window.create(REQUEST_ID="R2", TRANAMOUNT="100", CREDIT_INFO=[a_line("100")])).told == "424"


async def test_a_doubt_is_in_progress(window: Window) -> None:
    window.scene.treasury.deeds += [LOSES_ANSWER, gives("2526-0000000002")]
    reply = await window.create()
    assert (reply.status, reply.told) == (200, "202")
    assert [line["STATUS"] for line in reply.content["CREDIT_INFO"]] == ["202", "200"]
    assert (await window.search(REQUEST_ID="R1")).told == "202"


async def test_a_treasury_that_takes_its_time_is_told_as_in_progress_and_goes_on() -> None:
    window = Window(answer_seconds=0.05)
    window.scene.treasury.gate = asyncio.Event()
    reply = await window.create()
    assert (reply.status, reply.told) == (200, "202")
    window.scene.treasury.gate.set()
    await window.desk.tasks.drain(5)
    assert (await window.search(REQUEST_ID="R1")).told == "200"


@pytest.mark.parametrize("trouble", [OverloadedError(), CommitUnknownError(), RuntimeError("a bug")])
async def test_what_breaks_while_lines_are_paid_is_told_as_in_progress(
    window: Window, trouble: Exception
) -> None:
    token = await window.token()
    window.scene.small.books.trouble.append(trouble)
    reply = await window.create(token)
    if isinstance(trouble, OverloadedError):
        assert (reply.status, reply.told, reply.headers["retry-after"]) == (503, "503", "1")
    else:
        assert (reply.status, reply.told) == (200, "202")
    assert (await window.create(token)).told == "200"


async def test_what_breaks_before_anything_stands_is_busy(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        raise CommitUnknownError

    token = await window.token()
    monkeypatch.setattr(window.scene.challans, "set_aside", lost)
    reply = await window.create(token)
    assert (reply.status, reply.told) == (503, "503")
    monkeypatch.setattr(window.scene.challans, "by_request", lost)
    assert (await window.create(token)).status == 503
    assert (await window.search(token=token, REQUEST_ID="R1")).status == 503


async def test_what_breaks_for_another_content_is_still_409(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    await window.create()
    standing = await window.scene.challans.by_request("shop", "R1")
    answered = [CommitUnknownError(), standing]

    async def first_lost(*_: object) -> object:
        answer = answered.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(window.scene.challans, "by_request", first_lost)
    assert (await window.create(TRANAMOUNT="500", CREDIT_INFO=ONE)).told == "409"


async def test_a_caller_that_asks_too_often_waits(window: Window) -> None:
    token = await window.token()
    for _ in range(200):
        await window.send(b"{}", token)
    assert (await window.send(b"{}", token)).status == 429
    for _ in range(200):
        await window.search(token=token, REQUEST_ID="R1")
    reply = await window.search(token=token, REQUEST_ID="R1")
    assert (reply.status, reply.told, reply.headers["retry-after"]) == (429, "429", "1")


async def test_only_the_methods_that_are_meant_are_taken(window: Window) -> None:
    token = await window.token()
    assert (await window.request("GET", "challan/create", b"", token)).status == 405
    assert (await window.request("POST", "challan/search", b"", token)).status == 405
    assert (await window.request("GET", "authenticate")).status == 405


async def test_what_a_payment_credited_is_the_most_of_all_its_challans(window: Window) -> None:
    told = []
    for number in range(4):
        reply = await window.create(REQUEST_ID=f"R{number}", TRANAMOUNT="300", CREDIT_INFO=[a_line("300")])
        told.append(reply.told)
    assert told == ["200", "200", "200", "402"]
    assert window.scene.balances()[2] <= CREDITED
