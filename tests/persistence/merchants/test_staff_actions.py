"""Merchants as operators manage them, and as their calls find them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ekpay_switch.domain.merchants.merchant import ChargesOnRefund, PayeeKind
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.merchants.agreements import Agreement
from ekpay_switch.persistence.merchants.directory import PostgresMerchants, UnknownMerchantError
from ekpay_switch.persistence.merchants.payees import MerchantPayees, UnknownPayeeError
from ekpay_switch.persistence.merchants.staff_actions import (
    Clash,
    ClashError,
    DebtAboveLimitError,
    MerchantExistsError,
    MerchantKey,
    MerchantStaffActions,
    NewMerchant,
    rotate_key_within,
)
from ekpay_switch.persistence.parties.partners import CachedPartners, NewPartner, NoSyndicateError, Partners
from ekpay_switch.persistence.parties.top_ups import RefusedTopUpError, TopUp, TopUps
from ekpay_switch.ports.merchants import Payee
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.pass_keys import hash_pass_key, pass_key_matches
from tests.persistence.books import Books, kinds
from tests.persistence.own_transaction import in_transaction

AGREEMENT = Agreement(
    name_en="A shop",
    name_bn="দোকান",
    return_hosts=frozenset({"shop.example"}),
    networks=("192.0.2.0/24",),
    instruments=frozenset({"wallet", "ebl"}),
    fee_plan="shops",
    charges_on_refund=ChargesOnRefund.RETURNED,
    refund_limit=Money(500_000),
    debt_limit=Money(100_000),
)
NEW = NewMerchant("shop", "shop_test", AGREEMENT)
SELLER, AGENT = Payee("S1", PayeeKind.SELLER, "A seller"), Payee("AG-1", PayeeKind.AGENT, "An agent")
BY = "Rahima"


class Office:
    """The desk, its payees and what calls find, upon the test's books."""

    def __init__(self, books: Books, engine: Any) -> None:  # noqa: ANN401 - an engine
        self.books, self.engine = books, engine
        self.desk, self.payees = MerchantStaffActions(engine), MerchantPayees(engine)
        self.directory = PostgresMerchants(engine)
        self.partners = Partners(engine, KeyRing(bytes(32)))

    async def did(self, partner_id: str = "shop") -> list[object]:
        _, changes = await self.desk.show(partner_id)
        return [change.details["did"] for change in changes]


@pytest.fixture
async def office(books: Books) -> AsyncIterator[Office]:
    engine = books.database.engine()
    yield Office(books, engine)
    await engine.dispose()


async def test_a_merchant_is_found_with_everything_that_its_calls_are_checked_by(office: Office) -> None:
    told = await office.desk.add(NEW, BY)

    found = await office.directory.by_reg_id("shop_test")

    assert found is not None
    assert found == await office.directory.by_partner("shop")
    assert (found.partner_id, found.mer_reg_id, found.is_active) == ("shop", "shop_test", True)
    assert (found.name_en, found.name_bn, found.fee_plan) == ("A shop", "দোকান", "shops")
    assert (found.return_hosts, found.networks) == (AGREEMENT.return_hosts, AGREEMENT.networks)
    assert (found.instruments, found.charges_on_refund) == (AGREEMENT.instruments, ChargesOnRefund.RETURNED)
    assert (found.refund_limit, found.debt_limit) == (Money(500_000), Money(100_000))
    (stored,) = found.pass_key_hashes
    assert pass_key_matches(told.pass_key, stored)
    assert told.pass_key not in repr(told)
    (endpoint,) = await office.books.rows("SELECT partner_id, kind, url, events FROM notification_endpoints")
    assert tuple(endpoint) == ("shop", "ipn", "ipn", "[]")
    assert await office.directory.by_reg_id("nobody_test") is None
    assert await office.directory.by_partner("nobody") is None
    assert await office.books.audit() is None


async def test_a_merchant_that_is_shut_off_is_not_found_by_its_calls(office: Office) -> None:
    await office.desk.add(NEW, BY)
    for is_active in (False, False, True):
        await office.desk.set_active("shop", BY, is_active=is_active)
        assert (await office.directory.by_reg_id("shop_test") is not None) is is_active
        found = await office.directory.by_partner("shop")
        assert found is not None
        assert found.is_active is is_active
    assert await office.did() == ["added", "deactivated", "activated"]


