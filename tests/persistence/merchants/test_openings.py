"""Opening a merchant's payment: once for each of its trnx_ids, with everything that belongs to it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.merchants.openings import OutOfNamesError
from ekpay_switch.ports.merchants import MerchantOpened, TrnxIdTaken
from tests.persistence.books import Books, kinds
from tests.persistence.merchants.merchant_setup import ORDER, Shop, a_text, open_shop

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
OTHER_CONTENT = b"another amount"


async def test_an_order_stands_as_it_was_written(shop: Shop) -> None:
    new = shop.new("ORDER-7")

    answer = await shop.payments.open(new)

    assert isinstance(answer, MerchantOpened)
    assert not answer.is_repeat
    payment = answer.payment
    assert payment.payment_id == new.payment_id
    assert (payment.partner_id, payment.mer_reg_id) == ("shop", "shop_test")
    assert (payment.merchant_en, payment.merchant_bn) == ("shop Ltd.", "দোকান")
    assert payment.text == new.text
    assert payment.text.order == ORDER
    assert (payment.amount, payment.sums.total) == (Money(105_000), Money(105_000))
    assert (payment.state, payment.refusal, payment.steps) == (State.CREATED, None, 0)
    assert (payment.checkout_reference, payment.ekpay_trnx_id) == (new.checkout_reference, new.ekpay_trnx_id)
    assert payment.token_expires_at == new.token_expires_at
    assert timedelta(0) <= payment.read_at - payment.created_at < timedelta(minutes=1)
    assert (payment.tries, payment.shares, payment.refunded) == ((), new.shares, Money(0))
    assert (payment.funding, payment.is_told, payment.ipn_tries) == (None, False, 0)
    assert await shop.books.audit() is None


async def test_a_payment_of_a_merchant_is_a_payment_that_waits_and_then_expires(shop: Shop) -> None:
    payment = await shop.opened(shop.new("ORDER-7"))
    (row,) = await shop.books.rows("SELECT * FROM payments")
    assert (row["biller_id"], row["bill_key"], row["reference"]) == (
        "merchant:shop",
        "ORDER-7",
        "ekpg:ORDER-7",
    )
    assert row["quote_expires_at"] == row["next_action_at"] == payment.token_expires_at

    over = "UPDATE payments SET quote_expires_at = now(), next_action_at = now()"
    await shop.books.tell(over)
    assert await shop.till.collections.expire_due(10) == 1

    assert (await shop.seen(payment.payment_id)).state is State.EXPIRED
    assert await shop.books.value("SELECT notice FROM notifications") == "expired"


async def test_the_same_order_is_the_same_payment_and_other_content_is_refused(shop: Shop) -> None:
    first = await shop.opened(shop.new("ORDER-7"))

    again = await shop.payments.open(shop.new("ORDER-7"))
    other = await shop.payments.open(shop.new("ORDER-7", fingerprint=OTHER_CONTENT))

    assert isinstance(again, MerchantOpened)
    assert again == MerchantOpened(replace(first, read_at=again.payment.read_at), is_repeat=True)
    assert other == TrnxIdTaken()
    assert await shop.books.count("payments") == await shop.books.count("merchant_orders") == 1


async def test_a_commit_that_was_not_heard_of_is_no_repeat(shop: Shop) -> None:
    new = shop.new()
    for _ in range(2):
        answer = await shop.payments.open(new)
        assert isinstance(answer, MerchantOpened)
        assert (answer.payment.payment_id, answer.is_repeat) == (new.payment_id, False)


async def test_two_merchants_may_use_the_same_trnx_id(shop: Shop) -> None:
    await shop.merchant("other", 1)
    mine = await shop.opened(shop.new("7"))
    theirs = await shop.opened(shop.new("7", partner_id="other", lane=1))

    assert [one.partner_id for one in await shop.payments.by_trnx_id("7")] == ["other", "shop"]
    (newest,) = await shop.payments.by_trnx_id("7", limit=1)
    assert newest.payment_id == theirs.payment_id
    found = await shop.payments.by_order("shop", "7")
    assert found is not None
    assert found.payment_id == mine.payment_id
    assert await shop.payments.by_order("nobody", "7") is None


async def test_a_name_of_ours_that_is_taken_is_drawn_again(shop: Shop) -> None:
    first = await shop.opened(shop.new(ekpay_trnx_id="26031012000000000"))
    second = await shop.opened(shop.new(ekpay_trnx_id="26031012000000000"))

    assert first.ekpay_trnx_id == "26031012000000000"
    assert second.ekpay_trnx_id != first.ekpay_trnx_id
    assert second.ekpay_trnx_id[:12] == "260310120000"
    assert int(second.ekpay_trnx_id[12:], 16) >= 0
    assert len(second.ekpay_trnx_id) == 17


async def test_names_that_are_all_taken_write_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.opened(shop.new(ekpay_trnx_id="26031012000000000"))
    monkeypatch.setattr("ekpay_switch.persistence.merchants.openings.secrets.randbelow", lambda _: 0)
    with pytest.raises(OutOfNamesError):
        await shop.payments.open(shop.new(ekpay_trnx_id="26031012000000000"))
    assert await shop.books.count("payments") == await shop.books.count("collections") == 1


async def test_shares_stand_in_the_merchants_order(shop: Shop) -> None:
    shares = (
        Share("S2", PayeeKind.SELLER, Money(60_000)),
        Share("", None, Money(4_999)),
        Share("AG-1", PayeeKind.AGENT, Money(1)),
        Share("D1", PayeeKind.DELIVERY, Money(40_000)),
    )

    payment = await shop.opened(shop.new(shares=shares))

    assert payment.shares == shares
    accounts = await shop.books.rows("SELECT account FROM merchant_shares ORDER BY seq")
    assert [row[0] for row in accounts] == [
        "payable:merchant:shop:S2",
        "payable:merchant:shop",
        "commission_payable:merchant:shop:AG-1",
        "payable:merchant:shop:D1",
    ]


@pytest.mark.parametrize(
    ("channel", "uri", "is_told"),
    [
        ("0", "https://shop.example/ipn", True),
        ("1", "https://shop.example/ipn", False),
        ("2", "https://shop.example/ipn", True),
        ("3", "https://shop.example/ipn", False),
        ("3", "", True),
    ],
)
async def test_where_no_ipn_is_to_be_sent_everybody_is_told(
    shop: Shop, channel: str, uri: str, *, is_told: bool
) -> None:
    text = a_text(uuid4().hex, ipn_channel=channel, ipn_uri=uri)
    assert (await shop.opened(shop.new(text=text))).is_told is is_told


async def test_a_hundred_callers_with_one_order_make_one_payment(books: Books) -> None:
    """In two processes; each has drawn ids of its own, and some send other content."""
    async with open_shop(books) as here, open_shop(books) as there:
        await here.merchant()
        news = [
            here.new("ORDER-7", fingerprint=OTHER_CONTENT if n % 10 == 5 else b"same") for n in range(100)
        ]
        shops = (here, there)

        answers: list[Any] = list(
            await asyncio.gather(*(shops[n % 2].payments.open(new) for n, new in enumerate(news)))
        )

    told = [answer for answer in answers if isinstance(answer, MerchantOpened)]
    assert len({answer.payment.payment_id for answer in told}) == 1
    assert sum(not answer.is_repeat for answer in told) == 1
    assert kinds(answers) in (
        {"MerchantOpened": 90, "TrnxIdTaken": 10},
        {"MerchantOpened": 10, "TrnxIdTaken": 90},
    )
    for table in ("payments", "collections", "merchant_orders", "merchant_shares"):
        assert await books.count(table) == 1
    assert await books.value(DEADLOCKS) == 0


async def test_many_orders_at_once_under_one_name_of_ours_all_stand(books: Books) -> None:
    """Everybody draws the same name first, and waits for whoever is writing it."""
    async with open_shop(books) as here, open_shop(books) as there:
        await here.merchant()
        news = [here.new(ekpay_trnx_id="26031012000000000") for _ in range(40)]

        answers = await asyncio.gather(
            *((here, there)[n % 2].payments.open(new) for n, new in enumerate(news))
        )

    names = {answer.payment.ekpay_trnx_id for answer in answers if isinstance(answer, MerchantOpened)}
    assert len(names) == 40
    assert await books.count("merchant_orders") == 40


async def test_what_no_text_of_postgresql_could_be_is_found_nowhere(shop: Shop) -> None:
    for strange in ("\0", "a\ud800"):
        assert await shop.payments.by_order("shop", strange) is None
        assert await shop.payments.by_checkout(strange) is None
        assert await shop.payments.by_trnx_id(strange) == []
        assert await shop.directory.by_reg_id(strange) is None
        assert await shop.directory.payees("shop", [strange]) == {}


async def test_an_order_is_never_changed(shop: Shop) -> None:
    await shop.opened()
    connection = await shop.books.database.connect()
    try:
        for statement in ("UPDATE merchant_orders SET trnx_id = 'x'", "DELETE FROM merchant_shares"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE merchant_shares SET refunded = amount + 1")
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE merchants SET owed = -debt_limit - 1")
    finally:
        await connection.close()


@pytest.mark.parametrize("second", [39_999, 40_001])
async def test_shares_that_are_not_the_amount_are_refused_by_the_database_too(
    shop: Shop, second: int
) -> None:
    shares = (Share("S2", PayeeKind.SELLER, Money(65_000)), Share("", None, Money(second)))
    with pytest.raises(asyncpg.CheckViolationError, match="shares that are not the amount"):
        await shop.payments.open(shop.new(shares=shares))
    assert await shop.books.count("payments") == await shop.books.count("merchant_orders") == 0
