"""Saved bills in the database: sealed, saved once, a citizen's own, bounded, and gone with the account."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.citizens.accounts import SignedIn
from ekpay_switch.domain.citizens.saved_bills import SAVED_MAX, SavedBill
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.citizens.accounts import PostgresCitizenAccounts
from ekpay_switch.persistence.citizens.saved_bills import PostgresSavedBills
from ekpay_switch.ports.citizens import NewSession
from ekpay_switch.security.identifiers import unguessable, uuid7
from tests.persistence.books import SEALER
from tests.persistence.citizens.conftest import DIGESTS, Desk

ACCOUNT, NICKNAME = "12345678", "Mother's flat"
MOVED = "UPDATE saved_bills SET citizen_id = '{citizen_id}'"
NEW_CART = "INSERT INTO bill_carts (id, reference) VALUES ('{cart_id}', '{cart_id}')"


@pytest.fixture
def saved(desk: Desk) -> PostgresSavedBills:
    return PostgresSavedBills(desk.transactions, DIGESTS, SEALER)


@pytest.fixture
def accounts(desk: Desk) -> PostgresCitizenAccounts:
    return PostgresCitizenAccounts(desk.transactions, DIGESTS, SEALER)


async def entered(accounts: PostgresCitizenAccounts, number: str = "01712345678") -> SignedIn:
    new = NewSession(uuid7(), uuid7(), unguessable(), number, PayerLanguage.BANGLA, "Chrome, Android")
    await accounts.sign_in(new)
    who = await accounts.by_secret(new.secret)
    assert who is not None
    return who


def a_bill(account: str = ACCOUNT, nickname: str = NICKNAME) -> SavedBill:
    return SavedBill(uuid7(), "desco_postpaid", {"account_no": account}, nickname)


async def test_what_was_saved_is_read_and_no_row_tells_it(
    desk: Desk, saved: PostgresSavedBills, accounts: PostgresCitizenAccounts
) -> None:
    who, bill = await entered(accounts), a_bill()
    assert await saved.save(who.citizen_id, bill)
    assert await saved.of_citizen(who.citizen_id) == [bill]
    row = str(await desk.books.value("SELECT string_agg(t::text, ' ') FROM saved_bills AS t"))
    assert ACCOUNT not in row
    assert ACCOUNT.encode().hex() not in row
    assert NICKNAME not in row


async def test_saved_again_at_once_it_is_there_once_with_the_newest_name(
    saved: PostgresSavedBills, accounts: PostgresCitizenAccounts
) -> None:
    who = await entered(accounts)
    await asyncio.gather(*(saved.save(who.citizen_id, a_bill(nickname=str(nth))) for nth in range(20)))
    (first,) = await saved.of_citizen(who.citizen_id)
    await saved.save(who.citizen_id, a_bill(nickname="Home"))
    assert await saved.of_citizen(who.citizen_id) == [replace(first, nickname="Home")]


async def test_so_many_are_kept_and_no_more_even_at_once(
    saved: PostgresSavedBills, accounts: PostgresCitizenAccounts
) -> None:
    who = await entered(accounts)
    tries = [saved.save(who.citizen_id, a_bill(str(nth))) for nth in range(SAVED_MAX + 10)]
    assert sum(await asyncio.gather(*tries)) == SAVED_MAX
    kept = await saved.of_citizen(who.citizen_id)
    assert len(kept) == SAVED_MAX
    again = replace(kept[0], saved_id=uuid7(), nickname="Home")
    assert await saved.save(who.citizen_id, again), "a new name needs no place"


async def test_a_citizen_removes_own_bills_and_no_others(
    saved: PostgresSavedBills, accounts: PostgresCitizenAccounts
) -> None:
    who, other = await entered(accounts), await entered(accounts, "01812345678")
    bill = a_bill()
    await saved.save(who.citizen_id, bill)
    await saved.remove(other.citizen_id, bill.saved_id)
    assert await saved.of_citizen(who.citizen_id) == [bill]
    assert await saved.of_citizen(other.citizen_id) == []
    await saved.remove(who.citizen_id, bill.saved_id)
    assert await saved.of_citizen(who.citizen_id) == []


async def test_a_closed_account_has_none_and_gets_none(
    desk: Desk, saved: PostgresSavedBills, accounts: PostgresCitizenAccounts
) -> None:
    who = await entered(accounts)
    await saved.save(who.citizen_id, a_bill())
    await accounts.close(who.citizen_id)
    assert not await saved.save(who.citizen_id, a_bill())
    assert await desk.books.count("saved_bills") == 0


async def test_a_row_that_was_moved_to_another_citizen_opens_nothing(
    desk: Desk, saved: PostgresSavedBills, accounts: PostgresCitizenAccounts
) -> None:
    who, other = await entered(accounts), await entered(accounts, "01812345678")
    await saved.save(who.citizen_id, a_bill())
    await desk.books.tell(MOVED.format(citizen_id=other.citizen_id))
    assert await saved.of_citizen(other.citizen_id) == []


async def test_whose_cart_it_is_is_known(desk: Desk, accounts: PostgresCitizenAccounts) -> None:
    who, other = await entered(accounts), await entered(accounts, "01812345678")
    cart_id = uuid7()
    await desk.books.tell(NEW_CART.format(cart_id=cart_id))
    await accounts.claim_cart(who.citizen_id, cart_id)
    assert await accounts.owns_cart(who.citizen_id, cart_id)
    assert not await accounts.owns_cart(other.citizen_id, cart_id)
