"""Accounts in the database: one for a number, sessions that end everywhere, and what a closed one leaves."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.citizens.accounts import IDLE_LIFE, WHOLE_LIFE, SignedIn
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.citizens.accounts import PostgresCitizenAccounts, drop_old_sessions
from ekpay_switch.ports.citizens import CartContact, NewSession
from ekpay_switch.security.identifiers import unguessable, uuid7
from tests.persistence.books import SEALER
from tests.persistence.citizens.conftest import DIGESTS, Desk

NUMBER, OTHER = "01712345678", "01812345678"
AGE = "UPDATE citizen_sessions SET {column} = {column} - interval '{seconds} seconds'"
MOVED = (
    "UPDATE citizens SET number_sealed = (SELECT number_sealed FROM citizens WHERE id <> $1) WHERE id = $1"
)
READ_ALL = "SELECT string_agg(t::text, ' ') FROM {table} AS t"
NEW_CART = "INSERT INTO bill_carts (id, reference) VALUES ('{cart_id}', '{cart_id}')"
BEGUN = "UPDATE bill_carts SET created_at = '2026-03-0{day} UTC' WHERE id = '{cart_id}'"
WAITS = "INSERT INTO cart_work (cart_id, next_action_at) VALUES ('{cart_id}', now())"


@pytest.fixture
def accounts(desk: Desk) -> PostgresCitizenAccounts:
    return PostgresCitizenAccounts(desk.transactions, DIGESTS, SEALER)


def new_session(number: str = NUMBER, *, instead_of: str = "") -> NewSession:
    return NewSession(
        uuid7(), uuid7(), unguessable(), number, PayerLanguage.BANGLA, "Chrome, Android", instead_of
    )


async def entered(accounts: PostgresCitizenAccounts, number: str = NUMBER) -> tuple[str, SignedIn]:
    new = new_session(number)
    await accounts.sign_in(new)
    who = await accounts.by_secret(new.secret)
    assert who is not None
    return new.secret, who


async def test_a_hundred_who_sign_in_at_once_with_one_number_are_one_citizen(
    desk: Desk, accounts: PostgresCitizenAccounts
) -> None:
    sessions = [new_session() for _ in range(100)]
    await asyncio.gather(*(accounts.sign_in(new) for new in sessions))
    assert await desk.books.count("citizens") == 1
    seen = [await accounts.by_secret(new.secret) for new in sessions]
    assert len({who.citizen_id for who in seen if who is not None}) == 1
    assert None not in seen


async def test_a_repeat_after_a_lost_commit_begins_one_session(
    desk: Desk, accounts: PostgresCitizenAccounts
) -> None:
    old, _ = await entered(accounts)
    new = new_session(instead_of=old)
    await accounts.sign_in(new)
    await accounts.sign_in(new)
    assert await desk.books.count("citizen_sessions") == 1
    assert await accounts.by_secret(old) is None
    assert await accounts.by_secret(new.secret) is not None


@pytest.mark.parametrize("secret", ["", "NOBODYS", "\x00", "\ud800", "' OR 1=1"])
async def test_a_secret_of_nobody_signs_nobody_in(accounts: PostgresCitizenAccounts, secret: str) -> None:
    await entered(accounts)
    assert await accounts.by_secret(secret) is None


async def test_neither_number_nor_secret_stand_in_the_database(
    desk: Desk, accounts: PostgresCitizenAccounts
) -> None:
    secret, _ = await entered(accounts)
    for table in ("citizens", "citizen_sessions"):
        text = await desk.books.value(READ_ALL.format(table=table))
        assert NUMBER not in text
        assert secret not in text


@pytest.mark.parametrize(
    ("column", "life"), [("used_at", IDLE_LIFE), ("begun_at", WHOLE_LIFE)], ids=["idle", "whole"]
)
async def test_a_session_ends_by_itself(
    desk: Desk, accounts: PostgresCitizenAccounts, column: str, life: timedelta
) -> None:
    secret, who = await entered(accounts)
    await desk.books.tell(AGE.format(column=column, seconds=life.total_seconds() - 60))
    assert await accounts.by_secret(secret) is not None
    await desk.books.tell(AGE.format(column=column, seconds=life.total_seconds()))
    assert await accounts.by_secret(secret) is None
    assert await accounts.sessions(who.citizen_id) == []
    await drop_old_sessions(desk.transactions)
    assert await desk.books.count("citizen_sessions") == 0


async def test_use_is_noted_seldom(desk: Desk, accounts: PostgresCitizenAccounts) -> None:
    secret, _ = await entered(accounts)
    await desk.books.tell(AGE.format(column="used_at", seconds=60))
    at = await desk.books.value("SELECT used_at FROM citizen_sessions")
    await accounts.by_secret(secret)
    assert await desk.books.value("SELECT used_at FROM citizen_sessions") == at
    await desk.books.tell(AGE.format(column="used_at", seconds=3_600))
    await accounts.by_secret(secret)
    assert await desk.books.value("SELECT used_at FROM citizen_sessions") > at


async def test_a_citizen_ends_own_sessions_and_no_others(accounts: PostgresCitizenAccounts) -> None:
    (first, who), (second, _), (others, other) = (
        await entered(accounts), await entered(accounts), await entered(accounts, OTHER),
    )  # fmt: skip
    await accounts.end_session(who.citizen_id, other.session_id)
    assert await accounts.by_secret(others) is not None
    await accounts.end_other_sessions(who.citizen_id, who.session_id)
    assert await accounts.by_secret(second) is None
    assert [seen.session_id for seen in await accounts.sessions(who.citizen_id)] == [who.session_id]
    await accounts.end_session(who.citizen_id, who.session_id)
    assert await accounts.by_secret(first) is None
    assert await accounts.by_secret(others) is not None


async def test_a_cart_stays_whose_it_is(desk: Desk, accounts: PostgresCitizenAccounts) -> None:
    (_, who), (_, other) = await entered(accounts), await entered(accounts, OTHER)
    carts = [await opened_cart(desk) for _ in range(3)]
    for cart_id in carts:
        await accounts.claim_cart(who.citizen_id, cart_id)
        await accounts.claim_cart(other.citizen_id, cart_id)
    assert await accounts.cart_ids(who.citizen_id, 2) == carts[:0:-1]
    assert await accounts.cart_ids(other.citizen_id, 9) == []


async def test_the_carts_of_a_time_are_those_begun_in_it(
    desk: Desk, accounts: PostgresCitizenAccounts
) -> None:
    (_, who), (_, other) = await entered(accounts), await entered(accounts, OTHER)
    carts = [await opened_cart(desk) for _ in range(4)]
    for day, cart_id in enumerate(carts, 1):
        await accounts.claim_cart(who.citizen_id, cart_id)
        await desk.books.tell(BEGUN.format(cart_id=cart_id, day=day))
    since, until = (datetime(2026, 3, day, tzinfo=UTC) for day in (2, 4))
    of_time = await accounts.cart_ids_between(who.citizen_id, since, until, 9)
    assert of_time == [carts[2], carts[1]], "the newest first, and none that was begun as the time ended"
    assert await accounts.cart_ids_between(who.citizen_id, since, until, 1) == [carts[2]]
    assert await accounts.cart_ids_between(other.citizen_id, since, until, 9) == []


async def opened_cart(desk: Desk) -> UUID:
    cart_id = uuid7()
    await desk.books.tell(NEW_CART.format(cart_id=cart_id))
    return cart_id


async def test_a_closed_account_is_forgotten_and_its_number_registers_anew(
    desk: Desk, accounts: PostgresCitizenAccounts
) -> None:
    secret, who = await entered(accounts)
    cart_id = await opened_cart(desk)
    await accounts.claim_cart(who.citizen_id, cart_id)
    await accounts.close(who.citizen_id)
    await accounts.close(who.citizen_id)
    assert await accounts.by_secret(secret) is None
    left = await desk.books.value("SELECT num_nonnulls(number_digest, number_sealed) FROM citizens")
    assert left == 0
    assert await desk.books.count("citizen_sessions") == 0
    assert await desk.books.count("citizen_carts") == 0
    _, again = await entered(accounts)
    assert again.citizen_id != who.citizen_id
    assert await accounts.cart_ids(again.citizen_id, 9) == []


async def test_a_closed_account_takes_the_numbers_of_its_payments_along_but_of_waiting_money(
    desk: Desk, accounts: PostgresCitizenAccounts
) -> None:
    _, who = await entered(accounts)
    own, waiting, of_others = [await opened_cart(desk) for _ in range(3)]
    for cart_id in (own, waiting, of_others):
        await desk.contacts.keep(cart_id, CartContact(NUMBER, PayerLanguage.BANGLA))
    for cart_id in (own, waiting):
        await accounts.claim_cart(who.citizen_id, cart_id)
    await desk.books.tell(WAITS.format(cart_id=waiting))
    await accounts.close(who.citizen_id)
    left = {row["cart_id"] for row in await desk.books.rows("SELECT cart_id FROM cart_contacts")}
    assert left == {waiting, of_others}


async def test_a_number_moved_to_another_account_opens_nothing(
    desk: Desk, accounts: PostgresCitizenAccounts
) -> None:
    (secret, who), (others, _) = await entered(accounts), await entered(accounts, OTHER)
    await desk.books.tell(MOVED.replace("$1", f"'{who.citizen_id}'"))
    assert await accounts.by_secret(secret) is None
    assert await accounts.by_secret(others) is not None
