"""Who may raise challans: a merchant with a key that is told once, and a prefund for nothing else."""

import pytest

from ekpay_switch.persistence.challans.users import (
    ChallanAccessExistsError,
    NoChallanAccessError,
    SyndicateMerchantError,
    rotate_key_within,
)
from ekpay_switch.persistence.merchants.directory import UnknownMerchantError
from ekpay_switch.persistence.merchants.staff_actions import MerchantStaffActions
from ekpay_switch.security.pass_keys import pass_key_matches
from tests.persistence.challans.challan_setup import BIN, Counter
from tests.persistence.own_transaction import in_transaction

SPEAKS = """
UPDATE partners SET nd_id = 'NS9', syndct_id = 's9', user_id = 'both', pass_key_hash = '', secret_sealed = ''
WHERE id = $1
"""


async def test_access_comes_with_an_empty_prefund_and_a_key_of_which_the_hash_is_kept(
    counter: Counter,
) -> None:
    await counter.stall.shop.merchant("other", 3)
    told = await counter.given("other")
    user = await counter.users.by_username("other_challan_test")
    assert user is not None
    assert user == await counter.users.by_partner("other")
    assert (user.lane, user.generation, user.bin, user.is_active) == (3, 1, BIN, True)
    assert pass_key_matches(told.key, user.key_hash)
    assert told.key not in repr(told)
    assert await counter.books.balance("other") == 0


@pytest.mark.parametrize("name", ["nobody", "", "shop\0", "\ud800"])
async def test_a_stranger_is_nobody(counter: Counter, name: str) -> None:
    assert await counter.users.by_username(name) is None
    assert await counter.users.by_partner(name) is None


async def test_a_new_key_ends_the_one_before_and_its_tokens(counter: Counter) -> None:
    before = await counter.users.by_partner("shop")
    told = await in_transaction(counter.engine, rotate_key_within, "shop", "Karim")
    after = await counter.users.by_partner("shop")
    assert before is not None
    assert after is not None
    assert (before.generation, after.generation) == (1, 2)
    assert pass_key_matches(told.key, after.key_hash)
    assert not pass_key_matches(told.key, before.key_hash)


async def test_access_that_is_off_is_off_for_the_next_call_and_its_tokens_stay_dead(counter: Counter) -> None:
    await counter.access.set_active("shop", "Karim", is_active=False)
    off = await counter.users.by_partner("shop")
    await counter.access.set_active("shop", "Karim", is_active=True)
    on = await counter.users.by_partner("shop")
    assert off is not None
    assert on is not None
    assert (off.is_active, on.is_active, on.generation) == (False, True, 2)


async def test_a_merchant_that_is_shut_off_calls_no_more(counter: Counter) -> None:
    await MerchantStaffActions(counter.access._engine).set_active("shop", "Karim", is_active=False)  # noqa: SLF001
    user = await counter.users.by_partner("shop")
    assert user is not None
    assert not user.is_active


async def test_access_is_given_to_merchants_alone_and_once(counter: Counter) -> None:
    await counter.books.partner("bank1")
    for partner_id in ("nobody", "bank1"):
        with pytest.raises(UnknownMerchantError):
            await counter.given(partner_id)
    with pytest.raises(ChallanAccessExistsError):
        await counter.given()
    await counter.stall.shop.merchant("other", 1)
    with pytest.raises(ChallanAccessExistsError):
        await counter.access.grant("other", "shop_challan_test", BIN, "Rahima")
    assert await counter.books.count("accounts", "code LIKE 'prefund:other:%'") == 0
    for call in (
        in_transaction(counter.engine, rotate_key_within, "other", "K"),
        counter.access.set_active("other", "K", is_active=True),
    ):
        with pytest.raises(NoChallanAccessError):
            await call


async def test_who_pays_bills_from_a_prefund_raises_no_challans(counter: Counter) -> None:
    await counter.stall.shop.merchant("both", 1)
    await counter.books.tell(SPEAKS, "both")
    with pytest.raises(SyndicateMerchantError):
        await counter.given("both")


async def test_every_change_is_on_record_and_no_key_is(counter: Counter) -> None:
    key = (await in_transaction(counter.engine, rotate_key_within, "shop", "Karim")).key
    await counter.access.set_active("shop", "Karim", is_active=False)
    rows = await counter.books.rows("SELECT by, what FROM merchant_changes ORDER BY id")
    assert [row["by"] for row in rows] == ["Rahima", "Karim", "Karim"]
    text = " ".join(row["what"] for row in rows)
    for did in ("challan_access_given", "challan_key_rotated", "challan_access_off"):
        assert did in text
    assert key not in text


async def test_a_list_shows_who_has_access_and_nothing_that_opens(counter: Counter) -> None:
    (line,) = await counter.access.list()
    assert (line.partner_id, line.username, line.bin) == ("shop", "shop_challan_test", BIN)
    assert (line.generation, line.is_active) == (1, True)
