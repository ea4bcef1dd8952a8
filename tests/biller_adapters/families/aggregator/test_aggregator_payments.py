"""aggregator against a far side without manners: paid is what is whole and ours, anything else is a doubt."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest

from biller_adapters.families.aggregator import Aggregator
from biller_adapters.manifest import Manifest
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    NoAnswer,
    NotFound,
    Outcome,
    Posted,
    Unreached,
)
from ekpay_switch.domain.payments.delivery import PayOrder
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.aggregator.aggregator_stage import (
    CANCEL,
    INFO,
    LID,
    PAYMENT,
    STATUS,
    AggregatorDesk,
    AggregatorStage,
    aggregator_stage,
    refused,
    told,
)
from tests.biller_adapters.far_side_stage import rude_manners
from tests.wire.scripted_peer import Manners

REFERENCE = "EXAMPLE0000000000000001"
OTHER = "EXAMPLE0000000000000002"
WHOLE: Mapping[str, object] = {"core_transaction_id": REFERENCE, "lid": LID, "amount": "1060.00"}
RUDE = rude_manners(told(**WHOLE))
BAD_ECHOES: Mapping[str, Mapping[str, object]] = {
    "another payment": {"core_transaction_id": OTHER},
    "nobody's payment": {"core_transaction_id": None},
    "no lid": {"lid": None},
    "an empty lid": {"lid": ""},
    "a lid that cannot be stored": {"lid": "L\x00"},
    "no amount": {"amount": None},
    "an amount with a sign": {"amount": "-1060.00"},
    "an amount in exponents": {"amount": "1.06e3"},
    "an amount that is true": {"amount": True},
}


@pytest.fixture
def bpdb() -> Manifest:
    return the_manifest("bpdb_postpaid")


def adapter_of(stage: AggregatorStage) -> Aggregator:
    assert isinstance(stage.far.adapter, Aggregator)
    return stage.far.adapter


async def paid(manifest: Manifest, answer: bytes) -> Outcome:
    async with aggregator_stage(manifest, desk=AggregatorDesk(answers={PAYMENT: answer})) as stage:
        return await stage.far.adapter.pay(await stage.far.order("pay"))


# ---- paying ------------------------------------------------------------------------------------------------


async def test_a_payment_repeats_its_bill_info_and_nothing_of_the_bill(bpdb: Manifest) -> None:
    async with aggregator_stage(bpdb) as stage:
        order = await stage.far.order("pay")
        outcome = await stage.far.adapter.pay(order)
    (info,), (payment,) = stage.sent(INFO), stage.sent(PAYMENT)
    keys = {name: payment.pop(name) for name in ("utility_auth_key", "utility_secret_key")}
    assert keys == {name: f"{name} of the utility" for name in keys}
    assert payment == {
        "transaction_id": info["transaction_id"],
        "core_transaction_id": REFERENCE,
        "payment_mode": "MFS",
        "remarks": "ekPay",
    }
    facts = {"message": "OK", "receipt": LID, "transaction_id": info["transaction_id"]}
    assert outcome == Approved(facts)


async def test_the_collectors_keys_are_headers_of_every_call(bpdb: Manifest) -> None:
    async with aggregator_stage(bpdb) as stage:
        await stage.far.adapter.pay(await stage.far.order("pay"))
    for heard in stage.far.peer.heard:
        assert heard.headers["auth-key"] == "open sesame"
        assert heard.headers["stk-code"] == "ekpay"


async def test_a_repeat_says_exactly_the_same(bpdb: Manifest) -> None:
    async with aggregator_stage(bpdb) as stage:
        order = await stage.far.order("pay")
        outcomes = [await stage.far.adapter.pay(order) for _ in range(2)]
    first, again = stage.sent(PAYMENT)
    assert first == again
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE)
async def test_an_answer_that_is_none_is_a_doubt(bpdb: Manifest, manners: Manners) -> None:
    async with aggregator_stage(bpdb, desk=AggregatorDesk(rude={PAYMENT: manners})) as stage:
        order = await stage.far.order("pay")
        assert isinstance(await stage.far.adapter.pay(order), InDoubt)
        assert stage.calls().count(PAYMENT) == 1


@pytest.mark.parametrize("changes", [*BAD_ECHOES.values(), {"amount": "1060.01"}])
async def test_a_yes_that_is_not_wholly_ours_is_a_doubt(
    bpdb: Manifest, changes: Mapping[str, object]
) -> None:
    assert isinstance(await paid(bpdb, told(**{**WHOLE, **changes})), InDoubt)


@pytest.mark.parametrize("status", ["777", "700", "112", "0", "200", "111 "])
async def test_in_process_and_whatever_nobody_mapped_is_a_doubt(bpdb: Manifest, status: str) -> None:
    assert isinstance(await paid(bpdb, told(**{**WHOLE, "status": status})), InDoubt)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("900", "refused"), ("901", "no_such_bill"), ("902", "already_paid"), ("903", "amount_differs")],
)
async def test_a_named_failure_is_a_decline(bpdb: Manifest, status: str, reason: str) -> None:
    assert await paid(bpdb, refused(status)) == Declined(reason, status)


async def test_keys_that_are_not_taken_decline_without_a_second_try(bpdb: Manifest) -> None:
    shut: Manners = lambda caller: caller.answer(b"{}", status=401)  # noqa: E731 - one line says it
    async with aggregator_stage(bpdb, desk=AggregatorDesk(rude={PAYMENT: shut})) as stage:
        order = await stage.far.order("pay")
        assert await stage.far.adapter.pay(order) == Declined("not_authenticated", "401")
        assert stage.calls() == [INFO, PAYMENT]


async def test_after_the_last_moment_nothing_is_sent(bpdb: Manifest) -> None:
    async with aggregator_stage(bpdb) as stage:
        order = replace(await stage.far.order("pay"), send_before=time.monotonic() - 0.01)
        assert isinstance(await stage.far.adapter.pay(order), Unreached)
        assert stage.calls() == [INFO]


@pytest.mark.parametrize(
    "setting",
    ["EKPAY_AGGREGATOR_PASSWORD", "EKPAY_BPDB_POSTPAID_AUTH_KEY", "EKPAY_BPDB_POSTPAID_SECRET_KEY"],
)
async def test_without_one_of_its_keys_a_utility_cannot_be_reached(bpdb: Manifest, setting: str) -> None:
    async with aggregator_stage(bpdb) as stage:
        order = await stage.far.order("pay")
        stage.far.environ[setting] = ""
        outcome = await stage.far.another_process().pay(order)
    assert outcome == Unreached(f"{setting} is not set")


async def test_no_fact_holds_a_key(bpdb: Manifest) -> None:
    async with aggregator_stage(bpdb) as stage:
        order = await stage.far.order("pay")
        shown = repr((order, await stage.far.adapter.pay(order), await stage.far.adapter.inquire(order)))
    assert "of the utility" not in shown
    assert "open sesame" not in shown


# ---- asking ------------------------------------------------------------------------------------------------


async def asked(manifest: Manifest, answer: bytes) -> object:
    async with aggregator_stage(manifest, desk=AggregatorDesk(answers={STATUS: answer})) as stage:
        return await stage.far.adapter.inquire(await stage.far.order("pay"))


async def test_what_was_paid_is_found_with_the_amount_that_is_echoed(bpdb: Manifest) -> None:
    found = await asked(bpdb, told(**{**WHOLE, "amount": "1061.00"}))
    assert isinstance(found, Posted)
    assert (found.reference, found.amount_minor, found.facts["receipt"]) == (REFERENCE, 106_100, LID)


@pytest.mark.parametrize("status", ["906", "910", "900"])
async def test_nothing_taken_back_and_failed_are_not_found(bpdb: Manifest, status: str) -> None:
    assert await asked(bpdb, refused(status)) == NotFound()


@pytest.mark.parametrize("status", ["777", "700", "112", "401"])
async def test_in_process_and_whatever_nobody_mapped_teaches_nothing(bpdb: Manifest, status: str) -> None:
    assert isinstance(await asked(bpdb, told(**{**WHOLE, "status": status})), NoAnswer)


@pytest.mark.parametrize("changes", BAD_ECHOES.values(), ids=BAD_ECHOES)
async def test_a_payment_that_is_not_wholly_ours_teaches_nothing(
    bpdb: Manifest, changes: Mapping[str, object]
) -> None:
    assert isinstance(await asked(bpdb, told(**{**WHOLE, **changes})), NoAnswer)


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE)
async def test_a_question_without_an_answer_teaches_nothing(bpdb: Manifest, manners: Manners) -> None:
    async with aggregator_stage(bpdb, desk=AggregatorDesk(rude={STATUS: manners})) as stage:
        assert isinstance(await stage.far.adapter.inquire(await stage.far.order("pay")), NoAnswer)


# ---- taking back -------------------------------------------------------------------------------------------


async def undone(manifest: Manifest, answer: bytes, later: timedelta = timedelta()) -> tuple[Outcome, int]:
    async with aggregator_stage(manifest, desk=AggregatorDesk(answers={CANCEL: answer})) as stage:
        order: PayOrder = await stage.far.order("pay")
        order = replace(order, business_date=date(2025, 10, 20) - later)
        return await adapter_of(stage).undo(order), stage.calls().count(CANCEL)


async def test_a_payment_of_today_is_taken_back(bpdb: Manifest) -> None:
    assert await undone(bpdb, told(**WHOLE)) == (Approved({"message": "OK"}), 1)


async def test_a_payment_of_another_day_is_not_even_tried(bpdb: Manifest) -> None:
    assert await undone(bpdb, told(**WHOLE), timedelta(days=1)) == (Declined("not_open"), 0)


@pytest.mark.parametrize(("status", "reason"), [("906", "nothing_saved"), ("907", "not_open")])
async def test_what_cannot_be_taken_back_is_declined(bpdb: Manifest, status: str, reason: str) -> None:
    assert await undone(bpdb, refused(status)) == (Declined(reason, status), 1)


@pytest.mark.parametrize(
    "answer", [told(core_transaction_id=OTHER), told(), refused("777"), refused("112"), b"{}"]
)
async def test_a_cancel_that_is_not_wholly_ours_is_a_doubt(bpdb: Manifest, answer: bytes) -> None:
    outcome, _ = await undone(bpdb, answer)
    assert isinstance(outcome, InDoubt)