async def test_two_pass_keys_are_good_during_an_overlap_and_never_three(office: Office) -> None:
    keys = [await office.desk.add(NEW, BY)]
    hour = timedelta(hours=1)
    keys += [await in_transaction(office.engine, rotate_key_within, "shop", hour, BY) for _ in range(2)]
    first, second, third = (hash_pass_key(key.pass_key) for key in keys)

    async def good() -> tuple[bytes, ...]:
        found = await office.directory.by_reg_id("shop_test")
        assert found is not None
        return found.pass_key_hashes

    assert await good() == (third, second)
    assert first not in await good()
    await office.books.tell("UPDATE merchants SET previous_pass_key_until = now()")
    assert await good() == (third,)
    (line,) = await office.desk.list()
    assert line.previous_pass_key_until is None
    await in_transaction(office.engine, rotate_key_within, "shop", timedelta(0), BY)
    assert len(await good()) == 1


async def test_a_debt_limit_is_not_put_below_what_is_owed_to_us(office: Office) -> None:
    await office.desk.add(NEW, BY)
    await office.books.tell("UPDATE merchants SET owed = -60000")

    with pytest.raises(DebtAboveLimitError):
        await office.desk.change("shop", {"debt_limit": Money(59_999), "name_en": "Another"}, BY)

    line, changes = await office.desk.show("shop")
    assert (line.merchant.name_en, line.amount_owed, len(changes)) == ("A shop", Money(-60_000), 1)
    line = await office.desk.change("shop", {"debt_limit": Money(60_000), "name_en": "Another"}, BY)
    assert (line.merchant.name_en, line.merchant.debt_limit) == ("Another", Money(60_000))


async def test_nobody_changes_a_merchant_that_there_is_not(office: Office) -> None:
    for call in (
        in_transaction(office.engine, rotate_key_within, "nobody", timedelta(0), BY),
        office.desk.change("nobody", {}, BY),
        office.desk.set_active("nobody", BY, is_active=True),
        office.desk.show("nobody"),
        office.payees.add_all("nobody", [SELLER], BY),
        office.payees.set_active("nobody", "S1", BY, is_active=True),
        office.payees.list("nobody"),
    ):
        with pytest.raises(UnknownMerchantError):
            await call


async def test_changes_made_at_once_all_count(office: Office) -> None:
    await office.desk.add(NEW, BY)
    await asyncio.gather(
        office.desk.change("shop", {"refund_limit": Money(1)}, "one"),
        office.desk.change("shop", {"debt_limit": Money(2)}, "two"),
        office.desk.change("shop", {"name_bn": "অন্য দোকান"}, "three"),
    )
    line, changes = await office.desk.show("shop")
    assert (line.merchant.refund_limit, line.merchant.debt_limit) == (Money(1), Money(2))
    assert line.merchant.name_bn == "অন্য দোকান"
    fields = [change.details["fields"] for change in changes[1:]]
    assert sorted(fields, key=str) == [
        {"debt_limit": [100_000, 2]},
        {"name_bn": ["দোকান", "অন্য দোকান"]},
        {"refund_limit": [500_000, 1]},
    ]


async def test_a_merchant_added_at_once_by_many_stands_once(office: Office) -> None:
    news = [NEW, replace(NEW, partner_id="other"), replace(NEW, mer_reg_id="other_test"), NEW]
    answers = await asyncio.gather(*(office.desk.add(new, BY) for new in news), return_exceptions=True)
    assert kinds(answers)["MerchantKey"] + kinds(answers)["MerchantExistsError"] == 4
    reg_ids = [line.merchant.mer_reg_id for line in await office.desk.list()]
    assert sorted(set(reg_ids)) == sorted(reg_ids)
    assert await office.books.count("partners") == await office.books.count("merchants")


async def test_merchants_begin_in_the_emptiest_lanes(office: Office) -> None:
    news = [NewMerchant(f"shop{n}", f"shop{n}_test", AGREEMENT) for n in range(3)]
    await office.desk.add_all(news, BY, lambda _: None)
    lanes = {line.merchant.lane for line in await office.desk.list()}
    assert len(lanes) == 3


