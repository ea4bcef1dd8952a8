"""Money that SSLCommerz holds for its risk, and a page that was paid twice (connectors.md 3.3)."""

from dataclasses import replace

import pytest

from connectors.manifest import Manifest
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    HeldForRisk,
    NeverPaid,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import NoAnswer
from tests.connectors.conftest import the_manifest
from tests.connectors.families.sslcommerz.sslcommerz_stage import (
    COLLECTED,
    FAILED,
    GOOD,
    MOVEMENT,
    VALIDATION,
    a_connector,
    an_order,
    attempts,
    said,
)

HTML = b"<html><body>VALID</body></html>"


@pytest.fixture
def manifest() -> Manifest:
    return the_manifest("sslcommerz")


# ---- held for its risk


@pytest.mark.parametrize("level", ["1", 1, "2"])
async def test_money_at_a_risk_is_held_for_a_person(manifest: Manifest, level: object) -> None:
    risky = {"risk_level": level, "risk_title": "Risk"}
    without_a_name = {"val_id": ""}
    for changed in (
        {"validate": said(VALIDATION | risky)},
        {"query": attempts(GOOD | risky)},
        {"query": attempts(GOOD | risky | without_a_name)},
    ):
        told = await a_connector(manifest, **changed).inquire(an_order())
        assert isinstance(told, HeldForRisk)
        assert "held for its risk" in told.why
        assert (told.money.provider_transaction, told.money.amount) == (MOVEMENT, Money(50_000))


# ---- paid twice

SECOND = GOOD | {"val_id": "", "bank_tran_id": "EXAMPLE002"}


async def test_of_two_payments_under_one_reference_one_counts_and_the_other_is_told(
    manifest: Manifest,
) -> None:
    for rows in ((GOOD, SECOND), (GOOD, GOOD, FAILED, SECOND)):
        told = await a_connector(manifest, query=attempts(*rows)).inquire(an_order())
        assert isinstance(told, Collected)
        assert replace(told, further=()) == COLLECTED
        assert [further.provider_transaction for further in told.further] == ["EXAMPLE002"]


async def test_of_two_payments_the_one_as_ordered_counts_and_a_held_one_last(manifest: Manifest) -> None:
    cheaper = SECOND | {"amount": "5.00", "currency_amount": "5.00", "bank_tran_id": "EXAMPLE003"}
    risky = SECOND | {"risk_level": "1", "bank_tran_id": "EXAMPLE004"}
    told = await a_connector(manifest, query=attempts(risky, cheaper, GOOD)).inquire(an_order())
    assert isinstance(told, Collected)
    assert told.provider_transaction == MOVEMENT
    assert [further.provider_transaction for further in told.further] == ["EXAMPLE003"]
    # What is held is nobody's yet: it is told, and is no money to be booked.
    assert [unproven.provider_transaction for unproven in told.unproven] == ["EXAMPLE004"]
    assert told.unproven[0].facts["risk_level"] == "1"
    held = await a_connector(manifest, query=attempts(risky, risky | {"bank_tran_id": "EXAMPLE005"})).inquire(
        an_order()
    )
    assert isinstance(held, HeldForRisk)
    assert held.money.further == ()
    assert [unproven.provider_transaction for unproven in held.money.unproven] == ["EXAMPLE005"]


async def test_a_second_payment_that_is_not_confirmed_does_not_keep_the_first_waiting(
    manifest: Manifest,
) -> None:
    unconfirmed = SECOND | {"val_id": "260918060020EXAMPLE"}
    told = await a_connector(manifest, query=attempts(GOOD, unconfirmed)).inquire(an_order())
    assert isinstance(told, Collected)
    assert told.provider_transaction == MOVEMENT
    assert told.further == ()
    assert told.unproven[0].facts["validation"] == "another val_id"
    broken = unconfirmed | {"currency_amount": None}
    told = await a_connector(manifest, query=attempts(GOOD, broken)).inquire(an_order())
    assert isinstance(told, Collected)
    assert replace(told, unproven=()) == COLLECTED
    # Its amount is not told; that there is one more payment is.
    (unread,) = told.unproven
    assert (unread.provider_transaction, unread.amount) == ("EXAMPLE002", Money(0))
    none = a_connector(manifest, query=attempts(GOOD, unconfirmed), validate=HTML)
    assert await none.inquire(an_order()) == NoAnswer("not JSON")


@pytest.mark.parametrize("word", ["FAILED", "CANCELLED", "UNATTEMPTED"])
async def test_what_was_held_and_has_failed_came_to_nothing(manifest: Manifest, word: str) -> None:
    connector = a_connector(manifest, query=attempts(FAILED | {"status": word}))
    assert await connector.inquire(an_order(is_held=True)) == NeverPaid(f"reply code attempt {word}")


async def test_what_was_held_and_is_not_listed_has_no_end(manifest: Manifest) -> None:
    assert await a_connector(manifest, query=attempts()).inquire(an_order(is_held=True)) == AwaitingPayer()
    pending = attempts(FAILED, FAILED | {"status": "PENDING"})
    assert await a_connector(manifest, query=pending).inquire(an_order(is_held=True)) == AwaitingPayer()
