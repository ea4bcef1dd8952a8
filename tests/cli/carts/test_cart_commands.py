"""`ekpay carts`: which paid carts are not over, and what became of each of their bills."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from ekpay_switch.domain.carts.bill_cart import StoredCart
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from tests.cli.command_result import Ekpay
from tests.database import database_of
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.persistence.books import Books, group_commit_of
from tests.persistence.carts.cart_setup import open_portal


async def _half_paid(home: Path) -> tuple[StoredCart, StoredCart]:
    """A paid cart with a bill paid, one in doubt and one refused; and one that nobody has ordered."""
    endpoint = EmbeddedPostgres(home).start()
    group_commit = group_commit_of(database_of(endpoint))
    await group_commit.start()
    try:
        async with open_portal(Books(endpoint, group_commit)) as portal:
            portal.billers["titas"].deeds.append(LOSES_ANSWER)
            portal.billers["wasa"].deeds.append(Deed(Declined("refused", "328")))
            cart, _ = await portal.paid()
            return await portal.worked(cart), await portal.filled("titas")
    finally:
        await group_commit.stop()


@pytest.fixture
def carts(own_home: Path) -> tuple[StoredCart, StoredCart]:
    return asyncio.run(_half_paid(own_home))


def test_an_open_cart_is_listed_and_shown_with_what_became_of_each_bill(
    ekpay: Ekpay, own_home: Path, carts: tuple[StoredCart, StoredCart]
) -> None:
    (cart, unordered), here = carts, {"EKPAY_HOME": str(own_home)}
    listed = json.loads(ekpay("carts", "list", "--json", **here).out)
    assert [line["cart_id"] for line in listed] == [str(cart.cart_id)]
    shown = ekpay("carts", "show", str(cart.cart_id), **here)
    assert (shown.code, shown.err) == (0, "")
    assert cart.payment is not None
    for text in (
        f"cart {cart.cart_id} of 3150.00",
        f"payment {cart.payment.payment_id}: completed, 3",
        "in the prefund: yes",
        "bill 1: desco_postpaid, 1050.00",
        "paid; payment ",
        ": delivering",
        "given_back; payment ",
        "(biller_refused)",
        "refund of bill 3: ",
    ):
        assert text in shown.out
    (refund,) = json.loads(ekpay("carts", "show", str(cart.cart_id), "--json", **here).out)["refunds"]
    assert (refund["bills"], refund["state"]) == ([3], "approved")
    assert "not ordered" in ekpay("carts", "show", str(unordered.cart_id), **here).out
    assert "in the prefund" not in ekpay("carts", "show", str(unordered.cart_id), **here).out


def test_a_cart_that_is_not_there_is_said(ekpay: Ekpay) -> None:
    cart_id = str(uuid4())
    shown = ekpay("carts", "show", cart_id)
    assert (shown.code, shown.out) == (1, "")
    assert f"there is no cart {cart_id}" in shown.err
    assert ekpay("carts", "show", "x").code == 2