async def test_a_list_is_added_whole_once_its_keys_are_kept(office: Office) -> None:
    news = [NewMerchant(f"shop{n}", f"shop{n}_test", AGREEMENT) for n in range(3)]
    kept: list[MerchantKey] = []

    def keep(keys: Sequence[MerchantKey]) -> None:
        kept.extend(keys)

    def lose(_: Sequence[MerchantKey]) -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - the very error of the keeper
        await office.desk.add_all(news, BY, lose)
    assert await office.desk.list() == []

    assert await office.desk.preview_add(news) == news
    keys = await office.desk.add_all(news, BY, keep)
    assert kept == list(keys)
    assert await office.desk.preview_add(news) == []
    assert await office.desk.add_all(news, BY, lambda _: None) == []


async def test_a_list_that_differs_from_what_stands_says_where(office: Office) -> None:
    await office.desk.add(NEW, BY)
    await office.partners.add(NewPartner("bank1", "A bank", "bank1"))
    news = [
        NEW,
        replace(NEW, agreement=replace(AGREEMENT, fee_plan="*", networks=("192.0.2.7/32",))),
        replace(NEW, partner_id="other"),
        replace(NEW, mer_reg_id="other_test"),
        NewMerchant("bank1", "bank_test", AGREEMENT),
        NewMerchant("fresh", "fresh_test", AGREEMENT),
    ]
    with pytest.raises(ClashError) as wrong:
        await office.desk.add_all(news, BY, lambda _: None)
    assert wrong.value.clashes == (
        Clash(1, ("networks", "fee_plan")),
        Clash(2, ("partner_id",)),
        Clash(3, ("mer_reg_id",)),
        Clash(4, ("partner_id",)),
    )
    assert len(await office.desk.list()) == 1


async def test_payees_that_are_shut_off_get_no_share(office: Office) -> None:
    await office.desk.add(NEW, BY)
    await office.desk.add(NewMerchant("other", "other_test", AGREEMENT), BY)
    assert await office.payees.add_all("shop", [SELLER, AGENT], BY) == [SELLER, AGENT]
    assert await office.payees.add_all("shop", [AGENT, SELLER], BY) == []
    await office.payees.set_active("shop", "AG-1", BY, is_active=False)
    await office.payees.set_active("shop", "AG-1", BY, is_active=False)

    assert await office.directory.payees("shop", ["S1", "AG-1", "S9"]) == {"S1": SELLER}
    assert await office.directory.payees("shop", []) == {}
    assert await office.directory.payees("other", ["S1"]) == {}
    lines = await office.payees.list("shop")
    assert [(line.payee, line.is_active) for line in lines] == [(AGENT, False), (SELLER, True)]
    assert await office.did() == ["added", "payee_added", "payee_added", "payee_deactivated"]
    with pytest.raises(UnknownPayeeError):
        await office.payees.set_active("shop", "S9", BY, is_active=True)
    with pytest.raises(ClashError) as wrong:
        await office.payees.add_all("shop", [replace(SELLER, kind=PayeeKind.AGENT, name="x"), AGENT], BY)
    assert wrong.value.clashes == (Clash(0, ("kind", "name")),)


async def test_a_merchant_has_nothing_of_the_syndicate_api(office: Office) -> None:
    await office.desk.add(NEW, BY)
    await office.partners.add(NewPartner("bank1", "A bank", "bank1"))
    cached = CachedPartners(office.partners, 30)

    assert await cached.by_id("shop") is None
    assert await cached.by_user_id("shop") is None
    assert await cached.by_user_id("bank1") is not None
    with pytest.raises(NoSyndicateError):
        await office.partners.rotate_secret("shop", timedelta(0))
    top_ups = TopUps(office.books.database.connect)
    with pytest.raises(RefusedTopUpError):
        await top_ups.request(TopUp("shop", "postpaid", Money(1), "R1"), BY)
    bank, shop = await office.partners.list()
    assert (shop.nd_id, shop.syndct_id, shop.user_id, shop.prefunds) == (None, None, None, {})
    assert bank.prefunds == {"postpaid": Money(0), "prepaid": Money(0)}
    with pytest.raises(MerchantExistsError):
        await office.desk.add(NewMerchant("bank1", "bank_test", AGREEMENT), BY)


async def test_half_a_syndicate_partner_is_refused_by_the_database(office: Office) -> None:
    await office.partners.add(NewPartner("bank1", "A bank", "bank1"))
    with pytest.raises(Exception, match="ck_partners_syndicate"):
        await office.books.tell("UPDATE partners SET user_id = NULL")
