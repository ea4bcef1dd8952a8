"""`ekpay refunds` with a merchant's payment: two persons, the same shares, and the debt limit."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest

from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.merchants.shares import apportion
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from tests.cli.command_result import Ekpay
from tests.cli.two_persons import on_the_staff
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of
from tests.persistence.collections.merchant_money_setup import AMOUNT, PAYEES, SPLIT, Stall, open_stall

FIRST = {"EKPAY_STAFF_PASSPHRASE": "correct horse battery"}
SECOND = {"EKPAY_APPROVER_PASSPHRASE": "another horse battery"}
_NUMBERS = count(1)
Made = TypeVar("Made")
Make = Callable[[Callable[[Stall], Awaitable[Made]]], Made]


@pytest.fixture
def make(home: Path) -> Callable[[Callable[[Stall], Awaitable[object]]], object]:
    """Does something with a merchant's money in the database of the commands."""

    async def _make(work: Callable[[Stall], Awaitable[object]]) -> object:
        group_commit = group_commit_of(database_of(endpoint := EmbeddedPostgres(home).start()))
        await group_commit.start()
        books = Books(endpoint, group_commit)
        try:
            async with open_stall(books) as stall:
                stall.till.pages = uuid4().int % 10**9
                if not await books.count("merchants", "partner_id = 'shop'"):
                    await stall.shop.merchant(payees=PAYEES)
                return await work(stall)
        finally:
            await group_commit.stop()

    return lambda work: asyncio.run(_make(work))


@pytest.fixture
def persons(ekpay: Ekpay) -> tuple[str, str]:
    number = next(_NUMBERS)
    names = (f"Moni {number}", f"Nila {number}")
    for name, shown in zip(names, (FIRST, SECOND), strict=True):
        (passphrase,) = shown.values()
        on_the_staff(ekpay, name, passphrase)
    return names


@pytest.fixture
def sold(make: "Make[LockedTry]") -> LockedTry:
    return make(lambda stall: stall.sold(SPLIT))


def _ask(ekpay: Ekpay, sold: LockedTry, name: str, amount: str) -> str:
    words = ("--amount", amount, "--reason", "it came broken", "--by", name)
    done = ekpay("refunds", "ask", str(sold.payment_id), *words, **FIRST)
    assert done.code == 0, done.err
    return done.out.split()[1]


def test_two_persons_give_a_merchants_payment_back_in_its_shares(
    ekpay: Ekpay, make: "Make[list[int]]", sold: LockedTry, persons: tuple[str, str]
) -> None:
    asks, approves = persons
    refund_id = _ask(ekpay, sold, asks, "400.01")
    assert make(lambda stall: stall.refunded(sold)) == [0, 0, 0, 0]
    alone = ekpay(
        "refunds", "approve", refund_id, "--by", asks, EKPAY_APPROVER_PASSPHRASE="correct horse battery"
    )
    assert (alone.code, make(lambda stall: stall.refunded(sold))) == (1, [0, 0, 0, 0])
    assert "second person" in alone.err

    done = ekpay("refunds", "approve", refund_id, "--by", approves, **SECOND)

    assert (done.code, done.out) == (0, f"Refund {refund_id} of 400.01 BDT is approved.\n")
    weights = [share.amount.minor for share in SPLIT]
    assert make(lambda stall: stall.refunded(sold)) == [*apportion(40_001, weights)]
    assert ekpay("audit").code == 0


def test_what_the_debt_limit_does_not_allow_is_said_in_words(
    ekpay: Ekpay, make: "Make[object]", sold: LockedTry, persons: tuple[str, str]
) -> None:
    asks, approves = persons
    refund_id = _ask(ekpay, sold, asks, "1050.00")

    async def _pay_out(stall: Stall) -> int:
        await stall.settled(await stall.owed())
        return await stall.owed()

    assert make(_pay_out) == 0
    refused = ekpay("refunds", "approve", refund_id, "--by", approves, **SECOND)
    assert refused.code == 1
    assert "debt limit" in refused.err
    words = ("--amount", "1000.01", "--reason", "it came broken", "--by", asks)
    other = make(_sold_and_paid_out)
    again = ekpay("refunds", "ask", str(other), *words, **FIRST)
    assert (again.code, "debt limit reached" in again.err) == (1, True)


async def _sold_and_paid_out(stall: Stall) -> object:
    held = await stall.sold(SPLIT)
    await stall.settled(AMOUNT)
    return held.payment_id


def test_a_merchants_payment_is_told_in_words(ekpay: Ekpay, sold: LockedTry) -> None:
    shown = ekpay("payments", "show", str(sold.payment_id))
    assert shown.code == 0, shown.err
    assert "merchant" in shown.out
    listed = [
        one for one in json.loads(ekpay("refunds", "list", "--json").out) if one["partner_id"] == "shop"
    ]
    assert all(one["payment_id"] != str(sold.payment_id) for one in listed)
