"""Payments whose money is collected: how they begin, are tried again, held and shown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.collections.funding import LockedTry, TryState
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.collections import (
    AlreadyOpened,
    BillTaken,
    CollectionOpened,
    NoNewTry,
    OtherContent,
    ReturnPage,
)
from tests.persistence.books import Books, refusals
from tests.persistence.collections.collection_setup import (
    HOLD_SECONDS,
    LAPSED,
    NOT_YET,
    QUOTE_OVER,
    SUMS,
    Till,
    a_try,
    agreed,
    page,
)

BILL = "000000000042"


async def test_a_payment_is_opened_with_its_first_try_and_nobody_else_takes_it(till: Till) -> None:
    new = till.new(bill=BILL)

    held = await till.opened(new)

    assert (held.payment_id, held.attempt_id, held.epoch) == (new.payment_id, new.first.attempt_id, 1)
    assert (held.partner_id, held.lane, held.biller_id) == ("bank1", 0, new.biller_id)
    assert (held.payment_state, held.state) == (State.COLLECTING, TryState.OPEN)
    assert (held.sums, held.pay_until) == (new.sums, new.pay_until)
    assert (held.executes_begun, held.questions, held.is_agreed, held.page_until) == (0, 0, False, None)
    order = held.order
    assert (order.payment_id, order.connector_id, order.amount) == (new.payment_id, "bkash", SUMS.total)
    assert (order.reference, order.payer_reference) == (new.first.reference, new.first.reference)
    assert (order.provider_reference, order.return_url, held.may_be_executed) == ("", "", False)
    assert held.opened_at == held.now
    row, payment = await till.row(held), await till.payment(held)
    assert (row["state"], row["step"], row["sends"], row["epoch"]) == ("open", "create", 1, 1)
    assert HOLD_SECONDS - 2 < row["due_seconds"] <= HOLD_SECONDS
    assert row["next_action_at"] == row["lease_until"]
    assert (payment["state"], payment["steps"], payment["next_action_at"]) == ("collecting", 1, None)
    assert (payment["quote_id"], payment["bill_key"], payment["collected_by"]) == (None, BILL, None)
    assert await till.events(held) == ["collection_started"]
    assert await till.collections.lease_try(order.reference, 30) is None
    assert await till.books.audit() is None


async def test_the_same_key_is_the_same_payment_and_other_content_is_none(till: Till) -> None:
    new = till.new("once", BILL)
    held = await till.on_page(new)

    again = await till.collections.open(replace(till.new("once", BILL), fingerprint=new.fingerprint))
    other = await till.collections.open(replace(till.new("once"), fingerprint=b"other bytes"))

    assert again == AlreadyOpened(await till.view(held))
    assert other == OtherContent()
    assert await till.books.count("payments") == await till.books.count("attempts") == 1


async def test_a_payment_written_twice_is_itself_until_somebody_else_has_taken_its_try(till: Till) -> None:
    new = till.new()
    held = await till.opened(new)

    again = await till.collections.open(new)
    assert isinstance(again, CollectionOpened)
    assert (again.locked_try.attempt_id, again.locked_try.epoch) == (held.attempt_id, 1)

    await till.leased(held)
    assert isinstance(await till.collections.open(new), AlreadyOpened)
    assert await till.books.count("payments") == await till.books.count("tries") == 1


async def test_a_bill_is_held_by_one_payment_and_only_its_own_partner_is_told_which(till: Till) -> None:
    await till.books.partner("bank2", 1)
    held = await till.opened(till.new(bill=BILL))

    assert await till.collections.open(till.new(bill=BILL)) == BillTaken(held.payment_id)
    foreign = till.new(bill=BILL, partner_id="bank2", lane=1)
    assert await till.collections.open(foreign) == BillTaken(None)
    assert await till.books.count("payments") == 1


@pytest.mark.parametrize("state", ["delivering", "completed", "in_review"])
async def test_a_bill_that_a_syndicate_payment_holds_is_not_collected_for(till: Till, state: str) -> None:
    """One whose success came after it was given back holds nothing by index, and is reviewed."""
    await till.books.top_up("bank1", 6_000)
    started = await till.books.start(bill=BILL)
    refusal = "biller_unavailable" if state == "in_review" else None
    await till.books.tell("UPDATE payments SET state = $1, refusal = $2", state, refusal)

    assert await till.collections.open(till.new(bill=BILL)) == BillTaken(started.claim.payment_id)


async def test_a_bill_that_is_collected_for_is_not_paid_from_a_prefund(till: Till) -> None:
    await till.books.top_up("bank1", 6_000)
    await till.opened(till.new(bill=BILL))
    quote = await till.books.quote(bill=BILL)

    answer = await till.books.submit(till.books.claim_on(quote))

    assert refusals([answer]) == [Refusal.BILL_TAKEN]
    assert await till.books.balance() == 6_000


@pytest.mark.parametrize("ends_as", [State.EXPIRED, State.DECLINED])
async def test_a_bill_is_free_again_when_its_payment_came_to_nothing(till: Till, ends_as: State) -> None:
    held = await till.on_page(till.new(bill=BILL))
    if ends_as is State.EXPIRED:
        held = await till.leased(held)
        await till.books.tell(QUOTE_OVER, held.payment_id)
        await till.record(held, LAPSED)
    else:
        assert await till.collections.cancel("bank1", held.payment_id) is None

    assert (await till.view(held)).state is ends_as
    assert isinstance(await till.collections.open(till.new(bill=BILL)), CollectionOpened)
    await till.books.top_up("bank1", 6_000)
    assert isinstance(await till.books.submit(till.books.claim_on(await till.books.quote())), StartedClaim)


# ---- further tries


async def test_another_try_abandons_the_page_and_the_old_one_is_still_asked_about(till: Till) -> None:
    first = await till.on_page()
    due = (await till.row(first))["next_action_at"]

    second = await till.collections.open_try("bank1", first.payment_id, a_try(), 0.0)

    assert isinstance(second, LockedTry)
    assert (second.epoch, second.state, second.payment_state) == (1, TryState.OPEN, State.COLLECTING)
    old = await till.row(first)
    assert (old["state"], old["closed_at"], old["next_action_at"]) == ("abandoned", None, due)
    assert await till.events(first) == ["collection_started"]
    assert (await till.leased(first)).state is TryState.ABANDONED
    assert not (await till.leased(first)).may_be_executed


async def test_a_try_after_one_that_came_to_nothing_collects_again(till: Till) -> None:
    held = await till.leased(await till.on_page())
    assert (await till.record(held, LAPSED)).state is State.CREATED
    assert (await till.payment(held))["next_action_at"] == held.pay_until

    again = await till.collections.open_try("bank1", held.payment_id, a_try(), 0.0)

    assert isinstance(again, LockedTry)
    assert await till.events(held) == [
        "collection_started",
        "collection_came_to_nothing",
        "collection_started",
    ]
    payment = await till.payment(held)
    assert (payment["state"], payment["steps"], payment["next_action_at"]) == ("collecting", 3, None)
    assert await till.books.audit() is None


async def test_a_page_that_needs_no_word_of_ours_must_be_old_enough_unless_it_never_opened(
    till: Till,
) -> None:
    held = await till.on_page()
    young = await till.collections.open_try("bank1", held.payment_id, a_try(), 600.0)
    assert young == NoNewTry(State.COLLECTING)

    aged = "UPDATE attempts SET opened_at = now() - interval '11 minutes' WHERE id = $1"
    await till.books.tell(aged, held.attempt_id)
    never_opened = await till.collections.open_try("bank1", held.payment_id, a_try(), 600.0)
    assert isinstance(never_opened, LockedTry)

    again = await till.collections.open_try("bank1", held.payment_id, a_try(), 600.0)
    assert isinstance(again, LockedTry)


async def test_no_further_try_once_money_was_asked_for_or_the_quote_is_dead(till: Till) -> None:
    asked_for = await till.leased(await till.on_page())
    assert await till.collections.begin_execute(asked_for, 10, 90)
    funded, late = await till.funded(), await till.on_page()
    await till.books.tell(QUOTE_OVER, late.payment_id)

    async def tried(held: LockedTry) -> object:
        return await till.collections.open_try("bank1", held.payment_id, a_try(), 0.0)

    assert await tried(asked_for) == await tried(late) == NoNewTry(State.COLLECTING)
    assert await tried(funded) == NoNewTry(State.FUNDED)


async def test_nobody_tries_cancels_or_sees_a_payment_of_another_partner(till: Till) -> None:
    held = await till.on_page()
    await till.books.top_up("bank1", 6_000)
    of_prefund = (await till.books.start()).claim.payment_id
    unknown = UUID(int=1)
    for partner_id, payment_id in (("bank2", held.payment_id), ("bank1", unknown), ("bank1", of_prefund)):
        assert await till.collections.open_try(partner_id, payment_id, a_try(), 0.0) == NoNewTry(None)
        assert await till.collections.cancel(partner_id, payment_id) == NoNewTry(None)
        assert await till.collections.view(partner_id, payment_id) is None
    assert await till.collections.by_reference("bank2", "v1:x") is None


async def test_a_further_try_written_twice_is_itself(till: Till) -> None:
    held, new = await till.on_page(), a_try()
    first = await till.collections.open_try("bank1", held.payment_id, new, 0.0)
    second = await till.collections.open_try("bank1", held.payment_id, new, 0.0)
    assert isinstance(first, LockedTry)
    assert isinstance(second, LockedTry)
    assert (first.attempt_id, first.epoch) == (second.attempt_id, second.epoch)
    assert await till.books.count("tries") == 2


# ---- holding tries


async def test_a_due_try_is_held_by_one_and_comes_back_when_its_lease_ends(till: Till) -> None:
    held = await till.on_page()
    assert await till.collections.lease_due_tries(10, 30, per_far_side=8) == []

    leased = await till.leased(held)

    assert (leased.epoch, leased.order.provider_reference) == (2, "TR00110001")
    assert leased.page_until is not None
    assert leased.page_until > leased.now
    assert await till.collections.lease_try(held.order.reference, 30) is None
    await till.books.tell("UPDATE tries SET lease_until = now() - interval '1 second'")
    (again,) = await till.collections.lease_due_tries(10, 30, per_far_side=8)
    assert again.epoch == 3
    assert await till.collections.record(leased, NOT_YET) is None


async def test_no_connector_takes_more_than_its_share_of_a_round(till: Till) -> None:
    for number in range(9):
        connector_id = "nagad" if number < 2 else "bkash"
        await till.on_page(till.new(first=a_try(connector_id)))
    await till.books.tell("UPDATE tries SET next_action_at = now() - interval '1 second'")

    first = await till.collections.lease_due_tries(10, 30, per_far_side=3)
    assert sorted(held.connector_id for held in first) == ["bkash"] * 3 + ["nagad"] * 2
    assert await till.collections.lease_due_tries(10, 30, per_far_side=3, passing_over=["bkash"]) == []
    assert await till.collections.lease_due_tries(0, 30, per_far_side=3) == []
    assert len(await till.collections.lease_due_tries(2, 30, per_far_side=3)) == 2


@pytest.mark.parametrize("reference", ["", "nobody's", "\0", "\ud800"])
async def test_a_stranger_comes_back_to_nothing(till: Till, reference: str) -> None:
    assert await till.collections.return_page(reference) is None
    assert await till.collections.lease_try(reference, 30) is None


async def test_an_execute_is_durable_before_it_is_sent_and_begun_once_however_often_it_is_written(
    till: Till,
) -> None:
    held = await till.leased(await till.on_page())

    assert await till.collections.begin_execute(held, 10, 90)
    assert await till.collections.begin_execute(held, 10, 90)

    row = await till.row(held)
    assert (row["executes_begun"], row["step"], row["sends"]) == (1, "execute", 2)
    assert 85 < row["due_seconds"] <= 90
    assert row["lease_until"] == row["next_action_at"]
    assert await till.evidence(held) == ["page_opened", "begun:execute:1"]
    assert (await till.view(held)).page_url == ""


async def test_nothing_is_executed_that_is_not_ours_was_abandoned_or_is_over(till: Till) -> None:
    lost = await till.leased(await till.on_page())
    await till.leased(lost)
    abandoned = await till.leased(await till.on_page())
    await till.another(abandoned)
    over = await till.leased(await till.on_page())
    await till.books.tell(QUOTE_OVER, over.payment_id)
    recorded = await till.leased(await till.on_page())
    await till.record(recorded, NOT_YET)

    for held in (lost, abandoned, over, recorded):
        assert not await till.collections.begin_execute(held, 10, 90)
    assert await till.books.count("tries", "executes_begun > 0") == 0


# ---- what is shown


async def test_a_view_shows_the_page_while_it_may_be_paid_and_when_we_look_next(till: Till) -> None:
    new = till.new("seen")
    held = await till.on_page(new)

    view = await till.view(held)

    assert view == await till.collections.by_reference("bank1", "v1:seen")
    assert (view.state, view.refusal, view.connector_id) == (State.COLLECTING, None, "bkash")
    assert (view.sums, view.bill, view.return_url) == (new.sums, new.bill, new.return_url)
    assert (view.fingerprint, view.pay_until) == (new.fingerprint, new.pay_until)
    assert view.page_url == "https://page.example/TR00110001"
    assert view.next_look_at is not None
    assert timedelta(seconds=170) < view.next_look_at - datetime.now(UTC) <= timedelta(seconds=180)

    await till.another(held)
    assert (await till.view(held)).page_url == "https://page.example/TR00110002"
    await till.books.tell(QUOTE_OVER, held.payment_id)
    assert (await till.view(held)).page_url == ""


async def test_the_page_that_a_payer_comes_back_to_knows_whose_payment_it_is(
    books: Books, till: Till
) -> None:
    await books.tell("UPDATE partners SET name = 'Dokan' WHERE id = 'bank1'")
    held = await till.on_page()
    told = await till.collections.return_page(held.order.reference)
    url = "https://shop.example/done?order=7"
    expected = ReturnPage(held.payment_id, "bkash", "Dokan", State.COLLECTING, SUMS.total, url, TryState.OPEN)
    assert told == expected

    leased = await till.leased(held)
    await till.record(leased, agreed(leased))
    told = await till.collections.return_page(held.order.reference)
    assert told == replace(expected, state=State.FUNDED, try_state=TryState.CLOSED)


async def test_a_try_is_found_by_the_connectors_own_name_of_it(till: Till) -> None:
    held = await till.on_page()
    name = (await till.books.rows("SELECT provider_reference AS name FROM tries"))[0]["name"]
    assert await till.collections.reference_of("bkash", name) == held.order.reference
    assert await till.collections.reference_of("nagad", name) is None
    assert await till.collections.reference_of("bkash", "TR0000000000") is None
    assert await till.collections.reference_of("bkash", "TR\x00") is None


async def test_a_page_that_the_connector_named_twice_is_no_page(till: Till) -> None:
    await till.on_page()
    held = await till.opened()

    recorded = await till.record(held, page("TR00110001"))

    assert recorded.state is State.CREATED
    assert ((await till.row(held))["outcome"], (await till.view(held)).page_url) == ("no_page", "")
