"""What a payer's agreement brings: kept with its try, the first one, and only from whom it can come."""

import pytest

from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.ports.collections import RawCallback
from tests.persistence.collections.collection_setup import NOT_YET, Till, page

NAME = "TR00110001"


def agreement(
    consent: str, provider_reference: str = NAME, reference: str = "", *, agrees: bool = True
) -> CallbackHint:
    return CallbackHint(consent, provider_reference, "agreed", reference, is_agreed=agrees, consent=consent)


async def told(till: Till, hint: CallbackHint, connector_id: str = "bkash", *, forged: bool = False) -> None:
    callback = RawCallback(connector_id, f"{hint.event_id} {connector_id}", {}, b"", is_forged=forged)
    await till.callbacks.keep(callback, hint)


async def consent_of(till: Till, held: LockedTry) -> str:
    return (await till.leased(held)).order.consent


@pytest.mark.parametrize("by_ours", [True, False])
async def test_what_an_agreement_brings_is_kept_with_the_try_that_it_names(
    till: Till, *, by_ours: bool
) -> None:
    held, other = await till.on_page(), await till.on_page()
    name = ("", held.order.reference) if by_ours else (NAME, "")
    await told(till, agreement("ALIAS1", *name))
    leased = await till.leased(held)
    assert (leased.order.consent, leased.order.epoch, leased.order.executes_begun) == (
        "ALIAS1",
        leased.epoch,
        0,
    )
    assert "ALIAS1" not in repr(leased)
    assert await consent_of(till, other) == ""


async def test_the_first_agreement_stays(till: Till) -> None:
    held = await till.on_page()
    for consent in ("ALIAS1", "ALIAS2", "ALIAS1"):
        await told(till, agreement(consent))
    assert await consent_of(till, held) == "ALIAS1"


async def test_a_repeat_brings_what_was_lost(till: Till) -> None:
    """A callback that stands already may come again: its try may not have been known when it came first."""
    held = await till.on_page()
    hint = agreement("ALIAS1")
    await told(till, hint)
    await till.books.tell("UPDATE tries SET consent = NULL")
    await told(till, hint)
    assert await consent_of(till, held) == "ALIAS1"


async def test_nobody_else_brings_anything(till: Till) -> None:
    held = await till.on_page()
    await told(till, agreement("ALIAS1", agrees=False))
    await told(till, agreement("ALIAS2"), "nagad")
    await told(till, agreement("ALIAS3"), forged=True)
    await told(till, agreement("ALIAS4", "TR9"))
    await told(till, agreement(""))
    await told(till, agreement("x" * 201))
    await told(till, agreement("a\0b"))
    assert await consent_of(till, held) == ""


async def test_an_agreement_that_comes_before_its_page_is_known_is_kept(till: Till) -> None:
    held = await till.opened()
    await told(till, agreement("ALIAS1"))
    await told(till, agreement("ALIAS2"))
    await told(till, agreement("ALIAS3"), "nagad")
    await till.record(held, page(NAME))
    leased = await till.leased(held)
    assert (leased.order.consent, leased.is_agreed) == ("ALIAS1", True)


async def test_one_that_comes_by_our_name_before_the_page_stays_as_well(till: Till) -> None:
    held = await till.opened()
    await told(till, agreement("ALIAS1", "", held.order.reference))
    await told(till, agreement("ALIAS2"))
    await till.record(held, page(NAME))
    assert await consent_of(till, held) == "ALIAS1"


async def test_what_was_brought_outlives_a_look_that_found_nothing(till: Till) -> None:
    held = await till.on_page()
    await told(till, agreement("ALIAS1"))
    await till.record(await till.leased(held), NOT_YET)
    leased = await till.leased(held)
    assert (leased.is_agreed, leased.order.consent) == (False, "ALIAS1")
